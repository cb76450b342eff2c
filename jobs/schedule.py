"""What time calls for: one file a job under jobs/scheduled/, found here and run by APScheduler, which never holds work."""

import importlib
import pkgutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from core import log, routing
from core.clock import Clock
from core.db import Database
from core.settings import Settings
from jobs import runs, scheduled

_log = log.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a job may use."""

    database: Database
    clock: Clock
    settings: Settings
    stop: threading.Event
    """Set when the process is to end: long jobs look at it between transactions."""
    memory: dict[str, object] = field(default_factory=dict)
    """For what may be forgotten at any time, keyed by the job's name."""

    def routing(self) -> routing.State:
        """The house as routing knows it, read once and refreshed by its version."""
        state = self.memory.get("routing")
        if not isinstance(state, routing.State):
            with self.database.read() as session:
                state = self.memory["routing"] = routing.State.load(session)
        return state


@dataclass(frozen=True, kw_only=True)
class Job:
    """One thing time calls for. Each lives in its own file under scheduled/, named like its id, as JOB."""

    name: str
    every: timedelta
    run: Callable[[Context], str]
    """Does it, in transactions of its own, and says in a few words what it did; empty when there was nothing to do."""


def load() -> Mapping[str, Job]:
    """Every job there is, by name."""
    found: dict[str, Job] = {}
    for module in pkgutil.iter_modules(scheduled.__path__):
        job: Job = importlib.import_module(f"{scheduled.__name__}.{module.name}").JOB
        found[job.name] = job
    return found


def start(context: Context) -> BackgroundScheduler:
    """Run every job now and then at its interval. A run that is late is run once; one that is long is not doubled."""
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": ThreadPoolExecutor(4)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for job in load().values():
        scheduler.add_job(
            run, "interval", args=(job, context), seconds=job.every.total_seconds(), id=job.name, name=job.name
        )
        scheduler.add_job(run, args=(job, context), id=f"{job.name}-first", name=job.name)
    scheduler.start()
    return scheduler


def run(job: Job, context: Context) -> None:
    """One run, recorded. What it raises is logged and written down, and stops nothing else."""
    if context.stop.is_set():
        return
    error: str | None = None
    message = ""
    begun = context.clock.now()
    try:
        message = job.run(context)
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"[:2000]
        _log.exception("job_failed", job=job.name)
    quiet = not message and error is None and context.memory.get(f"run:{job.name}") == "fine"
    context.memory[f"run:{job.name}"] = "failed" if error else "fine"
    if quiet:
        return  # nothing to tell: a row every few seconds would only wake everybody
    if message:
        _log.info("job_done", job=job.name, done=message)
    try:
        with context.database.write() as session:
            runs.started(session, job.name, now=begun)
            runs.finished(session, job.name, error=error, message=message, now=context.clock.now())
    except Exception:
        _log.exception("job_run_not_recorded", job=job.name)
