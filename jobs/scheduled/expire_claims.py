"""Claims that nothing followed go back into the pool."""

from datetime import timedelta

from jobs import claiming
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    back = claiming.expire_once(context.database, context.clock)
    return f"{back} claims ran out" if back else ""


JOB = Job(name="expire_claims", every=timedelta(seconds=10), run=_run)
