"""A waiter is woken by another connection's commit, and by nothing else."""

import threading
import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import text

from core import changes
from core.changes import Audience
from core.db import Database, dialect
from core.db.wake import Waker
from core.words import ChangeKind


@pytest.fixture
def waker(database: Database) -> Iterator[Waker]:
    with Waker(database) as waker:
        yield waker


def tell(database: Database, now: datetime) -> None:
    with database.write() as session:
        changes.tell(session, ChangeKind.ALERT_NEW, subject_id="a", audience=Audience(pool=True), payload={}, now=now)


def test_nothing_happening_times_out(waker: Waker) -> None:
    assert waker.wait(0.02) is False


def test_a_commit_before_the_wait_is_not_missed(database: Database, waker: Waker, now: datetime) -> None:
    tell(database, now)
    assert waker.wait(5) is True
    assert waker.wait(0.02) is False


def test_a_commit_during_the_wait_ends_it(database: Database, waker: Waker, now: datetime) -> None:
    timer = threading.Timer(0.05, tell, (database, now))
    timer.start()
    assert waker.wait(10) is True
    timer.join()


def test_a_stop_ends_the_wait(database: Database) -> None:
    stop = threading.Event()
    with Waker(database, stop=stop) as waker:
        timer = threading.Timer(0.02, stop.set)
        timer.start()
        began = time.monotonic()
        assert waker.wait(10) is False
        assert time.monotonic() - began < 5
        timer.join()


def tell_and_fail(database: Database, now: datetime) -> None:
    with database.write() as session:
        changes.tell(session, ChangeKind.ALERT_NEW, subject_id="a", audience=Audience(pool=True), payload={}, now=now)
        changes.flush(session)
        raise RuntimeError("after the notice, before the commit")


def test_a_rollback_wakes_nobody(database: Database, waker: Waker, now: datetime) -> None:
    with pytest.raises(RuntimeError, match="before the commit"):
        tell_and_fail(database, now)
    assert waker.wait(0.02) is False


def test_other_topics_do_not_wake_on_postgres(database: Database, now: datetime) -> None:
    if database.is_sqlite:
        return  # one counter for the whole file: every commit wakes
    with Waker(database, topics={"changes"}) as waker:
        with database.write() as session:
            dialect.wake(session, "events")
        assert waker.wait(0.05) is False
        tell(database, now)
        assert waker.wait(5) is True


def test_a_lost_connection_wakes_and_is_made_anew(database: Database, now: datetime) -> None:
    if database.is_sqlite:
        return  # a file has no connection to lose
    with Waker(database) as waker:
        with database.write() as session:
            session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"))
        assert waker.wait(5) is True
        assert waker.wait(5) is True  # it was away: look again
        assert waker.wait(0.02) is False
        tell(database, now)
        assert waker.wait(5) is True
