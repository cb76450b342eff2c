"""How providers do: a pace none of them is pushed over, and a pause for one that fails, ended by a single probe.

The pace is the generic cell rate algorithm (ITU-T I.371): one number, the theoretical arrival time of the next message,
is the whole limit, and taking from it is one locked row, so any number of processes share it. The pause is a circuit
breaker: after THRESHOLD failures in a row nothing is sent until it is over, then one message tries.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from core.db import dialect
from core.db.tables.reaching import ProviderState

THRESHOLD = 5
"""Failures in a row that pause a provider."""
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=10)
_CLOCK_STEP = 60.0
"""Seconds that clocks of our machines never differ by: a pace that far ahead was taken before a clock was set back."""
_NO_PAUSE = LONGEST_PAUSE + timedelta(seconds=_CLOCK_STEP)
"""A pause that far ahead was begun before a clock was set back; nobody waits for that instant."""
_PROBING = timedelta(minutes=2)
"""As long as a lease: if whoever probes dies, the next one may."""
_DESTINATION = "endpoint:"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """At most so many a second, and so many at once after a rest."""

    per_second: float
    burst: int = 1

    @classmethod
    def steady(cls, per_second: float) -> "Pace":
        """At once only what is due in a quarter of a second: what a provider counts by the second stays near its limit."""
        return cls(per_second=per_second, burst=max(1, round(per_second / 4)))


@dataclass(frozen=True, kw_only=True)
class Health:
    """What is known of one provider at an instant."""

    failures: int = 0
    paused_until: datetime | None = None
    last_error: str | None = None

    def paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until <= now + _NO_PAUSE

    def to_be_probed(self, now: datetime) -> bool:
        return self.paused_until is not None and not self.paused(now)


FINE = Health()


def destination(endpoint_id: str) -> str:
    """The name under which an endpoint's health and pace are kept; a channel's own name is its provider's."""
    return f"{_DESTINATION}{endpoint_id}"


def endpoint_of(name: str) -> str | None:
    return name.removeprefix(_DESTINATION) if name.startswith(_DESTINATION) else None


def health(session: Session) -> Mapping[str, Health]:
    """Of every provider that has something against it, by name; all others are FINE."""
    rows = session.execute(
        select(ProviderState.name, ProviderState.failures, ProviderState.paused_until, ProviderState.last_error).where(
            or_(ProviderState.failures > 0, ProviderState.paused_until.is_not(None))
        )
    )
    return {
        row.name: Health(failures=row.failures, paused_until=row.paused_until, last_error=row.last_error)
        for row in rows
    }


def answered(session: Session, name: str, *, taken_at: datetime) -> None:
    """It refused the probe for what is in it: it is there, and the pause is over. A failure of the next message begins
    another one at once: something in front of it may have answered.

    Args:
        taken_at: when the message was claimed: no straggler ends a pause.
    """
    session.execute(
        update(ProviderState)
        .where(ProviderState.name == name, ProviderState.paused_until == taken_at + _PROBING)
        .values(paused_until=None, failures=THRESHOLD - 1)
    )


def lock(session: Session, names: Collection[str]) -> None:
    """Lock these in the order in which everybody locks providers: channels by name, and of one channel its endpoints."""
    rows = select(ProviderState.name).where(ProviderState.name.in_(names)).order_by(ProviderState.name)
    session.scalars(rows.with_for_update()).all()


def take_probe(session: Session, name: str, *, now: datetime) -> bool:
    """Whether the caller may send the one message that finds out whether a paused provider is back."""
    taken = session.execute(
        update(ProviderState)
        .where(
            ProviderState.name == name,
            or_(ProviderState.paused_until <= now, ProviderState.paused_until > now + _NO_PAUSE),
        )
        .values(paused_until=now + _PROBING)
    )
    return bool(taken.rowcount)  # type: ignore[attr-defined]


def give_probe_back(session: Session, name: str, *, taken_at: datetime, now: datetime) -> None:
    """There was nothing to probe with, or it said nothing about the provider: the next one may.

    Args:
        taken_at: when the message was claimed: only the one that is the probe gives it back, no straggler ends a pause.
    """
    session.execute(
        update(ProviderState)
        .where(ProviderState.name == name, ProviderState.paused_until == taken_at + _PROBING)
        .values(paused_until=now)
    )


def take(session: Session, name: str, wanted: int, pace: Pace, *, now: datetime) -> int:
    """How many of `wanted` may go now; they are taken."""
    session.execute(
        dialect.upsert(session, ProviderState).values(name=name, next_at=0.0, failures=0).on_conflict_do_nothing()
    )
    next_at = session.scalars(select(ProviderState.next_at).where(ProviderState.name == name).with_for_update()).one()
    at, rest = now.timestamp(), pace.burst / pace.per_second
    arrival = max(next_at, at) if next_at <= at + rest + _CLOCK_STEP else at + rest
    given = max(0, min(wanted, int((at + rest - arrival) * pace.per_second + 1e-6)))
    if (moved := arrival + given / pace.per_second) != next_at and (given or arrival < next_at):
        session.execute(update(ProviderState).where(ProviderState.name == name).values(next_at=moved))
    return given


def give_back(session: Session, name: str, unused: int, pace: Pace) -> None:
    """Of what was taken in this transaction, so many found no message."""
    if unused:
        session.execute(
            update(ProviderState)
            .where(ProviderState.name == name)
            .values(next_at=ProviderState.next_at - unused / pace.per_second)
        )


def free_at(session: Session, name: str, pace: Pace, *, now: datetime) -> datetime:
    """When the next message may go."""
    next_at = session.scalar(select(ProviderState.next_at).where(ProviderState.name == name)) or 0.0
    return now + timedelta(seconds=wait(next_at, pace, now))


def wait(next_at: float, pace: Pace, now: datetime) -> float:
    """Seconds until a message may go."""
    return max(next_at - (pace.burst - 1) / pace.per_second - now.timestamp(), 0.0)


def ahead(session: Session, *, now: datetime) -> dict[str, float]:
    """Endpoints that were sent something so lately that it counts against their pace, with the instant until when."""
    rows = session.execute(
        select(ProviderState.name, ProviderState.next_at).where(
            ProviderState.name.startswith(_DESTINATION), ProviderState.next_at > now.timestamp()
        )
    )
    return {row.name.removeprefix(_DESTINATION): row.next_at for row in rows}


def is_down(session: Session, name: str) -> bool:
    """Whether so many failures in a row speak against it that it is paused or only probed."""
    return (session.scalar(select(ProviderState.failures).where(ProviderState.name == name)) or 0) >= THRESHOLD


def worked(session: Session, name: str, *, now: datetime) -> None:
    """A message went through: whatever was against it is over."""
    session.execute(
        update(ProviderState)
        .where(
            ProviderState.name == name,
            or_(ProviderState.failures > 0, ProviderState.paused_until.is_not(None)),
        )
        .values(failures=0, paused_until=None, worked_at=now)
    )


def forget(session: Session, name: str) -> None:
    """There is no such provider any more."""
    session.execute(delete(ProviderState).where(ProviderState.name == name))


def failed(
    session: Session, name: str, *, error: str, since: datetime, retry_after: float | None = None, now: datetime
) -> datetime | None:
    """Count a failure that speaks against the provider; until when it is paused, if this is what paused it.

    Args:
        since: when the try began. One that began before the pause did says nothing new and does not lengthen it.
        retry_after: seconds the provider asked for: a pause is no shorter, up to LONGEST_PAUSE.
    """
    session.execute(
        dialect.upsert(session, ProviderState).values(name=name, next_at=0.0, failures=0).on_conflict_do_nothing()
    )
    state = session.execute(
        select(ProviderState.failures, ProviderState.failed_at).where(ProviderState.name == name).with_for_update()
    ).one()
    if state.failures >= THRESHOLD and state.failed_at is not None and since <= state.failed_at:
        return None
    failures = state.failures + 1
    until = None
    if failures >= THRESHOLD:
        wish = timedelta(seconds=min(max(retry_after or 0.0, 0.0), LONGEST_PAUSE.total_seconds()))
        until = now + min(max(FIRST_PAUSE * 2 ** min(failures - THRESHOLD, 10), wish), LONGEST_PAUSE)
    session.execute(
        update(ProviderState)
        .where(ProviderState.name == name)
        .values(failures=failures, paused_until=until, last_error=error[:300], failed_at=now)
    )
    return until
