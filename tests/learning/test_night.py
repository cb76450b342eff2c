"""A night of learning on a team's own past: trained, put into shadow, confirmed, deployed; and what interrupts it."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from core import errors, scoring
from core.clock import FakeClock
from core.db import Database
from core.db.tables import JobRun, ModelVersion, Notification
from core.learning import memory, reading, registry
from core.settings import Settings
from core.views import progress
from core.words import Intent, ModelStatus
from jobs import learning, schedule
from jobs.schedule import Context
from tests import factories
from tests.learning import worlds

REFINANCE = Intent.REFINANCE_OPPORTUNITY


@pytest.fixture
def team(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now - timedelta(days=430))
        factories.admin(session, now=now)
        worlds.store(session, worlds.market(contacts=6000, rows=1))


def night(database: Database, clock: FakeClock) -> str:
    return learning.learn(database, Settings(), clock, asked=False, stop=lambda: False)


def versions(database: Database) -> dict[str, ModelVersion]:
    with database.read() as session:
        rows = session.scalars(
            select(ModelVersion).where(ModelVersion.intent == REFINANCE).order_by(ModelVersion.retired_at)
        )
        return {row.status: row for row in rows}


def test_a_challenger_is_trained_waits_in_shadow_and_is_promoted_when_later_scores_confirm_it(
    database: Database, clock: FakeClock, team: None
) -> None:
    shipped = versions(database)["deployed"].id
    said = night(database, clock)
    assert "the intercept moves by" in said
    assert "scores in shadow" in said
    first = versions(database)
    made, moved = first["shadow"], first["deployed"]
    assert (moved.previous_id, first["retired"].id) == (shipped, shipped)
    assert made.trained_on["positives"] > 100
    assert made.metrics["transacts"]["auc"] > 0.7
    with database.read() as session:
        assert moved.id in session.scalars(select(Notification.body)).one()
        assert session.get_one(JobRun, "retrain").done == 4
        told = memory.of_intent(session, Intent.LIKELY_TO_SELL)
    assert "Too little to learn from" in told["sentence"]

    clock.set(clock.now() + timedelta(days=10))
    assert "refinance" not in night(database, clock)
    assert versions(database)["shadow"].id == made.id

    for days in (30, 25, 60):  # the three looks
        clock.set(clock.now() + timedelta(days=days))
        if "Confirmed in shadow" in night(database, clock):
            break
    after = versions(database)
    assert (after["deployed"].id, after["retired"].id) == (made.id, moved.id)
    assert after["deployed"].previous_id == moved.id
    assert 1 <= len(after["deployed"].metrics["looks"]) <= 3
    with database.read() as session:
        assert scoring.Models.load(session).model(REFINANCE).id == made.id
        notices = session.scalars(select(Notification).order_by(Notification.created_at)).all()
    assert [each.user_id for each in notices] == ["admin", "admin"]
    assert made.id in notices[1].body


def test_a_run_that_was_killed_leaves_nothing_that_scores(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now)
        memory.take_lease(session, "elsewhere/1/abc", is_dead=lambda _by: False, now=now)
        half = registry.begin(session, REFINANCE, note="Being trained.", now=now)
    assert night(database, clock) == ""  # the other may still be alive
    with database.read() as session:
        assert registry.in_training(session) == [half]
    clock.set(now + memory.LEASE + timedelta(seconds=1))
    night(database, clock)
    with database.read() as session:
        row = session.get_one(ModelVersion, half)
        assert (row.status, row.note) == (ModelStatus.RETIRED, "Its training ended before it was done.")
    with database.write() as session, pytest.raises(errors.DoorbellError):
        registry.shadow(session, half, now=now)


def test_one_process_learns_at_a_time(database: Database, now: datetime) -> None:
    taken: list[bool] = []

    def take(name: str) -> None:
        with database.write() as session:
            taken.append(memory.take_lease(session, name, is_dead=lambda _by: False, now=now))

    threads = [threading.Thread(target=take, args=(f"host/{number}/x",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False, False, False, True]


def test_it_learns_at_night_once_and_when_asked(database: Database, now: datetime) -> None:
    zone = "America/Chicago"  # it is Monday, 9 o'clock

    def claim(at: datetime) -> tuple[bool, bool]:
        with database.write() as session:
            return memory.claim(session, zone=zone, now=at)

    assert claim(now) == (False, False)
    with database.write() as session:
        memory.first_sight(session, now=now)
    assert claim(now + timedelta(hours=16)) == (False, False)  # one in the morning
    assert claim(now + timedelta(hours=17, minutes=1)) == (True, False)
    assert claim(now + timedelta(hours=18)) == (False, False)
    with database.write() as session:
        memory.ask(session, by="admin", now=now + timedelta(hours=19))
    assert claim(now + timedelta(hours=20)) == (True, True)
    assert claim(now + timedelta(hours=20)) == (False, False)


def test_a_run_whose_process_is_gone_is_told_and_begun_once_more(database: Database, now: datetime) -> None:
    def begun() -> tuple[bool, bool]:
        with database.write() as session:
            claimed = memory.claim(session, zone="UTC", now=now + timedelta(minutes=1))
            memory.take_lease(session, "host/1/x", is_dead=lambda _by: False, now=now)
            return claimed

    def looked(*, dead: bool) -> reading.TrainingProgress:
        with database.write() as session:
            memory.put_away(session, is_dead=lambda _by: dead, now=now)
            return reading.training_progress(session, now=now)

    with database.write() as session:
        memory.ask(session, by="admin", now=now)
    assert begun() == (True, True)
    assert (looked(dead=False).running, looked(dead=False).error) == (True, None)
    told = looked(dead=True)
    assert (told.running, told.error) == (False, "It broke off before it was done.")
    assert begun() == (True, True)
    assert not looked(dead=True).running
    assert begun() == (False, False)
    with database.write() as session:
        memory.ended(session, "", now=now)
    assert looked(dead=True).error is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it does is tested above on both
def test_the_job_learns_in_a_process_of_its_own(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOORBELL_DATABASE_URL", database.url)
    monkeypatch.setenv("DOORBELL_DATA_DIR", str(tmp_path))
    with database.write() as session:
        scoring.install(session, now=clock.now())
        memory.ask(session, by=None, now=clock.now())
    context = Context(database=database, clock=clock, settings=Settings(data_dir=tmp_path), stop=threading.Event())
    job = schedule.load()["retrain"]
    assert job.run(context) == "nothing to change"
    assert job.run(context) == ""
    with database.read() as session:
        assert session.get_one(JobRun, "retrain").message == "Done"
    assert job.name != progress.HEARTBEAT
