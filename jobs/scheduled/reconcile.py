"""Every open alert has an owner or a stated reason why not; what does not is put right, or told to an admin."""

from datetime import timedelta

from jobs import reconciling
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    found = reconciling.reconcile_once(context.database, context.routing(), context.clock)
    return found.sentence()


JOB = Job(name="reconcile", every=timedelta(seconds=15), run=_run)
