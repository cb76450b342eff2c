"""Who may be given alerts at an instant, and for everybody else the one reason why not."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.routing.directory import Agent, Directory
from core.routing.schedule import Week, is_holiday, is_working

INACTIVE = "inactive"
UNAVAILABLE = "unavailable"
NO_AUTO_ASSIGN = "no_auto_assign"
NO_CAPACITY = "no_capacity"
TIME_OFF = "time_off"
HOLIDAY = "holiday"
OFF_DUTY = "off_duty"
PAUSED = "paused"
AT_CAPACITY = "at_capacity"
DAY_FULL = "day_full"
LEFT_OUT = "left_out"
"""Left out of this decision on purpose: the one it is taken from."""
OUT_OF_REACH = "out_of_reach"
"""On duty, but not in the pool that decided (another territory, team or skill)."""

WORDS = {
    INACTIVE: "no longer active",
    UNAVAILABLE: "set to unavailable",
    NO_AUTO_ASSIGN: "take alerts by hand only",
    NO_CAPACITY: "take no alerts",
    TIME_OFF: "on time off",
    HOLIDAY: "on an office holiday",
    OFF_DUTY: "outside working hours",
    PAUSED: "paused because nobody could reach them",
    AT_CAPACITY: "at capacity",
    DAY_FULL: "had all they take in a day",
    LEFT_OUT: "had it before",
    OUT_OF_REACH: "on duty elsewhere",
}


@dataclass(frozen=True, slots=True)
class Roster:
    """`eligible` are positions in the directory; everybody else is counted under one reason."""

    eligible: frozenset[int]
    reasons: dict[int, str]
    excluded: dict[str, int]
    until: datetime
    """The roster holds until here: the next full minute or the next start or end of time off."""
    since: datetime


def roster(directory: Directory, now: datetime) -> Roster:
    reasons: dict[int, str] = {}
    working: dict[tuple[Week, str], bool] = {}
    until = now.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    for agent in directory.agents:
        for starts, ends, _cover in agent.time_off:
            for edge in (starts, ends):
                if now < edge < until:
                    until = edge
        reason = why_not(agent, now, working)
        if reason is not None:
            reasons[agent.position] = reason
    eligible = frozenset(range(len(directory.agents))) - reasons.keys()
    return Roster(eligible=eligible, reasons=reasons, excluded=dict(Counter(reasons.values())), until=until, since=now)


def why_not(agent: Agent, now: datetime, working: dict[tuple[Week, str], bool] | None = None) -> str | None:
    """Why this agent gets nothing at `now`; None when nothing speaks against it."""
    if (switched := switched_off(agent)) is not None:
        return switched
    if any(starts <= now < ends for starts, ends, _cover in agent.time_off):
        return TIME_OFF
    if is_holiday(agent.zone, now, agent.holidays):
        return HOLIDAY
    if working is None:
        return None if is_working(agent.week, agent.zone, now) else OFF_DUTY
    key = (agent.week, agent.zone.key)  # people share schedules, so each is worked out once
    if key not in working:
        working[key] = is_working(agent.week, agent.zone, now)
    return None if working[key] else OFF_DUTY


def switched_off(agent: Agent) -> str | None:
    """Why nothing is given to them at any hour until somebody changes that; None where only the hours decide."""
    if not agent.active:
        return INACTIVE
    if not agent.available:
        return UNAVAILABLE
    if not agent.auto_assign:
        return NO_AUTO_ASSIGN
    if agent.capacity <= 0:
        return NO_CAPACITY
    return PAUSED if agent.paused is not None else None
