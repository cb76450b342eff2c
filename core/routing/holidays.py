"""Holidays: days on which everybody, or one team, is off duty, whole local days in each agent's own zone."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from core import audit, versions
from core.db.base import table_of
from core.db.tables import Holiday, Team
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing import federal
from core.routing.state import VERSION
from core.viewer import Viewer
from core.words import Role

_LONGEST_NAME = 120
_YEARS = (1970, 2200)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredHoliday:
    id: str
    name: str
    day: date
    team_id: str | None
    """None covers everybody."""


def list_holidays(session: Session, viewer: Viewer, *, since: date | None = None) -> list[StoredHoliday]:
    """Those of everybody and of the viewer's teams (an admin: all), from a day on, in their order."""
    table = table_of(Holiday).c
    statement = select(table_of(Holiday)).order_by(table.day, table.name, table.id)
    if viewer.role is not Role.ADMIN:
        statement = statement.where(or_(table.team_id.is_(None), table.team_id.in_(viewer.team_ids)))
    if since is not None:
        statement = statement.where(table.day >= since)
    return [StoredHoliday(**row._mapping) for row in session.execute(statement)]


def add(session: Session, raw: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> StoredHoliday:
    """Store a new one: an admin's for everybody or any team, a manager's for their own teams.

    Raises:
        Forbidden: the role does not allow this.
        Invalid: naming each wrong field.
        Conflict: this day is one already, for the same people.
    """
    wanted = {"name": "", "day": None, "team_id": None} | dict(raw)
    made = _checked(session, new_id(), wanted)
    _check_rights(viewer, made.team_id)
    _check_free(session, made)
    session.execute(insert(table_of(Holiday)).values(**asdict(made)))
    return _done(session, "holiday.create", None, made, viewer=viewer, now=now)


def change(
    session: Session, holiday_id: str, changes: Mapping[str, Any], *, viewer: Viewer, now: datetime
) -> StoredHoliday:
    """Change the named fields (name, day, team_id); errors as in `add`, and NotFound."""
    before = _get(session, holiday_id, viewer=viewer)
    _check_rights(viewer, before.team_id)
    made = _checked(session, holiday_id, _fields(before) | dict(changes))
    _check_rights(viewer, made.team_id)
    if made == before:
        return before
    _check_free(session, made)
    session.execute(update(table_of(Holiday)).where(table_of(Holiday).c.id == holiday_id).values(**_fields(made)))
    return _done(session, "holiday.change", before, made, viewer=viewer, now=now)


def remove(session: Session, holiday_id: str, *, viewer: Viewer, now: datetime) -> StoredHoliday:
    """Delete one; returns what it was. Raises NotFound, Forbidden."""
    before = _get(session, holiday_id, viewer=viewer)
    _check_rights(viewer, before.team_id)
    session.execute(delete(table_of(Holiday)).where(table_of(Holiday).c.id == holiday_id))
    _done(session, "holiday.delete", before, None, viewer=viewer, now=now)
    return before


def add_federal(
    session: Session, year: int, *, team_id: str | None = None, viewer: Viewer, now: datetime
) -> list[StoredHoliday]:
    """The federal holidays of a year, with observed days; those that are there already are left out.

    Raises:
        Forbidden: the role does not allow this.
        Invalid: a year before 1970 or after 2200, or no such team.
    """
    if not _YEARS[0] <= year <= _YEARS[1]:
        raise Invalid("The year is not valid.", fields={"year": f"{_YEARS[0]} to {_YEARS[1]}"})
    _check_rights(viewer, team_id)
    days = _taken(session, team_id)
    return [
        add(session, {"name": name, "day": day, "team_id": team_id}, viewer=viewer, now=now)
        for day, name in federal.holidays(year)
        if day not in days
    ]


def _get(session: Session, holiday_id: str, *, viewer: Viewer) -> StoredHoliday:
    found = next((one for one in list_holidays(session, viewer) if one.id == holiday_id), None)
    if found is None:
        raise NotFound("There is no such holiday.")
    return found


def _taken(session: Session, team_id: str | None) -> set[date]:
    same = Holiday.team_id.is_(None) if team_id is None else Holiday.team_id == team_id
    return set(session.scalars(select(Holiday.day).where(same)))


def _check_free(session: Session, made: StoredHoliday) -> None:
    same = Holiday.team_id.is_(None) if made.team_id is None else Holiday.team_id == made.team_id
    other = session.scalar(select(Holiday.name).where(Holiday.day == made.day, same, Holiday.id != made.id))
    if other is not None:
        raise Conflict(f"{made.day.isoformat()} is a holiday of theirs already: {other}.")


def _check_rights(viewer: Viewer, team_id: str | None) -> None:
    if viewer.role is Role.ADMIN:
        return
    if viewer.role is not Role.MANAGER:
        raise Forbidden("This takes a manager or an admin.")
    if team_id is None:
        raise Forbidden("Only an admin gives everybody a holiday; you can for your own teams.")
    if team_id not in viewer.team_ids:
        raise NotFound("There is no such team among yours.")


def _checked(session: Session, holiday_id: str, raw: Mapping[str, Any]) -> StoredHoliday:
    wrong = {name: "there is no such field" for name in raw if name not in ("name", "day", "team_id")}
    name, day, team_id = raw["name"], raw["day"], raw["team_id"] or None
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= _LONGEST_NAME or "\x00" in name:
        wrong["name"] = f"1 to {_LONGEST_NAME} characters"
    if not isinstance(day, date) or isinstance(day, datetime) or not _YEARS[0] <= day.year <= _YEARS[1]:
        wrong["day"] = f"a date from {_YEARS[0]} to {_YEARS[1]}"
    if team_id is not None and session.scalar(select(Team.id).where(Team.id == team_id)) is None:
        wrong["team_id"] = "there is no such team"
    if wrong:
        raise Invalid("The holiday is not valid.", fields=wrong)
    return StoredHoliday(id=holiday_id, name=name.strip(), day=day, team_id=team_id)


def _done(
    session: Session,
    action: str,
    before: StoredHoliday | None,
    after: StoredHoliday | None,
    *,
    viewer: Viewer,
    now: datetime,
) -> StoredHoliday:
    versions.bump_at_commit(session, VERSION)
    subject = after or before
    assert subject is not None
    audit.record(
        session,
        action,
        subject_type="holiday",
        subject_id=subject.id,
        actor_id=viewer.user_id or None,
        before=_shown(before),
        after=_shown(after),
        now=now,
    )
    return subject


def _fields(one: StoredHoliday) -> dict[str, Any]:
    return {"name": one.name, "day": one.day, "team_id": one.team_id}


def _shown(one: StoredHoliday | None) -> dict[str, Any] | None:
    return None if one is None else _fields(one) | {"day": one.day.isoformat()}
