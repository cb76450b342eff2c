"""A recorded stream through the real line, with the clock of the data: recorded and decided day by day, then looked back on."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import insert

from core import events, history, pipeline, scoring, signals
from core.db import Database
from core.db.tables import Agent, Property, User
from core.history import History
from core.replay import Stream
from core.scoring import features, generic
from core.signals import as_open
from core.words import Role

_AT_ONCE = 2_000
"""Events recorded, and about as many decided, in one transaction."""


def through(database: Database, stream: Stream) -> int:
    """Record and decide everything, one UTC day after the other; how many events were decided."""
    first = _at(stream.events[0])
    with database.write() as session:
        scoring.install(session, now=first)
        _handlers(session.connection(), stream.handlers, now=first)
    with database.read() as session:
        world = pipeline.World.load(session)
    decided = 0
    known: set[str] = set()
    for evening, some in _days(stream.events):
        _record(database, some, now=evening)
        _told(database, {event["userId"] for event in some} - known, stream.values, now=evening)
        known |= {event["userId"] for event in some}
        decided += _decide(database, world, now=evening)
    return decided


def looked_back(database: Database, snapshots: Mapping[str, datetime]) -> list[History]:
    """The histories of these contacts, each as it stood at its own instant."""
    with database.read() as session:
        return [history.load(session, [contact], now=at)[contact] for contact, at in snapshots.items()]


def table(of: Sequence[History], names: Sequence[str]) -> pd.DataFrame:
    """The product's own features and generic ones, with the amount the contact told; (contacts, columns)."""
    own = [
        features.vector(
            each, [as_open(each.contact_id, one) for one in signals.detect(each, now=each.now)], now=each.now
        )
        for each in of
    ]
    found = pd.DataFrame(np.array(own), columns=[feature.name for feature in features.FEATURES])
    told = pd.DataFrame({"amount": [each.homes[0].estimated_value if each.homes else None for each in of]}, dtype=float)
    return pd.concat([found, pd.DataFrame(generic.matrix(of, names), columns=list(names)), told], axis=1)


def _at(event: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(event["occurredAt"])


def _days(happened: Sequence[dict[str, Any]]) -> Iterator[tuple[datetime, list[dict[str, Any]]]]:
    """(the midnight that ends a UTC day, its events)"""
    for day, some in groupby(happened, key=lambda event: _at(event).date()):
        midnight = datetime.combine(day, datetime.min.time(), _at(happened[0]).tzinfo)
        yield midnight + timedelta(days=1), list(some)


def _record(database: Database, some: Sequence[dict[str, Any]], *, now: datetime) -> None:
    for start in range(0, len(some), _AT_ONCE):
        good, bad = events.parse_many(some[start : start + _AT_ONCE], now=now)
        assert not bad, bad[0]
        with database.write() as session:
            events.record(session, good, now=now)


def _told(database: Database, contacts: set[str], values: Mapping[str, float], *, now: datetime) -> None:
    rows = [
        {"id": f"{contact}-home", "contact_id": contact, "estimated_value": values[contact], "updated_at": now}
        for contact in sorted(contacts & values.keys())
    ]
    if rows:
        with database.write() as session:
            session.execute(insert(Property), [{**row, "attributes": {}} for row in rows])


def _decide(database: Database, world: pipeline.World, *, now: datetime) -> int:
    decided = 0
    while True:
        with database.write() as session:
            done = pipeline.decide(session, world=world, limit=_AT_ONCE, now=now, quiet=True)
        if not done.events:
            return decided
        decided += done.events


def _handlers(connection: Any, names: Sequence[str], *, now: datetime) -> None:
    """An agent for everybody who handled an application, so that routing has people to choose from."""
    if not names:
        return
    keys = [f"handler-{name}" for name in names]
    connection.execute(
        insert(User),
        [
            {
                "id": key,
                "email": f"{key}@doorbell.test",
                "name": key,
                "role": Role.AGENT,
                "timezone": "UTC",
                "active": True,
                "created_at": now,
            }
            for key in keys
        ],
    )
    connection.execute(insert(Agent), [{"id": key, "max_concurrent_alerts": 1_000, "updated_at": now} for key in keys])
