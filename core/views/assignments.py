"""Who has what: each agent's load and open alerts, and the pool that nobody owns."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from core.db.tables import Agent, Alert, Assignment, Contact, Team, User
from core.viewer import Viewer
from core.views.scope import compared_scope
from core.words import Priority

PER_LANE = 50
"""An agent's alerts shown at most; `load` and `Pool.total` count them all."""
_RANK = case({str(priority): priority.rank for priority in Priority}, value=Alert.priority, else_=9)


@dataclass(frozen=True, kw_only=True)
class BoardAlert:
    alert_id: str
    contact_id: str
    contact_name: str | None
    alert_type: str
    priority: str
    status: str
    confidence: float
    territory: str | None
    opened_at: datetime
    since: datetime
    """With its present owner (in the pool: open) since then."""
    escalate_at: datetime | None
    snoozed_until: datetime | None
    unassigned_reason: str | None
    reason: str | None
    """Why this agent has it."""
    overdue: bool
    """Its time to be acknowledged has passed."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    agent_id: str
    agent_name: str
    team_id: str | None
    team_name: str | None
    available: bool
    load: int
    capacity: int
    alerts: tuple[BoardAlert, ...]
    """The most urgent first."""


@dataclass(frozen=True, kw_only=True)
class Board:
    lanes: tuple[Lane, ...]
    """By team, then name."""
    pool: tuple[BoardAlert, ...]
    pool_total: int


def board(session: Session, viewer: Viewer, *, now: datetime) -> Board:
    """The board of this viewer: an admin's everybody, a manager's teams, an agent's own lane; and the pool."""
    people = session.execute(
        select(
            Agent.id,
            User.name,
            Agent.team_id,
            Team.name.label("team_name"),
            Agent.available,
            Agent.open_alerts,
            Agent.max_concurrent_alerts,
        )
        .join(User, User.id == Agent.id)
        .outerjoin(Team, Team.id == Agent.team_id)
        .where(compared_scope(viewer), User.active.is_(True))
        .order_by(Team.name, User.name, Agent.id)
    ).all()
    theirs = Alert.assigned_agent_id.in_(select(Agent.id).where(compared_scope(viewer)))
    held = defaultdict(list)
    for agent_id, shown in _alerts(session, theirs, now=now):
        held[agent_id].append(shown)
    nobody = Alert.assigned_agent_id.is_(None)
    pool = [shown for _, shown in _alerts(session, nobody, now=now)]
    total = session.scalar(select(func.count()).select_from(Alert).where(nobody, Alert.closed_at.is_(None)))
    lanes = tuple(
        Lane(
            agent_id=row.id,
            agent_name=row.name,
            team_id=row.team_id,
            team_name=row.team_name,
            available=row.available,
            load=row.open_alerts,
            capacity=row.max_concurrent_alerts,
            alerts=tuple(held[row.id]),
        )
        for row in people
    )
    return Board(lanes=lanes, pool=tuple(pool), pool_total=total or 0)


def _alerts(session: Session, whose: ColumnElement[bool], *, now: datetime) -> list[tuple[str | None, BoardAlert]]:
    place = func.row_number().over(
        partition_by=Alert.assigned_agent_id, order_by=(_RANK, Alert.opened_at.desc(), Alert.id.desc())
    )
    picked = select(Alert.id, place.label("place")).where(Alert.closed_at.is_(None), whose).subquery()
    rows = session.execute(
        select(
            Alert.assigned_agent_id,
            Alert.id,
            Alert.contact_id,
            Contact.name,
            Alert.alert_type,
            Alert.priority,
            Alert.status,
            Alert.confidence,
            Alert.territory,
            Alert.opened_at,
            Alert.escalate_at,
            Alert.snoozed_until,
            Alert.unassigned_reason,
            Assignment.assigned_at,
            Assignment.reason,
        )
        .join(picked, picked.c.id == Alert.id)
        .join(Contact, Contact.id == Alert.contact_id)
        .outerjoin(Assignment, (Assignment.alert_id == Alert.id) & Assignment.ended_at.is_(None))
        .where(picked.c.place <= PER_LANE)
        .order_by(picked.c.place)
    )
    return [(row.assigned_agent_id, _shown(row, now=now)) for row in rows]


def _shown(row: Any, *, now: datetime) -> BoardAlert:
    return BoardAlert(
        alert_id=row.id,
        contact_id=row.contact_id,
        contact_name=row.name,
        alert_type=row.alert_type,
        priority=row.priority,
        status=row.status,
        confidence=row.confidence,
        territory=row.territory,
        opened_at=row.opened_at,
        since=row.assigned_at or row.opened_at,
        escalate_at=row.escalate_at,
        snoozed_until=row.snoozed_until,
        unassigned_reason=row.unassigned_reason,
        reason=row.reason,
        overdue=row.escalate_at is not None and row.escalate_at <= now,
    )
