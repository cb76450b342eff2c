"""The process of a comparison is killed in the middle: whoever asked hears of it at once, and asks again."""

import os
import signal
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bench.routing import _store_alerts
from core import settings
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Rehearsal
from core.routing.rehearsal import asking
from core.viewer import SYSTEM
from jobs import rehearsing
from jobs.schedule import Context
from jobs.scheduled.rehearse import JOB
from tests import factories as make


@pytest.fixture
def house(database: Database, now: datetime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """With so many alerts that a comparison takes seconds, and the surroundings in which its process finds the database."""
    monkeypatch.setenv("DOORBELL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("DOORBELL_DATABASE_URL", database.url)
    monkeypatch.setenv("DOORBELL_SECRET_KEY", "k" * 40)
    with database.write() as session:
        for number in range(4):
            make.agent(session, f"agent-{number}", capacity=1_000, now=now)
    _store_alerts(database, 1_200)
    return database


def ask(house: Database, now: datetime, seeds: int) -> str:
    with house.write() as session:
        return asking.ask(session, {"days": 7, "seeds": seeds}, viewer=SYSTEM, now=now).id


def wait_for_work(house: Database, rehearsal_id: str) -> int:
    """The process id, once it has told how far it is."""
    until = time.monotonic() + 90
    while time.monotonic() < until:
        with house.read() as session:
            row = session.get_one(Rehearsal, rehearsal_id)
            if row.done:
                assert row.worker is not None
                return int(row.worker.split("/")[-2])
        threading.Event().wait(0.02)
    raise AssertionError("nothing worked on it")


def test_killed_in_the_middle_it_says_so_and_can_be_begun_again(
    house: Database, clock: FakeClock, now: datetime
) -> None:
    asked = ask(house, now, seeds=20)
    context = Context(database=house, clock=clock, settings=settings.load(), stop=threading.Event())
    told: list[BaseException] = []

    def work() -> None:
        try:
            JOB.run(context)
        except BaseException as error:
            told.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    os.kill(wait_for_work(house, asked), signal.SIGKILL)
    thread.join()
    assert [str(one) for one in told] == ["jobs.rehearsing ended with -9"], "and the list of jobs tells it too"
    with house.read() as session:
        found = asking.get(session, asked, viewer=SYSTEM)
        assert 0 < found.done < found.total
        assert (found.state, found.result, found.error) == (asking.FAILED, None, asking.BROKE_OFF)
        assert set(session.scalars(select(Alert.assigned_agent_id))) == {None}
    again = ask(house, now + timedelta(seconds=1), seeds=1)
    assert rehearsing.work_once(house, clock)
    with house.read() as session:
        assert asking.get(session, again, viewer=SYSTEM).state == asking.DONE


def test_one_begun_on_a_machine_that_is_gone_stops_nobody_for_ever(database: Database, now: datetime) -> None:
    asked = ask(database, now, seeds=1)
    with database.write() as session:
        assert asking.claim(session, "elsewhere/1/x", is_dead=lambda _by: False, now=now) == asked
    with database.write() as session:
        early = now + asking.LONGEST - timedelta(seconds=1)
        assert asking.give_up(session, is_dead=lambda _by: False, now=early) == 0
        assert asking.give_up(session, is_dead=lambda _by: False, now=now + asking.LONGEST) == 1
        assert not asking.tell(session, asked, done=1, total=2), "should it still be at it, it ends"
        assert asking.get(session, asked, viewer=SYSTEM).error == asking.BROKE_OFF
