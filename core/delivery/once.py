"""What may be done once and comes again: a link that acts, a provider's request that somebody sends anew."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.db import dialect
from core.db.tables.reaching import UsedLink


def take(session: Session, name: str, *, until: datetime, now: datetime) -> bool:
    """Whether this is the first time; it is remembered until then.

    Args:
        name: at most 64 characters, no secret.
    """
    taken = session.execute(
        dialect.upsert(session, UsedLink)
        .values(id=name[:64], used_at=now, expires_at=until)
        .on_conflict_do_nothing()
        .returning(UsedLink.id)
    )
    return taken.scalar_one_or_none() is not None
