"""A rehearsal's own process (`python -m jobs.rehearsing PARENT NOW`): the comparisons that were asked for, one after the other.

Apart from the jobs process and nicer than it, because a replay is seconds of computing. It may be killed at any instant:
what it had begun is then told as broken off, and nothing else was written.
"""

import sys
import time
from collections.abc import Callable
from datetime import datetime

from core import log, settings
from core.clock import Clock
from core.db import Database
from core.errors import DoorbellError, Invalid
from core.routing.rehearsal import asking
from jobs import child, workers
from jobs.learning import Passing

_TOLD_EVERY = 0.4
"""Seconds between two words on how far it is."""
_log = log.get(__name__)


class _StoppedError(Exception):
    """Somebody stopped this one."""


def work_once(database: Database, clock: Clock, *, stop: Callable[[], bool] = lambda: False) -> bool:
    """Do the next one that waits; False where none does."""
    me = workers.own_name()
    with database.write() as session:
        found = asking.claim(session, me, is_dead=lambda by: not by or workers.is_dead(by, me=me), now=clock.now())
    if found is None:
        return False
    try:
        with database.read() as session:
            material = asking.prepare(session, found, now=clock.now())
        result = asking.work(material, progress=_Telling(database, found, stop))
    except _StoppedError:
        return True
    except DoorbellError as refused:
        why = "; ".join(refused.fields.values()) if isinstance(refused, Invalid) else ""
        _finish(database, clock, found, error=f"{refused.detail} {why}".strip())
        return True
    except Exception as error:
        _log.exception("rehearsal_failed", rehearsal_id=found)
        _finish(database, clock, found, error=f"It failed ({type(error).__name__}).")
        return True
    with database.write() as session:
        asking.finish(session, found, result=result, now=clock.now())
    return True


def _finish(database: Database, clock: Clock, rehearsal_id: str, *, error: str) -> None:
    with database.write() as session:
        asking.finish(session, rehearsal_id, error=error, now=clock.now())


class _Telling:
    """Writes how far it is, now and then, and ends the work where it is no longer wanted."""

    def __init__(self, database: Database, rehearsal_id: str, stop: Callable[[], bool]) -> None:
        self._database, self._id, self._stop = database, rehearsal_id, stop
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _TOLD_EVERY
        with self._database.write() as session:
            wanted = asking.tell(session, self._id, done=done, total=total)
        if not wanted or self._stop():
            raise _StoppedError


def main() -> int:
    parent, since = int(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    stop = child.begin(parent)
    configured = settings.load()
    log.configure(level=configured.log_level, json=configured.log_format == "json")
    database = Database(configured.database)
    clock = Passing(since)
    while not stop.is_set() and work_once(database, clock, stop=stop.is_set):
        pass
    database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
