"""A backlog is matched as well as any assignment could, and never past a place."""

from collections import Counter
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.routing.capacity import Load
from core.routing.directory import Directory, Result
from core.routing.matching import BUSY, PLACE, match
from core.routing.queues import Queues
from core.routing.roster import roster
from core.routing.strategy import Case, fit
from tests.routing.test_strategies import NOW, SELL, case, directory, person


def plan(house: Directory, cases: list[Case], loads: dict[str, Load] | None = None) -> dict[str, str]:
    queues = Queues(house, roster(house, NOW), loads or {})
    return {alert_id: house.agents[position].id for alert_id, position in match(cases, queues, exclude={}).items()}


def test_no_early_alert_takes_a_later_ones_best_agent() -> None:
    house = directory(
        person("both", territories=("riverside", "hilltop"), capacity=1),
        person("river", territories=("riverside",), capacity=1),
    )
    cases = [case(alert_id="first", territory="riverside"), case(alert_id="second", territory="hilltop")]
    assert plan(house, cases) == {"first": "river", "second": "both"}


def test_what_has_no_place_is_left_out_and_excluded_agents_get_nothing() -> None:
    house = directory(person("ann", capacity=2), person("bob", capacity=1))
    cases = [case(alert_id=str(number), confidence=0.9 - number / 10) for number in range(5)]
    found = plan(house, cases)
    assert Counter(found.values()) == {"ann": 2, "bob": 1}
    assert set(found) == {"0", "1", "2"}  # the surest
    queues = Queues(house, roster(house, NOW), {})
    without = match(cases, queues, exclude={"0": frozenset({0})})
    assert without.get("0", 1) == 1


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_other_assignment_is_worth_more(data: st.DataObject) -> None:
    agents = data.draw(st.integers(1, 3))
    house = directory(
        *(
            person(
                f"a{n}",
                capacity=data.draw(st.integers(1, 2)),
                territories=(data.draw(st.sampled_from(["riverside", "hilltop"])),),
                skills={"seller": data.draw(st.integers(1, 5))},
                results={SELL: Result(data.draw(st.sampled_from([0.6, 1.0, 1.7])), 10)},
            )
            for n in range(agents)
        )
    )
    cases = [
        case(
            alert_id=str(n),
            territory=data.draw(st.sampled_from(["riverside", "hilltop"])),
            confidence=data.draw(st.sampled_from([0.5, 0.7, 0.9])),
        )
        for n in range(data.draw(st.integers(1, 4)))
    ]

    def worth(assigned: tuple[int, ...]) -> float:
        held: Counter[int] = Counter()
        total = 0.0
        for one, position in sorted(zip(cases, assigned, strict=True), key=lambda pair: -_value(pair[0], pair[1])):
            if position < agents:
                agent = house.agents[position]
                if held[position] >= agent.capacity:
                    return -1.0
                total += _value(one, position) * (1 - BUSY * held[position] / agent.capacity)
                held[position] += 1
        return total

    def _value(one: Case, position: int) -> float:
        if position >= agents:
            return 0.0
        agent = house.agents[position]
        return one.confidence * fit(agent, SELL) * (PLACE[0] if one.territory in agent.territories else PLACE[-1])

    best = max(worth(assigned) for assigned in product(range(agents + 1), repeat=len(cases)))
    positions = {agent.id: agent.position for agent in house.agents}
    found = plan(house, cases)
    ours = worth(tuple(positions[found[one.alert_id]] if one.alert_id in found else agents for one in cases))
    assert ours == pytest.approx(best, rel=1e-9)
