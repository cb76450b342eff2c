"""A disk that is full at the moment of the commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.db import Database


@contextmanager
def failing_commits(database: Database) -> Iterator[None]:
    """Within the block every commit rolls back and raises the driver's own error."""
    dialect = database.engine.dialect
    driver: Any = dialect.loaded_dbapi

    def fail(connection: Any) -> None:
        connection.rollback()
        raise driver.OperationalError("database or disk is full")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dialect, "do_commit", fail)
        yield
