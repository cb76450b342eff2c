"""How agents do with each type of alert, measured again every hour for the strategies that go by results."""

from datetime import timedelta

from core.routing import results
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    with context.database.write() as session:
        changed = results.refresh(session, now=context.clock.now())
    return f"{changed} results changed" if changed else ""


JOB = Job(name="agent_results", every=timedelta(hours=1), run=_run)
