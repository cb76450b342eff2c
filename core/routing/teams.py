"""Teams: who manages them, who is in them, and by which strategies their alerts are given; written by admins."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from core import audit, versions
from core.db.base import table_of
from core.db.tables import Agent, Endpoint, Holiday, Team, User
from core.errors import Conflict, Invalid, NotFound
from core.ids import new_id
from core.routing import capacity, chains, profiles
from core.routing.state import VERSION
from core.routing.strategies import DEFAULT
from core.words import Role

_LONGEST_NAME = 120
_MAY_MANAGE = (Role.MANAGER, Role.ADMIN)
_FIELDS = ("name", "manager_id", "default_strategy", "fallbacks", "agent_ids")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTeam:
    id: str
    name: str
    manager_id: str | None
    default_strategy: str
    fallbacks: list[str]
    """Strategies tried after the default one, in this order."""
    agent_ids: list[str]
    """Its members, by id."""


def get(session: Session, team_id: str) -> StoredTeam:
    """Raises NotFound."""
    row = session.execute(
        select(Team.id, Team.name, Team.manager_id, Team.default_strategy, Team.fallbacks).where(Team.id == team_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such team.")
    members = session.scalars(select(Agent.id).where(Agent.team_id == team_id).order_by(Agent.id))
    return StoredTeam(**row._mapping, agent_ids=list(members))


def managers(session: Session) -> dict[str, str]:
    """Who may manage a team: id to name, by name."""
    rows = session.execute(
        select(User.id, User.name).where(User.role.in_(_MAY_MANAGE), User.active.is_(True)).order_by(User.name, User.id)
    )
    return {row.id: row.name for row in rows}


def candidates(session: Session) -> dict[str, str]:
    """Who may be in a team: id to name, by name; also who has no profile yet."""
    rows = session.execute(
        select(User.id, User.name).where(User.role == Role.AGENT, User.active.is_(True)).order_by(User.name, User.id)
    )
    return {row.id: row.name for row in rows}


def add(session: Session, raw: Mapping[str, Any], *, actor_id: str | None, now: datetime) -> StoredTeam:
    """Store a new team; agents named in `agent_ids` leave theirs for it.

    Raises:
        Invalid: naming each wrong field.
        Conflict: there is a team of that name.
    """
    empty: dict[str, Any] = {
        "name": "",
        "manager_id": None,
        "default_strategy": DEFAULT,
        "fallbacks": [],
        "agent_ids": [],
    }
    team_id = new_id()
    made = _checked(session, team_id, empty | dict(raw))
    session.execute(insert(Team).values(**_columns(made), id=team_id, created_at=now))
    _move(session, made, now=now)
    return _done(session, "team.create", None, team_id, actor_id=actor_id, now=now)


def change(
    session: Session, team_id: str, changes: Mapping[str, Any], *, actor_id: str | None, now: datetime
) -> StoredTeam:
    """Change the named fields; whom a given `agent_ids` leaves out is in no team then. Errors as in `add`, and NotFound."""
    before = get(session, team_id)
    changes = {name: value for name, value in changes.items() if not (name == "agent_ids" and value is None)}
    present = {name: getattr(before, name) for name in _FIELDS}
    made = _checked(session, team_id, present | dict(changes))
    session.execute(
        update(Team).where(Team.id == team_id).values(**_columns(made)).execution_options(synchronize_session=False)
    )
    if "agent_ids" in changes:
        _move(session, made, now=now)
    return _done(session, "team.change", before, team_id, actor_id=actor_id, now=now)


def remove(session: Session, team_id: str, *, actor_id: str | None, now: datetime) -> None:
    """Delete an empty team, with its holidays.

    Raises:
        NotFound: there is no such team.
        Conflict: somebody is in it.
    """
    before = get(session, team_id)
    if before.agent_ids:
        raise Conflict(f"It still has members ({len(before.agent_ids)}): move them to another team first.")
    if session.scalar(select(Endpoint.id).where(Endpoint.team_id == team_id).limit(1)) is not None:
        raise Conflict(
            "An endpoint still tells another system of this team: delete it or give it to another team first."
        )
    session.execute(delete(Holiday).where(Holiday.team_id == team_id).execution_options(synchronize_session=False))
    session.execute(delete(table_of(Team)).where(table_of(Team).c.id == team_id))
    _done(session, "team.delete", before, None, actor_id=actor_id, now=now)


def _checked(session: Session, team_id: str, raw: Mapping[str, Any]) -> StoredTeam:
    wrong = {name: "there is no such field" for name in raw if name not in _FIELDS}
    name, manager, fallbacks = raw["name"], raw["manager_id"] or None, raw["fallbacks"]
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _LONGEST_NAME or "\x00" in name:
        wrong["name"] = f"1 to {_LONGEST_NAME} characters"
    if manager is not None and manager not in managers(session):
        wrong["manager_id"] = "there is no such active manager"
    wrong |= chains.wrong(raw["default_strategy"], fallbacks)
    agents = list(dict.fromkeys(raw["agent_ids"] or ()))
    known_agents = set(session.scalars(select(User.id).where(User.id.in_(agents), User.role == Role.AGENT)))
    if unknown := [agent for agent in agents if agent not in known_agents]:
        wrong["agent_ids"] = f"there is no agent {unknown[0]}"
    if wrong:
        raise Invalid("The team is not valid.", fields=wrong)
    name = name.strip()
    taken = session.scalar(select(Team.id).where(func.lower(Team.name) == name.lower(), Team.id != team_id))
    if taken is not None:
        raise Conflict(f"There is a team “{name}” already.")
    return StoredTeam(
        id=team_id,
        name=name,
        manager_id=manager,
        default_strategy=raw["default_strategy"],
        fallbacks=list(fallbacks),
        agent_ids=agents,
    )


def _columns(team: StoredTeam) -> dict[str, Any]:
    return {
        "name": team.name,
        "manager_id": team.manager_id,
        "default_strategy": team.default_strategy,
        "fallbacks": team.fallbacks,
    }


def _move(session: Session, team: StoredTeam, *, now: datetime) -> None:
    has_profile = set(session.scalars(select(Agent.id).where(Agent.id.in_(team.agent_ids))))
    for agent_id in team.agent_ids:
        if agent_id not in has_profile:
            profiles.make(session, agent_id, now=now)
    members = session.scalars(select(Agent.id).where((Agent.team_id == team.id) | Agent.id.in_(team.agent_ids)))
    capacity.lock(session, members)
    out = update(Agent).where(Agent.team_id == team.id, Agent.id.not_in(team.agent_ids))
    into = update(Agent).where(Agent.id.in_(team.agent_ids))
    for statement, where in ((out, None), (into, team.id)):
        session.execute(statement.values(team_id=where, updated_at=now).execution_options(synchronize_session=False))


def _done(
    session: Session,
    action: str,
    before: StoredTeam | None,
    team_id: str | None,
    *,
    actor_id: str | None,
    now: datetime,
) -> StoredTeam:
    versions.bump_at_commit(session, VERSION)
    after = get(session, team_id) if team_id else None
    subject = after or before
    assert subject is not None
    audit.record(
        session,
        action,
        subject_type="team",
        subject_id=subject.id,
        actor_id=actor_id,
        before=asdict(before) if before else None,
        after=asdict(after) if after else None,
        now=now,
    )
    return subject
