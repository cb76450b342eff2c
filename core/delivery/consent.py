"""Who may be sent what: an append-only ledger of every yes and no, with its source and proof; the newest holds."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit
from core.db.tables.reaching import Consent


class Scope(StrEnum):
    ALL = "all"
    DIGESTS = "digests"


class Source(StrEnum):
    REPLY = "reply"
    """STOP or START by SMS."""
    ONE_CLICK = "one_click"
    """List-Unsubscribe, RFC 8058."""
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    """The mailbox's owner called it spam."""
    PERSON = "person"
    ADMIN = "admin"


def key(kind: str, value: str, digest: str) -> str:
    """What stands for an address in the ledger: an e-mail address and a number as they are, anything longer by its digest."""
    return value.lower() if kind in ("email", "phone") else digest


def record(
    session: Session,
    *,
    channel: str,
    address: str,
    given: bool,
    source: Source,
    scope: Scope = Scope.ALL,
    user_id: str | None = None,
    actor_id: str | None = None,
    proof: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Add a yes or a no. Nothing is ever changed or taken out."""
    session.add(
        Consent(
            at=now,
            channel=channel,
            address=address[:254],
            scope=scope,
            given=given,
            source=source,
            user_id=user_id,
            actor_id=actor_id,
            proof=dict(proof or {}),
        )
    )
    session.flush()
    audit.record(
        session,
        "consent.given" if given else "consent.withdrawn",
        subject_type="user",
        subject_id=user_id or "-",
        actor_id=actor_id,
        after={"channel": channel, "scope": str(scope), "source": str(source)},
        now=now,
    )


def withdrawn(session: Session, addresses: Collection[str]) -> dict[str, frozenset[str]]:
    """Of these addresses, those that said no last: address to `channel:scope`."""
    if not addresses:
        return {}
    newest = (
        select(func.max(Consent.id))
        .where(Consent.address.in_(addresses))
        .group_by(Consent.address, Consent.channel, Consent.scope)
    )
    found: dict[str, set[str]] = {}
    rows = session.execute(
        select(Consent.address, Consent.channel, Consent.scope).where(Consent.id.in_(newest), ~Consent.given)
    )
    for address, channel, scope in rows:
        found.setdefault(address, set()).add(f"{channel}:{scope}")
    return {address: frozenset(scopes) for address, scopes in found.items()}
