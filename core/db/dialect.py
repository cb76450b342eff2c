"""Everything that differs between SQLite and PostgreSQL, and nothing else."""

from sqlalchemy import Table, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session


def is_postgres(session: Session) -> bool:
    return session.get_bind().dialect.name == "postgresql"


def upsert(session: Session, table: type[DeclarativeBase]) -> "sqlite.Insert | postgresql.Insert":
    """The dialect's INSERT, which knows `.on_conflict_do_nothing()` and `.on_conflict_do_update()`."""
    target: Table = table.__table__  # type: ignore[assignment]
    return postgresql.insert(target) if is_postgres(session) else sqlite.insert(target)


def wake(session: Session, what: str) -> None:
    """Tell listening processes that `what` (events, deliveries) has work; on SQLite they see data_version move."""
    if is_postgres(session):
        session.execute(text("SELECT pg_notify('doorbell', :what)"), {"what": what})
