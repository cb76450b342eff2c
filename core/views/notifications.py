"""A person's inbox: what they were told, newest first. Changing it is core.inbox."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.orm import Session

from core import inbox
from core.db.tables import Notification
from core.viewer import Viewer
from core.views.page import Page, checked_limit, cursor_of, key_of

_KIND = "inbox"


@dataclass(frozen=True, kw_only=True)
class NotificationRow:
    id: str
    alert_id: str | None
    title: str
    body: str
    created_at: datetime
    read_at: datetime | None
    archived_at: datetime | None
    snoozed_until: datetime | None
    """Hidden until then."""


def list_notifications(
    session: Session,
    viewer: Viewer,
    *,
    unread_only: bool = False,
    archived: bool = False,
    snoozed: bool = False,
    cursor: str | None = None,
    limit: int = 25,
    now: datetime,
) -> Page[NotificationRow]:
    """One page of this viewer's own inbox, or of what they put away (`archived`) or snoozed."""
    checked_limit(limit)
    put_away = Notification.archived_at.is_not(None) if archived else Notification.archived_at.is_(None)
    where = [Notification.user_id == viewer.user_id, put_away]
    if not archived:
        where.append(inbox.is_hidden(now=now) if snoozed else ~inbox.is_hidden(now=now))
    if unread_only:
        where.append(Notification.read_at.is_(None))
    if cursor:
        at, last_id = key_of(cursor, _KIND, (datetime, str))
        here = tuple_(Notification.created_at, Notification.id)
        where.append(here < tuple_(literal(at, Notification.created_at.type), literal(last_id)))
    rows = session.execute(
        select(
            Notification.id,
            Notification.alert_id,
            Notification.title,
            Notification.body,
            Notification.created_at,
            Notification.read_at,
            Notification.archived_at,
            Notification.snoozed_until,
        )
        .where(*where)
        .order_by(Notification.created_at.desc(), Notification.id.desc())
        .limit(limit + 1)
    ).all()
    items = tuple(NotificationRow(**row._mapping) for row in rows[:limit])
    more = len(rows) > limit
    return Page(items=items, next_cursor=cursor_of(_KIND, items[-1].created_at, items[-1].id) if more else None)


def unread_count(session: Session, viewer: Viewer, *, now: datetime) -> int:
    """How many wait unread in this viewer's inbox."""
    where = (
        Notification.user_id == viewer.user_id,
        Notification.read_at.is_(None),
        Notification.archived_at.is_(None),
        ~inbox.is_hidden(now=now),
    )
    return session.scalar(select(func.count()).select_from(Notification).where(*where)) or 0
