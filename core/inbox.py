"""What a person does with their inbox: read, unread, archive, snooze. Only ever their own."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, false, select, update
from sqlalchemy.orm import Session

from core import audit
from core.db.tables import Notification
from core.errors import Invalid, NotFound
from core.viewer import Viewer

MAX_AT_ONCE = 1000
LONGEST_SNOOZE = timedelta(days=366)


def mark_read(session: Session, viewer: Viewer, notification_ids: Sequence[str] | None = None, *, now: datetime) -> int:
    """Mark these (None: all that are shown) as read; returns how many were unread.

    Raises:
        NotFound: one of them is not in this viewer's inbox; nothing is changed.
    """
    return _change(
        session, viewer, notification_ids, "read", read_at=now, unless=Notification.read_at.is_not(None), now=now
    )


def mark_unread(session: Session, viewer: Viewer, notification_ids: Sequence[str], *, now: datetime) -> int:
    """Mark these as not read; returns how many were read."""
    return _change(
        session, viewer, notification_ids, "unread", read_at=None, unless=Notification.read_at.is_(None), now=now
    )


def archive(session: Session, viewer: Viewer, notification_ids: Sequence[str], *, now: datetime) -> int:
    """Put these away; returns how many were not."""
    already = Notification.archived_at.is_not(None)
    return _change(session, viewer, notification_ids, "archived", archived_at=now, unless=already, now=now)


def unarchive(session: Session, viewer: Viewer, notification_ids: Sequence[str], *, now: datetime) -> int:
    """Take these back into the inbox; returns how many were away."""
    already = Notification.archived_at.is_(None)
    return _change(session, viewer, notification_ids, "unarchived", archived_at=None, unless=already, now=now)


def snooze(session: Session, viewer: Viewer, notification_ids: Sequence[str], *, until: datetime, now: datetime) -> int:
    """Hide these until then, when they are unread again; returns how many.

    Raises:
        Invalid: `until` is not to come, or more than a year away.
        NotFound: one of them is not in this viewer's inbox; nothing is changed.
    """
    if not now < until <= now + LONGEST_SNOOZE:
        raise Invalid("Snoozed until when?", fields={"until": "a time to come, within a year"})
    never: Any = false()
    values = {"snoozed_until": until, "read_at": None}
    return _change(session, viewer, notification_ids, "snoozed", unless=never, now=now, **values)


def unsnooze(session: Session, viewer: Viewer, notification_ids: Sequence[str], *, now: datetime) -> int:
    """Show these again; returns how many were hidden."""
    awake = Notification.snoozed_until.is_(None)
    return _change(session, viewer, notification_ids, "unsnoozed", snoozed_until=None, unless=awake, now=now)


def is_hidden(*, now: datetime) -> ColumnElement[bool]:
    """The condition on `notifications` that holds for what is snoozed."""
    return Notification.snoozed_until.is_not(None) & (Notification.snoozed_until > now)


def _change(
    session: Session,
    viewer: Viewer,
    notification_ids: Sequence[str] | None,
    action: str,
    *,
    unless: Any,
    now: datetime,
    **values: datetime | None,
) -> int:
    mine = Notification.user_id == viewer.user_id
    if notification_ids is not None:
        wanted = set(notification_ids)
        found = set(session.scalars(select(Notification.id).where(mine, Notification.id.in_(wanted))))
        if found != wanted:
            raise NotFound("There is no such notification in your inbox.")
    shown = Notification.archived_at.is_(None) & ~is_hidden(now=now)
    which = shown if notification_ids is None else Notification.id.in_(wanted)
    changed = session.scalars(
        update(Notification)
        .where(mine, which, ~unless)
        .values(**values)
        .returning(Notification.id)
        .execution_options(synchronize_session=False)
    ).all()
    if changed:
        audit.record(
            session,
            f"notification.{action}",
            subject_type="user",
            subject_id=viewer.user_id,
            actor_id=viewer.user_id,
            after={"ids": sorted(changed)[:MAX_AT_ONCE], "count": len(changed)},
            now=now,
        )
    return len(changed)
