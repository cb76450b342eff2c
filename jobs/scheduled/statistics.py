"""SQLite's query planner is told what the tables hold: without it a list of 100,000 alerts may take a hundred times longer."""

from datetime import timedelta

from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    context.database.refresh_statistics()
    return ""


JOB = Job(name="statistics", every=timedelta(minutes=10), run=_run)
