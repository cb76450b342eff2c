"""Whose messages a viewer may see and queue again, and whose preferences are theirs: an agent's own, a manager's teams', an admin's all; and which are tests."""

from sqlalchemy import ColumnElement, or_, select, true

from core.db.tables.acting import Delivery
from core.db.tables.people import Agent, User
from core.db.tables.reaching import Endpoint
from core.delivery import endpoints
from core.delivery.notices import Kind
from core.viewer import Viewer
from core.words import Role

IN_EARNEST = Delivery.kind.not_in((Kind.TEST, endpoints.TEST))
"""No test that somebody asked for: a test of what is being set up says nothing about how delivery does."""


def delivery_scope(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `deliveries`; those to endpoints are for admins and the managers of the endpoint's team."""
    if viewer.role is Role.ADMIN:
        return true()
    own = Delivery.user_id == viewer.user_id
    if viewer.role is Role.AGENT:
        return own
    people = select(Agent.id).where(Agent.team_id.in_(viewer.team_ids))
    systems = select(Endpoint.id).where(Endpoint.team_id.in_(viewer.team_ids))
    return or_(own, Delivery.user_id.in_(people), Delivery.endpoint_id.in_(systems))


def person_scope(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `users`: whose preferences this viewer sees and changes."""
    if viewer.role is Role.ADMIN:
        return true()
    own = User.id == viewer.user_id
    if viewer.role is Role.AGENT:
        return own
    return or_(own, User.id.in_(select(Agent.id).where(Agent.team_id.in_(viewer.team_ids))))
