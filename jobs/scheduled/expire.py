"""Alerts whose time has run out are closed."""

from datetime import timedelta

from jobs import work
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    closed = work.sweep_once(context.database, context.clock)
    return f"{closed} expired" if closed else ""


JOB = Job(name="expire", every=timedelta(seconds=60), run=_run)
