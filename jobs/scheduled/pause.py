"""Agents whom nobody reaches are paused; who is here again goes on."""

from datetime import timedelta

from jobs import pausing
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    return pausing.pause_once(context.database, context.clock)


JOB = Job(name="pause", every=timedelta(seconds=60), run=_run)
