"""Everything that differs between SQLite and PostgreSQL, and nothing else."""

from typing import Any

from sqlalchemy import ColumnElement, Float, SQLColumnExpression, Text, cast, func, text
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


def seconds(session: Session, since: SQLColumnExpression[Any], until: SQLColumnExpression[Any]) -> ColumnElement[float]:
    """The seconds from one time column to another, to the millisecond."""
    if is_postgres(session):
        return cast(func.extract("epoch", until - since), Float)
    return (func.julianday(until) - func.julianday(since)) * 86400.0


def merged(session: Session, column: SQLColumnExpression[Any], **values: Any) -> ColumnElement[Any]:
    """An object of JSON with these members set; a value may be another column."""
    if is_postgres(session):
        pairs = [part for name, value in values.items() for part in (cast(name, Text), value)]
        return column.op("||")(func.jsonb_build_object(*pairs))
    return func.json_set(column, *(part for name, value in values.items() for part in (f"$.{name}", value)))
