"""Version counters: whoever changes what processes keep in memory bumps one, and each process compares."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.dialect import upsert
from core.db.tables import Version

_SEEN = "versions"
_LATE = "versions.late"


def bump(session: Session, name: str) -> None:
    """Say that every in-memory copy of `name` ("routing", "models") is stale once this transaction commits."""
    statement = upsert(session, Version).values(name=name, number=1)
    session.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"number": Version.__table__.c.number + 1})
    )
    session.info.pop(_SEEN, None)


def bump_at_commit(session: Session, name: str) -> None:
    """`bump` as one of the transaction's last statements (`flush`).

    A counter is one row for everybody: who held it while waiting for other rows (two agents whose profiles are changed)
    would stand in the way of who has those and wants the counter.
    """
    late = session.info.setdefault(_LATE, {})
    late[name] = late.get(name, 0) + 1


def flush(session: Session) -> None:
    """Write what is to be bumped at the commit; the unit of work calls it just before."""
    for name in sorted(session.info.pop(_LATE, {})):
        bump(session, name)


def is_own(session: Session, name: str) -> bool:
    """Whether this transaction bumps it: what it reads now is known to nobody else, and may still be rolled back."""
    return name in session.info.get(_LATE, {})


def number(session: Session, name: str) -> int:
    """A counter as this transaction first saw it: all are read at once, because a pass of the line asks for five."""
    seen = session.info.get(_SEEN)
    if seen is None or seen[0] is not session.get_transaction():
        rows = session.execute(select(Version.name, Version.number)).all()
        seen = session.info[_SEEN] = (session.get_transaction(), {row.name: row.number for row in rows})
    found: int = seen[1].get(name, 0)
    return found + int(session.info.get(_LATE, {}).get(name, 0))


def look_again(session: Session) -> None:
    """Read the counters anew when next asked: this transaction has waited for others meanwhile."""
    session.info.pop(_SEEN, None)
