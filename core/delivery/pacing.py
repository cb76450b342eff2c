"""Which messages of a channel may go now: within its pace, around paused providers, and a probe for those to be tried again."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.db.tables.reaching import Endpoint
from core.delivery import ledger, providers
from core.delivery.channel import ENDPOINT
from core.delivery.providers import FINE, Health, Pace
from core.delivery.registry import CHANNELS

WAITING = text("deliveries.state IN ('queued', 'leased')")
"""As the partial index says it: with parameters in its place SQLite reads the whole table (58 ms at 100,000 rows)."""
ENDPOINT_PACE = 10.0
"""Messages a second to one endpoint, where its `config.perSecond` says nothing else."""


def take(
    session: Session, channel: str, wanted: int, *, health: Mapping[str, Health], pace: Pace | None, now: datetime
) -> list[Delivery]:
    """Up to `wanted` messages of this channel that are due and may go now, locked, the oldest due first."""
    rows: list[Delivery] = []
    if CHANNELS[channel].address != ENDPOINT:
        rows = _to_people(session, channel, wanted, health=health, pace=pace, now=now)
    if CHANNELS[channel].address == ENDPOINT or CHANNELS[channel].endpoint is not None:
        rows += _to_endpoints(session, channel, max(wanted - len(rows), 1), health=health, now=now)
    return rows


def take_alone(
    session: Session, one: Delivery, *, health: Mapping[str, Health], pace: Pace | None, now: datetime
) -> list[Delivery]:
    """This message and nothing beside it, locked, if it may go now."""
    if one.endpoint_id is None:
        return _to_people(session, one.channel, 1, health=health, pace=pace, alone=one.id, now=now)
    name = providers.destination(one.endpoint_id)
    state = health.get(name, FINE)
    probing = state.to_be_probed(now)
    if state.paused(now) or (probing and not providers.take_probe(session, name, now=now)):
        return []
    rows = _within_pace(session, _due(session, one.channel, 1, alone=one.id, now=now), now=now)
    if probing and not rows:
        providers.give_probe_back(session, name, taken_at=now, now=now)
    return rows


def _to_people(
    session: Session,
    channel: str,
    wanted: int,
    *,
    health: Mapping[str, Health],
    pace: Pace | None,
    alone: str | None = None,
    now: datetime,
) -> list[Delivery]:
    state = health.get(channel, FINE)
    probing = state.to_be_probed(now)
    if state.paused(now) or (probing and not providers.take_probe(session, channel, now=now)):
        return []
    room = 1 if probing else wanted
    if pace is not None:
        room = providers.take(session, channel, room, pace, now=now)
    rows = _due(session, channel, room, probing=probing, alone=alone, now=now) if room else []
    if pace is not None:
        providers.give_back(session, channel, room - len(rows), pace)
    if probing and not rows:
        providers.give_probe_back(session, channel, taken_at=now, now=now)
    return rows


def _due(
    session: Session,
    channel: str,
    limit: int,
    *,
    probing: bool = False,
    only: str | None = None,
    without: Collection[str] | None = None,
    alone: str | None = None,
    now: datetime,
) -> list[Delivery]:
    """Messages that are due, locked; what another transaction holds is passed over. `only` and `without`: endpoints;
    `alone`: a message.

    A probe is one that failed least: a message that its provider never takes must not be what asks whether it is back.
    """
    query = select(Delivery).where(Delivery.channel == channel, WAITING, Delivery.due_at <= now)
    if alone is not None:
        query = query.where(Delivery.id == alone)
    elif only is not None:
        query = query.where(Delivery.endpoint_id == only)
    elif without is not None:
        query = query.where(Delivery.endpoint_id.is_not(None), Delivery.endpoint_id.not_in(without))
    elif CHANNELS[channel].endpoint is not None:
        query = query.where(Delivery.endpoint_id.is_(None))
    first = (Delivery.attempts, Delivery.due_at) if probing else (Delivery.due_at,)
    query = query.order_by(*first).limit(limit)
    return list(
        session.scalars(query.with_for_update(skip_locked=True))
    )  # SQLite ignores it: its write lock is the lock


def _to_endpoints(
    session: Session, channel: str, wanted: int, *, health: Mapping[str, Health], now: datetime
) -> list[Delivery]:
    """Each endpoint has a pace and pauses of its own; one that is slow or paused stands in no other's way."""
    against = {endpoint_id: state for name, state in health.items() if (endpoint_id := providers.endpoint_of(name))}
    busy = _without_room(session, now=now)
    rows = _due(session, channel, wanted, without={*against, *busy}, now=now)
    tried = sorted(one for one in set(against) - busy if not against[one].paused(now))
    probes = set()
    if any(against[one].to_be_probed(now) for one in tried):
        providers.lock(
            session, {providers.destination(one) for one in [*tried, *(row.endpoint_id or "" for row in rows)]}
        )
    for endpoint_id in tried:
        probing = against[endpoint_id].to_be_probed(now)
        if probing:
            if not providers.take_probe(session, providers.destination(endpoint_id), now=now):
                continue
            probes.add(endpoint_id)
        rows += _due(session, channel, 1, only=endpoint_id, probing=probing, now=now)
    taken = _within_pace(session, rows, now=now)
    for endpoint_id in sorted(probes - {row.endpoint_id for row in taken}):
        providers.give_probe_back(session, providers.destination(endpoint_id), taken_at=now, now=now)
    return taken


def _without_room(session: Session, *, now: datetime) -> set[str]:
    """Endpoints whose pace lets nothing through now: a hundred thousand messages of one are not looked through for others."""
    ahead = providers.ahead(session, now=now)
    paces = _paces(session, ahead)
    return {
        endpoint_id for endpoint_id, next_at in ahead.items() if providers.wait(next_at, paces[endpoint_id], now) > 0
    }


def _paces(session: Session, endpoint_ids: Collection[str]) -> dict[str, Pace]:
    found = dict.fromkeys(endpoint_ids, pace_of({}))
    if endpoint_ids:
        for endpoint_id, config in session.execute(
            select(Endpoint.id, Endpoint.config).where(Endpoint.id.in_(endpoint_ids))
        ):
            found[endpoint_id] = pace_of(config)
    return found


def pace_of(config: Mapping[str, Any]) -> Pace:
    """An endpoint's own pace; ENDPOINT_PACE where its `perSecond` is no number above zero."""
    wish = config.get("perSecond")
    per_second = float(wish) if isinstance(wish, int | float) and 0 < wish < 1e6 else ENDPOINT_PACE
    return Pace.steady(per_second)


def _within_pace(session: Session, rows: Sequence[Delivery], *, now: datetime) -> list[Delivery]:
    """Those that their endpoints' pace lets through; the others wait for their turn without standing in the way."""
    asked = Counter(row.endpoint_id for row in rows if row.endpoint_id)
    paces = _paces(session, asked)
    left: dict[str, int] = {}
    for endpoint_id, wanted in sorted(asked.items()):
        name, pace = providers.destination(endpoint_id), paces[endpoint_id]
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
    """A row whose lease ran out stays leased, so that the try it was in is still counted as lost."""
    words = ledger.WORDS[ledger.Rule.PACE]
    fresh = [row.id for row in rows if row.reason != words]
    ledger.note(session, fresh, ledger.What.THROTTLED, ledger.Rule.PACE, now=now)
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_([row.id for row in rows]))
        .values(due_at=max(until, now + timedelta(milliseconds=50)), reason=words)
        .execution_options(synchronize_session=False)
    )
