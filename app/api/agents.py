"""Agents: the list, their time off with who covers, and "I am here" for who was paused."""

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, Field, StringConstraints
from starlette.responses import Response as Plain

from app.api import alert_shapes as shapes
from app.api.deps import Caller, Camel, Db, Now
from app.api.routing import Id, PathId
from core import delivery
from core.routing import pausing, time_off
from core.views import agents

router = APIRouter(tags=["people"])

Reason = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]


class TimeOffIn(Camel):
    """Whole local days (`firstDay` to `lastDay`, both included), or instants (`startsAt` to `endsAt`)."""

    first_day: date | None = None
    last_day: date | None = None
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    cover_agent_id: Id | None = None
    """Who answers meanwhile for what would go to the agent."""
    reason: Reason = ""


class TimeOffOut(Camel):
    id: str
    agent_id: str
    agent_name: str
    starts_at: datetime
    ends_at: datetime
    first_day: date | None
    """Null where it is hours."""
    last_day: date | None
    cover_agent_id: str | None
    cover_name: str | None
    reason: str
    doubts: list[str] = Field(default_factory=list)
    """What is odd about it, such as a cover who is away too; told on saving."""


class TimeOffList(Camel):
    items: list[TimeOffOut]


class ResumedOut(Camel):
    resumed: bool
    """False: the agent was not paused."""


@router.get("/agents", summary="The agents the caller may see")
def list_agents(db: Db, viewer: Caller, now: Now) -> Plain:
    """An admin's all, a manager's teams, an agent's own team, with their load and capacity."""
    with db.read() as session:
        rows = agents.list_agents(session, viewer, now=now)
    return shapes.answer({"items": shapes.camel(rows), "nextCursor": None})


@router.get("/teams", summary="The teams the caller belongs to or manages")
def list_teams(db: Db, viewer: Caller) -> Plain:
    """An admin's all, with how many agents each has and how loaded they are together."""
    with db.read() as session:
        rows = agents.list_teams(session, viewer)
    return shapes.answer({"items": shapes.camel(rows), "nextCursor": None})


@router.get("/agents/{agent_id}/time-off", summary="An agent's time off")
def list_time_off(
    agent_id: PathId,
    db: Db,
    viewer: Caller,
    now: Now,
    past: Annotated[bool, Query(description="with what is over")] = False,
) -> TimeOffList:
    """Oldest first; an agent sees their own, a manager their teams'."""
    with db.read() as session:
        found = time_off.list_time_off(session, viewer, agent_id=agent_id, since=None if past else now)
    return TimeOffList(items=[_shown(one) for one in found])


@router.post("/agents/{agent_id}/time-off", status_code=201, summary="Give an agent time off")
def add_time_off(agent_id: PathId, body: TimeOffIn, db: Db, viewer: Caller, now: Now) -> TimeOffOut:
    """Agents for themselves, managers for their teams. What would go to the agent by name goes to who covers."""
    with db.write() as session:
        saved = time_off.add(session, agent_id, _written(body), viewer=viewer, now=now)
        delivery.tell_cover(session, saved.off, by=viewer.user_id, now=now)
    return _shown(saved.off, saved.doubts)


@router.patch("/time-off/{time_off_id}", summary="Change a time off that is not over")
def change_time_off(time_off_id: PathId, body: TimeOffIn, db: Db, viewer: Caller, now: Now) -> TimeOffOut:
    with db.write() as session:
        saved = time_off.change(session, time_off_id, _written(body), viewer=viewer, now=now)
        delivery.tell_cover(session, saved.off, before=saved.before, by=viewer.user_id, now=now)
    return _shown(saved.off, saved.doubts)


@router.delete("/time-off/{time_off_id}", status_code=204, summary="Take a time off back")
def remove_time_off(time_off_id: PathId, db: Db, viewer: Caller, now: Now) -> Response:
    """What has begun ends now and is kept; what has not is deleted; what is over is refused (409)."""
    with db.write() as session:
        before = time_off.remove(session, time_off_id, viewer=viewer, now=now)
        delivery.tell_cover(session, None, before=before, by=viewer.user_id, now=now)
    return Response(status_code=204)


@router.post("/agents/{agent_id}/resume", summary="A paused agent is here again")
def resume(agent_id: PathId, db: Db, viewer: Caller, now: Now) -> ResumedOut:
    """Agents for themselves, managers for their teams."""
    with db.write() as session:
        return ResumedOut(resumed=pausing.resume(session, agent_id, viewer=viewer, now=now))


def _written(body: TimeOffIn) -> dict[str, Any]:
    return body.model_dump(exclude_unset=True)


def _shown(off: time_off.Off, doubts: tuple[str, ...] = ()) -> TimeOffOut:
    first, last = off.days or (None, None)
    return TimeOffOut(
        id=off.id,
        agent_id=off.agent_id,
        agent_name=off.agent_name,
        starts_at=off.starts_at,
        ends_at=off.ends_at,
        first_day=first,
        last_day=last,
        cover_agent_id=off.cover_agent_id,
        cover_name=off.cover_name,
        reason=off.reason,
        doubts=list(doubts),
    )
