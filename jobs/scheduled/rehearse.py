"""When somebody asks to try a policy: the comparison, in a process of its own so that no alert and no page waits for it."""

from datetime import timedelta

from sqlalchemy import select

from core.db.tables import Rehearsal
from core.routing.rehearsal import asking
from jobs import child, workers
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    with context.database.read() as session:
        asked = select(Rehearsal.id).where(Rehearsal.state.in_(("waiting", "running"))).limit(1)
        if session.scalar(asked) is None:
            return ""
    try:
        child.run("jobs.rehearsing", context.clock.now().isoformat(), stop=context.stop)
    except (
        RuntimeError
    ):  # killed, or out of memory: whoever waits for it hears of it now, and not when the next one starts
        me = workers.own_name()
        with context.database.write() as session:
            asking.give_up(session, is_dead=lambda by: workers.is_dead(by, me=me), now=context.clock.now())
        raise
    return "compared"


JOB = Job(name="rehearse", every=timedelta(seconds=1), run=_run)
