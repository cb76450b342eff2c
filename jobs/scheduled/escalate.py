"""Alerts nobody answered go to the next person."""

from datetime import timedelta

from jobs import work
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    moved = work.escalate_once(context.database, context.routing(), context.clock)
    return f"{moved} escalated" if moved else ""


JOB = Job(name="escalate", every=timedelta(seconds=2), run=_run)
