"""A shift alarms once and goes on until it is clearly back; what is stable, or small, stays silent."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from core import scoring
from core.clock import FakeClock
from core.db import Database
from core.db.tables import DriftCheck, Notification
from core.learning import drift, shifts
from core.settings import Settings
from core.words import Intent, Outcome, Priority, Status
from jobs import schedule
from jobs.schedule import Context
from tests import factories
from tests.learning import making

DELAY = timedelta(days=14)
CONTACTS = 600
NAMES = [f"contact-{number}" for number in range(CONTACTS)]


@pytest.fixture
def team(database: Database, now: datetime) -> None:
    """A team with a shipped model and a first month of scores, a year ago."""
    begun = now - timedelta(days=365)
    with database.write() as session:
        scoring.install(session, now=begun)
        factories.admin(session, now=now)
        making.contacts(session, NAMES, now=begun)
        making.scores(session, NAMES[:1], [begun], making.vectors(1, {}))
    month(database, begun + timedelta(days=95), seed=1)


def month(database: Database, at: datetime, *, checks: float = 1.0, seed: int, contacts: int = CONTACTS) -> None:
    """What these contacts do in a month, with so many value checks on average."""
    random = np.random.default_rng(seed)
    values = {
        "value_checks_30d": random.poisson(checks, contacts).astype(float),
        "years_owned": random.uniform(0, 30, contacts),
        "loan_to_value": np.where(random.random(contacts) < 0.2, np.nan, random.beta(2, 2, contacts)),
    }
    with database.write() as session:
        making.scores(session, NAMES[:contacts], [at] * contacts, making.vectors(contacts, values))


def check(database: Database, at: datetime) -> list[drift.Checked]:
    """The alarms that begin."""
    with database.read() as session:
        looked = shifts.look(session, delay=DELAY, now=at)
    with database.write() as session:
        shifts.keep(session, looked, now=at)
    return list(looked.begun)


def subjects(found: list[drift.Checked]) -> set[tuple[str, str, str]]:
    return {(one.intent, one.kind, one.subject) for one in found}


@pytest.fixture
def stable(database: Database, now: datetime, team: None) -> None:
    month(database, now - timedelta(days=5), seed=2)


def test_what_is_stable_stays_silent(database: Database, now: datetime, stable: None) -> None:
    assert check(database, now) == []
    with database.read() as session:
        rows = drift.latest(session)
        assert drift.unverified(session) == frozenset()
    assert {"value_checks_30d", "probability"} <= {one.subject for one in rows}
    assert max(one.value for one in rows) < 0.2


def test_a_shifted_feature_alarms_once_and_ends_when_it_is_clearly_back(
    database: Database, now: datetime, team: None
) -> None:
    month(database, now - timedelta(days=5), checks=5.0, seed=2)
    begun = check(database, now)
    assert (Intent.LIKELY_TO_SELL, "feature", "value_checks_30d") in subjects(begun)
    assert "years_owned" not in {one.subject for one in begun}
    assert check(database, now + timedelta(days=1)) == []  # it goes on, and nobody is told again
    with database.read() as session:
        doubted = drift.unverified(session)
    assert {(Intent.LIKELY_TO_SELL, tier) for tier in Priority} <= doubted  # the scores shifted with it
    assert not any(intent == Intent.REFINANCE_OPPORTUNITY for intent, _tier in doubted)
    month(database, now + timedelta(days=40), seed=3)
    check(database, now + timedelta(days=45))
    with database.read() as session:
        assert drift.unverified(session) == frozenset()


def test_a_feature_that_goes_missing_alarms(database: Database, now: datetime, team: None) -> None:
    month(database, now - timedelta(days=5), seed=2)
    with database.write() as session:
        lost = making.vectors(CONTACTS, {"loan_to_value": float("nan"), "years_owned": np.linspace(0, 30, CONTACTS)})
        making.scores(session, NAMES, [now - timedelta(days=4)] * CONTACTS, lost)
    assert "loan_to_value" in {one.subject for one in check(database, now)}


def test_few_contacts_never_alarm(database: Database, now: datetime, team: None) -> None:
    month(database, now - timedelta(days=5), checks=9.0, seed=2, contacts=400)
    assert check(database, now) == []
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(DriftCheck)) == 0


def worked(database: Database, now: datetime, *, right: int, wrong: int, priority: Priority) -> None:
    opened = now - timedelta(days=250)
    with database.write() as session:
        for number in range(right + wrong):
            alert_id = factories.alert(
                session,
                status=Status.CONVERTED if number < right else Status.DISMISSED,
                priority=priority,
                confidence=0.75,
                opened_at=opened,
                now=opened + timedelta(days=9),
            )
            outcome = Outcome.TRUE_POSITIVE if number < right else Outcome.FALSE_POSITIVE
            factories.outcome(session, alert_id, outcome, now=opened + timedelta(days=9))


def test_a_tier_whose_alerts_are_wrong_too_often_is_unverified(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now - timedelta(days=365))
    worked(database, now, right=10, wrong=30, priority=Priority.HIGH)
    worked(database, now, right=30, wrong=10, priority=Priority.MEDIUM)
    worked(database, now, right=0, wrong=12, priority=Priority.CRITICAL)  # too few to say
    begun = check(database, now)
    assert subjects(begun) == {(Intent.LIKELY_TO_SELL, "outcome", "HIGH")}
    assert begun[0].value == pytest.approx(1 / 3, abs=0.01)
    low, high = begun[0].details["interval"]
    assert low < begun[0].value < high < 1
    with database.read() as session:
        assert drift.unverified(session) == {(Intent.LIKELY_TO_SELL, "HIGH")}
    assert "10 of 40 high alerts were right, 30 were expected" in drift.sentence(begun)


def test_alerts_whose_window_is_open_say_nothing_yet(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now - timedelta(days=365))
    worked(database, now + timedelta(days=100), right=0, wrong=40, priority=Priority.HIGH)
    assert check(database, now) == []


def test_an_admin_is_told_once(database: Database, clock: FakeClock, now: datetime, team: None, tmp_path: Path) -> None:
    month(database, now - timedelta(days=5), checks=5.0, seed=2)
    context = Context(database=database, clock=clock, settings=Settings(data_dir=tmp_path), stop=threading.Event())
    job = schedule.load()["drift"]
    assert job.run(context).endswith("new alarms")
    assert job.run(context) == ""
    clock.set(now + timedelta(days=1))
    assert job.run(context) == ""
    with database.read() as session:
        told = session.scalars(select(Notification.body)).all()
    assert len(told) == 1
    assert "Value checks has shifted" in told[0]
