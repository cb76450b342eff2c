"""Routing over HTTP: route, assign, try; who is free; profiles, assignments, decisions and statistics.

Its paths lie under /alerts and are included before the alerts' own, so that `routing` is never taken for an id.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, StringConstraints
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from app.api.deps import Admin, Caller, Camel, Db, Manager, Now
from core import escalation, routing
from core.db import Database
from core.db.tables import Agent
from core.errors import NotFound
from core.routing import bulk, house_settings, ledger, moves, profiles, reading
from core.routing.dispatch import Routed
from core.routing.strategies import STRATEGIES
from core.viewer import Viewer
from core.views.page import checked_limit, cursor_of, key_of
from core.views.scope import compared_scope
from core.words import Role

router = APIRouter(prefix="/alerts", tags=["routing"])

_PLAIN = r"^[^\x00]*$"
Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*\S[^\x00]*$")]
PathId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*\S[^\x00]*$")]
Said = Annotated[str, StringConstraints(max_length=500, pattern=_PLAIN)]
Version = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="the version you saw; 409 when it moved on")]
_LIST = "routing_assignments"


async def state_of(connection: HTTPConnection, db: Db) -> routing.State:
    """This process's routing state, loaded once; every use compares its version with the database's."""
    found: routing.State | None = getattr(connection.app.state, "routing_state", None)
    if found is None:
        found = connection.app.state.routing_state = load_state(db)
    return found


def load_state(db: Database) -> routing.State:
    with db.read() as session:
        return routing.State.load(session)


RoutingState = Annotated[routing.State, Depends(state_of)]


class RouteIn(Camel):
    alert_ids: list[Id] = Field(min_length=1, max_length=1000)
    exclude_agent_ids: list[Id] = Field(default_factory=list, max_length=1000)
    seed: int | None = Field(default=None, ge=0, le=2**31 - 1)


class AssignIn(Camel):
    alert_id: Id
    agent_id: Id
    reason: Said = ""
    overflow: bool = False
    """Give it even past the agent's capacity."""


class StaleIn(Camel):
    hours: float = Field(default=moves.STALE_HOURS, gt=0, le=8760)
    limit: int = Field(default=500, ge=1, le=1000)


class RoutedOut(Camel):
    alert_id: str
    agent_id: str | None
    decision_id: str | None
    strategy: str
    rule_id: str | None
    reason: str
    overflow: bool
    notify_user_ids: list[str]


class RoutedList(Camel):
    items: list[RoutedOut]


class AvailableOut(Camel):
    id: str
    name: str
    team_id: str | None
    territories: list[str]
    skills: dict[str, int]
    open_alerts: int
    capacity: int
    free: bool
    reason: str | None
    reason_text: str | None
    rank: int | None


class AvailableList(Camel):
    items: list[AvailableOut]


class WorkloadOut(Camel):
    agent_id: str
    name: str
    open_alerts: int
    capacity: int
    share: float
    by_priority: dict[str, int]
    oldest_opened_at: datetime | None
    unacknowledged: int
    assigned_last_7_days: int = Field(alias="assignedLast7Days")


class ProfileIn(Camel):
    """What is not named stays as it is."""

    team_id: Id | None = None
    max_concurrent_alerts: int | None = Field(default=None, ge=0, le=10_000)
    max_units: float | None = None
    """Capacity by what alerts weigh, in quarters; null is no such limit."""
    max_per_day: int | None = Field(default=None, ge=1, le=10_000)
    weight: float | None = Field(default=None, ge=0.1, le=10)
    """Share of turns: 0.5 gets half as many as 1."""
    territories: list[Id] | None = Field(default=None, max_length=200)
    primary_territory: Id | None = None
    skills: dict[str, int] | list[str] | None = None
    """Skill to level, 1 (knows it) to 5 (the specialist); or a list of skills."""
    specializations: list[Id] | None = Field(default=None, max_length=200)
    available: bool | None = None
    auto_assign: bool | None = None
    preferred_alert_types: list[Id] | None = Field(default=None, max_length=200)
    schedule: dict[str, list[list[str]]] | None = None
    """Weekday (mon to sun) to spans such as ["09:00", "17:30"]; empty means always on duty."""
    timezone: Id = ""
    """The IANA zone of the hours."""


class ProfileOut(Camel):
    agent_id: str
    name: str
    team_id: str | None
    timezone: str
    max_concurrent_alerts: int
    open_alerts: int
    max_units: float | None
    open_units: float
    max_per_day: int | None
    weight: float
    paused_at: datetime | None
    paused_reason: str | None
    territories: list[str]
    primary_territory: str | None
    skills: dict[str, int]
    specializations: list[str]
    available: bool
    auto_assign: bool
    preferred_alert_types: list[str]
    schedule: dict[str, Any]
    updated_at: datetime


class AssignmentOut(Camel):
    id: str
    alert_id: str
    agent_id: str
    agent_name: str
    decision_id: str | None
    reason: str
    assigned_by: str | None
    assigned_at: datetime
    ended_at: datetime | None
    ended_reason: str | None
    user_id: str
    user_name: str | None
    alert_type: str
    priority: str
    status: str


class AssignmentList(Camel):
    items: list[AssignmentOut]
    next_cursor: str | None = None


class DecisionOut(Camel):
    id: str
    alert_id: str
    decided_at: datetime
    trigger: str
    agent_id: str | None
    agent_name: str | None
    strategy: str
    rule_id: str | None
    overflow: bool
    reason: str
    trace: dict[str, Any]
    full: "RecomputedOut | None" = None
    """Only where it was asked for."""


class ConsideredOut(Camel):
    agent_id: str
    name: str
    outcome: str
    place: int | None
    reason: str | None
    text: str
    open_alerts: int | None
    capacity: int


class RecomputedOut(Camel):
    agrees: bool
    differences: list[str]
    everybody: list[ConsideredOut]
    others: dict[str, int]
    rules: list[dict[str, Any]]


class HouseIn(Camel):
    """What is not named stays as it is."""

    default_strategy: Id = ""
    fallbacks: list[Id] = Field(default_factory=list, max_length=20)
    units: dict[str, dict[str, float]] = Field(default_factory=dict)
    """What alerts weigh: {"priorities": {"CRITICAL": 2}, "types": {"LIKELY_TO_SELL": 1.5}}; 1 where not named."""
    timezone: Id = ""
    pause_after_failures: int = Field(default=3, ge=0, le=100)
    """Messages in a row that did not arrive, before an agent is paused; 0 never."""
    pause_after_escalations: int = Field(default=3, ge=0, le=100)
    """Alerts in a row that went on to others unanswered; 0 never."""
    claim_minutes: int = Field(default=30, ge=1, le=1440)
    """How long a claim from the pool holds without an action."""
    claim_limit: int = Field(default=3, ge=1, le=100)
    """Claims of one agent at once that nothing followed yet."""


class StrategyOut(Camel):
    id: str
    title: str
    about: str


class HouseOut(Camel):
    default_strategy: str
    fallbacks: list[str]
    units: dict[str, dict[str, float]]
    timezone: str
    pause_after_failures: int
    pause_after_escalations: int
    claim_minutes: int
    claim_limit: int
    strategies: list[StrategyOut]
    """All there are."""


class StatsOut(Camel):
    since: datetime
    decisions: int
    assigned: int
    overflow: int
    in_pool: int
    in_pool_by_reason: dict[str, int]
    by_strategy: dict[str, int]
    by_trigger: dict[str, int]
    by_rule: dict[str, int]
    agents: int
    free_agents: int
    excluded: dict[str, int]


@router.post("/routing/route", summary="Route alerts now, by rules and strategy")
def route(body: RouteIn, viewer: Manager, db: Db, state: RoutingState, now: Now) -> RoutedList:
    exclude = frozenset(body.exclude_agent_ids)
    with db.write() as session:
        visible = reading.visible(session, viewer, body.alert_ids)
        routed = bulk.route_now(
            session, dict.fromkeys(visible, exclude), seed=body.seed, viewer=viewer, state=state, now=now
        )
        escalation.ring(session, routed, now=now)
    return RoutedList(items=[routed_out(one) for one in routed])


@router.post("/routing/assign", summary="Give an alert to an agent, or claim one from the pool")
def assign(body: AssignIn, viewer: Caller, db: Db, now: Now) -> RoutedOut:
    return _assign(body, viewer, db, now)


@router.post("/routing/reassign", summary="Give an alert to another agent")
def reassign(body: AssignIn, viewer: Manager, db: Db, now: Now) -> RoutedOut:
    return _assign(body, viewer, db, now)


def _assign(body: AssignIn, viewer: Viewer, db: Database, now: datetime) -> RoutedOut:
    with db.write() as session:
        if viewer.role is Role.AGENT and body.agent_id == viewer.user_id and not body.overflow:
            return routed_out(routing.claim(session, body.alert_id, viewer=viewer, now=now))
        routed = moves.reassign(
            session,
            body.alert_id,
            body.agent_id,
            viewer=viewer,
            reason=body.reason,
            overflow=body.overflow,
            now=now,
        )
        escalation.ring(session, [routed], by=viewer.user_id, now=now)
    return routed_out(routed)


@router.post("/routing/handle-stale", summary="Move untouched alerts on to somebody else")
def handle_stale(body: StaleIn, viewer: Manager, db: Db, state: RoutingState, now: Now) -> RoutedList:
    with db.write() as session:
        routed = moves.handle_stale(session, state=state, hours=body.hours, viewer=viewer, limit=body.limit, now=now)
        escalation.ring(session, routed, now=now)
    return RoutedList(items=[routed_out(one) for one in routed])


@router.get("/routing/available-agents", summary="Who is free now, and why the others are not")
def available_agents(
    viewer: Caller,
    db: Db,
    state: RoutingState,
    now: Now,
    alert_id: Annotated[str | None, Query(alias="alertId", max_length=64, pattern=_PLAIN)] = None,
    territory: Annotated[str | None, Query(max_length=64, pattern=_PLAIN)] = None,
    skill: Annotated[str | None, Query(max_length=64, pattern=_PLAIN)] = None,
    team_id: Annotated[str | None, Query(alias="teamId", max_length=64, pattern=_PLAIN)] = None,
) -> AvailableList:
    with db.read() as session:
        found = reading.available_agents(
            session,
            state,
            alert_id=alert_id,
            territory=territory,
            skill=skill,
            team_id=team_id,
            viewer=viewer,
            now=now,
        )
    return AvailableList(items=[AvailableOut(**asdict(one) | {"territories": list(one.territories)}) for one in found])


@router.get("/routing/agent-workload/{agent_id}", summary="One agent's load")
def agent_workload(agent_id: PathId, viewer: Caller, db: Db, now: Now) -> WorkloadOut:
    """An agent's own, a manager's teams, an admin's all."""
    with db.read() as session:
        _check_agent(session, agent_id, viewer=viewer)
        return WorkloadOut(**asdict(reading.workload(session, agent_id, now=now)))


@router.get("/routing/agents/{agent_id}/profile", summary="What routing knows of an agent")
def profile(agent_id: PathId, viewer: Caller, db: Db) -> ProfileOut:
    """An agent's own, a manager's teams, an admin's all."""
    with db.read() as session:
        _check_agent(session, agent_id, viewer=viewer)
        return ProfileOut(**asdict(profiles.get(session, agent_id)))


@router.put("/routing/agents/{agent_id}/profile", summary="Change what routing knows of an agent")
def put_profile(agent_id: PathId, body: ProfileIn, viewer: Caller, db: Db, now: Now) -> ProfileOut:
    changes = body.model_dump(exclude_unset=True)
    with db.write() as session:
        return ProfileOut(**asdict(profiles.put(session, agent_id, changes, viewer=viewer, now=now)))


@router.get("/routing/assignments", summary="Who had what from when to when, newest first")
def assignments(
    viewer: Caller,
    db: Db,
    agent_id: Annotated[str | None, Query(alias="agentId", max_length=64, pattern=_PLAIN)] = None,
    open_only: Annotated[bool, Query(alias="openOnly")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> AssignmentList:
    before = key_of(cursor, _LIST, (datetime, str)) if cursor else None
    with db.read() as session:
        found = reading.assignments(
            session,
            viewer,
            agent_id=agent_id,
            open_only=open_only,
            before=(before[0], before[1]) if before else None,
            limit=checked_limit(limit) + 1,
        )
    page = found[:limit]
    more = cursor_of(_LIST, page[-1].assigned_at, page[-1].id) if len(found) > limit else None
    return AssignmentList(items=[_assignment(row) for row in page], next_cursor=more)


@router.get("/routing/settings", summary="How the house hands out where no team has a way of its own")
def house(viewer: Manager, db: Db) -> HouseOut:
    with db.read() as session:
        return HouseOut(**asdict(house_settings.get(session)), strategies=_offered())


@router.put("/routing/settings", summary="Change how the house hands out; what is not named stays")
def put_house(body: HouseIn, viewer: Admin, db: Db, now: Now) -> HouseOut:
    with db.write() as session:
        found = house_settings.put(session, body.model_dump(exclude_unset=True), viewer=viewer, now=now)
        return HouseOut(**asdict(found), strategies=_offered())


def _offered() -> list[StrategyOut]:
    return [StrategyOut(id=one.id, title=one.title, about=one.about) for one in STRATEGIES.values()]


@router.get("/routing/stats", summary="How routing went lately, and who is free")
def stats(
    viewer: Caller, db: Db, state: RoutingState, now: Now, days: Annotated[int, Query(ge=1, le=366)] = 30
) -> StatsOut:
    with db.read() as session:
        return StatsOut(**asdict(reading.stats(session, viewer, state=state, days=days, now=now)))


@router.get("/{alert_id}/assignments", summary="Everybody who had this alert, newest first")
def assignments_of(alert_id: PathId, viewer: Caller, db: Db) -> AssignmentList:
    with db.read() as session:
        return AssignmentList(items=[_assignment(row) for row in reading.assignments_of(session, viewer, alert_id)])


@router.get("/{alert_id}/decision", summary="Why this agent, and why not the others")
def decision(
    alert_id: PathId,
    viewer: Caller,
    db: Db,
    full: Annotated[bool, Query(description="work it out again, with every agent and every rule")] = False,
) -> DecisionOut:
    with db.read() as session:
        found = DecisionOut(**asdict(reading.decision(session, viewer, alert_id)))
        if full:
            again = ledger.recompute(session, viewer, alert_id, decision_id=found.id)
            found.full = RecomputedOut(**asdict(again))
    return found


def _check_agent(session: Session, agent_id: str, *, viewer: Viewer) -> None:
    """Refuse an agent whose work this viewer may not see exactly as one that does not exist."""
    if session.scalar(select(Agent.id).where(Agent.id == agent_id, compared_scope(viewer))) is None:
        raise NotFound("There is no such agent.")


def routed_out(one: Routed) -> RoutedOut:
    return RoutedOut(
        alert_id=one.alert_id,
        agent_id=one.agent_id,
        decision_id=one.decision_id or None,
        strategy=one.strategy,
        rule_id=one.rule_id,
        reason=one.reason,
        overflow=one.overflow,
        notify_user_ids=list(one.notify_user_ids),
    )


def _assignment(row: reading.AssignmentRow) -> AssignmentOut:
    values = asdict(row)
    return AssignmentOut(user_id=values.pop("contact_id"), user_name=values.pop("contact_name"), **values)
