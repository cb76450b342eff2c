"""The change feed: what live screens are told, in commit order, written in the transaction it tells of.

A PostgreSQL sequence is not commit order, and a reader of `id > last` would lose rows that commit late. So changes
are collected on the session and inserted as the transaction's last statement, under an advisory lock that the commit
releases; SQLite has one writer, which is the same thing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session

from core.db.tables.running import Change
from core.words import ChangeKind

CHANNEL = "doorbell"
_LOCK = 0x0D00_BE11
_PENDING = "doorbell.changes"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Who may see a change. Admins see every change that is not for named users only."""

    agents: tuple[str, ...] = ()
    """Owners."""
    teams: tuple[str, ...] = ()
    """Teams whose managers may see it."""
    pool: bool = False
    """Every agent may see it: it waits for an owner."""
    lost: tuple[str, ...] = ()
    """People who just lost the alert: told its id and nothing more."""
    was_pool: bool = False
    """It just left the pool: every agent and manager who cannot see it any more is told its id and nothing more."""
    users: tuple[str, ...] = ()
    """For these users alone (their inbox)."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One row of the feed as read back."""

    id: int
    at: datetime
    kind: str
    subject_id: str | None
    audience: Audience = field(default_factory=Audience)
    payload: Mapping[str, Any]


def tell(
    session: Session,
    kind: ChangeKind,
    *,
    subject_id: str,
    audience: Audience,
    payload: Mapping[str, Any],
    now: datetime,
) -> None:
    """Have the feed tell this when (and only if) the transaction commits."""
    session.info.setdefault(_PENDING, []).append(
        {
            "at": now,
            "kind": kind,
            "subject_id": subject_id,
            "audience": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in vars(audience).items()
                if value
            },
            "payload": dict(payload),
        }
    )


def flush(session: Session) -> None:
    """Insert what was told; the unit of work calls it just before its commit."""
    rows = session.info.pop(_PENDING, None)
    if not rows:
        return
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        session.execute(insert(Change), rows)
        session.execute(text("SELECT pg_notify(:channel, 'changes')"), {"channel": CHANNEL})
    else:
        session.execute(insert(Change), rows)


def since(session: Session, last_id: int, *, limit: int = 500) -> Sequence[Told]:
    """The changes after `last_id`, oldest first."""
    rows = session.execute(
        select(Change.id, Change.at, Change.kind, Change.subject_id, Change.audience, Change.payload)
        .where(Change.id > last_id)
        .order_by(Change.id)
        .limit(limit)
    )
    return [
        Told(
            id=row.id,
            at=row.at,
            kind=row.kind,
            subject_id=row.subject_id,
            audience=_audience(row.audience),
            payload=row.payload,
        )
        for row in rows
    ]


def newest_id(session: Session) -> int:
    """The id of the newest change; 0 when there is none."""
    return session.scalar(select(func.max(Change.id))) or 0


def _audience(stored: Mapping[str, Any]) -> Audience:
    return Audience(
        agents=tuple(stored.get("agents", ())),
        teams=tuple(stored.get("teams", ())),
        pool=stored.get("pool", False),
        lost=tuple(stored.get("lost", ())),
        was_pool=stored.get("was_pool", False),
        users=tuple(stored.get("users", ())),
    )
