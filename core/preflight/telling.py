"""The morning's notice: what is serious and new since it was told, once a person and day; nothing new, nothing sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import clock, delivery
from core.db.dialect import upsert
from core.db.tables import Setting, Team, User
from core.delivery import Kind, Notice
from core.delivery.saying import several
from core.preflight.finding import Finding
from core.preflight.words import when
from core.words import Priority, Role

MORNING = 7
"""The hour, by the house's clock, from which on the day's notice goes out."""
AGAIN = timedelta(days=7)
_SETTING = "preflight"
_MOST = 3
"""Findings written out in a notice."""

Memory = Mapping[str, Mapping[str, Any]]
"""Finding -> {causes, at}: what was told, and when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who is told."""

    user_id: str
    timezone: str
    team_ids: frozenset[str] | None
    """None: an admin, of the whole house."""


def is_due(session: Session, zone: ZoneInfo, *, now: datetime) -> bool:
    """Whether it is morning or later in the house, and today's notice has not been thought about yet."""
    local = now.astimezone(zone)
    return local.hour >= MORNING and _stored(session).get("day") != f"{local:%Y-%m-%d}"


def lock(session: Session) -> None:
    """Of two processes that look at once the second sees what the first has told."""
    session.execute(select(Setting.key).where(Setting.key == _SETTING).with_for_update())


def readers(session: Session) -> list[Reader]:
    """The active admins, and the active managers of teams."""
    teams: dict[str, set[str]] = {}
    for team_id, manager_id in session.execute(select(Team.id, Team.manager_id)):
        if manager_id is not None:
            teams.setdefault(manager_id, set()).add(team_id)
    users = session.execute(select(User.id, User.role, User.timezone).where(User.active).order_by(User.id))
    return [
        Reader(
            user_id=row.id,
            timezone=row.timezone,
            team_ids=None if row.role == Role.ADMIN else frozenset(teams.get(row.id, ())),
        )
        for row in users
        if row.role == Role.ADMIN or (row.role == Role.MANAGER and row.id in teams)
    ]


def tell(
    session: Session,
    serious: Mapping[str, Sequence[Finding]],
    *,
    people: Sequence[Reader],
    zone: ZoneInfo,
    now: datetime,
) -> int:
    """Tell each reader what is new to them, and remember it; how many were told.

    Args:
        serious: by user id, what is serious for them now.
    """
    before = _stored(session)
    told: Mapping[str, Memory] = before.get("told", {})
    memory: dict[str, Memory] = {}
    notices = []
    for reader in people:
        known = told.get(reader.user_id, {})
        findings = serious[reader.user_id]
        fresh = news(findings, known, now=now)
        memory[reader.user_id] = remembered(findings, known, fresh, now=now)
        if fresh:
            notices.append(_notice(reader, fresh, day=f"{now.astimezone(zone):%Y%m%d}"))
    value = {"day": f"{now.astimezone(zone):%Y-%m-%d}", "told": memory}
    statement = upsert(session, Setting).values(key=_SETTING, value=value, updated_at=now)
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": value, "updated_at": now}))
    delivery.enqueue(session, notices, now=now)
    return len(notices)


def news(findings: Sequence[Finding], told: Memory, *, now: datetime) -> list[Finding]:
    """Those never told, those with a cause that was not there when they were told, and those told a week ago."""
    return [one for one in findings if _is_news(one, told.get(one.id), now=now)]


def remembered(findings: Sequence[Finding], told: Memory, fresh: Sequence[Finding], *, now: datetime) -> Memory:
    """What to know tomorrow. What is no longer found is forgotten: when it comes back, it is news."""
    new = {one.id for one in fresh}
    return {
        one.id: {
            "causes": sorted(one.causes),
            "at": now.isoformat() if one.id in new else told[one.id]["at"],
        }
        for one in findings
    }


def _is_news(one: Finding, told: Mapping[str, Any] | None, *, now: datetime) -> bool:
    if told is None or not one.causes <= set(told["causes"]):
        return True
    return now - datetime.fromisoformat(told["at"]) >= AGAIN


def _notice(reader: Reader, fresh: Sequence[Finding], *, day: str) -> Notice:
    zone = clock.zone(reader.timezone)
    lines = [f"{one.text} {times}." if (times := when(one.spans, zone)) else one.text for one in fresh[:_MOST]]
    more = len(fresh) - _MOST
    rest = several(" And {number} more thing.", " And {number} more things.", more) if more > 0 else ""
    return Notice(
        alert_id=None,
        user_id=reader.user_id,
        kind=Kind.ADMIN_NOTICE,
        priority=Priority.MEDIUM,
        occasion=f"preflight-{day}",
        text=several(  # what is found is said as the page says it
            "{number} thing in the days to come needs you. {found}{rest} What to do about it is on the page Agents, under Coverage.",
            "{number} things in the days to come need you. {found}{rest} What to do about them is on the page Agents, under Coverage.",
            len(fresh),
            found=" ".join(lines),
            rest=rest,
        ),
    )


def _stored(session: Session) -> Mapping[str, Any]:
    found = session.scalar(select(Setting.value).where(Setting.key == _SETTING))
    return found if isinstance(found, Mapping) else {}
