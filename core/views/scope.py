"""Who appears in a viewer's lists of people: contacts and agents (alerts: core.viewer.alert_scope)."""

from sqlalchemy import ColumnElement, or_, select, true

from core.db.tables import Agent, Alert, Contact
from core.viewer import Viewer
from core.words import Role


def agent_scope(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `agents`: an admin sees all, a manager their teams, an agent their own team."""
    if viewer.role is Role.ADMIN:
        return true()
    theirs = Agent.team_id.in_(viewer.team_ids)
    return theirs if viewer.role is Role.MANAGER else or_(theirs, Agent.id == viewer.user_id)


def compared_scope(viewer: Viewer) -> ColumnElement[bool]:
    """Whose work a viewer may see measured: as `agent_scope`, but an agent only their own."""
    return Agent.id == viewer.user_id if viewer.role is Role.AGENT else agent_scope(viewer)


def contact_scope(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `contacts`: an admin all; others those nobody owns, those owned by them (or their teams), and
    those behind an alert that is theirs."""
    if viewer.role is Role.ADMIN:
        return true()
    free = Contact.owner_agent_id.is_(None)
    if viewer.role is Role.AGENT:
        mine = select(Alert.contact_id).where(Alert.assigned_agent_id == viewer.user_id)
        return or_(free, Contact.owner_agent_id == viewer.user_id, Contact.id.in_(mine))
    agents = select(Agent.id).where(Agent.team_id.in_(viewer.team_ids))
    theirs = select(Alert.contact_id).where(Alert.assigned_agent_id.in_(agents))
    return or_(free, Contact.owner_agent_id.in_(agents), Contact.id.in_(theirs))
