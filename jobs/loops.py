"""Threads that repeat one turn of work: at once while there is more, else when something is committed or time passes."""

import threading
from collections.abc import Callable, Collection

from core import log
from core.db import Database
from core.db.wake import Waker
from jobs.outages import is_outage

_IDLE = 0.5
"""Seconds between looks when nothing wakes us: due times pass without a commit."""
_LONGEST_BACKOFF = 5.0
_log = log.get(__name__)


class Loop(threading.Thread):
    """Runs `turn` until `stop` is set. A turn returns whether there may be more to do; what it raises is logged."""

    def __init__(
        self,
        name: str,
        turn: Callable[[], bool],
        *,
        database: Database,
        topics: Collection[str],
        stop: threading.Event,
        failed: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._turn = turn
        self._database = database
        self._topics = topics
        self._stop_asked = stop
        self._failed = failed

    def run(self) -> None:
        backoff = 0.1
        while not self._stop_asked.is_set():
            try:
                with Waker(self._database, topics=self._topics, stop=self._stop_asked) as waker:
                    while not self._stop_asked.is_set():
                        if not self._turn():
                            waker.wait(_IDLE)
                        backoff = 0.1
            except Exception as error:
                self._report(error)
                self._stop_asked.wait(backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)

    def _report(self, error: Exception) -> None:
        if is_outage(error):
            _log.warning("database_away", loop=self.name, error=type(error).__name__)
        else:
            _log.exception("loop_failed", loop=self.name)
        if self._failed:
            try:
                self._failed(self.name, error)
            except Exception:  # the database that failed the turn may fail its report too
                _log.warning("failure_not_recorded", loop=self.name)
