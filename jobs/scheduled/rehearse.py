"""When somebody asks to try a policy: the comparison, in a process of its own so that no alert and no page waits for it."""

from datetime import timedelta

from sqlalchemy import select

from core.db.tables import Rehearsal
from jobs import child
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    with context.database.read() as session:
        asked = select(Rehearsal.id).where(Rehearsal.state.in_(("waiting", "running"))).limit(1)
        if session.scalar(asked) is None:
            return ""
    child.run("jobs.rehearsing", context.clock.now().isoformat(), stop=context.stop)
    return "compared"


JOB = Job(name="rehearse", every=timedelta(seconds=1), run=_run)
