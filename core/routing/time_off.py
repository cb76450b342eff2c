"""Time off: whole local days or hours away, with who covers; an agent's own, a manager's teams', an admin's everybody's.

What routing does with it is in core.routing.roster (nothing new), covers (who answers) and handing_on (what was untouched).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session, aliased

from core import audit, clock, versions
from core.db.base import table_of
from core.db.tables import Agent, TimeOff, User
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing.state import VERSION
from core.viewer import Viewer
from core.words import Role

FIELDS = ("starts_at", "ends_at", "first_day", "last_day", "cover_agent_id", "reason")
_LONGEST = timedelta(days=731)
_LONGEST_REASON = 200
_YEARS = range(1970, 2201)


@dataclass(frozen=True, slots=True, kw_only=True)
class Off:
    """One time off. Whole local days where both ends are a midnight in the agent's zone."""

    id: str
    agent_id: str
    agent_name: str
    team_id: str | None
    timezone: str
    starts_at: datetime
    ends_at: datetime
    """The first instant back."""
    cover_agent_id: str | None
    cover_name: str | None
    reason: str

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last whole local day; None where it is hours."""
        zone = clock.zone(self.timezone)
        starts, ends = self.starts_at.astimezone(zone).date(), self.ends_at.astimezone(zone).date()
        if self.starts_at != _beginning(starts, zone) or self.ends_at != _beginning(ends, zone):
            return None
        return starts, ends - timedelta(days=1)

    def words(self) -> str:
        """`3 Mar to 7 Mar 2026`, or `3 Mar 2026, 14:00 to 16:30`, in the agent's zone."""
        if self.days is not None:
            first, last = self.days
            return _day(last) if first == last else f"{_day(first, last)} to {_day(last)}"
        zone = clock.zone(self.timezone)
        starts, ends = self.starts_at.astimezone(zone), self.ends_at.astimezone(zone)
        end = f"{ends:%H:%M}" if starts.date() == ends.date() else f"{_day(ends.date())}, {ends:%H:%M}"
        return f"{_day(starts.date())}, {starts:%H:%M} to {end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A time off as stored, with what is odd about it in words."""

    off: Off
    doubts: tuple[str, ...] = ()
    before: Off | None = None
    """As it was until now."""


def list_time_off(
    session: Session, viewer: Viewer, *, agent_id: str | None = None, since: datetime | None = None
) -> list[Off]:
    """Times off the viewer may see (an agent's own, a manager's teams', an admin's all) that end after `since`, in order.

    Raises:
        NotFound: `agent_id` is nobody this viewer may see the times off of.
    """
    if agent_id is not None:
        team = session.execute(select(Agent.team_id).where(Agent.id == agent_id)).one_or_none()
        if team is None or not _may(viewer, agent_id, team.team_id):
            raise NotFound("There is no such agent among yours.")
    statement = _select().order_by(TimeOff.starts_at, TimeOff.id)
    if viewer.role is Role.AGENT:
        statement = statement.where(TimeOff.agent_id == viewer.user_id)
    elif viewer.role is Role.MANAGER:
        statement = statement.where(Agent.team_id.in_(viewer.team_ids))
    if agent_id is not None:
        statement = statement.where(TimeOff.agent_id == agent_id)
    if since is not None:
        statement = statement.where(TimeOff.ends_at > since)
    return [Off(**row._mapping) for row in session.execute(statement)]


def get(session: Session, time_off_id: str, *, viewer: Viewer) -> Off:
    """Raises NotFound, also for what this viewer may not see."""
    row = session.execute(_select().where(TimeOff.id == time_off_id)).one_or_none()
    if row is None or not _may(viewer, row.agent_id, row.team_id):
        raise NotFound("There is no such time off.")
    return Off(**row._mapping)


def add(session: Session, agent_id: str, raw: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> Saved:
    """Give an agent time off.

    Args:
        raw: of FIELDS: first_day and last_day (whole local days, both included), or starts_at and ends_at (instants).

    Raises:
        NotFound: no such agent, or not this viewer's.
        Forbidden: an agent asks for somebody else.
        Invalid: naming each wrong field; over already is wrong too.
        Conflict: they have time off then already.
    """
    agent = _locked(session, agent_id, viewer=viewer)
    starts, ends, cover, reason = _checked(session, raw, agent)
    if ends <= now:
        raise Invalid("It is over already.", fields={"ends_at": "lies in the past"})
    off_id = new_id()
    _check_free(session, agent, off_id, starts, ends)
    session.execute(
        insert(TimeOff).values(
            id=off_id, agent_id=agent_id, starts_at=starts, ends_at=ends, cover_agent_id=cover, reason=reason
        )
    )
    return _done(session, "time_off.create", None, off_id, viewer=viewer, now=now)


def change(session: Session, time_off_id: str, raw: Mapping[str, Any], *, viewer: Viewer, now: datetime) -> Saved:
    """Change the named fields of one that is not over; errors as in `add`. What has begun keeps its beginning.

    Raises:
        Conflict: it is over and kept as it was, or it has begun and would begin at another time.
    """
    before = get(session, time_off_id, viewer=viewer)
    if before.ends_at <= now:
        raise Conflict("It is over; what was is kept as it was.")
    agent = _locked(session, before.agent_id, viewer=viewer)
    present: dict[str, Any] = {"cover_agent_id": before.cover_agent_id, "reason": before.reason}
    if not {"first_day", "last_day"} & set(raw):
        present |= {"starts_at": before.starts_at, "ends_at": before.ends_at}
    elif before.days is not None:
        present |= dict(zip(("first_day", "last_day"), before.days, strict=True))
    starts, ends, cover, reason = _checked(session, present | dict(raw), agent)
    if before.starts_at <= now and starts != before.starts_at:
        raise Conflict("It has begun; its beginning cannot be moved.")
    _check_free(session, agent, time_off_id, starts, max(ends, now))
    session.execute(
        update(TimeOff)
        .where(TimeOff.id == time_off_id)
        .values(starts_at=starts, ends_at=ends, cover_agent_id=cover, reason=reason)
        .execution_options(synchronize_session=False)
    )
    return _done(session, "time_off.change", before, time_off_id, viewer=viewer, now=now)


def remove(session: Session, time_off_id: str, *, viewer: Viewer, now: datetime) -> Off:
    """Take one back: what has begun ends now and is kept, what has not is deleted. Returns what it was.

    Raises:
        NotFound: there is none, or not for this viewer.
        Conflict: it is over and kept as it was.
    """
    before = get(session, time_off_id, viewer=viewer)
    if before.ends_at <= now:
        raise Conflict("It is over; what was is kept as it was.")
    if before.starts_at < now:
        session.execute(
            update(TimeOff)
            .where(TimeOff.id == time_off_id)
            .values(ends_at=now)
            .execution_options(synchronize_session=False)
        )
        _done(session, "time_off.end", before, time_off_id, viewer=viewer, now=now)
        return before
    session.execute(delete(table_of(TimeOff)).where(table_of(TimeOff).c.id == time_off_id))
    _done(session, "time_off.delete", before, None, viewer=viewer, now=now)
    return before


def doubts(session: Session, off: Off) -> tuple[str, ...]:
    """What is odd about it: a cover who is away then too, takes no alerts, or leads back to the one who is away."""
    if off.cover_agent_id is None:
        return ()
    row = session.execute(
        select(Agent.available, Agent.auto_assign, Agent.max_concurrent_alerts, User.name, User.active)
        .join(User, User.id == Agent.id)
        .where(Agent.id == off.cover_agent_id)
    ).one()
    said = []
    if not row.active:
        said.append(f"{row.name} is no longer active.")
    elif not row.available or not row.auto_assign or row.max_concurrent_alerts == 0:
        said.append(f"{row.name} takes no alerts now.")
    cover_off = _overlapping(session, off.cover_agent_id, off.starts_at, off.ends_at)
    for theirs in cover_off:
        next_one = f"{theirs.cover_name} covers for them" if theirs.cover_name else "nobody covers for them"
        if theirs.cover_agent_id == off.agent_id:
            next_one = f"{off.agent_name} is to cover for them: nobody answers then"
        said.append(f"{row.name} is away too, {theirs.words()}; {next_one}.")
    return tuple(said)


def _overlapping(session: Session, agent_id: str, starts: datetime, ends: datetime) -> list[Off]:
    rows = session.execute(
        _select()
        .where(TimeOff.agent_id == agent_id, TimeOff.starts_at < ends, TimeOff.ends_at > starts)
        .order_by(TimeOff.starts_at)
    )
    return [Off(**row._mapping) for row in rows]


def _select() -> Any:
    cover = aliased(User)
    return (
        select(
            TimeOff.id,
            TimeOff.agent_id,
            User.name.label("agent_name"),
            Agent.team_id,
            User.timezone,
            TimeOff.starts_at,
            TimeOff.ends_at,
            TimeOff.cover_agent_id,
            cover.name.label("cover_name"),
            TimeOff.reason,
        )
        .join(User, User.id == TimeOff.agent_id)
        .join(Agent, Agent.id == TimeOff.agent_id)
        .outerjoin(cover, cover.id == TimeOff.cover_agent_id)
    )


def _may(viewer: Viewer, agent_id: str, team_id: str | None) -> bool:
    if viewer.role is Role.ADMIN or viewer.user_id == agent_id:
        return True
    return viewer.role is Role.MANAGER and team_id in viewer.team_ids


def _locked(session: Session, agent_id: str, *, viewer: Viewer) -> Any:
    """The agent, kept from getting another time off meanwhile."""
    row = session.execute(
        select(Agent.id, Agent.team_id, User.name, User.timezone)
        .join(User, User.id == Agent.id)
        .where(Agent.id == agent_id)
        .with_for_update(of=table_of(Agent))
    ).one_or_none()
    if row is not None and _may(viewer, agent_id, row.team_id):
        return row
    if viewer.role is Role.AGENT:
        raise Forbidden("You give time off to yourself; your manager to others.")
    raise NotFound("There is no such agent among yours.")


def _checked(session: Session, raw: Mapping[str, Any], agent: Any) -> tuple[datetime, datetime, str | None, str]:
    wrong = {name: "there is no such field" for name in raw if name not in FIELDS}
    starts, ends = _times(raw, clock.zone(agent.timezone), wrong)
    cover, reason = raw.get("cover_agent_id") or None, raw.get("reason") or ""
    if cover == agent.id:
        wrong["cover_agent_id"] = "nobody covers for themself"
    elif cover is not None and not _is_active_agent(session, cover):
        wrong["cover_agent_id"] = "there is no such active agent"
    if not isinstance(reason, str) or len(reason) > _LONGEST_REASON or "\x00" in reason:
        wrong["reason"] = f"at most {_LONGEST_REASON} characters"
    if wrong or starts is None or ends is None:
        raise Invalid("The time off is not valid.", fields=wrong)
    return starts, ends, cover, reason.strip()


def _times(raw: Mapping[str, Any], zone: Any, wrong: dict[str, str]) -> tuple[datetime | None, datetime | None]:
    first, last = raw.get("first_day"), raw.get("last_day")
    starts, ends = raw.get("starts_at"), raw.get("ends_at")
    if (first is None and last is None) == (starts is None and ends is None):
        wrong["first_day"] = "give first_day and last_day, or starts_at and ends_at"
        return None, None
    if first is not None or last is not None:
        first, last = first or last, last or first
        if not all(isinstance(day, date) and day.year in _YEARS for day in (first, last)):
            wrong["first_day"] = f"dates from {_YEARS[0]} to {_YEARS[-1]}"
            return None, None
        assert last is not None
        starts, ends = _beginning(first, zone), _beginning(last + timedelta(days=1), zone)  # type: ignore[arg-type]
    names = ("first_day", "last_day") if first is not None else ("starts_at", "ends_at")
    for name, at in zip(names, (starts, ends), strict=True):
        if not isinstance(at, datetime) or at.tzinfo is None or at.year not in _YEARS:
            wrong[name] = f"a time with its zone, from {_YEARS[0]} to {_YEARS[-1]}"
    if wrong:
        return None, None
    assert starts is not None
    assert ends is not None
    starts, ends = starts.astimezone(UTC), ends.astimezone(UTC)
    if ends <= starts:
        wrong[names[1]] = "ends before it starts"
    elif ends - starts > _LONGEST:
        wrong[names[1]] = "at most two years"
    return starts, ends


def _beginning(day: date, zone: tzinfo) -> datetime:
    """The first instant of a local day, in UTC: where the clocks change at midnight, it is 01:00."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _is_active_agent(session: Session, agent_id: str) -> bool:
    found = session.scalar(
        select(Agent.id).join(User, User.id == Agent.id).where(Agent.id == agent_id, User.active.is_(True))
    )
    return found is not None


def _check_free(session: Session, agent: Any, off_id: str, starts: datetime, ends: datetime) -> None:
    others: Sequence[Off] = [one for one in _overlapping(session, agent.id, starts, ends) if one.id != off_id]
    if others:
        said = others[0].words()
        raise Conflict(f"{agent.name} has time off then already ({said}): change that one instead.")


def _done(
    session: Session, action: str, before: Off | None, off_id: str | None, *, viewer: Viewer, now: datetime
) -> Saved:
    versions.bump_at_commit(session, VERSION)
    after = get(session, off_id, viewer=replace(viewer, role=Role.ADMIN)) if off_id else None
    subject = after or before
    assert subject is not None
    audit.record(
        session,
        action,
        subject_type="time_off",
        subject_id=subject.id,
        actor_id=viewer.user_id or None,
        before=_shown(before),
        after=_shown(after),
        now=now,
    )
    return Saved(off=subject, doubts=doubts(session, subject) if after else (), before=before)


def _shown(off: Off | None) -> dict[str, Any] | None:
    if off is None:
        return None
    return {
        "agentId": off.agent_id,
        "startsAt": off.starts_at.isoformat(),
        "endsAt": off.ends_at.isoformat(),
        "coverAgentId": off.cover_agent_id,
        "reason": off.reason,
    }


def _day(day: date, beside: date | None = None) -> str:
    """3 Mar 2026; without the year beside a day of the same one."""
    short = f"{day.day} {day:%b}"
    return short if beside is not None and beside.year == day.year else f"{short} {day.year}"
