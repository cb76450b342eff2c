"""Play a cohort's history day by day through the real line: record, decide, the agents' work, expiry."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import insert
from sqlalchemy.orm import Session

from core import alerts, events, pipeline, signals
from core.db.tables import Transaction
from core.demo.agents_at_work import Floor
from core.generator import LifeEvent, World
from core.signals import PostedSignal

_OFFICE_HOURS = (14.2, 23.2)
"""UTC hours between which a day's events are decided: 8 to 17 in Chicago."""
_MOST = 20_000
_KNOWN_AFTER = timedelta(days=9)
"""How long the county takes to publish a transaction."""


class Stopped(Exception):
    """Asked to stop; the cohort is played again from its beginning at the next start."""


def play(
    session: Session,
    world: World,
    members: Sequence[int],
    *,
    cohort: int,
    stop: Callable[[], bool],
    played: Callable[[float], None] = lambda share: None,
) -> None:
    """Play the whole history of these contacts into the scratch session; `played` is told the share done, day by day.

    Raises:
        Stopped: `stop()` turned true.
    """
    line = pipeline.World.load(session)
    floor = Floor(world, line)
    rows = world.rows_of(members)
    ids = {world.contacts[number].id for number in members}
    life = [each for each in world.life_events if each.contact_id in ids]
    since = world.start
    days = moments(world, cohort=cohort)
    for number, now in enumerate(days):
        played(number / len(days))
        if stop():
            raise Stopped
        floor.work_until(session, now)
        alerts.expire(session, now=now)
        while life and life[0].at <= now:
            _post(session, life.pop(0), now=now)
        sent = world.events_between(since, now, rows=rows)
        events.record(session, [events.parse(each.body, now=each.received_at) for each in sent], now=now)
        _decide(session, line, floor, now=now)
        session.info.pop("doorbell.changes", None)  # what the line told the feed: nobody is listening here
        since = now
    _transactions(session, world, ids)


def moments(world: World, *, cohort: int) -> list[datetime]:
    """One moment a day, somewhere in office hours, and the end itself."""
    rng = np.random.default_rng((world.seed, cohort))
    days = int(world.day(world.end))
    hours = rng.uniform(*_OFFICE_HOURS, days + 1)
    found = [world.start + timedelta(days=day, hours=float(hours[day])) for day in range(days + 1)]
    return [*(at for at in found if at < world.end - timedelta(minutes=5)), world.end]


def _decide(session: Session, line: pipeline.World, floor: Floor, *, now: datetime) -> None:
    """Until nothing waits: the events first, then those due to be looked at again."""
    while True:
        decided = pipeline.decide(session, world=line, limit=_MOST, now=now, quiet=True)
        if not decided.contacts:
            return
        if decided.opened:
            floor.take_on(session, decided.opened, now=now)
        if not decided.events and decided.contacts < _MOST // 4:
            return


def _post(session: Session, life: LifeEvent, *, now: datetime) -> None:
    signals.post(
        session,
        PostedSignal(
            contact_id=life.contact_id,
            type="LIFE_EVENT",
            subtype=life.kind,
            strength=0.8,
            confidence=0.85,
            occurred_at=life.at,
            source="demo-registry",
            external_id=f"demo-life-{life.contact_id}-{life.at:%Y%m%d%H%M%S}",
        ),
        now=now,
    )


def _transactions(session: Session, world: World, contact_ids: set[str]) -> None:
    known = [
        {
            "id": f"demo-{each.contact_id}-{each.kind}-{each.at:%Y%m%d%H%M%S}",
            "contact_id": each.contact_id,
            "kind": each.kind,
            "occurred_at": each.at,
            "value": each.value,
            "source": "demo-county",
            "recorded_at": each.at + _KNOWN_AFTER,
        }
        for each in world.transactions
        if each.contact_id in contact_ids and each.at + _KNOWN_AFTER <= world.end
    ]
    if known:
        session.execute(insert(Transaction), known)
