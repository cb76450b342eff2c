"""`python -m jobs [--no-schedule]`: decide, send and do what time calls for, until SIGTERM."""

# ruff: noqa: E402
import gc

gc.disable()  # what is loaded now stays: to walk it again and again meanwhile took an eighth of the start

import argparse
import os
import sys

from core import log, settings
from core.clock import SystemClock
from core.db import Database
from core.db.migrate import upgrade
from core.errors import BadSetting
from jobs import stopping
from jobs.process import Process

gc.freeze()
gc.enable()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m jobs", description=__doc__)
    parser.add_argument(
        "--no-schedule", action="store_true", help="decide and send only; let another process keep the time"
    )
    arguments = parser.parse_args()
    try:
        configured = settings.load()
    except BadSetting as wrong:
        sys.stderr.write(f"{wrong.detail}\n")
        return 2
    log.configure(level=configured.log_level, json=configured.log_format == "json")
    database = Database(configured.database)
    process = Process(configured, database, SystemClock(), with_schedule=not arguments.no_schedule)
    stopping.when_asked(process.stop)
    upgrade(database)
    process.start()
    code = process.wait()
    if process.end() and not code:
        database.dispose()
    # A provider that does not answer must not hold up the end (its lease runs out, or our successor takes it), nor a
    # job of the schedule, which the interpreter would wait for.
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
