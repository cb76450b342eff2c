"""The federal holidays of the United States, computed: 5 U.S.C. 6103, with the weekday on which offices keep them."""

from datetime import date, timedelta

_MONDAY, _THURSDAY = 0, 3
_SATURDAY, _SUNDAY = 5, 6
_JUNETEENTH_SINCE = 2021


def holidays(year: int) -> list[tuple[date, str]]:
    """(day, name) of the days that fall into this year, in order; one on a weekend comes with its observed weekday too.

    A Saturday is observed on the Friday before, a Sunday on the Monday after; so the New Year's Day of the next year may
    be observed on 31 December of this one.
    """
    found = [
        (date(year, 1, 1), "New Year's Day"),
        (_nth(year, 1, _MONDAY, 3), "Martin Luther King Jr. Day"),
        (_nth(year, 2, _MONDAY, 3), "Presidents' Day"),
        (_last_monday_of_may(year), "Memorial Day"),
        (date(year, 7, 4), "Independence Day"),
        (_nth(year, 9, _MONDAY, 1), "Labor Day"),
        (_nth(year, 10, _MONDAY, 2), "Columbus Day"),
        (date(year, 11, 11), "Veterans Day"),
        (_nth(year, 11, _THURSDAY, 4), "Thanksgiving Day"),
        (date(year, 12, 25), "Christmas Day"),
        (date(year + 1, 1, 1), "New Year's Day"),
    ]
    if year >= _JUNETEENTH_SINCE:
        found.append((date(year, 6, 19), "Juneteenth"))
    observed = [(other, f"{name} (observed)") for day, name in found if (other := _observed(day)) != day]
    return sorted((day, name) for day, name in [*found, *observed] if day.year == year)


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def _observed(day: date) -> date:
    return day + timedelta(days={_SATURDAY: -1, _SUNDAY: 1}.get(day.weekday(), 0))
