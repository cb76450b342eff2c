"""Quiet hours and working hours: never inside them, never later than needed, through both nights the clocks change."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.delivery.ledger import Rule
from core.delivery.preferences import DEFAULTS, Preferences, QuietHours
from core.delivery.quiet import Clockwork, Wait, wait
from core.routing import schedule
from core.words import Priority

CHICAGO = "America/Chicago"
NIGHT = replace(DEFAULTS, quiet=QuietHours(start=time(21), end=time(7)))
OFFICE = {day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in schedule.DAYS[:5]}
ZONES = (CHICAGO, "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia", "UTC")
CHANGES = ("2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31")
"""The days before clocks change in some of these zones."""


def at(text: str, zone: str = CHICAGO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def held(preferences: Preferences, when: datetime, hours: Clockwork | None = None) -> Wait | None:
    return wait(preferences, hours or Clockwork(timezone=CHICAGO), Priority.HIGH, now=when)


@pytest.mark.parametrize(
    ("when", "until"),
    [
        ("2026-03-02T20:59", None),
        ("2026-03-02T21:00", "2026-03-03T07:00"),
        ("2026-03-03T06:59", "2026-03-03T07:00"),
        ("2026-03-03T07:00", None),
        ("2026-03-07T23:00", "2026-03-08T07:00"),
        ("2026-10-31T23:00", "2026-11-01T07:00"),
    ],
)
def test_a_night_ends_in_the_morning(when: str, until: str | None) -> None:
    assert held(NIGHT, at(when)) == (Wait(until=at(until), rule=Rule.QUIET_HOURS) if until else None)


def test_an_end_in_the_hour_that_is_skipped_is_when_the_clock_jumps() -> None:
    early = replace(NIGHT, quiet=QuietHours(start=time(22), end=time(2, 30)))
    found = held(early, at("2026-03-08T01:30"))
    assert found is not None
    assert found.until.astimezone(ZoneInfo(CHICAGO)).time() == time(3)


def test_an_end_in_the_hour_that_comes_twice_is_the_second_time_from_inside_it() -> None:
    early = replace(NIGHT, quiet=QuietHours(start=time(22), end=time(1, 30)))
    first, second = at("2026-11-01T01:30"), at("2026-11-01T01:30") + timedelta(hours=1)
    assert held(early, first) is None
    again = held(early, first + timedelta(minutes=35))
    assert again == Wait(until=second, rule=Rule.QUIET_HOURS), "01:05 for the second time"


def test_critical_comes_through_the_night_unless_its_reader_wants_otherwise() -> None:
    night, hours = at("2026-03-02T23:00"), Clockwork(timezone=CHICAGO)
    assert wait(NIGHT, hours, Priority.CRITICAL, now=night) is None
    assert wait(replace(NIGHT, critical_bypasses=False), hours, Priority.CRITICAL, now=night) is not None


def test_the_end_of_the_night_may_lie_before_work_begins() -> None:
    both = replace(NIGHT, working_hours_only=True)
    hours = Clockwork(timezone=CHICAGO, schedule=OFFICE, holidays={date(2026, 3, 9)})
    found = held(both, at("2026-03-06T22:00"), hours)
    assert found == Wait(until=at("2026-03-10T09:00"), rule=Rule.QUIET_HOURS), "past the weekend and a holiday"


def test_who_works_only_in_quiet_hours_still_hears_when_those_end() -> None:
    never = replace(NIGHT, working_hours_only=True)
    hours = Clockwork(timezone=CHICAGO, schedule={"mon": [["22:00", "23:00"]]})
    assert held(never, at("2026-03-02T22:30"), hours) == Wait(until=at("2026-03-03T07:00"), rule=Rule.QUIET_HOURS)
    assert held(never, at("2026-03-03T12:00"), hours) is None


@pytest.mark.parametrize("stored", [{"someday": [["09:00", "17:00"]]}, {"mon": "always"}, {"mon": []}])
def test_hours_that_cannot_be_read_hold_nothing_back(stored: dict[str, object]) -> None:
    hours = Clockwork(timezone="Mars/Olympus", schedule=stored)
    assert held(replace(DEFAULTS, working_hours_only=True), at("2026-03-02T12:00"), hours) is None


TIMES = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 59)))


@settings(max_examples=150, deadline=None)
@given(
    start=TIMES,
    end=TIMES,
    zone=st.sampled_from(ZONES),
    day=st.sampled_from(CHANGES),
    minutes=st.integers(0, 60 * 60),
    working=st.booleans(),
)
def test_it_waits_for_the_first_minute_that_is_free_and_no_longer(
    start: time, end: time, zone: str, day: str, minutes: int, working: bool
) -> None:
    if start == end:
        return
    chosen = replace(DEFAULTS, quiet=QuietHours(start=start, end=end), working_hours_only=working)
    hours = Clockwork(timezone=zone, schedule=OFFICE)
    now = at(day, "UTC") + timedelta(minutes=minutes)

    def free(instant: datetime) -> bool:
        wall = instant.astimezone(ZoneInfo(zone)).time()
        quiet = start <= wall < end if start < end else wall >= start or wall < end
        return not quiet and (not working or schedule.on_duty(OFFICE, zone, instant))

    minute = timedelta(minutes=1)
    first = next((now + minute * number for number in range(8 * 1440) if free(now + minute * number)), None)
    found = held(chosen, now, hours)
    if first is None:  # they never agree: the night alone counts
        assert found is None or found.rule is Rule.QUIET_HOURS
    else:
        assert (found.until if found else now) == first
