"""Tests that share a PostgreSQL database one after the other see nothing of each other."""

from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from core import changes
from core.changes import Audience
from core.db import Database
from core.db.migrate import is_current
from core.words import ChangeKind
from tests import factories
from tests.postgres import Databases


def _a_change(database: Database, now: datetime) -> int:
    """The number of a change, told beside a team."""
    with database.write() as session:
        factories.team(session, "north", now=now)
        changes.tell(session, ChangeKind.ALERT_NEW, subject_id="a", audience=Audience(), payload={}, now=now)
    with database.read() as session:
        return session.execute(text("SELECT id FROM changes")).scalar_one()


def test_the_next_test_finds_it_as_new(postgres: Databases, now: datetime) -> None:
    numbers = []
    for _ in range(2):
        with postgres.lend() as url:
            database = Database(url)
            assert is_current(database)
            numbers.append(_a_change(database, now))
            database.dispose()
    assert numbers == [1, 1]


def test_whoever_holds_the_last_tests_database_is_locked_out(postgres: Databases, now: datetime) -> None:
    with postgres.lend() as url:
        late = Database(url)
        _a_change(late, now)
    with postgres.lend(), pytest.raises(DBAPIError, match="does not exist"):
        _a_change(late, now)
    late.dispose()


def test_a_changed_schema_is_not_lent_again(postgres: Databases) -> None:
    for _ in range(2):
        with postgres.lend() as url:
            database = Database(url)
            with database.write() as session:
                session.execute(text("CREATE TABLE mine (id int)"))
            database.dispose()
