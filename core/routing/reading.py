"""What screens and the API ask of routing without changing anything: who is free and why not, loads, dry runs, decisions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables import Agent, Alert, Assignment, Contact, Decision, User
from core.errors import Invalid, NotFound
from core.routing import capacity, cases, ledger, rules
from core.routing.choosing import choose
from core.routing.directory import Directory
from core.routing.dispatch import Routed, routed
from core.routing.queues import Queues
from core.routing.roster import AT_CAPACITY, WORDS
from core.routing.rules import RuleSet, compile_rule
from core.routing.state import House, State
from core.routing.strategies import STRATEGIES
from core.routing.strategy import Case
from core.viewer import Viewer, alert_scope
from core.words import Priority, Role

_MOST_SIMULATED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableAgent:
    """One agent as routing sees them now."""

    id: str
    name: str
    team_id: str | None
    territories: tuple[str, ...]
    skills: Mapping[str, int]
    open_alerts: int
    capacity: int
    free: bool
    reason: str | None
    """Why they get nothing now: one of core.routing.roster's words; None when they do."""
    reason_text: str | None
    rank: int | None
    """1 is who would get the asked alert; None when no alert was named or they are not in the pool that decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    agent_id: str
    name: str
    open_alerts: int
    capacity: int
    share: float
    """Of capacity in use; 1 is full."""
    by_priority: dict[str, int]
    oldest_opened_at: datetime | None
    unacknowledged: int
    assigned_last_7_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A dry decision: what would happen now, and everything a stored one would say."""

    alert_id: str
    routed: Routed
    unassigned_reason: str | None
    trace: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRow:
    id: str
    alert_id: str
    agent_id: str
    agent_name: str
    decision_id: str | None
    reason: str
    assigned_by: str | None
    """A user id; None when routing did."""
    assigned_at: datetime
    ended_at: datetime | None
    ended_reason: str | None
    contact_id: str
    contact_name: str | None
    alert_type: str
    priority: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stats:
    since: datetime
    decisions: int
    assigned: int
    overflow: int
    in_pool: int
    """Open alerts without an owner, now."""
    in_pool_by_reason: dict[str, int]
    by_strategy: dict[str, int]
    by_trigger: dict[str, int]
    by_rule: dict[str, int]
    agents: int
    free_agents: int
    excluded: dict[str, int] = field(default_factory=dict)
    """Agents who get nothing now, by reason."""


def available_agents(
    session: Session,
    state: State,
    *,
    alert_id: str | None = None,
    territory: str | None = None,
    skill: str | None = None,
    team_id: str | None = None,
    viewer: Viewer,
    now: datetime,
) -> list[AvailableAgent]:
    """Every agent that fits the filters, the free ones first (by rank for the named alert, else by load), then the rest.

    An admin sees all, others their own teams.

    Raises:
        NotFound: no such open alert for this viewer.
    """
    state.refresh(session)
    queues = _queues(session, state, now=now)
    directory = state.house.directory
    ranks: dict[int, int] = {}
    if alert_id is not None:
        _check_visible(session, alert_id, viewer=viewer)
        known = cases.load(session, [alert_id], house=state.house, now=now)
        if alert_id not in known:
            raise NotFound("This alert is closed.")
        choice = choose(known[alert_id], house=state.house, queues=queues, trigger="simulated")
        for number, candidate in enumerate(choice.trace["candidates"], start=1):
            ranks[directory.by_id[candidate["agentId"]].position] = number
    positions = [
        position
        for position in _fitting(directory, territory=territory, skill=skill, team_id=team_id)
        if viewer.role is Role.ADMIN or directory.agents[position].team_id in viewer.team_ids
    ]
    found = [_available(queues, position, ranks.get(position)) for position in positions]
    return sorted(
        found, key=lambda one: (not one.free, one.rank or 1 << 30, one.open_alerts / max(one.capacity, 1), one.id)
    )


def workload(session: Session, agent_id: str, *, now: datetime) -> Workload:
    """One agent's load.

    Raises:
        NotFound: there is no such agent.
    """
    row = session.execute(
        select(Agent.id, User.name, Agent.open_alerts, Agent.max_concurrent_alerts)
        .join(User, User.id == Agent.id)
        .where(Agent.id == agent_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such agent.")
    is_open = and_(Alert.assigned_agent_id == agent_id, Alert.closed_at.is_(None))
    by_priority = dict(
        session.execute(select(Alert.priority, func.count()).where(is_open).group_by(Alert.priority)).all()
    )
    oldest, unacknowledged = session.execute(
        select(func.min(Alert.opened_at), func.sum(case((Alert.acknowledged_at.is_(None), 1), else_=0))).where(is_open)
    ).one()
    lately = session.scalar(
        select(func.count()).where(Assignment.agent_id == agent_id, Assignment.assigned_at > now - timedelta(days=7))
    )
    return Workload(
        agent_id=agent_id,
        name=row.name,
        open_alerts=row.open_alerts,
        capacity=row.max_concurrent_alerts,
        share=row.open_alerts / row.max_concurrent_alerts if row.max_concurrent_alerts else 1.0,
        by_priority={priority: by_priority.get(priority, 0) for priority in Priority},
        oldest_opened_at=oldest,
        unacknowledged=unacknowledged or 0,
        assigned_last_7_days=lately or 0,
    )


def simulate(
    session: Session,
    alert_ids: Sequence[str],
    *,
    state: State,
    viewer: Viewer,
    strategy: str | None = None,
    draft_rules: Sequence[object] | None = None,
    exclude: frozenset[str] = frozenset(),
    seed: int | None = None,
    now: datetime,
) -> list[Simulated]:
    """Route these open alerts as they stand, one after the other, and write nothing. Those not visible are left out.

    Args:
        strategy: try this one for all, without rules.
        draft_rules: try these instead of the stored rules.

    Raises:
        Invalid: an unknown strategy, a draft that does not read, or too many alerts.
        NotFound: none of the alerts is visible.
    """
    if len(alert_ids) > _MOST_SIMULATED:
        raise Invalid("Too many at once.", fields={"alertIds": f"at most {_MOST_SIMULATED}"})
    if strategy is not None and strategy not in STRATEGIES:
        raise Invalid("There is no such strategy.", fields={"strategy": f"one of {', '.join(STRATEGIES)}"})
    state.refresh(session)
    house = state.house if draft_rules is None else _with(state.house, draft_rules)
    known = cases.load(session, visible(session, viewer, alert_ids), house=house, now=now)
    found = dry_run(
        session, known.values(), house=house, state=state, strategy=strategy, exclude=exclude, seed=seed, now=now
    )
    teams = {one.id: one.team_id for one in house.directory.agents}
    return [
        replace(one, trace=ledger.seen_by(viewer, one.trace, teams, chosen=one.routed.agent_id))
        for one in (found[alert_id] for alert_id in dict.fromkeys(alert_ids) if alert_id in found)
    ]


def dry_run(
    session: Session,
    known: Iterable[Case],
    *,
    house: House,
    state: State,
    strategy: str | None = None,
    exclude: frozenset[str] = frozenset(),
    seed: int | None = None,
    now: datetime,
) -> dict[str, Simulated]:
    """Alert id -> what would become of it in this house, one alert after the other from the loads of now; writes nothing.

    Args:
        house: that of `state`, or one that differs from it in its rules alone.
    """
    queues = _queues(session, state, now=now)
    left_out = frozenset(house.directory.by_id[one].position for one in exclude if one in house.directory.by_id)
    found: dict[str, Simulated] = {}
    for one in sorted(known, key=STRATEGIES[strategy or house.default_strategy].order):
        choice = choose(
            one, house=house, queues=queues, trigger="simulated", exclude=left_out, seed=seed, strategy=strategy
        )
        if choice.position is not None and house.directory.agents[choice.position].id != one.owner_id:
            queues.hand(choice.position, one.units)
        answer = routed(house, one.alert_id, choice, "", known=frozenset(choice.notify))
        found[one.alert_id] = Simulated(
            alert_id=one.alert_id, routed=answer, unassigned_reason=choice.unassigned_reason, trace=choice.trace
        )
    return found


def assignments(
    session: Session,
    viewer: Viewer,
    *,
    alert_id: str | None = None,
    agent_id: str | None = None,
    open_only: bool = False,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[AssignmentRow]:
    """Assignments of alerts this viewer may see, newest first.

    Args:
        before: (assigned_at, id) of the last row of the page before.
    """
    assigned = table_of(Assignment).c
    statement = (
        select(
            *(assigned[name] for name in _ASSIGNED),
            User.name.label("agent_name"),
            Alert.contact_id,
            Contact.name.label("contact_name"),
            Alert.alert_type,
            Alert.priority,
            Alert.status,
        )
        .join(Alert, Alert.id == assigned.alert_id)
        .join(User, User.id == assigned.agent_id)
        .join(Contact, Contact.id == Alert.contact_id)
        .where(alert_scope(viewer))
        .order_by(assigned.assigned_at.desc(), assigned.id.desc())
        .limit(limit)
    )
    if alert_id is not None:
        statement = statement.where(assigned.alert_id == alert_id)
    if agent_id is not None:
        statement = statement.where(assigned.agent_id == agent_id)
    if open_only:
        statement = statement.where(assigned.ended_at.is_(None))
    if before is not None:
        at, last_id = before
        statement = statement.where(
            or_(assigned.assigned_at < at, and_(assigned.assigned_at == at, assigned.id < last_id))
        )
    return [AssignmentRow(**row._mapping) for row in session.execute(statement)]


def assignments_of(session: Session, viewer: Viewer, alert_id: str) -> list[AssignmentRow]:
    """Everybody who had this alert, newest first.

    Raises:
        NotFound: no such alert for this viewer.
    """
    _check_visible(session, alert_id, viewer=viewer)
    return assignments(session, viewer, alert_id=alert_id, limit=200)


def decision(session: Session, viewer: Viewer, alert_id: str) -> DecisionRow:
    """The newest decision on an alert: why this agent, and why not the others.

    Raises:
        NotFound: no such alert for this viewer, or nobody has decided on it yet.
    """
    _check_visible(session, alert_id, viewer=viewer)
    table = table_of(Decision).c
    names = [name for name in DecisionRow.__slots__ if name != "agent_name"]
    row = session.execute(
        select(*(table[name] for name in names), User.name.label("agent_name"))
        .outerjoin(User, User.id == table.agent_id)
        .where(table.alert_id == alert_id)
        .order_by(table.decided_at.desc(), table.id.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NotFound("Nobody has decided on this alert yet.")
    ids = [one["agentId"] for one in row.trace.get("candidates", [])]
    agents = session.execute(select(Agent.id, Agent.team_id).where(Agent.id.in_(ids)))
    teams = {row.id: row.team_id for row in agents}
    trace = ledger.seen_by(viewer, row.trace, teams, chosen=row.agent_id)
    return DecisionRow(**{**row._mapping, "trace": trace})


def stats(session: Session, viewer: Viewer, *, state: State, days: int = 30, now: datetime) -> Stats:
    """How routing went lately, over the alerts this viewer may see."""
    state.refresh(session)
    since = now - timedelta(days=days)
    scope = and_(Decision.decided_at > since, alert_scope(viewer))

    def counted(column: Any) -> dict[str, int]:
        rows = session.execute(
            select(column, func.count()).join(Alert, Alert.id == Decision.alert_id).where(scope).group_by(column)
        )
        return {key: number for key, number in rows if key is not None}

    pool = session.execute(
        select(Alert.unassigned_reason, func.count())
        .where(Alert.closed_at.is_(None), Alert.assigned_agent_id.is_(None))
        .group_by(Alert.unassigned_reason)
    )
    in_pool = {reason: number for reason, number in pool if reason}
    total, assigned, overflow = session.execute(
        select(
            func.count(),
            func.count(Decision.agent_id),
            func.sum(case((Decision.overflow, 1), else_=0)),
        )
        .select_from(Decision)
        .join(Alert, Alert.id == Decision.alert_id)
        .where(scope)
    ).one()
    queues = _queues(session, state, now=now)
    excluded = dict(queues.roster.excluded)
    if queues.full:
        excluded[AT_CAPACITY] = len(queues.full)
    return Stats(
        since=since,
        decisions=total,
        assigned=assigned,
        overflow=overflow or 0,
        in_pool=sum(in_pool.values()),
        in_pool_by_reason=in_pool,
        by_strategy=counted(Decision.strategy),
        by_trigger=counted(Decision.trigger),
        by_rule=counted(Decision.rule_id),
        agents=len(state.house.directory.agents),
        free_agents=len(queues.roster.eligible) - len(queues.full),
        excluded=excluded,
    )


_ASSIGNED = (
    "id",
    "alert_id",
    "agent_id",
    "decision_id",
    "reason",
    "assigned_by",
    "assigned_at",
    "ended_at",
    "ended_reason",
)


def _queues(session: Session, state: State, *, now: datetime) -> Queues:
    return Queues(state.house.directory, state.roster(now), capacity.loads(session))


def visible(session: Session, viewer: Viewer, alert_ids: Sequence[str]) -> list[str]:
    """Those of the alerts this viewer may see, in their order.

    Raises:
        NotFound: none of them.
    """
    seen = set(session.scalars(select(Alert.id).where(Alert.id.in_(alert_ids), alert_scope(viewer))))
    found = [alert_id for alert_id in dict.fromkeys(alert_ids) if alert_id in seen]
    if not found:
        raise NotFound("There is no such alert.")
    return found


def _check_visible(session: Session, alert_id: str, *, viewer: Viewer) -> None:
    if session.scalar(select(Alert.id).where(Alert.id == alert_id, alert_scope(viewer))) is None:
        raise NotFound("There is no such alert.")


def _fitting(directory: Directory, *, territory: str | None, skill: str | None, team_id: str | None) -> Sequence[int]:
    positions = set(range(len(directory.agents)))
    if territory is not None:
        positions &= {one for place in directory.around(territory) for one in directory.covering(place)}
    if skill is not None:
        positions &= set(directory.skilled(skill))
    if team_id is not None:
        positions &= set(directory.in_team(team_id))
    return sorted(positions)


def _available(queues: Queues, position: int, rank: int | None) -> AvailableAgent:
    agent = queues.directory.agents[position]
    reason = queues.roster.reasons.get(position) or (AT_CAPACITY if position in queues.full else None)
    return AvailableAgent(
        id=agent.id,
        name=agent.name,
        team_id=agent.team_id,
        territories=agent.territories,
        skills=agent.skills,
        open_alerts=queues.open[position],
        capacity=agent.capacity,
        free=reason is None,
        reason=reason,
        reason_text=WORDS[reason] if reason else None,
        rank=rank,
    )


def _with(house: House, drafts: Sequence[object]) -> House:
    """The house with other rules; a draft's place in the list breaks ties of priority."""
    checked = [rules.validate(draft) for draft in drafts]
    ordered = sorted(enumerate(checked), key=lambda one: (-one[1].priority, one[0]))
    return replace(
        house,
        rules=RuleSet(
            [
                compile_rule(
                    f"draft-{number}", name=rule.name, version=0, conditions=rule.conditions, actions=rule.actions
                )
                for number, rule in ordered
                if rule.enabled
            ]
        ),
    )
