"""Wait until somebody else commits: PostgreSQL says so (LISTEN), on SQLite a counter in the file moves."""

import sqlite3
import threading
import time
from collections.abc import Collection
from types import TracebackType

import psycopg
from sqlalchemy.engine import make_url

from core.db.session import Database

_CHANNEL = "doorbell"
_POLL = 0.004
"""Seconds between looks at SQLite's `data_version`; a look costs about 4 microseconds."""
_GLANCE = 0.05
"""Seconds between looks at whether a waiter of PostgreSQL shall end."""


class Waker:
    """One waiting thread's own connection. Not to be shared between threads.

    Waking is a hint, never the truth: it may come without work, and work may be there without it (a process that
    died before its notice), so a waiter looks at the table after every wait, timed out or not.
    """

    def __init__(
        self, database: Database, *, topics: Collection[str] = (), stop: threading.Event | None = None
    ) -> None:
        """`topics` (events, deliveries, changes) narrows what wakes on PostgreSQL; empty is everything.

        `stop`, set by another thread, ends a wait early and for good.
        """
        stop = stop or threading.Event()
        self._waiter: _Sqlite | _Postgres = (
            _Sqlite(database.url, stop) if database.is_sqlite else _Postgres(database.url, frozenset(topics), stop)
        )

    def wait(self, timeout: float) -> bool:
        """Block until something was committed, `timeout` seconds passed or the stop came; whether something was."""
        return self._waiter.wait(timeout)

    def close(self) -> None:
        self._waiter.close()

    def __enter__(self) -> "Waker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class _Sqlite:
    def __init__(self, url: str, stop: threading.Event) -> None:
        self._stop = stop
        path = make_url(url).database or ":memory:"
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._seen = self._version()

    def wait(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        while True:
            version = self._version()
            if version != self._seen:
                self._seen = version
                return True
            left = until - time.monotonic()
            if left <= 0 or self._stop.wait(min(_POLL, left)):
                return False

    def close(self) -> None:
        self._connection.close()

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


class _Postgres:
    def __init__(self, url: str, topics: frozenset[str], stop: threading.Event) -> None:
        self._stop = stop
        self._dsn = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._topics = topics
        self._connection: psycopg.Connection | None = None
        self._listen()

    def wait(self, timeout: float) -> bool:
        """True also after a lost connection: what was notified meanwhile is not known."""
        until = time.monotonic() + timeout
        try:
            if self._connection is None:
                self._listen()
                return True
            while (left := until - time.monotonic()) > 0 and not self._stop.is_set():
                notices = list(self._connection.notifies(timeout=min(_GLANCE, left), stop_after=1))
                notices += self._connection.notifies(timeout=0)  # a burst is one waking
                if any(not self._topics or one.payload in self._topics for one in notices):
                    return True
        except psycopg.OperationalError:
            self.close()
            self._stop.wait(min(0.5, max(0.0, until - time.monotonic())))
            return True
        return False

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _listen(self) -> None:
        self._connection = psycopg.connect(self._dsn, autocommit=True)
        self._connection.execute(f"LISTEN {_CHANNEL}")
