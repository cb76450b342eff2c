"""Each night, and when somebody asks: learn from what came of the scores, in a process of its own."""

import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta

from core.learning import memory
from jobs import workers
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
    run_apart(context.stop, asked=asked, now=now)
    with context.database.read() as session:
        said = memory.of_runs(session).get("sentence") or "nothing to change"
    return str(said)


def run_apart(stop: threading.Event, *, asked: bool, now: datetime) -> None:
    """Learn in a process of its own, and wait for it; `stop` ends it.

    Raises:
        RuntimeError: it ended in an error.
    """
    command = [sys.executable, "-m", "jobs.learning", str(os.getpid()), now.isoformat(), *(["asked"] if asked else [])]
    process = subprocess.Popen(command)
    while process.poll() is None:
        if stop.wait(0.1):
            process.terminate()
            try:
                process.wait(1.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            return
    if process.returncode != 0:
        raise RuntimeError(f"learning ended with {process.returncode}")


JOB = Job(name="retrain", every=timedelta(seconds=10), run=_run)
