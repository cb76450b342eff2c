"""The first page: what is open, what waits, what was won this week, and how loaded the agents are."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.db.tables import Agent, Alert, AlertOutcome, Team, User
from core.viewer import Viewer, alert_scope
from core.views.days import day_of, start_of, week_start
from core.views.intervals import Quantile, quantile
from core.views.scope import compared_scope
from core.words import Priority, Status


@dataclass(frozen=True, kw_only=True)
class AgentLoad:
    agent_id: str
    name: str
    team_name: str | None
    load: int
    capacity: int
    available: bool


@dataclass(frozen=True, kw_only=True)
class Overview:
    open_by_priority: dict[str, int]
    """Every priority, the most urgent first; snoozed ones are not counted."""
    open_total: int
    unacknowledged: int
    """Open and NEW."""
    mine: int
    """Open and owned by the viewer."""
    unassigned: int
    snoozed: int
    overdue: int
    """Not acknowledged in their priority's time."""
    opened_today: int
    converted_this_week: int
    """Since Monday 0:00 in the viewer's zone."""
    converted_last_week: int
    """The whole week before."""
    value_this_week: float
    """US dollars, of the conversions that named one."""
    response: Quantile | None
    """Median seconds from opening to acknowledging, over the last 7 days; None when nothing was."""
    agents: tuple[AgentLoad, ...]
    """The fullest first."""


def overview(session: Session, viewer: Viewer, *, now: datetime) -> Overview:
    """The numbers of the first page, for this viewer's part of the world."""
    scope = alert_scope(viewer)
    counts = session.execute(
        select(
            Alert.priority,
            func.count().label("all"),
            func.count().filter(Alert.status == Status.NEW).label("new"),
            func.count().filter(Alert.assigned_agent_id == viewer.user_id).label("mine"),
            func.count().filter(Alert.assigned_agent_id.is_(None)).label("pool"),
            func.count().filter(Alert.escalate_at <= now).label("overdue"),
        )
        .where(Alert.closed_at.is_(None), or_(Alert.snoozed_until.is_(None), Alert.snoozed_until <= now), scope)
        .group_by(Alert.priority)
    ).all()
    by_priority = {row.priority: row for row in counts}
    snoozed = session.scalar(
        select(func.count()).select_from(Alert).where(Alert.closed_at.is_(None), Alert.snoozed_until > now, scope)
    )
    monday = week_start(now, viewer.timezone)
    last_monday = week_start(monday - timedelta(days=3), viewer.timezone)
    won = session.execute(
        select(
            func.count().filter(Alert.closed_at >= monday).label("this_week"),
            func.count().filter(Alert.closed_at < monday).label("last_week"),
            func.sum(AlertOutcome.value).filter(Alert.closed_at >= monday).label("value"),
        )
        .select_from(Alert)
        .outerjoin(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(Alert.status == Status.CONVERTED, Alert.closed_at >= last_monday, Alert.closed_at <= now, scope)
    ).one()
    return Overview(
        open_by_priority={
            str(priority): by_priority[priority].all if priority in by_priority else 0 for priority in Priority
        },
        open_total=sum(row.all for row in counts),
        unacknowledged=sum(row.new for row in counts),
        mine=sum(row.mine for row in counts),
        unassigned=sum(row.pool for row in counts),
        snoozed=snoozed or 0,
        overdue=sum(row.overdue for row in counts),
        opened_today=_opened_today(session, viewer, now=now),
        converted_this_week=won.this_week,
        converted_last_week=won.last_week,
        value_this_week=float(won.value or 0),
        response=_response(session, viewer, now=now),
        agents=agent_loads(session, viewer),
    )


def agent_loads(session: Session, viewer: Viewer) -> tuple[AgentLoad, ...]:
    """How full each agent of this viewer is, the fullest first."""
    rows = session.execute(
        select(
            Agent.id.label("agent_id"),
            User.name,
            Team.name.label("team_name"),
            Agent.open_alerts.label("load"),
            Agent.max_concurrent_alerts.label("capacity"),
            Agent.available,
        )
        .join(User, User.id == Agent.id)
        .outerjoin(Team, Team.id == Agent.team_id)
        .where(compared_scope(viewer), User.active.is_(True))
    )
    loads = [AgentLoad(**row._mapping) for row in rows]
    return tuple(sorted(loads, key=lambda one: (-one.load / max(one.capacity, 1), one.name, one.agent_id)))


def _opened_today(session: Session, viewer: Viewer, *, now: datetime) -> int:
    midnight = start_of(day_of(now, viewer.timezone), viewer.timezone)
    counted = select(func.count()).select_from(Alert)
    return session.scalar(counted.where(Alert.opened_at >= midnight, Alert.opened_at <= now, alert_scope(viewer))) or 0


def _response(session: Session, viewer: Viewer, *, now: datetime) -> Quantile | None:
    rows = session.execute(
        select(Alert.opened_at, Alert.acknowledged_at).where(
            Alert.opened_at >= now - timedelta(days=7), Alert.acknowledged_at.is_not(None), alert_scope(viewer)
        )
    )
    waits = sorted((row.acknowledged_at - row.opened_at).total_seconds() for row in rows)
    return quantile(waits, 0.5)
