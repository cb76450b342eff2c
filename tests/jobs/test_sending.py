"""The threads that send: what they hand over is recorded, whatever befalls the database meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Delivery
from core.delivery.providers import Pace
from core.settings import Settings
from jobs import sending, work
from jobs.sending import Sending
from tests.delivery.making import told
from tests.jobs.test_process import eventually
from tests.jobs.test_work import Phone


@contextmanager
def at_work(database: Database, phone: Phone, clock: FakeClock, folder: Path) -> Iterator[Sending]:
    stop = threading.Event()
    found = Sending(database, {"email": phone}, clock, worker="w", settings=Settings(data_dir=folder), stop=stop)
    try:
        yield found
    finally:
        stop.set()
        found.finish(lambda thread: thread.join(20))
        assert not any(thread.is_alive() for thread in found.threads)


def states(database: Database) -> list[str]:
    with database.read() as session:
        return sorted(session.scalars(select(Delivery.state).where(Delivery.channel == "email")))


def queue(database: Database, number: int, *, now: datetime) -> None:
    with database.write() as session:
        for _ in range(number):
            told(session, now=now)


def test_all_that_is_due_goes_out_though_few_are_held_at_once(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    queue(database, 60, now=clock.now())
    phone = Phone()
    with at_work(database, phone, clock, tmp_path) as threads:
        held = []

        def all_out() -> bool:
            threads.turn()
            with database.read() as session:
                leased = session.scalars(select(Delivery.id).where(Delivery.state == "leased")).all()
            held.append(len(leased))
            return states(database) == ["sent"] * 60

        eventually(all_out)
    assert max(held) <= sending._AHEAD
    assert len({message.key for message in phone.got}) == len(phone.got) == 60


def test_while_the_database_is_away_nothing_is_forgotten_and_nothing_sent_again(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_AGAIN", 0.01)
    queue(database, 3, now=clock.now())
    real, failures = delivery.record, iter(range(4))

    def away(*arguments: object, **named: object) -> list[str]:
        if next(failures, None) is not None:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(work.delivery, "record", away)
    phone = Phone()
    with at_work(database, phone, clock, tmp_path) as threads:
        threads.turn()
        eventually(lambda: states(database) == ["sent"] * 3)
    assert next(failures, None) is None
    assert len(phone.got) == 3


def test_what_was_sent_is_recorded_though_the_database_is_busy_when_we_stop(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_AGAIN", 0.01)
    queue(database, 3, now=clock.now())
    real, failures, tried = delivery.record, iter(range(2)), threading.Event()

    def busy(*arguments: object, **named: object) -> list[str]:
        tried.set()
        if not threads._stop_asked.is_set() or next(failures, None) is not None:
            raise OperationalError("UPDATE", {}, Exception("database is locked"))
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(work.delivery, "record", busy)
    phone = Phone()
    with at_work(database, phone, clock, tmp_path) as threads:
        threads.turn()
        eventually(lambda: len(phone.got) == 3 and tried.is_set())
    assert states(database) == ["sent"] * 3
    assert next(failures, None) is None


def test_what_was_sent_is_recorded_though_the_rest_cannot_be_given_back(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(database, sending._AHEAD, now=clock.now())
    gate = threading.Event()

    def broken(*_arguments: object, **_named: object) -> None:
        gate.set()
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    class Slow(Phone):
        def send(self, message: delivery.Message) -> delivery.Accepted:
            assert gate.wait(20)
            return super().send(message)

    monkeypatch.setattr(work.delivery, "release", broken)
    phone = Slow()
    with at_work(database, phone, clock, tmp_path) as threads:
        threads.turn()
        eventually(lambda: threads._lanes["email"].qsize() == sending._AHEAD - sending.SENDERS)
    assert states(database) == ["leased"] * (sending._AHEAD - sending.SENDERS) + ["sent"] * sending.SENDERS


def test_what_cannot_be_recorded_keeps_none_of_the_others(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue(database, 5, now=clock.now())
    with database.read() as session:
        poisoned = session.scalars(select(Delivery.id).where(Delivery.channel == "email")).first()
    real = delivery.record

    def picky(session: object, done: list[tuple[delivery.Claimed, object]], **named: object) -> list[str]:
        if any(claimed.id == poisoned for claimed, _ in done):
            raise ValueError
        return real(session, done, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(work.delivery, "record", picky)
    phone = Phone()
    with at_work(database, phone, clock, tmp_path) as threads:
        threads.turn()
        eventually(lambda: states(database) == ["leased", *["sent"] * 4])
        assert len(phone.got) == 5


def test_a_lease_that_ran_out_is_not_recorded_for_ever(
    database: Database, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "_AGAIN", 0.01)
    queue(database, 1, now=clock.now())
    tried = threading.Event()

    def away(*_arguments: object, **_named: object) -> list[str]:
        tried.set()
        raise OperationalError("UPDATE", {}, Exception("database is locked"))

    monkeypatch.setattr(work.delivery, "record", away)
    phone = Phone()
    with at_work(database, phone, clock, tmp_path) as threads:
        threads.turn()
        assert tried.wait(20)
        clock.set(clock.now() + work.LEASE)
        eventually(lambda: threads._outstanding["email"] == 0)
    assert states(database) == ["leased"], "its lease has run out: whoever looks next takes it, with the same key"


def test_what_waits_for_its_pace_is_looked_at_again_without_a_commit(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    queue(database, 2, now=clock.now())
    phone = Phone()
    phone.pace = Pace(per_second=1)
    with at_work(database, phone, clock, tmp_path) as threads:
        assert threads.turn()
        eventually(lambda: states(database) == ["queued", "sent"])
        assert threads.turn(), "one is due and may not go yet"
        assert states(database) == ["queued", "sent"]
        clock.set(clock.now() + timedelta(seconds=1))
        assert threads.turn()
        eventually(lambda: states(database) == ["sent"] * 2)
        assert not threads.turn(), "nothing is due: a commit wakes us"
