"""Agent profiles: what routing knows of a person, read by colleagues, changed by their manager or an admin."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import available_timezones

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from core import audit, load, versions
from core.db.base import table_of
from core.db.tables import Agent, Team, User
from core.errors import Forbidden, Invalid, NotFound
from core.routing import schedule
from core.routing.capacity import take_turn
from core.routing.state import VERSION
from core.viewer import Viewer
from core.words import Role

_OWN = frozenset({"available", "schedule", "timezone"})
"""What agents may change of their own profile."""
_MOST_NAMES = 200
_LONGEST_NAME = 64
_PLAIN_LEVEL = 3
"""The level of a skill that is only named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    agent_id: str
    name: str
    team_id: str | None
    timezone: str
    max_concurrent_alerts: int
    open_alerts: int
    max_units: float | None
    """Capacity by weight (core.load), beside the number; None is no such limit."""
    open_units: float
    max_per_day: int | None
    """New alerts in one day of the agent's zone; None is no such limit."""
    weight: float
    """Share of turns: 0.5 gets half as many as 1."""
    paused_at: datetime | None
    paused_reason: str | None
    territories: list[str]
    primary_territory: str | None
    skills: dict[str, int]
    """Skill to level, 1 (knows it) to 5 (the specialist)."""
    specializations: list[str]
    available: bool
    auto_assign: bool
    preferred_alert_types: list[str]
    schedule: dict[str, Any]
    updated_at: datetime


def get(session: Session, agent_id: str) -> Profile:
    """One agent's profile.

    Raises:
        NotFound: there is no such agent.
    """
    agents = table_of(Agent).c
    row = session.execute(
        select(
            agents.id.label("agent_id"),
            User.name,
            User.timezone,
            *(agents[name] for name in Profile.__slots__ if name not in ("agent_id", "name", "timezone")),
        )
        .join(User, User.id == agents.id)
        .where(agents.id == agent_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such agent.")
    return Profile(**row._mapping)


def put(session: Session, agent_id: str, changes: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> Profile:
    """Change the named fields; what is not named stays. For a user without a profile an admin makes one.

    Args:
        changes: fields of `Profile` in snake_case; `skills` is skill -> level or a list of skills.

    Raises:
        NotFound: no such agent, or not one of this manager's.
        Forbidden: the role does not allow this.
        Invalid: naming each wrong field.
    """
    values = checked(session, changes)
    agents = table_of(Agent)
    take_turn(session)
    row = session.execute(select(agents.c.team_id).where(agents.c.id == agent_id).with_for_update()).one_or_none()
    _check_rights(viewer, agent_id, row.team_id if row else None, known=row is not None, values=values)
    before: dict[str, Any] | None = None
    if row is None:
        make(session, agent_id, now=now)
    else:
        before = _shown(get(session, agent_id))
    if (zone := values.pop("timezone", None)) is not None:
        session.connection().execute(
            update(table_of(User)).where(table_of(User).c.id == agent_id).values(timezone=zone)
        )
    session.connection().execute(update(agents).where(agents.c.id == agent_id).values(**values, updated_at=now))
    after = get(session, agent_id)
    versions.bump_at_commit(session, VERSION)
    audit.record(
        session,
        "agent.profile",
        subject_type="agent",
        subject_id=agent_id,
        actor_id=viewer.user_id or None,
        before=before,
        after=_shown(after),
        now=now,
    )
    return after


def _check_rights(
    viewer: Viewer, agent_id: str, team_id: str | None, *, known: bool, values: Mapping[str, Any]
) -> None:
    if viewer.role is Role.ADMIN:
        return
    if viewer.role is Role.MANAGER:
        if not known or team_id not in viewer.team_ids:
            raise NotFound("There is no such agent in your teams.")
        if values.get("team_id", team_id) not in viewer.team_ids:
            raise Forbidden("Only an admin moves people to other teams.")
        return
    if viewer.user_id != agent_id:
        raise Forbidden("This takes a manager or an admin.")
    if beyond := sorted(set(values) - _OWN):
        raise Forbidden(f"Your manager changes {beyond[0]}; you can change {', '.join(sorted(_OWN))}.")


def make(session: Session, agent_id: str, *, now: datetime) -> None:
    """The profile of a user who is an agent and has none yet. Raises NotFound."""
    user = session.execute(select(User.role).where(User.id == agent_id)).one_or_none()
    if user is None or user.role != Role.AGENT:
        raise NotFound("There is no such agent.")
    agents = table_of(Agent)
    session.execute(
        insert(agents).values(
            id=agent_id,
            # a newcomer stands level with the others in turn, and is not owed what was given before
            round_robin_at=session.scalar(select(func.max(agents.c.round_robin_at))) or 0.0,
            available=True,
            auto_assign=True,
            max_concurrent_alerts=10,
            open_alerts=0,
            territories=[],
            skills={},
            specializations=[],
            preferred_alert_types=[],
            schedule={},
            updated_at=now,
        )
    )


def checked(session: Session, changes: Mapping[str, Any]) -> dict[str, Any]:
    """These changes as they are stored.

    Raises:
        Invalid: naming each wrong field.
    """
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, value in changes.items():
        check = _CHECKS.get(name)
        if check is None:
            wrong[name] = "this cannot be changed here"
            continue
        try:
            values[name] = check(value)
        except ValueError as error:
            wrong[name] = str(error)
        except Invalid as error:
            wrong |= error.fields
    team_id = values.get("team_id")
    if team_id is not None and session.scalar(select(Team.id).where(Team.id == team_id)) is None:
        wrong["team_id"] = "there is no such team"
    if wrong:
        raise Invalid("The profile is not valid.", fields=wrong)
    return values


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def _capacity(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10_000:
        raise ValueError("a whole number, 0 to 10000")
    return value


def _units(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 10_000 or value % load.STEP:
        raise ValueError("a number of units above 0 in quarters, such as 12.5; or nothing for no limit")
    return float(value)


def _per_day(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_000:
        raise ValueError("a whole number, 1 to 10000; or nothing for no limit")
    return value


def _weight(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 10:
        raise ValueError("a number, 0.1 to 10; 1 is an ordinary share of turns")
    return float(value)


def _name(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= _LONGEST_NAME or "\x00" in value:
        raise ValueError(f"names of 1 to {_LONGEST_NAME} characters")
    return value.strip()


def _optional_name(value: object) -> str | None:
    return None if value is None else _name(value)


def _names(value: object) -> list[str]:
    if not isinstance(value, list | tuple) or len(value) > _MOST_NAMES:
        raise ValueError(f"a list of at most {_MOST_NAMES}")
    return list(dict.fromkeys(map(_name, value)))


def _skills(value: object) -> dict[str, int]:
    if isinstance(value, list | tuple):
        return dict.fromkeys(_names(value), _PLAIN_LEVEL)
    if not isinstance(value, Mapping) or len(value) > _MOST_NAMES:
        raise ValueError(f"skill to level, or a list of skills, at most {_MOST_NAMES}")
    for level in value.values():
        if isinstance(level, bool) or not isinstance(level, int) or not 1 <= level <= 5:
            raise ValueError("a level is 1 (knows it) to 5 (the specialist)")
    return {_name(skill): level for skill, level in value.items()}


def _schedule(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise ValueError('weekday to spans, such as {"mon": [["09:00", "17:30"]]}')
    schedule.parse(value)
    return {day: [list(span) for span in spans] for day, spans in value.items()}


def _timezone(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_NAME or value not in available_timezones():
        raise ValueError("an IANA zone such as America/Chicago")
    return value


_CHECKS: dict[str, Any] = {
    "team_id": _optional_name,
    "max_concurrent_alerts": _capacity,
    "max_units": _units,
    "max_per_day": _per_day,
    "weight": _weight,
    "territories": _names,
    "primary_territory": _optional_name,
    "skills": _skills,
    "specializations": _names,
    "available": _flag,
    "auto_assign": _flag,
    "preferred_alert_types": _names,
    "schedule": _schedule,
    "timezone": _timezone,
}
FIELDS = tuple(_CHECKS)


def _shown(profile: Profile) -> dict[str, Any]:
    return {name: getattr(profile, name) for name in FIELDS}
