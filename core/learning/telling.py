"""Telling admins what the loop changed or what worries it, once."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import delivery
from core.db.tables import User
from core.delivery import Kind, Notice
from core.delivery.saying import Saying
from core.words import Priority, Role


def admins(session: Session, text: str | Saying, *, occasion: str, now: datetime) -> None:
    """One notice to every active admin; the same occasion twice is one."""
    people = session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active))
    delivery.enqueue(
        session,
        [
            Notice(
                alert_id=None,
                user_id=user_id,
                kind=Kind.ADMIN_NOTICE,
                priority=Priority.MEDIUM,
                occasion=occasion[:60],
                text=text,
            )
            for user_id in people
        ],
        now=now,
    )
