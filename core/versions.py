"""Version counters: whoever changes what processes keep in memory bumps one, and each process compares."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.dialect import upsert
from core.db.tables import Version

_SEEN = "versions"


def bump(session: Session, name: str) -> None:
    """Say that every in-memory copy of `name` ("routing", "models") is stale once this transaction commits."""
    statement = upsert(session, Version).values(name=name, number=1)
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"number": Version.__table__.c.number + 1})
    )
    session.info.pop(_SEEN, None)


def number(session: Session, name: str) -> int:
    """A counter as this transaction first saw it: all are read at once, because a pass of the line asks for five."""
    seen = session.info.get(_SEEN)
    if seen is None or seen[0] is not session.get_transaction():
        rows = session.execute(select(Version.name, Version.number)).all()
        seen = session.info[_SEEN] = (session.get_transaction(), {row.name: row.number for row in rows})
    found: int = seen[1].get(name, 0)
    return found
