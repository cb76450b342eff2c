"""The database handle: one engine, and two kinds of unit of work (`write` commits or rolls back, `read` only looks)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from core import changes, versions
from core.errors import Invalid


class Database:
    """A SQLite file or a PostgreSQL database. `url` is a SQLAlchemy URL."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.url = parsed.render_as_string(hide_password=False)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.engine = _sqlite_engine(self.url, pool_size) if self.is_sqlite else _postgres_engine(self.url, pool_size)
        self._writing = self.engine.execution_options(doorbell_write=True)
        # SQLite has one writer: threads of one process queue here, in turn, instead of polling the file lock.
        self._turn = threading.Lock() if self.is_sqlite else None

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that commits at the end of the block; changes told in it get their ids just before the commit."""
        if self._turn is not None:
            self._turn.acquire()
        try:
            with Session(self._writing, expire_on_commit=False) as session:
                yield session
                versions.flush(session)
                changes.flush(session)
                session.commit()
        finally:
            if self._turn is not None:
                self._turn.release()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that is always rolled back."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def refresh_statistics(self) -> None:
        """Let SQLite's planner know what the tables hold; PostgreSQL does this by itself."""
        if self._turn is None:
            return
        with self._turn, self._writing.begin() as connection:
            connection.exec_driver_sql("PRAGMA analysis_limit = 1000")  # rows an index: milliseconds, whatever the size
            connection.exec_driver_sql("ANALYZE")

    def dispose(self) -> None:
        self.engine.dispose()


def _postgres_engine(url: str, pool_size: int) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # errors are logged, and parameters hold people's names and addresses
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
    )


def _sqlite_engine(url: str, pool_size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        hide_parameters=True,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
        connect_args={"check_same_thread": False, "timeout": 30},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "cache_size=-65536",
            "temp_store=MEMORY",
            "mmap_size=268435456",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: upgrading a read lock later fails with SQLITE_BUSY and cannot be retried.
        writing = connection.get_execution_options().get("doorbell_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


class HalfACharacter(Invalid, DontWrapMixin):
    """Text with a lone surrogate, as JSON may write it (as in \\ud800): no database keeps it."""


def _to_json(value: Any) -> str:
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError as error:
        if "surrogates" not in str(error):
            raise
        raise HalfACharacter("It holds half a character, which cannot be stored.") from error
