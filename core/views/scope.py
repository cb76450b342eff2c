"""Which agents appear in a viewer's lists (alerts: core.viewer.alert_scope; contacts: core.people.contact_scope)."""

from sqlalchemy import ColumnElement, or_, true

from core.db.tables import Agent
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
