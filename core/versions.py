"""Version counters: whoever changes what processes keep in memory bumps one, and each process compares."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.dialect import upsert
from core.db.tables import Version


def bump(session: Session, name: str) -> None:
    """Say that every in-memory copy of `name` ("routing", "models") is stale once this transaction commits."""
    statement = upsert(session, Version).values(name=name, number=1)
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"number": Version.__table__.c.number + 1})
    )


def number(session: Session, name: str) -> int:
    return session.scalar(select(Version.number).where(Version.name == name)) or 0
