"""Days as a person lives them: the instants between which a local day lies, whatever the clocks do there."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import Invalid

MAX_DAYS = 1100


def zone(name: str) -> ZoneInfo:
    """The IANA zone; UTC where the name is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def start_of(day: date, timezone: str) -> datetime:
    """When that day begins there, in UTC (where midnight is skipped by the clocks: the first instant after)."""
    return datetime.combine(day, time.min, tzinfo=zone(timezone)).astimezone(UTC)


def day_of(at: datetime, timezone: str) -> date:
    return at.astimezone(zone(timezone)).date()


def week_start(at: datetime, timezone: str) -> datetime:
    """Monday 0:00 of the local week of this instant."""
    today = day_of(at, timezone)
    return start_of(today - timedelta(days=today.weekday()), timezone)


def spans(since: datetime, until: datetime, timezone: str) -> Iterator[tuple[date, datetime, datetime]]:
    """Each local day that [since, until) touches, with the part of it inside.

    Raises:
        Invalid: the period is empty, or longer than three years.
    """
    check_period(since, until)
    day = day_of(since, timezone)
    begins = start_of(day, timezone)
    while begins < until:
        ends = start_of(day + timedelta(days=1), timezone)
        yield day, max(begins, since), min(ends, until)
        day, begins = day + timedelta(days=1), ends


def check_period(since: datetime, until: datetime) -> None:
    """Raises Invalid unless `since` comes before `until`, by at most three years."""
    if not since < until:
        raise Invalid("The period ends before it begins.", fields={"until": "must be later than since"})
    if until - since > timedelta(days=MAX_DAYS):
        raise Invalid("The period is too long.", fields={"since": f"at most {MAX_DAYS} days before until"})
