"""The people of a house as their page shows them: on duty or why not, what they carry, and when they are away next."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import clock
from core.db.tables import Agent, Alert, Assignment, Team, User
from core.routing import refusals, roster, time_off
from core.routing.directory import Directory
from core.routing.duty import duty
from core.routing.time_off import Off
from core.viewer import Viewer
from core.views.scope import compared_scope
from core.words import Status

_DECLINES = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class PersonRow:
    id: str
    name: str
    team_id: str | None
    team_name: str | None
    timezone: str
    reason: str | None
    """Why nothing is given now, as in core.routing.roster; None on duty."""
    until: datetime | None
    """When that changes by itself."""
    available: bool
    paused_at: datetime | None
    paused_reason: str | None
    load: int
    capacity: int
    units: float
    max_units: float | None
    today: int
    """Alerts given so far on the present day of the agent's zone."""
    max_per_day: int | None
    untouched: int
    """Open alerts they have not looked at."""
    oldest_untouched_at: datetime | None
    declined: int
    """Alerts they said no to in the last 30 days."""
    off: Off | None
    """The time off that runs, or comes next."""

    @property
    def zone(self) -> ZoneInfo:
        return clock.zone(self.timezone)


def list_people(session: Session, viewer: Viewer, directory: Directory, *, now: datetime) -> tuple[PersonRow, ...]:
    """The active agents whose work this viewer may see (an admin all, a manager their teams, an agent themself), by name.

    Args:
        directory: the house as routing sees it, of this session or newer.
    """
    waiting = (
        select(
            Alert.assigned_agent_id.label("agent_id"),
            func.count().label("number"),
            func.min(Alert.opened_at).label("oldest"),
        )
        .where(Alert.closed_at.is_(None), Alert.status == Status.NEW, Alert.acknowledged_at.is_(None))
        .group_by(Alert.assigned_agent_id)
        .subquery()
    )
    refused = (
        select(Assignment.agent_id, func.count().label("number"))
        .where(refusals.WAS_DECLINED, Assignment.ended_at > now - _DECLINES)
        .group_by(Assignment.agent_id)
        .subquery()
    )
    offs: dict[str, Off] = {}
    for off in time_off.list_time_off(session, viewer, since=now):
        offs.setdefault(off.agent_id, off)
    rows = session.execute(
        select(
            Agent.id,
            User.name,
            Agent.team_id,
            Team.name.label("team_name"),
            User.timezone,
            Agent.available,
            Agent.paused_at,
            Agent.paused_reason,
            Agent.open_alerts.label("load"),
            Agent.max_concurrent_alerts.label("capacity"),
            Agent.open_units.label("units"),
            Agent.max_units,
            Agent.given_on,
            Agent.given_today,
            Agent.max_per_day,
            func.coalesce(waiting.c.number, 0).label("untouched"),
            waiting.c.oldest.label("oldest_untouched_at"),
            func.coalesce(refused.c.number, 0).label("declined"),
        )
        .join(User, User.id == Agent.id)
        .outerjoin(Team, Team.id == Agent.team_id)
        .outerjoin(waiting, waiting.c.agent_id == Agent.id)
        .outerjoin(refused, refused.c.agent_id == Agent.id)
        .where(compared_scope(viewer), User.active.is_(True))
        .order_by(User.name, Agent.id)
    )
    found = []
    for row in rows:
        values = dict(row._mapping)
        given_on, given = values.pop("given_on"), values.pop("given_today")
        known = directory.by_id.get(row.id)
        standing = duty(known, now) if known is not None else None
        today = now.astimezone(clock.zone(row.timezone)).date()
        found.append(
            PersonRow(
                **values,
                today=given if given_on == today else 0,
                reason=standing.reason if standing else roster.INACTIVE,
                until=standing.until if standing else None,
                off=offs.get(row.id),
            )
        )
    return tuple(found)
