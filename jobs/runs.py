"""What the jobs page knows of each job: when it last ran, how far it is, what went wrong (table job_runs)."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.db import dialect
from core.db.tables import JobRun


def started(session: Session, name: str, *, now: datetime) -> None:
    _write(session, name, started_at=now)


def finished(session: Session, name: str, *, error: str | None = None, message: str = "", now: datetime) -> None:
    """The run is over; `error` is what ended it, None when nothing did."""
    _write(session, name, finished_at=now, error=error, message=message[:200])


def progress(session: Session, name: str, *, done: int, total: int, message: str = "") -> None:
    """How far it is, in the job's own unit."""
    _write(session, name, done=done, total=total, message=message[:200])


def _write(session: Session, name: str, **values: Any) -> None:
    first = {"name": name, "done": 0, "total": 0, "message": "", **values}
    statement = dialect.upsert(session, JobRun).values(first)
    session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
