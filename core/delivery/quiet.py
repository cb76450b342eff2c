"""When a person wants no message: quiet hours in their own zone, and times outside their working hours."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from core.delivery.ledger import Rule
from core.delivery.preferences import Preferences, QuietHours
from core.errors import DoorbellError
from core.routing import schedule
from core.words import Priority

_HORIZON = timedelta(days=21)
"""Holidays and quiet hours that leave no working time for so long are waited for no longer."""


@dataclass(frozen=True, kw_only=True)
class Clockwork:
    """What a person's hours are made of."""

    timezone: str
    schedule: dict[str, Any] = field(default_factory=dict)
    """Working hours as in core.routing.schedule; empty: always."""
    holidays: Set[date] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Wait:
    until: datetime
    rule: Rule


def wait(preferences: Preferences, hours: Clockwork, priority: str, *, now: datetime) -> Wait | None:
    """Until when a message of this priority has to wait, and by which rule; None: it may come now.

    The first instant that is neither in quiet hours nor outside working hours. Who works only in their quiet hours would
    never hear anything: their quiet hours count and their working hours do not.
    """
    if priority == Priority.CRITICAL and preferences.critical_bypasses:
        return None
    zone = _zone(hours.timezone)
    night = _night(preferences.quiet) if preferences.quiet else schedule.ALWAYS
    week = _week(hours) if preferences.working_hours_only else schedule.ALWAYS
    days = hours.holidays if preferences.working_hours_only else frozenset()
    at, rule = now, None
    while at - now < _HORIZON:
        if (ends := _ends(night, zone, at)) > at:
            at, rule = ends, rule or Rule.QUIET_HOURS
        elif (opens := _opens(week, zone, at, days)) > at:
            at, rule = opens, rule or Rule.WORKING_HOURS
        else:
            return Wait(until=at, rule=rule) if rule else None
    ends = _ends(night, zone, now)
    return Wait(until=ends, rule=Rule.QUIET_HOURS) if ends > now else None


def zone_of(hours: Clockwork) -> ZoneInfo:
    """The person's zone; UTC where the stored name is none (any more)."""
    return _zone(hours.timezone)


@cache
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


@lru_cache(maxsize=1024)
def _night(quiet: QuietHours) -> schedule.Week:
    """Quiet hours as spans of each day, so that they end where clocks change as working hours do: wall time decides."""
    start, end = (at.hour * 60 + at.minute for at in (quiet.start, quiet.end))
    spans = ((start, end),) if start < end else ((0, end), (start, 24 * 60))
    return (tuple(span for span in spans if span[0] < span[1]),) * 7


def _week(hours: Clockwork) -> schedule.Week:
    try:
        return schedule.parse(hours.schedule)
    except (DoorbellError, KeyError):  # as for the clocks of escalation: hours that cannot be read hold nothing back
        return schedule.ALWAYS


def _ends(night: schedule.Week, zone: ZoneInfo, now: datetime) -> datetime:
    """The end of the quiet hours that hold `now`; `now` where none do."""
    at = now
    for begins, ends in schedule.shifts(night, zone, now) if night else ():
        if begins > at:
            break
        at = ends
    return at


def _opens(week: schedule.Week, zone: ZoneInfo, now: datetime, days: Set[date]) -> datetime:
    """The next instant of work; `now` where there is none to come."""
    if not week and not days:
        return now
    return next((begins for begins, _ in schedule.shifts(week or schedule.ROUND_THE_CLOCK, zone, now, days)), now)
