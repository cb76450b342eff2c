"""How one is told: preferences read and changed, with what would happen now; an admin's look at everybody's."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.api import alert_shapes as shapes
from app.api.deps import Admin, Caller, Now, RuntimeOf
from app.api.routing import PathId, Version
from app.runtime import Runtime
from core import delivery
from core.db.tables import User
from core.delivery import preferences
from core.errors import NotFound
from core.views import delivery_outlook

router = APIRouter(tags=["delivery"])

Changes = Annotated[
    dict[str, Any],
    Body(
        description="Any of matrix, digests, digestAt, quietHours, workingHoursOnly, criticalBypasses, gatherAfter, "
        "language; what is not named stays"
    ),
]


@router.get("/me/preferences", summary="How the caller is told, and what would happen now")
def own(viewer: Caller, runtime: RuntimeOf, now: Now) -> Response:
    with runtime.database.read() as session:
        return _answer(session, viewer.user_id, runtime, now=now)


@router.put("/me/preferences", summary="Change how one is told")
def change_own(body: Changes, viewer: Caller, runtime: RuntimeOf, now: Now, version: Version = None) -> Response:
    with runtime.database.write() as session:
        preferences.save(session, viewer.user_id, body, actor_id=viewer.user_id, version=version, now=now)
        return _answer(session, viewer.user_id, runtime, now=now)


@router.get("/users/{user_id}/preferences", summary="How somebody is told")
def of_somebody(user_id: PathId, _viewer: Admin, runtime: RuntimeOf, now: Now) -> Response:
    with runtime.database.read() as session:
        _there(session, user_id)
        return _answer(session, user_id, runtime, now=now)


@router.put("/users/{user_id}/preferences", summary="Change how somebody is told; it is audited as yours")
def change_of_somebody(
    user_id: PathId, body: Changes, viewer: Admin, runtime: RuntimeOf, now: Now, version: Version = None
) -> Response:
    with runtime.database.write() as session:
        _there(session, user_id)
        preferences.save(session, user_id, body, actor_id=viewer.user_id, version=version, now=now)
        return _answer(session, user_id, runtime, now=now)


def _there(session: Session, user_id: str) -> None:
    if session.get(User, user_id) is None:
        raise NotFound("There is no such user.")


def _answer(session: Session, user_id: str, runtime: Runtime, *, now: datetime) -> Response:
    chosen = preferences.load(session, [user_id])[user_id]
    found = delivery_outlook.outlook(session, user_id, set_up=delivery.set_up(runtime.settings), now=now)
    return shapes.answer(preferences.wire(chosen) | {"version": chosen.version} | shapes.camel(found))
