"""The nights the clocks change, everywhere: hours, duty, holidays, time off and working-time waits, against a plain walk through time."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.db import Database
from core.escalation import clocks
from core.escalation.policy import Wait
from core.routing import time_off
from core.routing.cases import time_facts
from core.routing.duty import duty
from core.routing.queues import Today
from core.routing.rules import RuleSet
from core.routing.schedule import DAYS, ROUND_THE_CLOCK, add_working_time, on_duty, parse, shifts
from core.routing.state import House
from core.viewer import SYSTEM
from tests import factories as make
from tests.routing.test_duty import ann
from tests.routing.test_strategies import directory

STEP = timedelta(minutes=15)
"""Every change of a clock, and every span here, lies on it."""
CHANGES = [
    # (zone, the local day, hours it has, hours of a night shift from 22:00 to 06:00 that ends on it)
    ("America/Chicago", date(2026, 3, 8), 23, 7),
    ("America/Chicago", date(2026, 11, 1), 25, 9),
    ("Europe/Berlin", date(2026, 3, 29), 23, 7),
    ("Europe/Berlin", date(2026, 10, 25), 25, 9),
    ("Australia/Lord_Howe", date(2026, 10, 4), 23.5, 7.5),
    ("Australia/Lord_Howe", date(2026, 4, 5), 24.5, 8.5),
    ("Pacific/Chatham", date(2026, 9, 27), 23, 7),
    ("Pacific/Chatham", date(2026, 4, 5), 25, 9),
    ("America/Havana", date(2026, 3, 8), 23, 7),  # at midnight: the day begins at 01:00
    ("America/Havana", date(2026, 11, 1), 25, 9),
    ("Africa/Cairo", date(2026, 4, 24), 23, 7),
    ("Africa/Cairo", date(2026, 10, 29), 25, 8),  # at the day's end: its last hour comes twice
    ("America/Phoenix", date(2026, 3, 8), 24, 8),
    ("Asia/Kathmandu", date(2026, 11, 1), 24, 8),
]
NIGHTS = {day: [["00:00", "06:00"], ["22:00", "24:00"]] for day in DAYS}
HOURS: dict[str, dict[str, list[list[str]]]] = {
    "night": NIGHTS,
    "late": {day: [["22:00", "24:00"], ["00:00", "02:00"]] for day in DAYS},
    "split": {day: [["00:30", "01:30"], ["01:45", "02:15"], ["02:45", "04:00"], ["09:00", "12:30"]] for day in DAYS},
    "office": {day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in DAYS[:5]},
    "always": {},
}


def local(day: date, clock: str, zone: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), ZoneInfo(zone)).astimezone(UTC)


def walked(schedule: dict[str, Any], zone: str, start: datetime, holidays: frozenset[date]) -> Iterator[datetime]:
    """Quarter by quarter: the beginnings of those in which the clock on the wall shows a time of the schedule."""
    at, place = start, ZoneInfo(zone)
    while True:
        wall = at.astimezone(place)
        spans = schedule.get(DAYS[wall.weekday()], []) if schedule else [["00:00", "24:00"]]
        if wall.date() not in holidays and any(begins <= f"{wall:%H:%M}" < ends for begins, ends in spans):
            yield at
        at += STEP


@pytest.mark.parametrize(("zone", "day", "_hours", "_night"), CHANGES)
@pytest.mark.parametrize("name", HOURS)
@pytest.mark.parametrize("off", ["", "that day", "the day before"])
def test_working_time_is_what_the_wall_clock_shows(
    zone: str, day: date, _hours: float, _night: float, name: str, off: str
) -> None:
    schedule = HOURS[name]
    holidays = frozenset({day} if off == "that day" else {day - timedelta(days=1)} if off else set())
    start = local(day - timedelta(days=1), "18:00", zone)
    quarters = walked(schedule, zone, start, holidays)
    for number in range(1, 60):
        at = next(quarters)
        assert on_duty(schedule, zone, at, holidays=holidays)
        assert add_working_time(start, number * STEP, schedule, zone, holidays) == at + STEP


@pytest.mark.parametrize(("zone", "day", "hours", "night"), CHANGES)
def test_a_day_and_a_night_are_as_long_as_they_are(zone: str, day: date, hours: float, night: float) -> None:
    def worked(schedule: dict[str, Any], since: datetime, until: datetime) -> float:
        total = timedelta(0)
        for begins, ends in shifts(parse(schedule) or ROUND_THE_CLOCK, ZoneInfo(zone), since):
            if begins >= until:
                break
            total += min(ends, until) - begins
        return total / timedelta(hours=1)

    eve = day - timedelta(days=1)
    assert worked({}, local(day, "00:00", zone), local(day + timedelta(days=1), "00:00", zone)) == hours
    assert worked(NIGHTS, local(eve, "18:00", zone), local(day, "12:00", zone)) == night


@pytest.mark.parametrize(("zone", "day", "hours", "_night"), CHANGES)
def test_a_day_off_is_the_whole_local_day(
    database: Database, now: datetime, zone: str, day: date, hours: float, _night: float
) -> None:
    with database.write() as session:
        make.agent(session, "ann", timezone=zone, now=now)
        off = time_off.add(session, "ann", {"first_day": day, "last_day": day}, viewer=SYSTEM, now=now).off
    assert (off.ends_at - off.starts_at) / timedelta(hours=1) == hours
    assert off.days == (day, day)
    assert [(off.ends_at - STEP).astimezone(ZoneInfo(zone)).date(), off.ends_at.astimezone(ZoneInfo(zone)).date()] == [
        day,
        day + timedelta(days=1),
    ]


@pytest.mark.parametrize(("zone", "day", "_hours", "night"), CHANGES)
def test_duty_says_until_when_through_the_night(zone: str, day: date, _hours: float, night: float) -> None:
    agent = ann(week=parse(NIGHTS), zone=ZoneInfo(zone))
    begins = local(day - timedelta(days=1), "22:00", zone)
    found = duty(agent, begins)
    assert (found.reason, found.until) == (None, begins + timedelta(hours=night))
    away = ann(week=parse(NIGHTS), zone=ZoneInfo(zone), holidays=frozenset({day}))
    assert duty(away, begins).until == local(day, "00:00", zone)
    assert duty(away, local(day, "03:00", zone)).reason == "holiday"


@pytest.mark.parametrize(
    ("zone", "since", "wait", "due"),
    [
        # Saturday night to Sunday; spring: the hour from 2 to 3 is not there, autumn: the one from 1 to 2 comes twice
        ("America/Chicago", "2026-03-08T00:00-06:00", Wait("workingHours", 4), "2026-03-08T05:00-05:00"),
        ("America/Chicago", "2026-11-01T00:00-05:00", Wait("workingHours", 4), "2026-11-01T03:00-06:00"),
        ("Europe/Berlin", "2026-03-29T00:00+01:00", Wait("workingHours", 4), "2026-03-29T05:00+02:00"),
        ("Europe/Berlin", "2026-10-25T00:00+02:00", Wait("workingHours", 4), "2026-10-25T03:00+01:00"),
        ("Australia/Lord_Howe", "2026-10-04T00:00+10:30", Wait("workingHours", 4), "2026-10-04T04:30+11:00"),
        ("Australia/Lord_Howe", "2026-04-05T00:00+11:00", Wait("workingHours", 4), "2026-04-05T03:30+10:30"),
        ("America/Phoenix", "2026-03-08T00:00-07:00", Wait("workingHours", 4), "2026-03-08T04:00-07:00"),
        # what is left of the night goes on the next evening at 22:00, on the new clock
        ("America/Chicago", "2026-03-08T05:00-05:00", Wait("workingHours", 2), "2026-03-08T23:00-05:00"),
        ("Europe/Berlin", "2026-10-25T05:30+01:00", Wait("workingHours", 1), "2026-10-25T22:30+01:00"),
        # a working day is eight hours of these nights, however long that night was
        ("America/Chicago", "2026-03-07T22:00-06:00", Wait("workingDays", 1), "2026-03-08T23:00-05:00"),
        ("America/Chicago", "2026-10-31T22:00-05:00", Wait("workingDays", 1), "2026-11-01T05:00-06:00"),
        # wall time does not care
        ("America/Chicago", "2026-03-08T00:00-06:00", Wait("hours", 4), "2026-03-08T05:00-05:00"),
        ("Europe/Berlin", "2026-10-25T02:30+02:00", Wait("minutes", 60), "2026-10-25T02:30+01:00"),
    ],
)
def test_a_step_is_due_on_the_owners_clock(zone: str, since: str, wait: Wait, due: str) -> None:
    hours = clocks.Hours(schedule=NIGHTS, timezone=zone)
    assert clocks.due(wait, datetime.fromisoformat(since), hours) == datetime.fromisoformat(due)


@pytest.mark.parametrize(("zone", "day", "_hours", "_night"), CHANGES)
def test_a_holiday_on_that_day_is_no_working_time(zone: str, day: date, _hours: float, _night: float) -> None:
    hours = clocks.Hours(schedule=NIGHTS, timezone=zone, holidays=frozenset({day}))
    before, after = (local(day + timedelta(days=number), "00:00", zone) for number in (0, 1))
    worked = before - local(day - timedelta(days=1), "22:00", zone)
    wait = Wait("hours", 1).wall + worked
    due = clocks.due(Wait("workingHours", wait / timedelta(hours=1)), before - worked, hours)
    assert due == after + timedelta(hours=1)


def test_rules_and_a_days_number_go_by_the_wall_clock_in_the_hour_that_comes_twice() -> None:
    house = House(version=1, directory=directory(), rules=RuleSet([]), zone=ZoneInfo("America/Chicago"))
    first, again = (datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (6, 7))
    assert time_facts(first, house)["clock"] == time_facts(again, house)["clock"] == "01:30"
    agent = ann(zone=ZoneInfo("America/Havana"))
    days = [Today(datetime(2026, 3, 8, hour, 30, tzinfo=UTC))(agent) for hour in (4, 5)]
    assert days == [date(2026, 3, 7), date(2026, 3, 8)]
