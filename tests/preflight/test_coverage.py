"""When nobody is there: split shifts, clocks that change, nights, holidays, time off and whoever stands in."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.preflight.coverage import Coverage, hours, window
from core.preflight.spans import Span
from core.routing import covers
from core.routing.directory import Directory
from core.routing.roster import switched_off, why_not
from core.routing.schedule import ALWAYS, DAYS, parse
from tests.preflight.houses import CHICAGO, OFFICE, agent, at, coverage, days, house, off

LONDON, PHOENIX, KATHMANDU = ZoneInfo("Europe/London"), ZoneInfo("America/Phoenix"), ZoneInfo("Asia/Kathmandu")
NIGHTS = parse({day: [["00:00", "06:00"], ["22:00", "24:00"]] for day in DAYS})
MINUTE = timedelta(minutes=1)


def local(found: list[Span], zone: ZoneInfo = CHICAGO) -> list[str]:
    return [f"{a.astimezone(zone):%a %H:%M}-{b.astimezone(zone):%a %H:%M}" for a, b in found]


def everybody(directory: Directory) -> frozenset[int]:
    return frozenset(range(len(directory.agents)))


def test_a_split_shift_leaves_its_break_and_its_evening() -> None:
    directory = house([agent("ann", week=OFFICE)])
    gaps = coverage(directory, until="2026-03-03T00:00").gaps(everybody(directory))
    assert local(gaps.day) == ["Mon 08:00-Mon 09:00", "Mon 12:30-Mon 13:30", "Mon 18:00-Mon 20:00"]
    assert local(gaps.night) == ["Mon 00:00-Mon 08:00", "Mon 20:00-Tue 00:00"]
    assert gaps.missed == []


def test_two_who_share_a_day_leave_nothing_between_them() -> None:
    early = parse({day: [["06:00", "14:00"]] for day in DAYS})
    late = parse({day: [["14:00", "22:00"]] for day in DAYS})
    directory = house([agent("ann", week=early), agent("bob", week=late)])
    gaps = coverage(directory, until="2026-03-04T00:00").gaps(everybody(directory))
    assert gaps.day == []
    assert local(gaps.night) == ["Mon 00:00-Mon 06:00", "Mon 22:00-Tue 06:00", "Tue 22:00-Wed 00:00"]


@pytest.mark.parametrize(
    ("first", "night"),
    [("2026-03-08", 5 * 13 - 1), ("2026-11-01", 5 * 13 + 1)],
    ids=["the clock skips an hour", "the clock repeats an hour"],
)
def test_the_nights_of_a_week_in_which_the_clock_changes(first: str, night: int) -> None:
    week = parse({day: [["08:00", "19:00"]] for day in DAYS})
    directory = house([agent("ann", week=week)])
    since = at(f"{first}T00:00")
    found = Coverage(directory, since=since, until=window(since, 5, CHICAGO), zone=CHICAGO).gaps(everybody(directory))
    assert (hours(found.day), hours(found.day) + hours(found.night)) == (5, night)


@pytest.mark.parametrize(("day", "begins"), [("2026-03-07", "08:00"), ("2026-03-09", "09:00")])
def test_somebody_in_a_zone_without_summer_time_comes_an_hour_later_in_summer(day: str, begins: str) -> None:
    week = parse({day: [["07:00", "20:00"]] for day in DAYS})
    directory = house([agent("ann", week=week, zone=PHOENIX)])
    on = coverage(directory, f"{day}T06:00", f"{day}T23:59").on_duty(0)
    assert [f"{one.astimezone(CHICAGO):%H:%M}" for one, _ in on] == [begins]


def test_a_night_over_midnight_is_one_stretch() -> None:
    directory = house([agent("ann", week=NIGHTS)])
    found = coverage(directory, until="2026-03-04T00:00").on_duty(0)
    assert local(found) == ["Mon 00:00-Mon 06:00", "Mon 22:00-Tue 06:00", "Tue 22:00-Wed 00:00"]


def test_time_off_is_missed_and_a_holiday_is_not() -> None:
    tuesday, wednesday = "2026-03-03", "2026-03-04"
    away = off(f"{wednesday}T00:00", "2026-03-05T00:00")
    directory = house([agent("ann", week=OFFICE, holidays=days(tuesday), time_off=(away,))])
    gaps = coverage(directory, until="2026-03-06T00:00").gaps(everybody(directory))
    assert local(gaps.missed) == ["Wed 09:00-Wed 12:30", "Wed 13:30-Wed 18:00"]
    assert "Tue 08:00-Tue 20:00" in local(gaps.day)


def test_a_cover_counts_only_while_on_duty_and_so_does_the_covers_cover() -> None:
    ann = agent("ann", week=OFFICE, time_off=(off("2026-03-02T00:00", "2026-03-07T00:00", "bob"),))
    bob = agent("bob", week=OFFICE, holidays=days("2026-03-03"), time_off=(off("2026-03-04T00:00", "2026-03-05T00:00", "cal"), off("2026-03-05T00:00", "2026-03-06T00:00", "ann")))  # fmt: skip
    cal = agent("cal", week=OFFICE)
    gaps = coverage(house([ann, bob, cal]), until="2026-03-07T00:00").gaps(frozenset({0}))
    assert local(gaps.missed) == [
        "Tue 09:00-Tue 12:30", "Tue 13:30-Tue 18:00",  # Bob has a holiday
        "Thu 09:00-Thu 12:30", "Thu 13:30-Thu 18:00",  # Ann would cover for Bob, who covers for her
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("switch", "missed"),
    [({"available": False}, 8), ({"paused": "mail"}, 8), ({"auto_assign": False}, 0), ({"capacity": 0}, 0), ({"active": False}, 0)],
)  # fmt: skip
def test_who_is_switched_off_is_nobody(switch: dict[str, object], missed: float) -> None:
    directory = house([agent("ann", week=OFFICE, **switch)])
    found = coverage(directory, until="2026-03-03T00:00").gaps(everybody(directory))
    assert (hours(found.day), hours(found.missed)) == (12, missed)


def test_an_hour_counts_the_fewest_at_any_instant_of_it() -> None:
    half = parse({day: [["09:30", "11:00"]] for day in DAYS})
    directory = house([agent("ann"), agent("bob", week=half)])
    found = dict(coverage(directory, until="2026-03-03T00:00").per_hour(everybody(directory), CHICAGO))
    assert [found[at(f"2026-03-02T{hour:02}:00")] for hour in (8, 9, 10, 11)] == [1, 1, 2, 1]
    assert len(found) == 24


def test_hours_begin_where_the_viewers_hours_begin() -> None:
    found = coverage(house([agent("ann")]), until="2026-03-03T00:00").per_hour([0], KATHMANDU)
    assert {one.astimezone(KATHMANDU).minute for one, _ in found} == {0}


MINUTES = st.integers(0, 24 * 60 // 15).map(lambda quarter: quarter * 15)
ZONES = st.sampled_from([CHICAGO, LONDON, PHOENIX, KATHMANDU])


@st.composite
def weeks(draw: st.DrawFn) -> object:
    week = {}
    for day in draw(st.sets(st.sampled_from(DAYS))):
        edges = sorted(draw(st.sets(MINUTES, min_size=2, max_size=4)))
        pairs = [edges[:2], edges[2:]] if len(edges) == 4 else [edges[:2]]
        week[day] = [[f"{a // 60:02}:{a % 60:02}", f"{b // 60:02}:{b % 60:02}"] for a, b in pairs]
    return parse(week) if week else ALWAYS


@st.composite
def random_houses(draw: st.DrawFn) -> tuple[Directory, datetime]:
    first = at(draw(st.sampled_from(["2026-03-07T00:00", "2026-10-31T00:00", "2026-03-28T00:00"])))
    names = ("ann", "bob", "cal")
    people = []
    for name in names:
        cuts = sorted(draw(st.sets(st.integers(-600, 4 * 24 * 60), max_size=4)))
        pairs = zip(cuts[::2], cuts[1::2], strict=False)
        covering = st.sampled_from([None, *names])
        offs = tuple((first + a * MINUTE, first + b * MINUTE, draw(covering)) for a, b in pairs)
        holidays = days(*draw(st.sets(st.sampled_from(["2026-03-08", "2026-11-01", "2026-03-29"]))))
        switches = draw(st.sampled_from([{}, {}, {}, {"available": False}, {"paused": "x"}, {"capacity": 0}]))
        people.append(agent(name, week=draw(weeks()), zone=draw(ZONES), time_off=offs, holidays=holidays, **switches))
    return house(people), first


@settings(max_examples=25, deadline=None)
@given(random_houses(), st.sets(st.integers(0, 2), min_size=1))
def test_spans_say_the_same_as_looking_at_every_minute(made: tuple[Directory, datetime], some: set[int]) -> None:
    directory, since = made
    until = since + timedelta(days=3)
    covered = Coverage(directory, since=since, until=until, zone=CHICAGO).covered(some)
    now = since
    while now < until:
        assert any(begins <= now < ends for begins, ends in covered) is _is_covered(directory, some, now), now
        now += MINUTE


def _is_covered(directory: Directory, some: set[int], now: datetime) -> bool:
    for one in some:
        member = directory.agents[one]
        if why_not(member, now) is None:
            return True
        if covers.is_away(member, now) and switched_off(member) != "no_capacity":
            cover = covers.stand_in(directory, member, now)
            if cover is not None and why_not(cover, now) is None:
                return True
    return False
