"""Each night, and when somebody asks: learn from what came of the scores, in a process of its own."""

from datetime import timedelta

from core.learning import memory
from jobs import learning
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    now, zone = context.clock.now(), context.settings.timezone
    with context.database.read() as session:
        new, due = memory.is_new(session), memory.due(session, zone=zone, now=now)
    if new and not due:
        with context.database.write() as session:
            memory.first_sight(session, now=now)
    if not due:
        return ""
    with context.database.write() as session:
        mine, asked = memory.claim(session, zone=zone, now=now)
    if not mine:
        return ""
    learning.run_apart(context.stop, asked=asked, now=now)
    with context.database.read() as session:
        said = memory.of_runs(session).get("sentence") or "nothing to change"
    return str(said)


JOB = Job(name=learning.NAME, every=timedelta(seconds=10), run=_run)
