"""When a person wants no message: quiet hours in their own zone, and times outside their working hours."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from core.delivery.ledger import Rule
from core.delivery.preferences import Preferences, QuietHours
from core.routing import schedule
from core.words import Priority


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
    """Until when a message of this priority has to wait, and by which rule; None: it may come now."""
    if priority == Priority.CRITICAL and preferences.critical_bypasses:
        return None
    zone = ZoneInfo(hours.timezone)
    at, rule = now, None
    for _ in range(4):  # the end of one may lie in the other
        if preferences.quiet and (end := _quiet_until(preferences.quiet, zone, at)):
            at, rule = end, rule or Rule.QUIET_HOURS
            continue
        if preferences.working_hours_only and (opens := _opens(hours, zone, at)) > at:
            at, rule = opens, rule or Rule.WORKING_HOURS
            continue
        break
    return Wait(until=at, rule=rule) if rule else None


def _quiet_until(quiet: QuietHours, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The end of the quiet hours that hold `now`. Wall time decides, also where clocks change."""
    local = now.astimezone(zone)
    wall = local.time().replace(tzinfo=None)
    over_midnight = quiet.end <= quiet.start
    inside = wall >= quiet.start or wall < quiet.end if over_midnight else quiet.start <= wall < quiet.end
    if not inside:
        return None
    day = local.date() + timedelta(days=1) if over_midnight and wall >= quiet.start else local.date()
    end = datetime.combine(day, quiet.end, zone).astimezone(UTC)
    return end if end > now else now + timedelta(minutes=1)  # an hour that a clock repeats


def _opens(hours: Clockwork, zone: ZoneInfo, now: datetime) -> datetime:
    week = schedule.parse(hours.schedule) or schedule.ROUND_THE_CLOCK
    return next(schedule.shifts(week, zone, now, hours.holidays))[0]
