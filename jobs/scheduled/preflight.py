"""In the morning: what will go wrong in the days to come is told to who can still change it, once for each thing."""

from datetime import timedelta

from core import delivery
from jobs import preflighting
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    channels = delivery.set_up(context.settings)
    return preflighting.tell_once(context.database, context.routing(), context.clock, channels=channels)


JOB = Job(name="preflight", every=timedelta(minutes=5), run=_run)
