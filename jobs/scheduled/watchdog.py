"""Escalation steps that are late although they should long be done: an admin is told, once for each time it happens."""

from datetime import timedelta

from jobs import work
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    late = work.watch_once(context.database, context.clock)
    return f"{late} steps overdue" if late else ""


JOB = Job(name="watchdog", every=timedelta(seconds=30), run=_run)
