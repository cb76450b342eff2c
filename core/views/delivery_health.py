"""How delivery does now: what waits and since when, what today brought, which providers are paused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.db.tables.reaching import Endpoint, ProviderState
from core.delivery import providers
from core.delivery.registry import CHANNELS
from core.viewer import Viewer
from core.views.days import day_of, start_of
from core.words import DeliveryState, Role

_GONE = (DeliveryState.SENT, DeliveryState.DELIVERED)
_FAILED = (DeliveryState.DEAD, DeliveryState.BOUNCED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """What one channel has to send."""

    channel: str
    due: int = 0
    """To be sent now."""
    sending: int = 0
    """In the hands of a sender."""
    later: int = 0
    """Waits for its time."""
    oldest_due_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Today:
    """What became of the messages one channel was given today."""

    channel: str
    sent: int = 0
    failed: int = 0
    """Given up, or came back."""
    suppressed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Paused:
    """A provider or an endpoint that fails and is left alone for a while."""

    name: str
    label: str
    endpoint_id: str | None
    failures: int
    since: datetime | None
    until: datetime
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    queues: tuple[Queue, ...]
    today: tuple[Today, ...]
    paused: tuple[Paused, ...]
    dead: int

    @property
    def oldest_due_at(self) -> datetime | None:
        return min((queue.oldest_due_at for queue in self.queues if queue.oldest_due_at), default=None)


def health(session: Session, viewer: Viewer, *, now: datetime) -> Health:
    """How the whole house's delivery does; endpoints of other teams stay unnamed."""
    since = start_of(day_of(now, viewer.timezone), viewer.timezone)
    dead = session.scalar(select(func.count()).select_from(Delivery).where(Delivery.state == DeliveryState.DEAD))
    return Health(
        queues=tuple(queues(session, now=now).values()),
        today=_today(session, since),
        paused=paused(session, viewer, now=now),
        dead=dead or 0,
    )


def queues(session: Session, *, now: datetime) -> Mapping[str, Queue]:
    """Of every channel to the outside, by name; one range of an index each."""
    waits = Delivery.state == DeliveryState.QUEUED
    found = {}
    for channel in CHANNELS.values():
        if channel.write is not None:
            continue
        row = session.execute(
            select(
                func.count().filter(waits, Delivery.due_at <= now),
                func.count().filter(~waits),
                func.count().filter(waits, Delivery.due_at > now),
                func.min(Delivery.due_at).filter(waits, Delivery.due_at <= now),
            ).where(Delivery.channel == channel.name, Delivery.state.in_((DeliveryState.QUEUED, DeliveryState.LEASED)))
        ).one()
        due, sending, later, oldest = row
        found[channel.name] = Queue(
            channel=channel.name, due=due, sending=sending, later=later, oldest_due_at=oldest if due else None
        )
    return found


def paused(session: Session, viewer: Viewer, *, now: datetime) -> tuple[Paused, ...]:
    """Whoever is left alone now or waits for its probe."""
    rows = session.execute(
        select(
            ProviderState.name,
            ProviderState.failures,
            ProviderState.failed_at,
            ProviderState.paused_until,
            ProviderState.last_error,
        )
        .where(ProviderState.paused_until.is_not(None))
        .order_by(ProviderState.name)
    ).all()
    names = _endpoints(session, viewer, [one for row in rows if (one := providers.endpoint_of(row.name))])
    found = []
    for row in rows:
        endpoint_id = providers.endpoint_of(row.name)
        if endpoint_id is not None and endpoint_id not in names:
            continue
        label = names[endpoint_id] if endpoint_id else CHANNELS[row.name].label if row.name in CHANNELS else row.name
        found.append(
            Paused(
                name=row.name,
                label=label,
                endpoint_id=endpoint_id,
                failures=row.failures,
                since=row.failed_at,
                until=row.paused_until,
                error=row.last_error,
            )
        )
    return tuple(found)


def _endpoints(session: Session, viewer: Viewer, ids: list[str]) -> dict[str, str]:
    where = [Endpoint.id.in_(ids)] + ([] if viewer.role is Role.ADMIN else [Endpoint.team_id.in_(viewer.team_ids)])
    return {row.id: row.name for row in session.execute(select(Endpoint.id, Endpoint.name).where(*where))}


def _today(session: Session, since: datetime) -> tuple[Today, ...]:
    rows = session.execute(
        select(
            Delivery.channel,
            func.count().filter(Delivery.state.in_(_GONE)).label("sent"),
            func.count().filter(Delivery.state.in_(_FAILED)).label("failed"),
            func.count().filter(Delivery.state == DeliveryState.SUPPRESSED).label("suppressed"),
        )
        .where(Delivery.created_at >= since)
        .group_by(Delivery.channel)
    )
    found = {row.channel: Today(**row._mapping) for row in rows}
    return tuple(found.get(name, Today(channel=name)) for name in CHANNELS)
