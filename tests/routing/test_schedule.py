"""Working hours hold across split shifts, zones and the two nights a year when the clock jumps."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.routing.schedule import DAYS, add_working_time, is_working, on_duty, parse, shifts

OFFICE = {day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in DAYS[:5]}
ZONES = ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "UTC"]


def at(text: str, zone: str = "America/Chicago") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_an_empty_schedule_is_always_on_duty() -> None:
    assert on_duty({}, "America/Chicago", at("2026-03-01T03:00"))


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-03-02T08:59", False),
        ("2026-03-02T09:00", True),
        ("2026-03-02T12:30", False),
        ("2026-03-02T13:30", True),
        ("2026-03-02T17:59", True),
        ("2026-03-02T18:00", False),
        ("2026-03-01T10:00", False),
    ],
)
def test_a_split_shift_has_a_lunch_and_a_weekend(when: str, expected: bool) -> None:
    assert on_duty(OFFICE, "America/Chicago", at(when)) is expected


def test_time_off_wins_over_the_schedule_until_it_ends() -> None:
    off = [(at("2026-03-02T10:00"), at("2026-03-02T11:00"))]
    assert on_duty(OFFICE, "America/Chicago", at("2026-03-02T09:59"), off)
    assert not on_duty(OFFICE, "America/Chicago", at("2026-03-02T10:00"), off)
    assert on_duty(OFFICE, "America/Chicago", at("2026-03-02T11:00"), off)


def test_four_working_hours_skip_lunch_night_and_weekend() -> None:
    friday = at("2026-03-06T16:00")
    assert add_working_time(friday, timedelta(hours=4), OFFICE, "America/Chicago") == at("2026-03-09T11:00")
    morning = at("2026-03-02T11:30")
    assert add_working_time(morning, timedelta(hours=4), OFFICE, "America/Chicago") == at("2026-03-02T16:30")


def test_the_skipped_hour_is_nobodys_working_time() -> None:
    night = {"sun": [["01:00", "04:00"]]}
    start = at("2026-03-08T01:00")
    assert add_working_time(start, timedelta(hours=2), night, "America/Chicago") == start + timedelta(hours=2)
    assert add_working_time(start, timedelta(hours=3), night, "America/Chicago") == at("2026-03-15T02:00")


def test_the_repeated_hour_counts_twice() -> None:
    night = {"sun": [["01:00", "02:00"]]}
    start = at("2026-11-01T01:00")
    assert add_working_time(start, timedelta(hours=2), night, "America/Chicago") == start + timedelta(hours=2)


def test_the_hours_follow_the_wall_clock_when_the_offset_moves() -> None:
    before, after = at("2026-03-07T09:30"), at("2026-03-09T09:30")
    saturday = OFFICE | {"sat": [["09:00", "12:00"]]}
    assert on_duty(saturday, "America/Chicago", before)
    assert on_duty(saturday, "America/Chicago", after)
    assert before.hour - after.hour == 1


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"monday": []}, "schedule.monday"),
        ({"mon": [["9:00", "17:00"]]}, "schedule.mon"),
        ({"mon": [["09:00", "24:01"]]}, "schedule.mon"),
        ({"mon": [["18:00", "06:00"]]}, "schedule.mon"),
        ({"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}, "schedule.mon"),
        ({"mon": "09:00-17:00"}, "schedule.mon"),
        ({"mon": [["09:00"]]}, "schedule.mon"),
        ({"mon": [["٠٩:٠٠", "17:00"]]}, "schedule.mon"),
        ({"mon": []}, "schedule"),
    ],
)
def test_a_malformed_schedule_names_its_day(schedule: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(schedule)
    assert list(refused.value.fields) == [field]


def _text(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, list[list[str]]]:
    week = {}
    for day in draw(st.sets(st.sampled_from(DAYS), min_size=1)):
        cuts = sorted(draw(st.sets(st.integers(0, 96), min_size=2, max_size=6)))
        week[day] = [[_text(a * 15), _text(b * 15)] for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    return week


instants = st.integers(0, 3 * 365 * 1440).map(
    lambda minutes: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@given(schedules(), st.sampled_from(ZONES), instants, st.integers(1, 60 * 60))
def test_exactly_that_much_working_time_lies_between(
    schedule: dict[str, list[list[str]]], zone: str, start: datetime, minutes: int
) -> None:
    delta = timedelta(minutes=minutes)
    end = add_working_time(start, delta, schedule, zone)
    worked = timedelta(0)
    for begins, ends in shifts(parse(schedule), ZoneInfo(zone), start):
        if begins >= end:
            break
        worked += min(ends, end) - begins
    assert worked == delta


@given(schedules(), st.sampled_from(ZONES), instants)
def test_shifts_and_on_duty_agree_at_every_instant(
    schedule: dict[str, list[list[str]]], zone: str, now: datetime
) -> None:
    week, place = parse(schedule), ZoneInfo(zone)
    begins, ends = next(shifts(week, place, now))
    assert is_working(week, place, now) is (begins == now)
    assert is_working(week, place, begins)
    assert is_working(week, place, ends - timedelta(seconds=1))


def test_what_would_take_longer_than_ten_years_is_due_in_ten_years(now: datetime) -> None:
    due = add_working_time(now, timedelta(hours=1000), {"mon": [["09:00", "09:15"]]}, "America/Chicago")
    assert timedelta(days=3650) < due - now < timedelta(days=3750)


@given(schedules(), st.sampled_from(ZONES), instants, st.integers(1, 3500), st.integers(1, 3500))
def test_working_time_adds_up(
    schedule: dict[str, list[list[str]]], zone: str, start: datetime, first: int, second: int
) -> None:
    one, two = timedelta(minutes=first), timedelta(minutes=second)
    stepped = add_working_time(add_working_time(start, one, schedule, zone), two, schedule, zone)
    assert stepped == add_working_time(start, one + two, schedule, zone)
