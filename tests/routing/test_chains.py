"""Chains of strategies, clients' own agents, results with a chance for newcomers, weights, units and days' numbers."""

from collections import Counter
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.load import Units
from core.load import wrong as wrong_units
from core.routing.capacity import Load
from core.routing.choosing import Choice, choose
from core.routing.directory import Directory, Result, Team
from core.routing.queues import Queues
from core.routing.roster import roster
from core.routing.rules import RuleSet
from core.routing.state import House
from core.routing.strategies.performance import EXPLORED
from tests.routing.test_strategies import NOW, SELL, case, chosen, directory, have, person


def pick(
    house: Directory, one: Any, *chain: str, loads: dict[str, Load] | None = None, trigger: str = "opened"
) -> Choice:
    house = Directory(house.agents)  # no teams, whose own chains would come first
    queues = Queues(house, roster(house, NOW), loads or {})
    whole = House(version=1, directory=house, rules=RuleSet([]), default_strategy=chain[0], fallbacks=chain[1:])
    return choose(one, house=whole, queues=queues, trigger=trigger)


def test_a_chain_goes_on_where_a_strategy_finds_nobody_it_means() -> None:
    house = directory(person("far", team_id=None), person("near", territories=("riverside",), team_id=None))
    by_client = case(previous_agent_id="far")
    assert pick(house, by_client, "sticky_owner", "territory").position == 0
    assert pick(house, by_client, "sticky_owner", "territory").reason.startswith("You know this client")
    assert pick(house, by_client, "sticky_owner", "territory", loads={"far": have(10)}).position == 1
    assert pick(house, case(), "sticky_owner", "territory").strategy == "territory"


def test_only_the_last_strategy_of_a_chain_takes_anybody() -> None:
    house = directory(person("far", team_id=None))
    found = pick(house, case(), "territory", "workload")
    assert (found.position, found.strategy) == (0, "workload")
    left = pick(house, case(), "territory", "claim_pool")
    assert (left.position, left.unassigned_reason, left.overflow) == (None, "left_to_claim", False)
    assert left.reason == "Nobody it is meant for is free; whoever takes it from the pool has it."


def test_a_team_has_a_chain_of_its_own() -> None:
    house = directory(person("ann", territories=("riverside",)), person("bob", team_id="south"))
    house = Directory(
        house.agents,
        teams=[
            Team(id="north", name="North", manager_id=None, default_strategy="sticky_owner", fallbacks=("claim_pool",))
        ],
    )
    whole = House(version=1, directory=house, rules=RuleSet([]))
    assert whole.chain_for("riverside") == ("sticky_owner", "claim_pool")
    assert whole.chain_for("elsewhere") == ("territory",)
    assert whole.asks_before


def test_results_come_first_and_one_in_ten_goes_to_whoever_had_fewest() -> None:
    star, steady, fresh = Result(1.6, 40), Result(1.0, 60), Result(1.0, 0)
    house = directory(
        person("star", territories=("riverside",), results={SELL: star}),
        person("steady", territories=("riverside",), results={SELL: steady}),
        person("fresh", territories=("riverside",), results={SELL: fresh}),
    )
    choices = [pick(house, case(alert_id=f"alert-{number}"), "performance") for number in range(2_000)]
    counted = Counter(choice.position for choice in choices)
    assert set(counted) == {0, 2}
    assert abs(counted[2] / 2_000 - EXPLORED) < 0.02
    by_chance = {choice.position: choice.trace["propensity"] for choice in choices}
    assert by_chance == {0: pytest.approx(1 - EXPLORED), 2: pytest.approx(EXPLORED)}
    told = {choice.position: choice.reason for choice in choices}
    assert told[0].startswith("You win 1.6 times as many sellers as others do")
    assert told[2].startswith("It is your chance with sellers")


def test_the_logged_chance_counts_those_who_stand_level() -> None:
    house = directory(*(person(f"a{n}", territories=("riverside",)) for n in range(4)))
    assert pick(house, case(), "performance").trace["propensity"] == pytest.approx(0.25)
    assert pick(house, case(), "territory").trace["propensity"] == pytest.approx(0.25)


@pytest.mark.parametrize("left_out", [frozenset(), frozenset({1}), frozenset({0, 3})])
def test_those_who_stand_level_are_as_likely_as_each_other_whoever_is_left_out(left_out: frozenset[int]) -> None:
    house = directory(*(person(f"a{n}", territories=("riverside",)) for n in range(5)))
    whole = House(version=1, directory=house, rules=RuleSet([]))
    queues = Queues(house, roster(house, NOW), {})
    got: Counter[int] = Counter()
    for number in range(3_000):
        one = case(alert_id=f"alert-{number}")
        choice = choose(one, house=whole, queues=queues, trigger="opened", exclude=left_out, strategy="performance")
        assert choice.position is not None
        got[choice.position] += 1
        assert choice.trace["propensity"] == pytest.approx(1 / (5 - len(left_out)))
    fair = 3_000 / (5 - len(left_out))
    assert set(got) == set(range(5)) - left_out
    assert max(abs(number - fair) for number in got.values()) < 5 * (fair * (1 - fair / 3_000)) ** 0.5


@settings(max_examples=40)
@given(st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 3.0]), min_size=2, max_size=5), st.integers(50, 300))
def test_turns_follow_weights(weights: list[float], number: int) -> None:
    """After any number of alerts nobody is further than one alert from their share."""
    house = directory(
        *(person(f"a{n}", weight=weight, capacity=10_000) for n, weight in enumerate(weights)),
    )
    queues = Queues(house, roster(house, NOW), {})
    whole = House(version=1, directory=house, rules=RuleSet([]))
    got: Counter[int] = Counter()
    for alert in range(number):
        choice = choose(case(alert_id=str(alert)), house=whole, queues=queues, trigger="opened", strategy="round_robin")
        assert choice.position is not None
        queues.hand(choice.position)
        got[choice.position] += 1
    turns = [got[n] / weight for n, weight in enumerate(weights)]
    for n, weight in enumerate(weights):
        assert turns[n] <= min(turns) + 1 / weight + 1e-9


def test_units_keep_heavy_alerts_from_those_who_have_room_for_light_ones_only() -> None:
    house = directory(
        person("ann", territories=("riverside",), max_units=4.0), person("bob", territories=("riverside",))
    )
    loads = {"ann": Load(open=1, units=3.0), "bob": have(9)}
    assert chosen(house, case(units=1.0), strategy="territory", loads=loads) == "ann"
    heavy = pick(house, case(units=2.0), "territory", loads=loads)
    assert heavy.position == 1
    assert heavy.trace["excluded"] == {"at_capacity": 1}
    both = pick(house, case(units=2.0), "territory", loads={"ann": Load(open=1, units=3.0), "bob": have(10)})
    assert (both.position, both.overflow) == (0, True)


def test_a_days_number_is_counted_where_the_agent_is() -> None:
    house = directory(person("ann", max_per_day=2), person("bob"))
    today = {"ann": Load(given_on=NOW.date(), given=2)}
    choice = pick(house, case(), "workload", loads=today)
    assert choice.position == 1
    assert choice.trace["excluded"] == {"day_full": 1}
    yesterday = {"ann": Load(given_on=date(2026, 3, 1), given=2), "bob": have(5)}
    assert pick(house, case(), "workload", loads=yesterday).position == 0


def test_a_paused_agent_gets_nothing() -> None:
    house = directory(person("ann", paused="no message got through"), person("bob"))
    choice = pick(house, case(), "workload")
    assert choice.position == 1
    assert choice.trace["excluded"] == {"paused": 1}


def test_what_an_alert_weighs_is_in_quarters() -> None:
    units = Units(priorities={"CRITICAL": 2.0, "LOW": 0.5}, types={SELL: 1.25})
    assert units.of("CRITICAL", SELL) == 2.5
    assert units.of("LOW", SELL) == 0.5
    assert units.of("HIGH", "OTHER") == 1.0
    assert wrong_units({"priorities": {"HIGH": 1.5}, "types": {SELL: 2}}) == {}
    assert set(wrong_units({"priorities": {"URGENT": 1, "HIGH": 0.3}, "types": {SELL: 0}})) == {
        "units.priorities.URGENT",
        "units.priorities.HIGH",
        f"units.types.{SELL}",
    }


def test_equal_inputs_give_equal_choices_whatever_came_before() -> None:
    house = directory(*(person(f"a{n}", territories=("riverside",), max_units=6.0) for n in range(6)))
    loads = {f"a{n}": Load(open=n, turn=float(n), units=float(n)) for n in range(6)}
    first = [pick(house, case(alert_id=str(n)), "performance", "territory", loads=loads).position for n in range(30)]
    again = [pick(house, case(alert_id=str(n)), "performance", "territory", loads=loads).position for n in range(30)]
    assert first == again
