"""When something is, as a person in a zone reads it: the same hours on days in a row are said once."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.preflight.spans import Span

_SHOWN = 3


def when(spans: Sequence[Span], zone: ZoneInfo, *, shown: int = _SHOWN) -> str:
    """`Tue 3 to Fri 6 Mar, 09:00-18:00; Sun 8 Mar, 08:00-20:00; and 4 more`; the order given decides what comes first."""
    parts: dict[tuple[str, int], tuple[date, date]] = {}
    for begins, ends in sorted(spans):
        first, hours = _local(begins, ends, zone)
        last = max((number for text, number in parts if text == hours), default=-1)
        if last >= 0 and parts[hours, last][1] == first - timedelta(days=1):
            parts[hours, last] = (parts[hours, last][0], first)
        else:
            parts[hours, last + 1] = (first, first)
    rank = {_local(*span, zone): place for place, span in reversed(list(enumerate(spans)))}
    texts = [
        (min(rank[day, hours] for day in _days(first, last)), f"{_dates(first, last)}, {hours}")
        for (hours, _), (first, last) in parts.items()
    ]
    ordered = [text for _, text in sorted(texts)]
    more = [f"and {len(ordered) - shown} more"] if len(ordered) > shown else []
    return "; ".join([*ordered[:shown], *more])


def _local(begins: datetime, ends: datetime, zone: ZoneInfo) -> tuple[date, str]:
    start, end = begins.astimezone(zone), ends.astimezone(zone)
    if end.date() == start.date():
        return start.date(), f"{start:%H:%M}-{end:%H:%M}"
    if end.date() == start.date() + timedelta(days=1) and not (end.hour or end.minute):
        return start.date(), f"{start:%H:%M}-24:00" if start.hour or start.minute else "the whole day"
    return start.date(), f"{start:%H:%M} to {_day(end.date())}, {end:%H:%M}"


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _dates(first: date, last: date) -> str:
    if first == last:
        return _day(first)
    start = f"{first:%a} {first.day}" if (first.year, first.month) == (last.year, last.month) else _day(first)
    return f"{start} to {_day(last)}"


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"
