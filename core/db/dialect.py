"""Everything that differs between SQLite and PostgreSQL, and nothing else."""

from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from core.db.base import Base, table_of


def is_postgres(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def upsert(session: Session, table: type[Base]) -> "sqlite.Insert | postgresql.Insert":
    """The dialect's INSERT, which knows `.on_conflict_do_nothing()` and `.on_conflict_do_update()`."""
    target = table_of(table)
    return postgresql.insert(target) if is_postgres(session) else sqlite.insert(target)


def wake(session: Session, what: str) -> None:
    """Tell listening processes that `what` (events, deliveries) has work; on SQLite they see data_version move."""
    if is_postgres(session):
        session.execute(text("SELECT pg_notify('doorbell', :what)"), {"what": what})
