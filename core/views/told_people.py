"""The people whose preferences a viewer may see and change: themselves, a manager's teams, everybody for an admin."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import User
from core.delivery.scoping import person_scope
from core.errors import NotFound
from core.viewer import Viewer


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldPerson:
    id: str
    name: str
    email: str
    role: str


def list_people(session: Session, viewer: Viewer) -> tuple[ToldPerson, ...]:
    """Those with an active account, by name."""
    rows = session.execute(
        select(User.id, User.name, User.email, User.role)
        .where(User.active, person_scope(viewer))
        .order_by(User.name, User.id)
    )
    return tuple(ToldPerson(**row._mapping) for row in rows)


def get_person(session: Session, viewer: Viewer, user_id: str) -> ToldPerson:
    """One of them, also with an account that was switched off.

    Raises:
        NotFound: no such person, or not for this viewer.
    """
    row = session.execute(
        select(User.id, User.name, User.email, User.role).where(User.id == user_id, person_scope(viewer))
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such user.")
    return ToldPerson(**row._mapping)
