"""Contacts as read: frozen rows, scoped by the viewer, paged by key."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlalchemy.orm import Session

from core.db.tables import Agent, Alert, Contact, Property
from core.errors import NotFound
from core.viewer import Viewer, alert_scope
from core.words import Role


@dataclass(frozen=True, kw_only=True)
class ContactRow:
    id: str
    name: str | None
    email: str | None
    phone: str | None
    territory: str | None
    owner_agent_id: str | None
    attributes: dict[str, Any]
    first_seen_at: datetime
    last_human_event_at: datetime | None
    scored_at: datetime | None
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class HomeRow:
    id: str
    address: str | None
    city: str | None
    zip: str | None
    territory: str | None
    estimated_value: float | None
    """US dollars."""
    mortgage_balance: float | None
    """US dollars."""
    purchased_on: date | None
    attributes: dict[str, Any]
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class ContactDetail:
    contact: ContactRow
    homes: tuple[HomeRow, ...]


_CONTACT = [getattr(Contact, name) for name in ContactRow.__dataclass_fields__]
_HOME = [getattr(Property, name) for name in HomeRow.__dataclass_fields__]


def contact_scope(viewer: Viewer) -> ColumnElement[bool]:
    """The condition on `contacts`: an agent's own and those behind alerts they may see; a manager also those of the
    teams and those that are nobody's; an admin everyone."""
    if viewer.role is Role.ADMIN:
        return true()
    by_alert = select(Alert.id).where(Alert.contact_id == Contact.id, alert_scope(viewer)).exists()
    if viewer.role is Role.MANAGER:
        theirs = select(Agent.id).where(Agent.team_id.in_(viewer.team_ids))
        return or_(Contact.owner_agent_id.is_(None), Contact.owner_agent_id.in_(theirs), by_alert)
    return or_(Contact.owner_agent_id == viewer.user_id, by_alert)


def get_contact(session: Session, viewer: Viewer, contact_id: str) -> ContactDetail:
    """Raises NotFound when there is none, or not for this viewer."""
    row = session.execute(select(*_CONTACT).where(Contact.id == contact_id, contact_scope(viewer))).one_or_none()
    if row is None:
        raise NotFound(f"no contact {contact_id}")
    homes = session.execute(select(*_HOME).where(Property.contact_id == contact_id).order_by(Property.id))
    return ContactDetail(contact=ContactRow(**row._mapping), homes=tuple(HomeRow(**home._mapping) for home in homes))


def within_reach(session: Session, viewer: Viewer, contact_ids: Collection[str]) -> set[str]:
    """Those of these contacts that exist and that this viewer may see."""
    return set(session.scalars(select(Contact.id).where(Contact.id.in_(contact_ids), contact_scope(viewer))))


def check_reach(session: Session, viewer: Viewer, contact_id: str) -> None:
    """Raises NotFound when the contact exists and is not this viewer's to change; a new one is anybody's."""
    within = session.execute(select(contact_scope(viewer)).where(Contact.id == contact_id)).scalar_one_or_none()
    if within is not None and not within:
        raise NotFound(f"no contact {contact_id}")


def list_contacts(
    session: Session,
    viewer: Viewer,
    *,
    text: str = "",
    territory: str | None = None,
    owner_agent_id: str | None = None,
    after: str = "",
    limit: int = 50,
) -> tuple[Sequence[ContactRow], bool]:
    """Contacts with ids after `after`, in the order of their ids, and whether more follow.

    Args:
        text: found in name, e-mail or id, whatever its case.
    """
    statement = select(*_CONTACT).where(contact_scope(viewer), Contact.id > after)
    if text:
        wanted = text.lower()
        statement = statement.where(
            or_(
                func.lower(Contact.name).contains(wanted, autoescape=True),
                func.lower(Contact.email).contains(wanted, autoescape=True),
                func.lower(Contact.id).contains(wanted, autoescape=True),
            )
        )
    if territory is not None:
        statement = statement.where(Contact.territory == territory)
    if owner_agent_id is not None:
        statement = statement.where(Contact.owner_agent_id == owner_agent_id)
    rows = session.execute(statement.order_by(Contact.id).limit(limit + 1)).all()
    return [ContactRow(**row._mapping) for row in rows[:limit]], len(rows) > limit
