"""The planner's statistics."""

from datetime import datetime

from sqlalchemy import text

from core.db import Database
from tests import factories


def test_sqlite_learns_what_its_tables_hold(database: Database, now: datetime) -> None:
    with database.write() as session:
        for _ in range(20):
            factories.contact(session, now=now)
    database.refresh_statistics()
    if database.is_sqlite:
        with database.read() as session:
            assert session.scalar(text("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'contacts'"))
