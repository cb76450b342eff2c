"""The demo's own process (`python -m jobs.demo PARENT`): loads its history, then lets a little live behaviour come in.

Apart from the jobs process, because playing a year of history is a lot of computing and one interpreter lock would make
live work wait for it; nicer than it, because the machine should serve people first.
"""

import sys
import threading
from typing import Any

from core import demo, log, settings
from core.clock import Clock, SystemClock
from core.db import Database
from core.settings import Settings
from jobs import child

_EVERY = 5.0
"""Seconds between trickles."""


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
