"""Counters of what processes keep in memory: read together, never older than the transaction that asks."""

from sqlalchemy import event

from core import versions
from core.db import Database


def test_a_transaction_reads_all_counters_at_once(database: Database) -> None:
    asked: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    with database.write() as session:
        versions.bump(session, "models")
    with database.read() as session:
        asked.clear()
        assert [versions.number(session, name) for name in ("models", "routing", "models")] == [1, 0, 1]
        assert len([one for one in asked if one.startswith("SELECT")]) == 1


def test_whoever_bumps_a_counter_sees_it_bumped(database: Database) -> None:
    with database.write() as session:
        assert versions.number(session, "models") == 0
        versions.bump(session, "models")
        assert versions.number(session, "models") == 1


def test_the_next_transaction_of_a_session_sees_what_others_did(database: Database) -> None:
    with database.read() as reader:
        assert versions.number(reader, "models") == 0
        reader.rollback()
        with database.write() as session:
            versions.bump(session, "models")
        assert versions.number(reader, "models") == 1
