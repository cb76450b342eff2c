"""When a step is due: wall time, or the working time of whoever owns the alert (split shifts, holidays, DST)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Any

from core.errors import DoorbellError
from core.escalation.policy import Wait
from core.routing import days_off
from core.routing import schedule as working


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When somebody works."""

    schedule: Mapping[str, Any] = field(default_factory=dict)
    timezone: str = "UTC"
    holidays: frozenset[date] = days_off.NONE

    def at_work(self, now: datetime) -> bool:
        """Inside their hours. A schedule that no longer parses counts as working: the clock runs rather than never."""
        try:
            return working.on_duty(self.schedule, self.timezone, now, holidays=self.holidays)
        except (DoorbellError, KeyError):
            return True


def due(wait: Wait, since: datetime, hours: Hours) -> datetime:
    """The instant at which so much time has passed since then."""
    if not wait.is_working:
        return since + wait.wall
    length = wait.number * working_day(hours.schedule) if wait.unit == "workingDays" else wait.wall
    try:
        return working.add_working_time(since, length, hours.schedule, hours.timezone, hours.holidays)
    except (DoorbellError, KeyError):
        return since + length


def working_day(schedule: Mapping[str, Any]) -> timedelta:
    """How long this person's day is, on average over the days they work; 24 hours for who is always on duty."""
    days = [sum(ends - begins for begins, ends in spans) for spans in working.parse(schedule) if spans]
    return timedelta(minutes=fmean(days)) if days else timedelta(days=1)
