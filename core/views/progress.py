"""How far the background jobs are, for progress bars."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import JobRun

HEARTBEAT = "heartbeat"
"""Not a job: when the jobs process was last alive."""
MODELS_SERVED = "models served"
"""Not a job: which version of the models the decide stage serves (its message), and what would not load (its error)."""


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    name: str
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    done: int
    total: int
    message: str

    @property
    def is_running(self) -> bool:
        return self.started_at is not None and (self.finished_at is None or self.finished_at < self.started_at)

    @property
    def share(self) -> float:
        """0 to 1; 0 where the job counts nothing."""
        return min(self.done / self.total, 1.0) if self.total > 0 else 0.0


def jobs(session: Session) -> tuple[JobProgress, ...]:
    """Every job's last or present run, by name."""
    rows = session.execute(
        select(
            JobRun.name,
            JobRun.started_at,
            JobRun.finished_at,
            JobRun.error,
            JobRun.done,
            JobRun.total,
            JobRun.message,
        ).order_by(JobRun.name)
    )
    return tuple(JobProgress(**row._mapping) for row in rows)


def job(session: Session, name: str) -> JobProgress | None:
    """One job's last or present run; None when it never ran."""
    return next((run for run in jobs(session) if run.name == name), None)
