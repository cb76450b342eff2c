"""Engines of tests that know what the first of their kind learnt: SQLAlchemy's compiled statements, and what the server can do.

Each test has a database, a connection pool and an engine of its own. Without this each would also compile the same hundred
statements again, and ask the same server again what it is: a third of the time of a short test.
"""

from typing import Any

import sqlalchemy
from sqlalchemy import Engine

_STATEMENTS = 3000
_first: dict[str, Engine] = {}


def create_engine(url: str, **options: Any) -> Engine:
    """As SQLAlchemy's, which core.db.session calls."""
    engine = sqlalchemy.create_engine(url, query_cache_size=_STATEMENTS, **options)
    first = _first.get(engine.dialect.name)
    if first is None or first.dialect.server_version_info is None:  # it was never connected
        _first[engine.dialect.name] = engine
        return engine
    engine.dialect.initialize = lambda connection: None  # type: ignore[method-assign]
    engine.dialect = engine.pool._dialect = first.dialect
    engine._compiled_cache = first._compiled_cache
    return engine
