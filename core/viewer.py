"""Who is looking, and what that person may see: the one place that says so for pages, API and sockets (promise 8)."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select, true
from sqlalchemy.orm import Session

from core.changes import Audience
from core.db.tables import Agent, Alert, Team, User
from core.words import Role


@dataclass(frozen=True, kw_only=True)
class Viewer:
    user_id: str
    """Empty for the system itself."""
    name: str
    email: str
    role: Role
    team_ids: tuple[str, ...]
    """A manager's teams; an agent's own team; empty for an admin."""
    timezone: str


SYSTEM = Viewer(user_id="", name="Doorbell", email="", role=Role.ADMIN, team_ids=(), timezone="UTC")


def load(session: Session, user_id: str) -> Viewer | None:
    """The viewer behind a user id; None when there is no such active user."""
    user = session.get(User, user_id)
    if user is None or not user.active:
        return None
    role = Role(user.role)
    teams: tuple[str, ...] = ()
    if role is Role.MANAGER:
        teams = tuple(session.scalars(select(Team.id).where(Team.manager_id == user_id).order_by(Team.id)))
    elif role is Role.AGENT:
        own = session.scalar(select(Agent.team_id).where(Agent.id == user_id))
        teams = (own,) if own else ()
    return Viewer(user_id=user.id, name=user.name, email=user.email, role=role, team_ids=teams, timezone=user.timezone)


def alert_scope(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `alerts` that keeps what this viewer may see: an agent's own and the pool, a manager's teams
    and the pool, an admin everything."""
    if viewer.role is Role.ADMIN:
        return true()
    unassigned = Alert.assigned_agent_id.is_(None)
    if viewer.role is Role.MANAGER:
        theirs = select(Agent.id).where(Agent.team_id.in_(viewer.team_ids))
        return or_(unassigned, Alert.assigned_agent_id.in_(theirs))
    return or_(unassigned, Alert.assigned_agent_id == viewer.user_id)


def may_see(viewer: Viewer, audience: Audience) -> bool:
    """Whether a change may be told to this viewer in full."""
    if audience.users:
        return viewer.user_id in audience.users
    if viewer.role is Role.ADMIN or audience.pool:
        return True
    if viewer.role is Role.MANAGER:
        return not set(viewer.team_ids).isdisjoint(audience.teams)
    return viewer.user_id in audience.agents


def just_lost(viewer: Viewer, audience: Audience) -> bool:
    """Whether this viewer just lost sight of the alert, and is told its id and nothing more."""
    return (audience.was_pool or viewer.user_id in audience.lost) and not may_see(viewer, audience)
