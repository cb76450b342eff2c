"""Admins hear when messages stop going out, when a provider is paused, and when it is over; once a stretch."""

from datetime import timedelta

from core.delivery import watching
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    with context.database.write() as session:
        told = watching.watch(session, now=context.clock.now())
    return " ".join(told)


JOB = Job(name="delivery_watch", every=timedelta(seconds=30), run=_run)
