"""Escalation clocks of those told while off duty start when they come on duty."""

from datetime import timedelta

from jobs import work
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    started = work.start_clocks_once(context.database, context.clock)
    return f"{started} clocks started" if started else ""


JOB = Job(name="start_clocks", every=timedelta(seconds=20), run=_run)
