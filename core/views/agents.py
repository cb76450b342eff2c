"""Agents and teams as lists show them: for choosing one, and for the API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, true
from sqlalchemy.orm import Session

from core.db.tables import Agent, Team, TimeOff, User
from core.viewer import Viewer
from core.views.scope import agent_scope
from core.words import Role


@dataclass(frozen=True, kw_only=True)
class AgentRow:
    id: str
    name: str
    email: str
    timezone: str
    team_id: str | None
    team_name: str | None
    available: bool
    auto_assign: bool
    load: int
    capacity: int
    primary_territory: str | None
    territories: tuple[str, ...]
    skills: dict[str, Any]
    preferred_alert_types: tuple[str, ...]
    off_until: datetime | None
    """The end of the time off that is running now."""


@dataclass(frozen=True, kw_only=True)
class TeamRow:
    id: str
    name: str
    manager_id: str | None
    manager_name: str | None
    default_strategy: str
    agents: int
    load: int
    capacity: int


def list_agents(session: Session, viewer: Viewer, *, now: datetime) -> tuple[AgentRow, ...]:
    """The active agents this viewer may see, by name: an admin's all, a manager's teams, an agent's own team."""
    away = (
        select(TimeOff.agent_id, func.max(TimeOff.ends_at).label("off_until"))
        .where(TimeOff.starts_at <= now, TimeOff.ends_at > now)
        .group_by(TimeOff.agent_id)
        .subquery()
    )
    rows = session.execute(
        select(
            Agent.id,
            User.name,
            User.email,
            User.timezone,
            Agent.team_id,
            Team.name.label("team_name"),
            Agent.available,
            Agent.auto_assign,
            Agent.open_alerts.label("load"),
            Agent.max_concurrent_alerts.label("capacity"),
            Agent.primary_territory,
            Agent.territories,
            Agent.skills,
            Agent.preferred_alert_types,
            away.c.off_until,
        )
        .join(User, User.id == Agent.id)
        .outerjoin(Team, Team.id == Agent.team_id)
        .outerjoin(away, away.c.agent_id == Agent.id)
        .where(agent_scope(viewer), User.active.is_(True))
        .order_by(User.name, Agent.id)
    )
    return tuple(
        AgentRow(
            **{
                **row._mapping,
                "territories": tuple(row.territories),
                "preferred_alert_types": tuple(row.preferred_alert_types),
            }
        )
        for row in rows
    )


def list_teams(session: Session, viewer: Viewer) -> tuple[TeamRow, ...]:
    """The teams this viewer belongs to or manages (an admin: all), by name."""
    own = true() if viewer.role is Role.ADMIN else Team.id.in_(viewer.team_ids)
    rows = session.execute(
        select(
            Team.id,
            Team.name,
            Team.manager_id,
            User.name.label("manager_name"),
            Team.default_strategy,
            func.count(Agent.id).label("agents"),
            func.coalesce(func.sum(Agent.open_alerts), 0).label("load"),
            func.coalesce(func.sum(Agent.max_concurrent_alerts), 0).label("capacity"),
        )
        .outerjoin(User, User.id == Team.manager_id)
        .outerjoin(Agent, Agent.team_id == Team.id)
        .where(own)
        .group_by(Team.id, Team.name, Team.manager_id, User.name, Team.default_strategy)
        .order_by(Team.name, Team.id)
    )
    return tuple(TeamRow(**{**row._mapping, "load": int(row.load), "capacity": int(row.capacity)}) for row in rows)


def leaders(session: Session) -> dict[str, str]:
    """Active managers and admins: id to name."""
    rows = session.execute(
        select(User.id, User.name).where(User.role.in_((Role.MANAGER, Role.ADMIN)), User.active).order_by(User.name)
    )
    return {row.id: row.name for row in rows}
