"""The rehearsal's model: fixed by its seed, no difference between equal houses, no capacity passed, and what is worse is seen as worse."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bench.strategies import agency, chained, speeds, year
from core.routing.directory import Agent, Directory
from core.routing.rehearsal import Past, People, rehearse, replay, words
from core.routing.rehearsal.calendar import Calendar
from core.routing.rehearsal.measuring import gini
from core.routing.rehearsal.people import Ended, Touched, measure
from core.routing.rehearsal.replaying import Replay, calendar_of
from core.routing.rules import RuleSet
from core.routing.schedule import parse
from core.routing.state import House
from core.routing.strategies import LEAVE

ALERTS = year(300, days=20)
HOUSE, PEOPLE = agency(), speeds()


def played(house: House, alerts: Sequence[Past] = ALERTS, *, seed: int = 1, people: People = PEOPLE) -> Replay:
    return replay(alerts, house=house, people=people, calendar=calendar_of(house, alerts), seed=seed)


def with_agents(house: House, **changes: object) -> House:
    agents = [replace(agent, **changes) for agent in house.directory.agents]  # type: ignore[arg-type]
    return replace(
        house, directory=Directory(agents, teams=house.directory.teams.values(), parents=house.directory.parents)
    )


def test_a_replay_is_fixed_by_its_seed() -> None:
    assert played(HOUSE).given == played(agency()).given
    assert played(HOUSE).given != played(HOUSE, seed=2).given


def test_equal_houses_differ_by_nothing_and_other_chains_by_something() -> None:
    same = rehearse(ALERTS, before=HOUSE, after=agency(), people=PEOPLE, seeds=3)
    assert {one.change for one in same.whole.values()} == {0.0}
    assert {(one.low, one.high) for one in same.whole.values()} == {(0.0, 0.0)}
    assert {one.change for row in (*same.agents, *same.teams) for one in row.figures.values()} <= {0.0, None}
    other = rehearse(ALERTS, before=HOUSE, after=chained(HOUSE, ["workload"]), people=PEOPLE, seeds=3)
    assert any(row.figures["alerts"].change for row in other.agents)
    assert sum(row.figures["alerts"].change or 0 for row in other.agents) == pytest.approx(0.0)


def test_no_capacity_and_no_days_number_is_passed_unless_it_is_said() -> None:
    tight = with_agents(chained(HOUSE, ["workload", LEAVE]), capacity=2, max_per_day=1)
    found = played(tight)
    assert max(found.peak) == 2
    assert not any(one.overflow for one in found.given)
    assert sum(one.waited > 0 for one in found.given) > 50
    days: dict[tuple[int, object], int] = {}
    for alert, one in zip(ALERTS, found.given, strict=True):
        if one.position is not None:
            zone = tight.directory.agents[one.position].zone
            day = datetime.fromtimestamp(alert.at + one.waited, zone).date()
            days[one.position, day] = days.get((one.position, day), 0) + 1
    assert set(days.values()) == {1}
    over = played(with_agents(HOUSE, capacity=2))
    assert any(one.overflow for one in over.given)
    assert all(one.overflow for one in over.given) is False


def test_nobody_touches_an_alert_off_duty() -> None:
    found = played(HOUSE)
    calendar = calendar_of(HOUSE, ALERTS)
    touched = [
        (calendar.hours[one.position], alert.at + one.touched)
        for alert, one in zip(ALERTS, found.given, strict=True)
        if one.position is not None and one.touched is not None
    ]
    assert len(touched) > 250
    assert all(hours.later(at - 0.001, 0.0) <= at + 0.001 for hours, at in touched)


def test_a_worse_policy_is_seen_as_worse() -> None:
    one_for_all = with_agents(HOUSE)
    weakest = {one.id for one in sorted(HOUSE.directory.agents, key=lambda agent: agent.result("").ratio)[:2]}
    agents = [replace(agent, available=agent.id in weakest, capacity=8) for agent in one_for_all.directory.agents]
    worse = replace(HOUSE, directory=Directory(agents, teams=HOUSE.directory.teams.values()))
    found = rehearse(ALERTS, before=HOUSE, after=worse, people=PEOPLE, seeds=8).whole
    for name in ("median_minutes", "late", "largest_share", "waited", "peak_load"):
        assert (found[name].low or 0) > 0, name
    assert (found["expected"].high or 0) < 0


def test_a_returning_agent_gets_no_flood() -> None:
    away = ((datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 12, tzinfo=UTC), None),)
    house = chained(with_agents(HOUSE, week=(), time_off=()), ["round_robin"])
    agents = [replace(one, time_off=away if one.position == 0 else ()) for one in house.directory.agents[:3]]
    house = replace(house, directory=Directory([replace(one, capacity=99) for one in agents]))
    back = datetime(2026, 1, 12, tzinfo=UTC).timestamp()
    later = [
        one.position for alert, one in zip(ALERTS, played(house).given, strict=True) if back <= alert.at < back + 86_400
    ]
    assert len(later) >= 9
    assert later.count(0) <= len(later) / 3 + 1


def test_the_calendar_knows_shifts_nights_and_time_off() -> None:
    monday = datetime(2026, 3, 2, 6, tzinfo=UTC)
    off = ((monday + timedelta(days=1), monday + timedelta(days=2), None),)
    agent: Agent = replace(
        HOUSE.directory.agents[0], position=0, week=parse({"mon": [["09:00", "12:00"]], "tue": [["09:00", "12:00"]], "wed": [["09:00", "10:00"]]}), time_off=off
    )  # fmt: skip
    hours = Calendar(Directory([agent]), monday, monday + timedelta(days=7)).hours[0]
    nine = monday + timedelta(hours=9)  # in Chicago
    assert hours.later(monday.timestamp(), 0.0) == nine.timestamp()
    assert hours.later(nine.timestamp(), 3600.0) == (nine + timedelta(hours=1)).timestamp()
    assert hours.later(nine.timestamp(), 3.5 * 3600) == (nine + timedelta(days=2, minutes=30)).timestamp()
    assert hours.later(nine.timestamp(), 4.5 * 3600) == float("inf")


def test_agents_times_are_drawn_towards_everybodys_by_how_few_there_are() -> None:
    many = [Touched(agent_id="quick", priority="HIGH", seconds=300 + n, share=0.2) for n in range(300)]
    many += [Touched(agent_id="slow", priority="HIGH", seconds=6000 + n, share=0.2) for n in range(300)]
    many += [Touched(agent_id="new", priority="HIGH", seconds=60, share=0.2)]
    people = measure(many, [])
    quick, slow, new, unknown = (
        people.touch_seconds(one, "HIGH", 0.5, 0.2) for one in ("quick", "slow", "new", "nobody")
    )
    assert 300 < quick < 500 < slow < 6300
    assert quick < new <= unknown
    assert any("first touch" in note for note in people.notes)
    assert "Only 1 answered" in measure(many[:1], []).notes[0]


def test_a_full_agent_is_slower_only_where_the_data_say_so() -> None:
    shares = [number / 100 for number in range(100)]
    slower = [Touched(agent_id="ann", priority="LOW", seconds=600 * (1 + share), share=share) for share in shares]
    found = measure(slower, [])
    assert found.touch_seconds("ann", "LOW", 0.5, 1.0) > 1.5 * found.touch_seconds("ann", "LOW", 0.5, 0.0)
    even = [Touched(agent_id="ann", priority="LOW", seconds=600 + (number * 37) % 50, share=share) for number, share in enumerate(shares)]  # fmt: skip
    assert measure(even, []).slope == 0.0


def test_what_speed_is_worth_is_measured_and_said_where_it_is_not() -> None:
    def ended(minutes: float, won: bool) -> Ended:
        return Ended(alert_type="X", priority="HIGH", confidence=0.5, seconds=9e4, minutes=minutes, won=won)

    closed = [ended(5, n % 2 == 0) for n in range(200)] + [ended(3000, n % 8 == 0) for n in range(200)]
    people = measure([], closed)
    assert people.worth("X", 5) > 1.4 * people.worth("X", 3000)
    assert sum(0.5 * people.worth("X", minutes) for minutes in (5, 3000)) * 200 == pytest.approx(125, rel=0.1)
    few = measure([], closed[:20])
    assert few.worth("X", 5) == few.worth("X", 3000)
    assert any("worth no more" in note for note in few.notes)


def test_gini_is_none_for_equals_and_large_for_one_who_has_all() -> None:
    assert gini([3, 3, 3]) == pytest.approx(0.0)
    assert gini([0, 0, 0, 8]) == pytest.approx(0.75)
    assert gini([]) == 0.0


def test_repeat_contacts_are_those_of_the_replay() -> None:
    twice = [replace(one, case=replace(one.case, contact_id="rosa")) for one in ALERTS[:2]]
    house = replace(chained(with_agents(HOUSE, week=(), time_off=()), ["sticky_owner"]), rules=RuleSet(()))
    first, second = played(house, twice).given
    assert first.position == second.position


def test_what_changes_for_people_is_told_by_the_month_and_luck_is_not_told() -> None:
    def figure(before: float, change: float, low: float, high: float) -> dict[str, float]:
        return {"before": before, "after": before + change, "change": change, "low": low, "high": high}

    nothing = figure(10, 0, 0, 0)
    luck = figure(10, 4, -2, 10)
    tom = {"alerts": figure(20, 93, 90, 96), "median_minutes": figure(40, -12, -14, -10), "late": figure(3, 6, 1, 11)}
    uma = {"alerts": luck, "median_minutes": luck, "late": luck}
    whole = dict.fromkeys(("median_minutes", "late", "gini", "expected", "waited"), nothing)
    found = {
        "whole": whole | {"median_minutes": figure(40, -0.5, -0.6, -0.4), "late": luck},
        "agents": [{"name": "Tom", "figures": tom}, {"name": "Uma", "figures": uma}],
        "days": 91.2,
    }
    assert words.sentences(found) == [
        "Tom would get 31 more alerts a month and answer 12 minutes sooner; 2 more would miss their time."
    ]
    assert words.sentences(found | {"agents": []}) == ["Nothing differs by more than luck."]
