"""The small parts of the process: whose lease is dead, and what is an outage."""

import os
import subprocess
import sys

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError

from core.db import Database
from jobs import workers
from jobs.outages import is_outage

ME = "host/4242/aaaa"


def test_a_finished_process_of_this_host_is_dead() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert workers.is_dead(f"host/{ended.pid}/bbbb", me=ME)


@pytest.mark.parametrize(
    "worker",
    [ME, f"host/{os.getpid()}/bbbb", "elsewhere/1/bbbb", "host/none/bbbb", "strange", ""],
    ids=["me", "alive", "elsewhere", "no-number", "strange", "empty"],
)
def test_nobody_else_is_called_dead(worker: str) -> None:
    assert not workers.is_dead(worker, me=ME)


def test_an_earlier_process_with_our_own_number_is_dead() -> None:
    assert workers.is_dead("host/4242/bbbb", me=ME)


def test_an_own_name_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert workers.own_name() != workers.own_name()
    assert not workers.is_dead(workers.own_name(), me=f"x/{os.getppid()}/y")


def test_a_broken_statement_is_no_outage(database: Database) -> None:
    with database.read() as session, pytest.raises(DBAPIError) as caught:
        session.execute(text("SELECT nothing FROM nowhere"))
    assert not is_outage(caught.value)
    assert not is_outage(ValueError())


def test_a_database_that_is_not_there_is_an_outage(tmp_path: object) -> None:
    for url in (f"sqlite:///{tmp_path}/no/folder/x.db", "postgresql+psycopg://u:p@127.0.0.1:1/none"):
        database = Database(url)
        with pytest.raises(OperationalError) as caught, database.read() as session:
            session.execute(text("SELECT 1"))
        assert is_outage(caught.value)
        database.dispose()


def test_a_deadlock_is_tried_again() -> None:
    error = OperationalError("UPDATE", {}, psycopg.errors.DeadlockDetected())
    assert is_outage(error)
