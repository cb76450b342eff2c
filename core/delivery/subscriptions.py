"""Browsers that take pushes: each is an address of whoever is signed in there, and of nobody else."""

import base64
import binascii
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables.reaching import Address
from core.delivery import addresses
from core.errors import Invalid
from core.settings import Settings

KIND = "push"
_LONGEST = 2_000
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_DEVICES = (
    ("iPhone", "an iPhone"),
    ("iPad", "an iPad"),
    ("Android", "an Android phone"),
    ("Windows", "Windows"),
    ("Mac OS", "a Mac"),
    ("Linux", "Linux"),
)


def subscribe(
    session: Session,
    user_id: str,
    *,
    endpoint: str,
    p256dh: str,
    auth: str,
    replaces: str | None = None,
    user_agent: str = "",
    settings: Settings,
    now: datetime,
) -> Address:
    """Take in a browser's subscription; the same one again changes nothing.

    Whoever subscribed in this browser before hears no more there: one browser, one person.

    Args:
        endpoint, p256dh, auth: as `PushSubscription.toJSON()` gives them.
        replaces: the endpoint that this one follows; it is removed.

    Raises:
        Invalid: it is no subscription.
        Conflict: the person has too many browsers.
    """
    problems = _problems(endpoint, p256dh, auth, settings)
    if problems:
        raise Invalid("This is not a push subscription.", fields=problems)
    for other in _with_endpoints(session, [endpoint]):
        if other.user_id != user_id:
            addresses.remove(session, other.user_id, other.id, actor_id=user_id, now=now)
    if replaces and replaces != endpoint:
        unsubscribe(session, user_id, endpoint=replaces, now=now)
    return addresses.add(
        session,
        user_id,
        kind=KIND,
        value=endpoint,
        label=label(user_agent),
        detail={"p256dh": p256dh, "auth": auth},
        secret=("value", "p256dh", "auth"),
        verified=True,
        actor_id=user_id,
        settings=settings,
        now=now,
    )


def unsubscribe(session: Session, user_id: str, *, endpoint: str, now: datetime) -> bool:
    """Send nothing more to this browser; False where nothing was sent there."""
    own = [one for one in _with_endpoints(session, [endpoint]) if one.user_id == user_id]
    for one in own:
        addresses.remove(session, user_id, one.id, actor_id=user_id, now=now)
    return bool(own)


def find(session: Session, user_id: str, endpoint: str) -> Address | None:
    """This person's address for this browser."""
    return next((one for one in _with_endpoints(session, [endpoint]) if one.user_id == user_id), None)


def label(user_agent: str) -> str:
    """As its owner knows it: "Chrome on Windows"."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "A browser")
    device = next((name for mark, name in _DEVICES if mark in user_agent), "")
    return f"{browser} on {device}" if device else browser


def _with_endpoints(session: Session, endpoints: Sequence[str]) -> list[Address]:
    digests = [addresses.digest(endpoint) for endpoint in endpoints]
    return list(session.scalars(select(Address).where(Address.channel == KIND, Address.digest.in_(digests))))


def _problems(endpoint: str, p256dh: str, auth: str, settings: Settings) -> dict[str, str]:
    found = {}
    if len(endpoint) > _LONGEST or not _is_service(endpoint, settings):
        found["endpoint"] = f"an https:// address of at most {_LONGEST} characters"
    point = _bytes(p256dh)
    if len(point) != 65 or point[0] != 4 or not _on_the_curve(point):
        found["keys.p256dh"] = "a P-256 point of 65 bytes in base64url"
    if len(_bytes(auth)) != 16:
        found["keys.auth"] = "16 bytes in base64url"
    return found


def _is_service(endpoint: str, settings: Settings) -> bool:
    try:
        parts = urlsplit(endpoint)
        secure = parts.scheme == "https" or (parts.scheme == "http" and settings.allow_private_urls)
        return endpoint.isprintable() and secure and bool(parts.hostname) and parts.username is None
    except ValueError:
        return False


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""


def _on_the_curve(point: bytes) -> bool:
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  only whoever subscribes needs it

    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        return False
    return True
