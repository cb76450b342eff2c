"""The live trickle: a few visits a minute, repeatable, and now and then somebody worth an alert."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from core import demo, pipeline
from core.db import Database
from core.db.tables import Event
from core.demo import Size
from core.settings import Settings


@pytest.fixture
def loaded(database: Database, now: datetime, tmp_path: Path) -> Database:
    settings = Settings(data_dir=tmp_path, demo="small", demo_password="ring-the-bell-1")
    demo.load(database, settings, now, size=Size(contacts=40, days=20, first=40, cohort=40))
    return database


def run(database: Database, now: datetime, *, minutes: int) -> list[str]:
    """Trickle every ten seconds, deciding each time; the alerts that opened."""
    state: dict[str, Any] = {}
    opened: list[str] = []
    with database.write() as session:
        line = pipeline.World.load(session)
        for step in range(minutes * 6):
            at = now + timedelta(seconds=10 * step)
            state = demo.trickle(session, at, state)
            opened += pipeline.decide(session, world=line, now=at).opened
    return opened


def test_an_hour_of_trickle_keeps_the_feed_alive(loaded: Database, now: datetime) -> None:
    with loaded.read() as session:
        before = session.scalar(select(func.count()).select_from(Event)) or 0
    opened = run(loaded, now, minutes=60)
    with loaded.read() as session:
        after = session.scalar(select(func.count()).select_from(Event)) or 0
    assert after - before > 100
    assert 1 <= len(opened) <= 30


def test_the_same_state_and_time_give_the_same_events(loaded: Database, now: datetime) -> None:
    with loaded.read() as session:
        first = demo.trickle(session, now, {"count": 3, "at": (now - timedelta(minutes=2)).isoformat()})
        known = set(session.scalars(select(Event.event_id).where(Event.event_id.like("live-%"))))
    with loaded.read() as session:
        again = demo.trickle(session, now, {"count": 3, "at": (now - timedelta(minutes=2)).isoformat()})
        assert set(session.scalars(select(Event.event_id).where(Event.event_id.like("live-%")))) == known
    assert first == again


def test_user_123_is_left_for_whoever_asks(loaded: Database, now: datetime) -> None:
    run(loaded, now, minutes=20)
    with loaded.read() as session:
        live = select(func.count()).where(Event.contact_id == demo.UNSCORED, Event.event_id.like("live-%"))
        assert session.scalar(live) == 0
