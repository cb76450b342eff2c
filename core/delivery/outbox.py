"""The outbox: leases taken, results recorded, dead letters replayed. One row is one message to one person by one channel.

queued → leased → sent → delivered | bounced; or suppressed(reason); or dead, which can be replayed. A lease is time-bound:
when the process that holds it dies, the message is taken again after it, and the try it was in is recorded as lost.
`due_at` of a leased row is the end of its lease, so that one index range is everything there is to do.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Update, bindparam, insert, select, update
from sqlalchemy.orm import Session

from core import audit
from core.db import dialect
from core.db.tables.acting import Attempt, Delivery
from core.db.tables.deciding import Alert
from core.delivery import retry
from core.errors import Conflict, NotFound
from core.words import DeliveryState

_LIVE = (DeliveryState.QUEUED, DeliveryState.LEASED)


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A message this worker may send until its lease runs out."""

    id: str
    key: str
    alert_id: str | None
    user_id: str
    channel: str
    kind: str
    priority: str
    attempt: int
    worker: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The provider took it."""

    provider_id: str


@dataclass(frozen=True, kw_only=True)
class Failed:
    reason: str
    retryable: bool
    retry_after: float | None = None


@dataclass(frozen=True, kw_only=True)
class Suppressed:
    """It was not sent, and why that is right."""

    reason: str


Result = Sent | Failed | Suppressed


def has_due(session: Session, *, now: datetime) -> bool:
    """Whether there is anything to claim: a look at one index entry, cheap enough for every wake-up."""
    return (
        session.scalar(select(Delivery.id).where(Delivery.state.in_(_LIVE), Delivery.due_at <= now).limit(1))
        is not None
    )


def claim(session: Session, *, worker: str, limit: int, lease: timedelta, now: datetime) -> list[Claimed]:
    """Lease up to `limit` messages that are due, oldest due first, never one that another worker holds."""
    query = (
        select(Delivery)
        .where(Delivery.state.in_(_LIVE), Delivery.due_at <= now)
        .order_by(Delivery.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)  # SQLite ignores it: there the write lock is the lock
    )
    rows = session.scalars(query).all()
    if not rows:
        return []
    _lose(session, [row.id for row in rows if row.state == DeliveryState.LEASED], now=now)
    session.connection().execute(
        update(Delivery)
        .where(Delivery.id == bindparam("b_id"))
        .values(
            state=DeliveryState.LEASED,
            leased_by=worker,
            leased_until=now + lease,
            due_at=now + lease,
            attempts=Delivery.attempts + 1,
        ),
        [{"b_id": row.id} for row in rows],
    )
    session.execute(
        insert(Attempt),
        [{"delivery_id": row.id, "number": row.attempts + 1, "started_at": now, "outcome": "started"} for row in rows],
    )
    return [
        Claimed(
            id=row.id,
            key=row.idempotency_key,
            alert_id=row.alert_id,
            user_id=row.user_id,
            channel=row.channel,
            kind=row.kind,
            priority=row.priority,
            attempt=row.attempts + 1,
            worker=worker,
            payload=dict(row.payload),
        )
        for row in rows
    ]


def finish(
    session: Session,
    claimed: Claimed,
    result: Result,
    *,
    now: datetime,
    fraction: Callable[[], float] = random.random,
) -> list[str]:
    """Record what came of it; returns the alert whose owner this reached first, if it did.

    A worker that lost its lease meanwhile records its try and changes nothing else: the message is another's now.
    """
    match result:
        case Sent(provider_id=provider_id):
            outcome, detail = "sent", provider_id
            values: dict[str, Any] = {
                "state": DeliveryState.SENT,
                "provider_id": provider_id[:200],
                "sent_at": now,
                "reason": None,
            }
        case Suppressed(reason=reason):
            outcome, detail = "suppressed", reason
            values = {"state": DeliveryState.SUPPRESSED, "reason": reason[:300]}
        case Failed(reason=reason, retryable=retryable, retry_after=retry_after):
            detail = reason
            decision = retry.decide(
                attempt=claimed.attempt - int(claimed.payload.get("replayed_after", 0)),
                retryable=retryable,
                retry_after=retry_after,
                fraction=fraction(),
                now=now,
            )
            if isinstance(decision, retry.Retry):
                outcome = "retry"
                values = {"state": DeliveryState.QUEUED, "due_at": decision.at, "reason": reason[:300]}
            else:
                outcome = "failed"
                why = reason if decision.why == "final" else f"{decision.why}: {reason}"
                values = {"state": DeliveryState.DEAD, "reason": why[:300]}
    held = session.execute(_mine(claimed).values(leased_by=None, leased_until=None, **values)).rowcount  # type: ignore[attr-defined]
    session.execute(
        update(Attempt)
        .where(Attempt.delivery_id == claimed.id, Attempt.number == claimed.attempt)
        .values(finished_at=now, outcome=outcome, detail=detail)
    )
    if not (held and isinstance(result, Sent) and claimed.alert_id and claimed.payload.get("owner")):
        return []
    first = session.scalar(select(Alert.id).where(Alert.id == claimed.alert_id, Alert.notified_at.is_(None)))
    return [first] if first else []


def release(session: Session, claimed: Sequence[Claimed], *, now: datetime) -> None:
    """Give back what was claimed and never tried, as if it had not been claimed."""
    for one in claimed:
        given_back = session.execute(
            _mine(one).values(
                state=DeliveryState.QUEUED, due_at=now, leased_by=None, leased_until=None, attempts=one.attempt - 1
            )
        )
        if given_back.rowcount:  # type: ignore[attr-defined]
            session.execute(
                update(Attempt)
                .where(Attempt.delivery_id == one.id, Attempt.number == one.attempt)
                .values(finished_at=now, outcome="released")
            )
    dialect.wake(session, "deliveries")


def return_leases(session: Session, is_dead: Callable[[str], bool], *, now: datetime) -> int:
    """Take back at once what dead workers hold, where somebody can know that they are dead; how many."""
    held = session.execute(select(Delivery.id, Delivery.leased_by).where(Delivery.state == DeliveryState.LEASED)).all()
    lost = [row.id for row in held if row.leased_by and is_dead(row.leased_by)]
    if lost:
        _lose(session, lost, now=now)
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(lost), Delivery.state == DeliveryState.LEASED)
            .values(state=DeliveryState.QUEUED, due_at=now, leased_by=None, leased_until=None)
        )
    return len(lost)


def replay(session: Session, delivery_id: str, *, actor_id: str | None, now: datetime) -> None:
    """Queue a dead letter again, with its tries counted anew and its idempotency key kept.

    Raises:
        NotFound: no such delivery.
        Conflict: it is not dead.
    """
    delivery = session.get(Delivery, delivery_id, with_for_update=True)
    if delivery is None:
        raise NotFound("There is no such delivery")
    if delivery.state != DeliveryState.DEAD:
        raise Conflict(f"Only a dead letter can be replayed; this one is {delivery.state}")
    before = {"state": delivery.state, "reason": delivery.reason}
    delivery.state, delivery.due_at, delivery.reason = DeliveryState.QUEUED, now, None
    delivery.payload = {**delivery.payload, "replayed_after": delivery.attempts}
    audit.record(
        session,
        "delivery.replay",
        subject_type="delivery",
        subject_id=delivery_id,
        actor_id=actor_id,
        before=before,
        after={"state": delivery.state},
        now=now,
    )
    dialect.wake(session, "deliveries")


def take_bounce(session: Session, provider_id: str, *, reason: str) -> bool:
    """The provider says that what it had accepted came back. A late or repeated word changes nothing (False)."""
    bounced = session.execute(
        update(Delivery)
        .where(Delivery.provider_id == provider_id, Delivery.state == DeliveryState.SENT)
        .values(state=DeliveryState.BOUNCED, reason=reason[:300])
    )
    return bool(bounced.rowcount)  # type: ignore[attr-defined]


def _mine(claimed: Claimed) -> Update:
    return update(Delivery).where(
        Delivery.id == claimed.id,
        Delivery.state == DeliveryState.LEASED,
        Delivery.leased_by == claimed.worker,
        Delivery.attempts == claimed.attempt,
    )


def _lose(session: Session, delivery_ids: Sequence[str], *, now: datetime) -> None:
    if delivery_ids:
        session.execute(
            update(Attempt)
            .where(Attempt.delivery_id.in_(delivery_ids), Attempt.outcome == "started")
            .values(finished_at=now, outcome="lost", detail="the process that was sending it ended")
        )
