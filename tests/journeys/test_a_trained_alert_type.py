"""The story of a type that is learnt: written, taught by what contacts did, confirmed at night, activated, and an alert opens."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import insert, select

from core import scoring
from core.alert_types import book
from core.alert_types.definition import validate
from core.alert_types.preview import preview
from core.clock import FakeClock
from core.db import Database
from core.db.base import table_of
from core.db.tables import Alert, Event, Notification
from core.errors import Conflict
from core.learning import memory, readiness, targets
from core.pipeline import World, decide
from core.settings import Settings
from core.viewer import SYSTEM
from jobs import learning
from tests import factories
from tests.learning import making

NAME = "About to list"
WRITTEN = {
    "name": NAME,
    "kind": "trained",
    "horizonDays": 10,
    "definition": {"label": {"kind": "event", "name": "Listing-Signed"}, "features": ["value_checks_30d"]},
}
FIRST, LAST = -120, 31
DELAY = timedelta(days=2)


def a_past(database: Database, now: datetime) -> None:
    """Contacts scored once each from half a year ago on, and the listings that some of them sign within ten days."""
    random = np.random.default_rng(5)
    names = [f"contact-{number:04}" for number in range(900)]
    days = np.sort(random.uniform(FIRST, LAST, len(names)))
    checks = random.poisson(random.gamma(0.5, 5, len(names)))
    signs = random.random(len(names)) < 1 / (1 + np.exp(4.0 - 0.8 * np.minimum(checks, 8)))
    at = [now + timedelta(days=float(day)) for day in days]
    listed: list[dict[str, Any]] = [
        {
            "event_id": f"listed-{name}",
            "contact_id": name,
            "event_type": "FORM_SUBMIT",
            "event_category": "PLATFORM_BEHAVIOR",
            "event_name": "listing_signed",
            "occurred_at": when + timedelta(days=float(random.uniform(0.5, 9))),
            "received_at": when + timedelta(days=9),
            "properties": {},
            "is_machine": False,
            "processed_at": when,
        }
        for name, when, did in zip(names, at, signs, strict=True)
        if did
    ]
    with database.write() as session:
        scoring.install(session, now=now)
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", now=now)
        factories.agent(session, "ann", team_id="north", now=now)
        making.contacts(session, names, now=now - timedelta(days=200))
        making.scores(session, names, at, making.vectors(len(names), {"value_checks_30d": checks.astype(np.float64)}))
        session.connection().execute(insert(table_of(Event)), listed)


def night(database: Database, clock: FakeClock) -> str:
    return learning.learn(database, Settings(transaction_delay_days=DELAY.days), clock, asked=False, stop=lambda: False)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # each step is tested on both databases beside it
def test_a_type_learns_what_it_is_taught_and_rings(database: Database, clock: FakeClock, now: datetime) -> None:
    a_past(database, now)
    with database.write() as session:
        made, _ = book.add(session, WRITTEN, actor_id="ada", now=now)
        with pytest.raises(Conflict, match="it stays a draft"):
            book.activate(session, made.id, actor_id="ada", now=now)
        target = targets.of(session, made.id)
        ready = readiness.look(session, target, delay=DELAY, now=now)
    assert ready.positives > readiness.NEEDED
    assert ready.begins(now=now) == now

    # One night learns it, and a month of later scores confirms it. The admin hears that it may ring now.
    assert "scores in shadow" in night(database, clock)
    with database.read() as session:
        known = memory.of_intent(session, made.id)
    assert ready.positives <= known["positives"] <= ready.positives + ready.waiting
    clock.set(clock.now() + timedelta(days=31))
    assert "Confirmed in shadow: log-loss" in night(database, clock)
    later = clock.now()
    with database.write() as session:
        told = session.scalars(select(Notification.body)).one()
        assert f"{NAME}: " in told
        assert "Activate the type" in told
        models = scoring.Models.load(session)
        longer = WRITTEN | {"horizonDays": 20}
        with pytest.raises(Conflict, match="another question"):
            book.replace(session, made.id, longer, version=None, actor_id="ada", now=later)
        book.activate(session, made.id, actor_id="ada", now=later)
    # Confidence is the chance itself: the event is what makes the alert right.
    assert models.model(made.id).confidence == models.model(made.id).probability

    with database.write() as session:
        for name, times in (("rosa", 12), ("noor", 1)):
            factories.contact(session, name, last_human_event_at=later, now=later)
            for hours in range(times):
                at = later - timedelta(hours=hours)
                factories.event(session, name, event_name="value_check", processed=False, at=at)
    with database.write() as session:
        decide(session, world=World.load(session), now=later)
        alert = session.scalars(select(Alert).where(Alert.alert_type == made.id)).one()
        assert (alert.contact_id, alert.model_version) == ("rosa", models.model(made.id).id)
        assert alert.confidence > 0.8
        assert "Checked the home's value 12 times" in alert.explanation["text"]
        raw = book.as_written(book.get_type(session, made.id))
        tried = preview(session, validate(raw), type_id=made.id, models=models, viewer=SYSTEM, now=later)
    assert (tried.scored_by, tried.now, tried.looked_at) == ("model", 0, 2)
