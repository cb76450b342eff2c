"""The demo's own process (`python -m jobs.demo PARENT`): loads its history, then lets a little live behaviour come in.

Apart from the jobs process, because playing a year of history is a lot of computing and one interpreter lock would make
live work wait for it; nicer than it, because the machine should serve people first.
"""

import os
import subprocess
import sys
import threading
import time
from typing import Any

from core import demo, log, settings
from core.clock import Clock, SystemClock
from core.db import Database
from core.settings import Settings
from jobs import child

_EVERY = 5.0
"""Seconds between trickles."""
_PAUSE = 5.0
"""Seconds before a demo that ended in an error is started again."""
_log = log.get(__name__)


class Child:
    """Keeps the demo's process running beside the jobs process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._again_at = 0.0

    def look(self) -> None:
        """Start it, or start it again a while after it failed. To be called now and then by the thread that stays."""
        if self._process is not None:
            code = self._process.poll()
            if code is None or code == 0:
                return
            if self._again_at == 0.0:
                _log.error("demo_ended", exit_code=code)
                self._again_at = time.monotonic() + _PAUSE
        if time.monotonic() >= self._again_at:
            self._again_at = 0.0
            self._process = subprocess.Popen([sys.executable, "-m", "jobs.demo", str(os.getpid())])

    def stop(self) -> None:
        """It may be killed at any instant; asking first is only polite."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(1.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def run(database: Database, configured: Settings, clock: Clock, stop: threading.Event) -> None:
    """Load what is missing, then trickle until `stop`."""
    if not demo.load(database, configured, clock.now(), stop=stop.is_set):
        return
    state: dict[str, Any] = {}
    while not stop.wait(_EVERY):
        with database.write() as session:
            state = demo.trickle(session, clock.now(), state)


def main() -> int:
    parent = int(sys.argv[1])
    stop = child.begin(parent)
    if stop.is_set():
        return 0
    configured = settings.load()
    log.configure(level=configured.log_level, json=configured.log_format == "json")
    database = Database(configured.database)
    run(database, configured, SystemClock(), stop)
    database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
