"""Each night, and when somebody asks: learn from what came of the scores, in a process of its own."""

from datetime import timedelta

from core.learning import memory
from jobs import child, workers
from jobs.schedule import Context, Job


def _run(context: Context) -> str:
    now, zone, me = context.clock.now(), context.settings.timezone, workers.own_name()

    def is_dead(worker: str) -> bool:
        return workers.is_dead(worker, me=me)

    with context.database.read() as session:
        broke_off = memory.broke_off(session, is_dead=is_dead, now=now)
    if broke_off:
        with context.database.write() as session:
            memory.put_away(session, is_dead=is_dead, now=now)
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
    child.run("jobs.learning", now.isoformat(), *(["asked"] if asked else []), stop=context.stop)
    with context.database.read() as session:
        said = memory.of_runs(session).get("sentence") or "nothing to change"
    return str(said)


JOB = Job(name="retrain", every=timedelta(seconds=10), run=_run)
