"""What need not be kept is deleted: answers kept for Idempotency-Key, sign-in sessions long over, links in messages that were used."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, select, tuple_

from core.db import Database
from core.db.base import Base
from core.db.tables import IdempotentResponse, SignInSession, UsedLink
from jobs.schedule import Context, Job

ANSWERS = timedelta(hours=24)
SESSIONS = timedelta(days=30)
_CHUNK = 1000


def _run(context: Context) -> str:
    now: datetime = context.clock.now()
    answers = _delete(context, IdempotentResponse, IdempotentResponse.created_at < now - ANSWERS)
    sessions = _delete(context, SignInSession, SignInSession.expires_at < now - SESSIONS)
    links = _delete(context, UsedLink, UsedLink.expires_at < now)
    if not (answers or sessions or links):
        return ""
    return f"{answers} answers, {sessions} sessions and {links} used links deleted"


def _delete(context: Context, table: type[Base], old: ColumnElement[bool]) -> int:
    """In chunks, so that the write lock is never held for long."""
    keys = table.__mapper__.primary_key
    total = 0
    while not context.stop.is_set():
        gone = _delete_chunk(context.database, table, keys, old)
        total += gone
        if gone < _CHUNK:
            break
    return total


def _delete_chunk(
    database: Database, table: type[Base], keys: tuple[ColumnElement[object], ...], old: ColumnElement[bool]
) -> int:
    with database.write() as session:
        some = session.execute(select(*keys).where(old).limit(_CHUNK)).all()
        if some:
            session.execute(
                delete(table).where(tuple_(*keys).in_([tuple(row) for row in some])),
                execution_options={"synchronize_session": False},
            )
        return len(some)


JOB = Job(name="retention", every=timedelta(hours=1), run=_run)
