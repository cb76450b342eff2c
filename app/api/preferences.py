"""How one is told: preferences read and changed, with what would happen now; a manager's look at their teams', an admin's at everybody's."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body
from sqlalchemy.orm import Session
from starlette.responses import Response

from app.api import alert_shapes as shapes
from app.api.deps import Caller, Manager, Now, RuntimeOf
from app.api.routing import PathId, Version
from app.runtime import Runtime
from core import delivery
from core.delivery import preferences
from core.viewer import Viewer
from core.views import delivery_outlook, told_people

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
        return _answer(session, viewer.user_id, viewer, runtime, now=now)


@router.put("/me/preferences", summary="Change how one is told")
def change_own(body: Changes, viewer: Caller, runtime: RuntimeOf, now: Now, version: Version = None) -> Response:
    with runtime.database.write() as session:
        preferences.save(session, viewer.user_id, body, actor_id=viewer.user_id, version=version, now=now)
        return _answer(session, viewer.user_id, viewer, runtime, now=now)


@router.get("/users/{user_id}/preferences", summary="How somebody is told")
def of_somebody(user_id: PathId, viewer: Manager, runtime: RuntimeOf, now: Now) -> Response:
    """A manager's: of those in their teams. Where nobody is who they may see, 404."""
    with runtime.database.read() as session:
        told_people.get_person(session, viewer, user_id)
        return _answer(session, user_id, viewer, runtime, now=now)


@router.put("/users/{user_id}/preferences", summary="Change how somebody is told; it is audited as yours")
def change_of_somebody(
    user_id: PathId, body: Changes, viewer: Manager, runtime: RuntimeOf, now: Now, version: Version = None
) -> Response:
    with runtime.database.write() as session:
        told_people.get_person(session, viewer, user_id)
        preferences.save(session, user_id, body, actor_id=viewer.user_id, version=version, now=now)
        return _answer(session, user_id, viewer, runtime, now=now)


def _answer(session: Session, user_id: str, viewer: Viewer, runtime: Runtime, *, now: datetime) -> Response:
    chosen = preferences.load(session, [user_id])[user_id]
    ready = delivery.set_up(runtime.settings)
    found = delivery_outlook.outlook(session, user_id, set_up=ready, reader=viewer.user_id, now=now)
    return shapes.answer(preferences.wire(chosen) | {"version": chosen.version} | shapes.camel(found))
