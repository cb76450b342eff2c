"""The outbox: leases taken and given back. One row is one message to one person or endpoint by one channel.

queued → leased → sent → delivered | bounced; or suppressed(reason); or dead, which can be replayed. A lease is time-bound:
when the process that holds it dies, the message is taken again after it, and the try it was in is recorded as lost.
`due_at` of a leased row is the end of its lease, so that one index range a channel is everything there is to do. Each
channel is claimed for itself: a hundred thousand messages of one never stand in the way of another's.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    String,
    Update,
    bindparam,
    insert,
    literal_column,
    select,
    union_all,
    update,
)
from sqlalchemy.orm import Session

from core.db import dialect
from core.db.base import table_of
from core.db.tables.acting import Attempt, Delivery
from core.delivery import bundling, ledger, lost, pacing, providers
from core.delivery.channel import Refused
from core.delivery.providers import Pace
from core.delivery.registry import CHANNELS
from core.words import DeliveryState

_DELIVERIES = table_of(Delivery)


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """A message this worker may send until its lease runs out."""

    id: str
    key: str
    alert_id: str | None
    user_id: str | None
    endpoint_id: str | None = None
    address_id: str | None = None
    channel: str
    kind: str
    priority: str
    attempt: int
    worker: str
    payload: Mapping[str, Any]
    bundle: str | None = None
    created_at: datetime
    claimed_at: datetime
    alone: bool = False
    """Nothing else may be claimed until it is done (core.delivery.lost)."""

    @property
    def is_digest(self) -> bool:
        """Asked for as one: what quiet hours or a storm put together is not, and is not given up with digests."""
        return bundling.is_digest(self.bundle)

    @property
    def provider(self) -> str:
        """The name under which the health of whoever carries it is kept (core.delivery.providers)."""
        return providers.destination(self.endpoint_id) if self.endpoint_id else self.channel


@dataclass(frozen=True, kw_only=True)
class Sent:
    """The provider took it."""

    provider_id: str
    provider: str = ""
    delivered: bool = False
    said: str = ""
    left_out: Mapping[str, ledger.Rule] = field(default_factory=dict)
    """Of a bundle: deliveries whose news it did not tell, and why not."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    reason: str
    retryable: bool
    retry_after: float | None = None
    provider_at_fault: bool = False
    answered: bool = False
    """The provider is there and refuses this message alone."""
    address: Refused | None = None


@dataclass(frozen=True, kw_only=True)
class Suppressed:
    """It was not sent, and the rule by which that is right."""

    rule: ledger.Rule
    detail: str = ""
    left_out: Mapping[str, ledger.Rule] = field(default_factory=dict)
    """Of a bundle: each delivery whose news it was to tell, and why not."""

    @property
    def reason(self) -> str:
        return self.detail or ledger.WORDS[self.rule]


@dataclass(frozen=True, kw_only=True)
class Deferred:
    """Not now: it goes back into the queue until then."""

    until: datetime
    rule: ledger.Rule
    bundle: str | None = None


Result = Sent | Failed | Suppressed | Deferred


def has_due(session: Session, *, channels: Collection[str] = tuple(CHANNELS), now: datetime) -> bool:
    """Whether there is anything to claim: one index entry a channel, cheap enough for every wake-up.

    What waits for a paused provider is none: its time comes by the clock, and until then no wake-up need lock anything.
    """
    due = _due_channels(session, channels, now=now)
    if not due:
        return False
    health = providers.health(session)
    return any(not health.get(channel, providers.FINE).paused(now) for channel in due)


def claim(
    session: Session,
    *,
    worker: str,
    limit: int | Mapping[str, int],
    lease: timedelta,
    paces: Mapping[str, Pace | None] | None = None,
    busy: bool = False,
    now: datetime,
) -> list[Claimed]:
    """Lease messages that are due, of each channel the oldest first, never one that another worker holds.

    What is due under one bundle becomes one message. A paused provider gets nothing but one probe; a pace is never passed.

    Args:
        limit: how many of each channel at most.
        paces: by channel; a channel that is not named has none.
        busy: this worker still holds messages, so that what has to be sent alone has to wait, and all else with it.
    """
    rows, alone = _take(session, limit, paces=paces or {}, busy=busy, now=now)
    _lose_expired(session, rows, now=now)
    rows = _without_fatal(session, rows)
    if not rows:
        return []
    merged = bundling.gather(session, rows, now=now)
    rows = [row for row in rows if row.id not in merged]
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
            endpoint_id=row.endpoint_id,
            address_id=row.address_id,
            channel=row.channel,
            kind=row.kind,
            priority=row.priority,
            attempt=row.attempts + 1,
            worker=worker,
            payload=dict(row.payload),
            bundle=row.bundle,
            created_at=row.created_at,
            claimed_at=now,
            alone=alone,
        )
        for row in rows
    ]


def _take(
    session: Session,
    limit: int | Mapping[str, int],
    *,
    paces: Mapping[str, Pace | None],
    busy: bool,
    now: datetime,
) -> tuple[list[Delivery], bool]:
    """What may be claimed, locked, and whether it has to be alone."""
    most = limit if isinstance(limit, Mapping) else dict.fromkeys(CHANNELS, limit)
    health = providers.health(session)

    def take(channel: str, wanted: int) -> list[Delivery]:
        return pacing.take(session, channel, wanted, health=health, pace=paces.get(channel), now=now)

    with session.begin_nested() as taking:
        rows = []
        # In order, as `record` goes by: two that lock providers in different orders could wait for each other.
        for channel in sorted(_due_channels(session, [name for name, room in most.items() if room > 0], now=now)):
            rows += take(channel, most[channel])
        suspect = next((row for row in rows if lost.is_suspect(row.payload)), None)
        if suspect is None:
            return rows, False
        taking.rollback()  # gives back what was taken of paces and probes
    if busy:
        return [], True
    return pacing.take_alone(session, suspect, health=health, pace=paces.get(suspect.channel), now=now), True


def _lose_expired(session: Session, rows: Sequence[Delivery], *, now: datetime) -> None:
    """Note of those whose lease ran out that their try was lost."""
    expired = [row for row in rows if row.state == DeliveryState.LEASED]
    if not expired:
        return
    held = _held_by(session, Delivery.leased_by.in_({row.leased_by for row in expired}))
    payloads = lost.after(held)
    for row in expired:
        row.payload = payloads[row.id]
    _end_lost(session, [row.id for row in expired], now=now)


def _held_by(session: Session, *which: ColumnElement[bool]) -> list[lost.Loss]:
    rows = session.execute(
        select(Delivery.id, Delivery.leased_by, Delivery.payload).where(
            pacing.WAITING, Delivery.state == DeliveryState.LEASED, *which
        )
    )
    return [lost.Loss(id=row.id, worker=row.leased_by or "", payload=row.payload) for row in rows]


def _without_fatal(session: Session, rows: Sequence[Delivery]) -> list[Delivery]:
    """Those that did not end their process each time; one that did is a dead letter instead of the next end."""
    fatal = [row for row in rows if lost.is_fatal(row.payload)]
    for row in fatal:
        row.state, row.leased_by, row.leased_until = DeliveryState.DEAD, None, None
        row.reason = f"gave up: the process that was sending it, and nothing else, ended {lost.FATAL} times"
    session.flush()
    return [row for row in rows if row not in fatal]


def _due_channels(session: Session, channels: Collection[str], *, now: datetime) -> list[str]:
    """Those of these channels that have something due."""
    outside = tuple(name for name in channels if CHANNELS[name].write is None)
    return list(session.scalars(_looks(outside), {"now": now})) if outside else []


@cache
def _looks(channels: tuple[str, ...]) -> CompoundSelect[Any]:
    """Built once for each set of channels: putting it together takes ten times as long as the look itself."""
    return union_all(
        *(
            select(literal_column(f"'{channel}'", String)).where(
                select(Delivery.id)
                .where(
                    Delivery.channel == literal_column(f"'{channel}'"),
                    pacing.WAITING,
                    Delivery.due_at <= bindparam("now", type_=Delivery.due_at.type),
                )
                .exists()
            )
            for channel in channels
        )
    )


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
                .where(Attempt.delivery_id == one.id, Attempt.number == one.attempt, Attempt.outcome == "started")
                .values(finished_at=now, outcome="released")
            )
        providers.give_probe_back(session, one.provider, taken_at=one.claimed_at, now=now)
    dialect.wake(session, "deliveries")


def return_leases(session: Session, is_dead: Callable[[str], bool], *, now: datetime) -> int:
    """Take back at once what dead workers hold, where somebody can know that they are dead; how many."""
    losses = [one for one in _held_by(session) if one.worker and is_dead(one.worker)]
    if losses:
        _end_lost(session, [one.id for one in losses], now=now)
        session.connection().execute(
            update(_DELIVERIES)
            .where(
                _DELIVERIES.c.id == bindparam("b_id"),
                _DELIVERIES.c.state == DeliveryState.LEASED,
                _DELIVERIES.c.leased_by == bindparam("b_worker"),
            )
            .values(
                state=DeliveryState.QUEUED,
                due_at=bindparam("b_due"),
                payload=bindparam("b_payload"),
                leased_by=None,
                leased_until=None,
            ),
            [
                {"b_id": one.id, "b_worker": one.worker, "b_payload": payload, "b_due": lost.due(payload, now=now)}
                for one, payload in zip(losses, lost.after(losses).values(), strict=True)
            ],
        )
    return len(losses)


def _mine(claimed: Claimed) -> Update:
    return update(Delivery).where(
        Delivery.id == claimed.id,
        Delivery.state == DeliveryState.LEASED,
        Delivery.leased_by == claimed.worker,
        Delivery.attempts == claimed.attempt,
    )


def _end_lost(session: Session, delivery_ids: Sequence[str], *, now: datetime) -> None:
    session.execute(
        update(Attempt)
        .where(Attempt.delivery_id.in_(delivery_ids), Attempt.outcome == "started")
        .values(finished_at=now, outcome="lost", detail="the process that was sending it ended")
    )
