"""A private SQLite database with the house copied in, where a cohort's history is played through the real line.

Why not in the product's own database: the history would fight with the present. The sweep would expire last spring's
alerts while last spring is still being played, the feed would ring 400 days of alerts on live screens, and every
writer would wait. Here a cohort is played undisturbed and then appears at once, complete, in one short transaction.
"""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, select
from sqlalchemy.orm import Session

from core.db import Database
from core.db.base import Base, table_of
from core.db.tables import (
    Agent,
    Contact,
    Holiday,
    ModelVersion,
    Property,
    Rule,
    Setting,
    Team,
    Territory,
    TimeOff,
    User,
    Version,
)

_HOUSE = (User, Team, Agent, TimeOff, Holiday, Territory, Rule, ModelVersion, Setting, Version)
_PAGE = 400


@contextmanager
def scratch(folder: Path) -> Iterator[Database]:
    """An empty scratch database in this folder, gone afterwards; what a killed load left there is thrown away."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = Database(f"sqlite:///{folder.resolve() / 'scratch.db'}", pool_size=1)
    try:
        Base.metadata.create_all(database.engine)
        yield database
    finally:
        database.dispose()
        shutil.rmtree(folder, ignore_errors=True)


def furnish(live: Session, aside: Session, contact_ids: Sequence[str]) -> None:
    """Copy the house as it is now, and these contacts with their homes."""
    for model in _HOUSE:
        _copy(live, aside, table_of(model))
    _copy(live, aside, table_of(Contact), key="id", values=contact_ids)
    _copy(live, aside, table_of(Property), key="contact_id", values=contact_ids)


def rows_of(
    session: Session, table: Table, *, key: str | None = None, values: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """A table's rows as dictionaries; `key` narrows them to those whose column has one of `values`."""
    if key is None:
        return [dict(row._mapping) for row in session.execute(select(table))]
    found: list[dict[str, Any]] = []
    for start in range(0, len(values), _PAGE):
        page = select(table).where(table.c[key].in_(values[start : start + _PAGE]))
        found.extend(dict(row._mapping) for row in session.execute(page))
    return found


def _copy(
    source: Session, target: Session, table: Table, *, key: str | None = None, values: Sequence[str] = ()
) -> None:
    rows = rows_of(source, table, key=key, values=values)
    if rows:
        target.execute(insert(table), rows)
