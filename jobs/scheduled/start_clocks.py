"""Escalation clocks of those told while off duty start when they come on duty; what was acknowledged is not forgotten."""

from datetime import timedelta

from jobs import work
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    started = work.start_clocks_once(context.database, context.clock)
    called = work.call_out_once(context.database, context.routing(), context.clock)
    parts = [f"{started} clocks started"] if started else []
    return ", ".join([*parts, f"{called} on call told"] if called else parts)


JOB = Job(name="start_clocks", every=timedelta(seconds=20), run=_run)
