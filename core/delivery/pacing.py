"""Which messages of a channel may go now: within its pace, around paused providers, and a probe for those to be tried again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.db.tables.reaching import Endpoint
from core.delivery import ledger, providers
from core.delivery.channel import ENDPOINT
from core.delivery.providers import FINE, Health, Pace
from core.delivery.registry import CHANNELS
from core.words import DeliveryState

_LIVE = (DeliveryState.QUEUED, DeliveryState.LEASED)
ENDPOINT_PACE = 10.0
"""Messages a second to one endpoint, where its `config.perSecond` says nothing else."""


def room(
    session: Session, channel: str, wanted: int, *, health: Mapping[str, Health], pace: Pace | None, now: datetime
) -> int:
    """How many messages of this channel may be claimed now; they count against its pace."""
    state = health.get(channel, FINE)
    if state.paused(now):
        return 0
    if state.to_be_probed(now):
        wanted = 1 if providers.take_probe(session, channel, now=now) else 0
    if wanted and pace is not None:
        wanted = providers.take(session, channel, wanted, pace, now=now)
    return wanted


def pick(session: Session, channel: str, limit: int, *, health: Mapping[str, Health], now: datetime) -> list[Delivery]:
    """Up to so many messages that are due, locked, oldest due first."""
    query = (
        select(Delivery)
        .where(Delivery.channel == channel, Delivery.state.in_(_LIVE), Delivery.due_at <= now)
        .order_by(Delivery.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)  # SQLite ignores it: there the write lock is the lock
    )
    if CHANNELS[channel].address != ENDPOINT and CHANNELS[channel].endpoint is None:
        return list(session.scalars(query))
    against = {endpoint_id: state for name, state in health.items() if (endpoint_id := providers.endpoint_of(name))}
    if against:
        query = query.where(or_(Delivery.endpoint_id.is_(None), Delivery.endpoint_id.not_in(against)))
    rows = [*session.scalars(query), *_probes(session, channel, against, now=now)]
    return _within_pace(session, rows, now=now)


def _probes(session: Session, channel: str, against: Mapping[str, Health], *, now: datetime) -> list[Delivery]:
    """One message to each endpoint whose pause is over, and whatever is due to those that failed but are not paused."""
    found: list[Delivery] = []
    for endpoint_id, state in against.items():
        if state.paused(now):
            continue
        if state.to_be_probed(now) and not providers.take_probe(session, providers.destination(endpoint_id), now=now):
            continue
        found += session.scalars(
            select(Delivery)
            .where(
                Delivery.channel == channel,
                Delivery.endpoint_id == endpoint_id,
                Delivery.state.in_(_LIVE),
                Delivery.due_at <= now,
            )
            .order_by(Delivery.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
    return found


def _within_pace(session: Session, rows: Sequence[Delivery], *, now: datetime) -> list[Delivery]:
    """Those that their endpoints' pace lets through; the others wait for their turn without standing in the way."""
    asked = Counter(row.endpoint_id for row in rows if row.endpoint_id)
    configs: dict[str, dict[str, Any]] = dict(
        session.execute(select(Endpoint.id, Endpoint.config).where(Endpoint.id.in_(asked))).all()
    )
    left: dict[str, int] = {}
    for endpoint_id, wanted in sorted(asked.items()):
        per_second = float(configs.get(endpoint_id, {}).get("perSecond", ENDPOINT_PACE))
        pace = Pace(per_second=per_second, burst=max(1, round(per_second)))
        name = providers.destination(endpoint_id)
        left[endpoint_id] = providers.take(session, name, wanted, pace, now=now)
        if left[endpoint_id] < wanted:
            free = providers.free_at(session, name, pace, now=now)
            _hold_back(session, [row for row in rows if row.endpoint_id == endpoint_id][left[endpoint_id] :], free, now)
    taken: list[Delivery] = []
    for row in rows:
        if row.endpoint_id is None or left[row.endpoint_id] > 0:
            taken.append(row)
            if row.endpoint_id:
                left[row.endpoint_id] -= 1
    return taken


def _hold_back(session: Session, rows: Sequence[Delivery], until: datetime, now: datetime) -> None:
    words = ledger.WORDS[ledger.Rule.PACE]
    fresh = [row.id for row in rows if row.reason != words]
    ledger.note(session, fresh, ledger.What.THROTTLED, ledger.Rule.PACE, now=now)
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_([row.id for row in rows]))
        .values(state=DeliveryState.QUEUED, due_at=max(until, now + timedelta(milliseconds=50)), reason=words)
        .execution_options(synchronize_session=False)
    )
