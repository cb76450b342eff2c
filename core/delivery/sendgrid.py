"""SendGrid's event webhook: its signature, and what its events say of our mails.

The signature is ECDSA (P-256, SHA-256) over the timestamp and the raw body. SendGrid sends again for a day what was not
answered with 2xx and does not say whether with a fresh timestamp; the same events a second time change nothing here. So
a timestamp counts for a little more than a day.
"""

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.orm import Session

from core import ecdsa
from core.delivery import consent
from core.delivery.callbacks import Said, Word, heard
from core.delivery.channels.email import UNIQUE_ARG, is_address
from core.delivery.consent import Scope, Source
from core.delivery.content import one_line

OLDEST = timedelta(hours=25)
_AHEAD = timedelta(minutes=10)
_SAID = {
    "processed": Said.UNDERWAY,
    "deferred": Said.UNDERWAY,
    "delivered": Said.DELIVERED,
    "bounce": Said.BOUNCED,
    "dropped": Said.BOUNCED,
    "open": Said.OPENED,
    "click": Said.CLICKED,
    "spamreport": Said.UNDERWAY,
    "unsubscribe": Said.UNDERWAY,
    "group_unsubscribe": Said.UNDERWAY,
}
_NO = {
    "bounce": (Source.BOUNCE, Scope.ALL),
    "spamreport": (Source.COMPLAINT, Scope.ALL),
    "unsubscribe": (Source.PERSON, Scope.ALL),
    "group_unsubscribe": (Source.PERSON, Scope.DIGESTS),
}
"""Events that are a no to further mails. A bounce is one only where it is for good: `type` is `bounce`, not `blocked`."""


def is_signed(body: bytes, *, signature: str, timestamp: str, key: str, now: datetime) -> bool:
    """Whether SendGrid signed this body, and not too long ago."""
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        return False
    at = datetime.fromtimestamp(int(timestamp), UTC)
    if not now - OLDEST <= at <= now + _AHEAD:
        return False
    try:
        ecdsa.public_key(key).verify(
            base64.b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(hashes.SHA256())
        )
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def take(session: Session, event: Mapping[str, Any], *, now: datetime) -> bool:
    """Take one event into account; False where it is about no mail of ours, or no event that is known."""
    kind = str(event.get("event", ""))
    said, named = _SAID.get(kind), _named(event)
    if said is None or not named:
        return False
    if kind == "bounce" and event.get("type") == "blocked":
        detail = f"blocked: {event.get('reason', '')}"
    else:
        detail = ": ".join(str(part) for part in (kind, event.get("reason") or event.get("response")) if part)
    found = heard(session, Word(provider_id=named, said=said, at=_at(event, now), detail=one_line(detail)), now=now)
    if found is None:
        return False
    if kind in _NO and event.get("type") != "blocked":
        _withdraw(session, event, kind, user_id=found.delivery.user_id, now=now)
    return True


def _withdraw(session: Session, event: Mapping[str, Any], kind: str, *, user_id: str | None, now: datetime) -> None:
    """Of the address the mail went to, which the person may have changed since; once, for the same event may come again."""
    address = one_line(str(event.get("email") or "")).lower()
    source, scope = _NO[kind]
    if not is_address(address) or f"email:{scope}" in consent.withdrawn(session, [address]).get(address, frozenset()):
        return
    consent.record(
        session,
        channel="email",
        address=address,
        given=False,
        source=source,
        scope=scope,
        user_id=user_id,
        proof={
            "event": kind,
            "id": one_line(str(event.get("sg_event_id", "")), 100),
            "reason": one_line(str(event.get("reason", ""))),
        },
        now=now,
    )


def _named(event: Mapping[str, Any]) -> str:
    """Our Message-ID: by the argument we gave it, else by SendGrid's field for it, with the brackets it may lack."""
    given = event.get(UNIQUE_ARG) or event.get("smtp-id") or ""
    bare = one_line(str(given)).strip("<>")
    return f"<{bare}>" if bare else ""


def _at(event: Mapping[str, Any], now: datetime) -> datetime:
    stamp = event.get("timestamp")
    if isinstance(stamp, int | float) and 0 < stamp < 2**34:
        return min(datetime.fromtimestamp(stamp, UTC), now + _AHEAD)
    return now
