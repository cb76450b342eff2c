"""Alerts: found, looked at, worked on and closed."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, StringConstraints
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.api import agents, alert_scoring
from app.api import alert_shapes as shapes
from app.api.alert_shapes import (
    NO_NUL,
    OLDER_NAMES,
    AlertDetailOut,
    AlertId,
    AlertOut,
    AlertPage,
    BulkDismissIn,
    BulkOut,
    BulkStatusIn,
    OutcomeIn,
    SnoozeIn,
    StatusIn,
    StatusWord,
    UserId,
)
from app.api.deps import Caller, Db, Now
from core import alerts, changes, people
from core.alerts import Result
from core.db import Database
from core.errors import Conflict, Invalid
from core.viewer import Viewer
from core.views import alert_stats, feed
from core.views.feed import Filters
from core.words import Priority, Status

_Text = Annotated[str, StringConstraints(max_length=200, pattern=NO_NUL)]
_Values = Annotated[list[_Text], Query(max_length=200)]
_Cursor = Annotated[str | None, Query(max_length=1000)]
_Limit = Annotated[int, Query(ge=1, le=200)]
_Sort = Annotated[Literal["urgent", "newest", "confidence"], Query()]

_alerts = APIRouter(tags=["alerts"])


@_alerts.get("", summary="Alerts, filtered and sorted", responses={200: {"model": AlertPage}})
def list_alerts(
    db: Db,
    viewer: Caller,
    now: Now,
    type: _Values = [],  # noqa: B006  FastAPI copies it
    status: Annotated[list[StatusWord], Query(max_length=20)] = [],  # noqa: B006
    priority: Annotated[list[Priority], Query(max_length=20)] = [],  # noqa: B006
    agent_id: Annotated[list[_Text], Query(alias="agentId", max_length=200)] = [],  # noqa: B006
    user_id: Annotated[_Text | None, Query(alias="userId")] = None,
    territory: Annotated[_Text | None, Query()] = None,
    min_confidence: Annotated[float | None, Query(alias="minConfidence", ge=0, le=1)] = None,
    opened_from: Annotated[AwareDatetime | None, Query(alias="openedFrom")] = None,
    opened_to: Annotated[AwareDatetime | None, Query(alias="openedTo")] = None,
    text: Annotated[_Text, Query()] = "",
    snoozed: Annotated[bool | None, Query()] = None,
    open: Annotated[bool, Query()] = False,
    sort: _Sort = "urgent",
    cursor: _Cursor = None,
    limit: _Limit = 25,
) -> Response:
    """What the caller may see: an agent's own and the pool, a manager's teams and the pool, an admin's everything.

    `type`, `status`, `priority` and `agentId` may be repeated; `agentId=unassigned` is the pool. `openedTo` is
    exclusive. `snoozed=false` hides what is snoozed now, `true` shows only that.
    """
    filters = Filters(
        types=tuple(type),
        statuses=tuple(OLDER_NAMES.get(word, Status(word) if word in set(Status) else Status.NEW) for word in status),
        priorities=tuple(priority),
        agent_ids=tuple(agent_id),
        territory=territory,
        min_confidence=min_confidence,
        opened_from=opened_from,
        opened_to=opened_to,
        text=text,
        snoozed=snoozed,
        open_only=open,
        user_id=user_id,
    )
    return _page(db, viewer, filters, sort=sort, cursor=cursor, limit=limit, now=now)


@_alerts.get("/stats", summary="What is open, and what happened today")
def stats(db: Db, viewer: Caller, now: Now) -> Response:
    """Of the alerts the caller may see. `right` is the share of right alerts among final outcomes, with its interval."""
    with db.read() as session:
        return shapes.answer(shapes.camel(alert_stats.alert_stats(session, viewer, now=now)))


@_alerts.get("/user/{user_id}", summary="One contact's alerts, newest first", responses={200: {"model": AlertPage}})
def of_user(
    user_id: UserId,
    db: Db,
    viewer: Caller,
    now: Now,
    open: Annotated[bool, Query()] = False,
    cursor: _Cursor = None,
    limit: _Limit = 25,
) -> Response:
    """404 when there is no such contact, or none that the caller may know of."""
    filters = Filters(user_id=user_id, snoozed=None, open_only=open)
    with db.read() as session:
        change_id = changes.newest_id(session)
        page = feed.list_alerts(session, viewer, filters, sort="newest", cursor=cursor, limit=limit, now=now)
        if not page.items:
            people.get_contact(session, viewer, user_id)
    items = [shapes.alert(card, change_id=change_id) for card in page.items]
    return shapes.answer({"items": items, "nextCursor": page.next_cursor})


@_alerts.patch("/bulk/status", summary="The same step for up to 5,000 alerts", responses={200: {"model": BulkOut}})
def bulk_status(body: BulkStatusIn, db: Db, viewer: Caller, now: Now) -> Response:
    """Those that may take the step do; each of the others says why not."""
    status = OLDER_NAMES.get(body.status) or Status(body.status)
    with db.write() as session:
        results = alerts.bulk(
            session, body.alert_ids, status, viewer=viewer, reason=body.reason, notes=body.notes, now=now
        )
    return _results(results)


@_alerts.post("/bulk/dismiss", summary="Dismiss up to 5,000 alerts", responses={200: {"model": BulkOut}})
def bulk_dismiss(body: BulkDismissIn, db: Db, viewer: Caller, now: Now) -> Response:
    """A result for each. Only the reason `no_interest` says that an alert was wrong."""
    with db.write() as session:
        results = alerts.bulk(
            session, body.alert_ids, Status.DISMISSED, viewer=viewer, reason=body.reason, notes=body.notes, now=now
        )
    return _results(results)


@_alerts.get("/{alert_id}", summary="One alert in full", responses={200: {"model": AlertDetailOut}})
def get_alert(alert_id: AlertId, db: Db, viewer: Caller, now: Now) -> Response:
    """With its explanation, signals, timeline, assignments, newest decision, outcome, contact and legal next steps."""
    return _detail(db, viewer, alert_id, now=now)


@_alerts.patch("/{alert_id}/status", summary="Take the next step", responses={200: {"model": AlertOut}})
def set_status(alert_id: AlertId, body: StatusIn, db: Db, viewer: Caller, now: Now) -> Response:
    """Steps go forward and may skip; an illegal one is refused with 409 and names the legal ones.

    DISMISSED needs a `reason`; CONVERTED takes `value`, `transactionType` and `contactMethods`; SNOOZED needs `until`.
    """
    with db.write() as session:
        _step(session, alert_id, body, viewer=viewer, now=now)
    return _one(db, viewer, alert_id, now=now)


@_alerts.post("/{alert_id}/snooze", summary="Hide it until then", responses={200: {"model": AlertOut}})
def snooze(alert_id: AlertId, body: SnoozeIn, db: Db, viewer: Caller, now: Now) -> Response:
    """`until` at most 30 days ahead; null shows it again."""
    with db.write() as session:
        if body.until is None:
            alerts.unsnooze(session, alert_id, viewer=viewer, now=now)
        else:
            alerts.snooze(session, alert_id, viewer=viewer, until=body.until, now=now)
    return _one(db, viewer, alert_id, now=now)


@_alerts.post("/{alert_id}/undo", summary="Take the last action back", responses={200: {"model": AlertOut}})
def undo(alert_id: AlertId, db: Db, viewer: Caller, now: Now) -> Response:
    """Within 10 minutes, by whoever did it, a manager or an admin."""
    with db.write() as session:
        alerts.undo(session, alert_id, viewer=viewer, now=now)
    return _one(db, viewer, alert_id, now=now)


@_alerts.post("/{alert_id}/outcome", summary="Record what really happened", responses={200: {"model": AlertDetailOut}})
def outcome(alert_id: AlertId, body: OutcomeIn, db: Db, viewer: Caller, now: Now) -> Response:
    """`converted` closes an open alert as CONVERTED. TRUE_NEGATIVE and FALSE_NEGATIVE are refused with 422."""
    with db.write() as session:
        alerts.record_outcome(
            session,
            alert_id,
            body.outcome,
            viewer=viewer,
            converted=body.converted,
            value=body.value,
            transaction_type=body.transaction_type,
            reason=body.reason,
            notes=body.notes,
            contact_methods=body.contact_methods,
            now=now,
        )
    return _detail(db, viewer, alert_id, now=now)


def _step(session: Session, alert_id: str, body: StatusIn, *, viewer: Viewer, now: datetime) -> None:
    if body.status == "SNOOZED":
        if body.until is None:
            raise Invalid("Say until when.", fields={"until": "needed with SNOOZED"})
        alerts.snooze(session, alert_id, viewer=viewer, until=body.until, now=now)
        return
    match OLDER_NAMES.get(body.status) or Status(body.status):
        case Status.ACKNOWLEDGED:
            alerts.acknowledge(session, alert_id, viewer=viewer, now=now)
        case Status.IN_PROGRESS:
            alerts.start(session, alert_id, viewer=viewer, now=now)
        case Status.CONTACTED:
            alerts.contact(session, alert_id, viewer=viewer, now=now)
        case Status.CONVERTED:
            alerts.convert(
                session,
                alert_id,
                viewer=viewer,
                value=body.value,
                transaction_type=body.transaction_type,
                notes=body.notes,
                contact_methods=body.contact_methods,
                now=now,
            )
        case Status.DISMISSED:
            alerts.dismiss(session, alert_id, viewer=viewer, reason=body.reason or "", notes=body.notes, now=now)
        case status:
            found = Status(feed.get_alert(session, viewer, alert_id, now=now).card.status)
            legal = ", ".join(alerts.steps(found))
            can = f"it can become {legal}" if legal else "it is closed"
            raise Conflict(f"An alert that is {found} cannot become {status}; {can}.")


def _page(
    db: Database, viewer: Viewer, filters: Filters, *, sort: feed.Sort, cursor: str | None, limit: int, now: datetime
) -> Response:
    with db.read() as session:
        change_id = changes.newest_id(session)
        page = feed.list_alerts(session, viewer, filters, sort=sort, cursor=cursor, limit=limit, now=now)
    items = [shapes.alert(card, change_id=change_id) for card in page.items]
    return shapes.answer({"items": items, "nextCursor": page.next_cursor})


def _one(db: Database, viewer: Viewer, alert_id: str, *, now: datetime) -> Response:
    with db.read() as session:
        change_id = changes.newest_id(session)
        return shapes.answer(shapes.alert(feed.get_card(session, viewer, alert_id, now=now), change_id=change_id))


def _detail(db: Database, viewer: Viewer, alert_id: str, *, now: datetime) -> Response:
    with db.read() as session:
        change_id = changes.newest_id(session)
        return shapes.answer(shapes.detail(feed.get_alert(session, viewer, alert_id, now=now), change_id=change_id))


def _results(results: list[Result]) -> Response:
    each = [{"id": one.alert_id, "ok": one.ok, "status": one.status, "error": one.error} for one in results]
    return shapes.answer({"changed": sum(one.ok for one in results), "results": each})


router = APIRouter()
# Static segments before {id}.
router.include_router(alert_scoring.router, prefix="/alerts")
router.include_router(_alerts, prefix="/alerts")
router.include_router(agents.router)
