"""Agents and teams, as lists."""

from fastapi import APIRouter
from starlette.responses import Response

from app.api import alert_shapes as shapes
from app.api.deps import Caller, Db, Now
from core.views import agents

router = APIRouter(tags=["people"])


@router.get("/agents", summary="The agents the caller may see")
def list_agents(db: Db, viewer: Caller, now: Now) -> Response:
    """An admin's all, a manager's teams, an agent's own team, with their load and capacity."""
    with db.read() as session:
        rows = agents.list_agents(session, viewer, now=now)
    return shapes.answer({"items": shapes.camel(rows), "nextCursor": None})


@router.get("/teams", summary="The teams the caller belongs to or manages")
def list_teams(db: Db, viewer: Caller) -> Response:
    """An admin's all, with how many agents each has and how loaded they are together."""
    with db.read() as session:
        rows = agents.list_teams(session, viewer)
    return shapes.answer({"items": shapes.camel(rows), "nextCursor": None})
