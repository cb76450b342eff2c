"""The caller's own inbox: list, read, unread, archive, snooze."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field, StringConstraints
from starlette.responses import Response

from app.api import alert_shapes as shapes
from app.api.alert_shapes import NO_NUL
from app.api.deps import Caller, Camel, Db, Now
from core import inbox
from core.views import notifications

router = APIRouter(prefix="/notifications", tags=["notifications"])

_Ids = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]],
    Field(min_length=1, max_length=inbox.MAX_AT_ONCE),
]


class Some(Camel):
    ids: _Ids


class SomeOrAll(Camel):
    ids: _Ids | None = None
    """Left out: all of them."""


class Snoozed(Some):
    until: AwareDatetime


class Changed(Camel):
    changed: int
    unread: int


@router.get("", summary="The inbox, newest first")
def list_notifications(
    db: Db,
    viewer: Caller,
    now: Now,
    unread: Annotated[bool, Query()] = False,
    archived: Annotated[bool, Query()] = False,
    snoozed: Annotated[bool, Query()] = False,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 25,
) -> Response:
    """`unread=true` for those alone; `archived=true` for what was put away, `snoozed=true` for what is hidden for now. `unread` in the answer counts them all."""
    with db.read() as session:
        page = notifications.list_notifications(
            session,
            viewer,
            unread_only=unread,
            archived=archived,
            snoozed=snoozed,
            cursor=cursor,
            limit=limit,
            now=now,
        )
        waiting = notifications.unread_count(session, viewer, now=now)
    return shapes.answer({"items": shapes.camel(page.items), "nextCursor": page.next_cursor, "unread": waiting})


@router.post("/read", summary="Mark as read")
def read(body: SomeOrAll, db: Db, viewer: Caller, now: Now) -> Changed:
    """Those named, or all. A name that is not in the caller's inbox is refused with 404, and nothing is changed."""
    with db.write() as session:
        changed = inbox.mark_read(session, viewer, body.ids, now=now)
        return Changed(changed=changed, unread=notifications.unread_count(session, viewer, now=now))


@router.post("/unread", summary="Mark as not read")
def unread(body: Some, db: Db, viewer: Caller, now: Now) -> Changed:
    with db.write() as session:
        changed = inbox.mark_unread(session, viewer, body.ids, now=now)
        return Changed(changed=changed, unread=notifications.unread_count(session, viewer, now=now))


@router.post("/archive", summary="Put away")
def archive(body: Some, db: Db, viewer: Caller, now: Now) -> Changed:
    with db.write() as session:
        changed = inbox.archive(session, viewer, body.ids, now=now)
        return Changed(changed=changed, unread=notifications.unread_count(session, viewer, now=now))


@router.post("/unarchive", summary="Take back into the inbox")
def unarchive(body: Some, db: Db, viewer: Caller, now: Now) -> Changed:
    with db.write() as session:
        changed = inbox.unarchive(session, viewer, body.ids, now=now)
        return Changed(changed=changed, unread=notifications.unread_count(session, viewer, now=now))


@router.post("/snooze", summary="Hide until a time, and be unread again then")
def snooze(body: Snoozed, db: Db, viewer: Caller, now: Now) -> Changed:
    with db.write() as session:
        changed = inbox.snooze(session, viewer, body.ids, until=body.until, now=now)
        return Changed(changed=changed, unread=notifications.unread_count(session, viewer, now=now))


@router.post("/unsnooze", summary="Show again what was hidden")
def unsnooze(body: Some, db: Db, viewer: Caller, now: Now) -> Changed:
    with db.write() as session:
        changed = inbox.unsnooze(session, viewer, body.ids, now=now)
        return Changed(changed=changed, unread=notifications.unread_count(session, viewer, now=now))
