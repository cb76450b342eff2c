"""Working hours: who is on duty at an instant, and when so much working time has passed (split shifts, IANA zones, DST).

A schedule is {"mon": [["09:00", "12:30"], ["13:30", "18:00"]], ...} in the agent's own zone; the empty one means always
on duty. A holiday is no working time, the whole local day. Wall time decides: in the hour a clock repeats, a span that names it counts twice; in the hour it skips, never.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from core.errors import Invalid

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MOST_SPANS = 12
_MINUTES = 24 * 60
_FOREVER_DAYS = 3700

Week = tuple[tuple[tuple[int, int], ...], ...]
"""Monday to Sunday, each a sorted row of (first minute, minute after the last) of the local day."""
ALWAYS: Week = ()
ROUND_THE_CLOCK: Week = (((0, _MINUTES),),) * 7


def parse(schedule: Mapping[str, Any]) -> Week:
    """Read a schedule; `ALWAYS` for the empty one.

    Raises:
        Invalid: naming the day whose spans are malformed, overlap, end before they start, or when no day has any.
    """
    if not schedule:
        return ALWAYS
    if unknown := sorted(set(schedule) - set(DAYS)):
        raise Invalid("The schedule is not valid.", fields={f"schedule.{unknown[0]}": f"use {', '.join(DAYS)}"})
    week = tuple(_day(name, schedule.get(name, ())) for name in DAYS)
    if not any(week):
        raise Invalid(
            "The schedule is not valid.",
            fields={"schedule": "it has no working time; leave it empty for always, or set available to false"},
        )
    return week


def on_duty(
    schedule: Mapping[str, Any],
    timezone: str,
    now: datetime,
    time_off: Sequence[tuple[datetime, datetime]] = (),
    holidays: Set[date] = frozenset(),
) -> bool:
    """Whether an agent works at `now`: inside a span of the schedule, outside every (start, end) of time off, on no holiday."""
    if any(starts <= now < ends for starts, ends in time_off):
        return False
    zone = ZoneInfo(timezone)
    return not is_holiday(zone, now, holidays) and is_working(parse(schedule), zone, now)


def is_holiday(zone: ZoneInfo, now: datetime, holidays: Set[date]) -> bool:
    """Whether the local date in this zone is one of these days."""
    return bool(holidays) and now.astimezone(zone).date() in holidays


def is_working(week: Week, zone: ZoneInfo, now: datetime) -> bool:
    if not week:
        return True
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in week[local.weekday()])


def add_working_time(
    start: datetime, delta: timedelta, schedule: Mapping[str, Any], tz: str, holidays: Set[date] = frozenset()
) -> datetime:
    """The instant at which `delta` of working time has passed since `start`, in UTC; a holiday has none.

    What would take longer than ten years (a policy's hours against a week of one quarter of an hour) is due in ten years.
    """
    week = parse(schedule)
    if delta <= timedelta(0) or not (week or holidays):
        return (start + max(delta, timedelta(0))).astimezone(UTC)
    left = delta
    for begins, ends in shifts(week or ROUND_THE_CLOCK, ZoneInfo(tz), start, holidays):
        if ends - begins >= left:
            return begins + left
        left -= ends - begins
    return (start + timedelta(days=_FOREVER_DAYS)).astimezone(UTC)


def shifts(
    week: Week, zone: ZoneInfo, start: datetime, holidays: Set[date] = frozenset()
) -> Iterator[tuple[datetime, datetime]]:
    """The working spans from `start` on, as UTC instants, without those of holidays; the first may be cut short by `start`."""
    start = start.astimezone(UTC)
    first = start.astimezone(zone).date()
    for number in range(_FOREVER_DAYS):
        day = first + timedelta(days=number)
        if day in holidays:
            continue
        for begins, ends in _instants(week, zone, day):
            if ends > start:
                yield max(begins, start), ends


@lru_cache(maxsize=4096)
def _instants(week: Week, zone: ZoneInfo, day: date) -> tuple[tuple[datetime, datetime], ...]:
    """One local day's spans in UTC. The day is cut where the offset changes, and each piece is plain arithmetic."""
    spans = week[day.weekday()]
    if not spans:
        return ()
    found: list[tuple[datetime, datetime]] = []
    for piece_start, piece_end, offset in _pieces(zone, day):
        midnight = datetime.combine(day, time(), UTC) - offset
        for start, end in spans:
            begins = max(piece_start, midnight + timedelta(minutes=start))
            ends = min(piece_end, midnight + timedelta(minutes=end))
            if begins < ends:
                found.append((begins, ends))
    return tuple(found)


@lru_cache(maxsize=4096)
def _pieces(zone: ZoneInfo, day: date) -> tuple[tuple[datetime, datetime, timedelta], ...]:
    """(from, to, offset) in UTC: the stretches of this local day between changes of the clock."""
    middle = datetime.combine(day, time(12), UTC)
    edges = [middle - timedelta(hours=40), middle + timedelta(hours=40)]
    cuts = [edges[0], *_changes(zone, *edges), edges[1]]
    pieces = []
    for begins, ends in itertools.pairwise(cuts):
        offset = _offset(zone, begins)
        midnight = datetime.combine(day, time(), UTC) - offset
        begins, ends = max(begins, midnight), min(ends, midnight + timedelta(minutes=_MINUTES))
        if begins < ends:
            pieces.append((begins, ends, offset))
    return tuple(pieces)


def _changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """The instants between start and end at which the zone's offset changes, to the second."""
    found = []
    step = timedelta(hours=8)
    at = start
    while at < end:
        after = at + step
        if _offset(zone, at) != _offset(zone, after):
            low, high = at, after
            while high - low > timedelta(seconds=1):
                half = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (low, half) if _offset(zone, half) != _offset(zone, low) else (half, high)
            found.append(high)
        at = after
    return found


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _day(name: str, spans: object) -> tuple[tuple[int, int], ...]:
    def refuse(why: str) -> Invalid:
        return Invalid("The schedule is not valid.", fields={f"schedule.{name}": why})

    if not isinstance(spans, list | tuple) or len(spans) > _MOST_SPANS:
        raise refuse(f'give up to {_MOST_SPANS} spans such as ["09:00", "17:30"]')
    found = []
    for span in spans:
        if not isinstance(span, list | tuple) or len(span) != 2:
            raise refuse('a span is two times such as ["09:00", "17:30"]')
        start, end = _minute(span[0]), _minute(span[1])
        if start is None or end is None or start == _MINUTES:
            raise refuse("a time is HH:MM, 00:00 to 24:00")
        if end <= start:
            raise refuse("a span ends after it starts; one over midnight is two spans")
        found.append((start, end))
    found.sort()
    if any(before[1] > after[0] for before, after in itertools.pairwise(found)):
        raise refuse("the spans overlap")
    return tuple(found)


def _minute(text: object) -> int | None:
    if not isinstance(text, str) or len(text) != 5 or text[2] != ":" or not (text[:2] + text[3:]).isascii():
        return None
    if not (text[:2].isdigit() and text[3:].isdigit()):
        return None
    minute = int(text[:2]) * 60 + int(text[3:])
    return minute if int(text[3:]) < 60 and minute <= _MINUTES else None
