"""Once a day: do the scores still mean what they say? An admin is told of an alarm when it begins."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from core.db.tables import DriftCheck, Score
from core.learning import drift, telling
from jobs.schedule import Context, Job

EVERY = timedelta(hours=23)
_LOOKED = "drift:looked"


def _run(context: Context) -> str:
    now, delay = context.clock.now(), timedelta(days=context.settings.transaction_delay_days)
    last = context.memory.get(_LOOKED)
    with context.database.read() as session:
        checked = session.scalar(select(func.max(DriftCheck.checked_at)))
        anything = session.scalar(select(Score.id).limit(1)) is not None
    latest = max((each for each in (last, checked) if isinstance(each, datetime)), default=None)
    if not anything or (latest is not None and latest > now - EVERY):
        return ""
    context.memory[_LOOKED] = now
    from core.learning import shifts  # noqa: PLC0415  SciPy takes half a second that no start of the process needs

    with context.database.read() as session:
        looked = shifts.look(session, delay=delay, now=now)
    with context.database.write() as session:
        shifts.keep(session, looked, now=now)
        if looked.begun:
            telling.admins(session, drift.sentence(looked.begun), occasion=f"drift-{now:%Y%m%dT%H%M%S}", now=now)
    return f"{len(looked.begun)} new alarms" if looked.begun else ""


JOB = Job(name="drift", every=timedelta(hours=1), run=_run)
