"""A person's inbox: what they were told, newest first; what was snoozed stands where it came back. Changing it is core.inbox."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal, select, tuple_
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
    shown_at: datetime
    """Its place in the list: when it was told, or came back from being snoozed."""

    @property
    def is_back(self) -> bool:
        return self.shown_at != self.created_at


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
    after = key_of(cursor, _KIND, (datetime, str)) if cursor else None
    back = Notification.snoozed_until.is_not(None) & ~inbox.is_hidden(now=now)
    # Two reads and not one sorted by either time: the first comes from the index, and few were ever snoozed.
    rows = [
        *_newest(session, [*where, ~back], Notification.created_at, after, limit=limit + 1),
        *_newest(session, [*where, back], Notification.snoozed_until, after, limit=limit + 1),
    ]
    rows.sort(key=lambda row: (row.shown_at, row.id), reverse=True)
    items, more = tuple(rows[:limit]), len(rows) > limit
    return Page(items=items, next_cursor=cursor_of(_KIND, items[-1].shown_at, items[-1].id) if more else None)


def _newest(
    session: Session, where: Sequence[ColumnElement[bool]], shown_at: Any, after: Sequence[Any] | None, *, limit: int
) -> list[NotificationRow]:
    """The newest of these by the column that says when they are shown, after a place in the list."""
    query = select(
        Notification.id,
        Notification.alert_id,
        Notification.title,
        Notification.body,
        Notification.created_at,
        Notification.read_at,
        Notification.archived_at,
        Notification.snoozed_until,
        shown_at.label("shown_at"),
    ).where(*where)
    if after is not None:
        query = query.where(
            tuple_(shown_at, Notification.id) < tuple_(literal(after[0], shown_at.type), literal(after[1]))
        )
    rows = session.execute(query.order_by(shown_at.desc(), Notification.id.desc()).limit(limit))
    return [NotificationRow(**row._mapping) for row in rows]


def next_back(session: Session, viewer: Viewer, *, now: datetime) -> datetime | None:
    """When the next of this viewer's snoozed notices comes back; None while nothing is snoozed."""
    return session.scalar(
        select(func.min(Notification.snoozed_until)).where(
            Notification.user_id == viewer.user_id, Notification.archived_at.is_(None), inbox.is_hidden(now=now)
        )
    )


def unread_count(session: Session, viewer: Viewer, *, now: datetime) -> int:
    """How many wait unread in this viewer's inbox."""
    where = (
        Notification.user_id == viewer.user_id,
        Notification.read_at.is_(None),
        Notification.archived_at.is_(None),
        ~inbox.is_hidden(now=now),
    )
    return session.scalar(select(func.count()).select_from(Notification).where(*where)) or 0
