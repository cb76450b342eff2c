"""A decision costs what its pool costs, not what the house does: ratios within one run, of the thread's own time."""

import random
from statistics import median

import pytest

from bench import routing as bench
from core.routing.capacity import Load
from core.routing.choosing import choose
from core.routing.queues import Queues
from core.routing.roster import roster


def test_a_decision_is_many_times_faster_than_a_scan_of_everybody() -> None:
    measured = bench.in_memory(decisions=400, scans=40)
    assert measured["times_faster"] > 10, "measured: 50 to 90"


def test_ten_times_the_agents_cost_far_less_than_ten_times_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    def typical(agents: int) -> float:
        monkeypatch.setattr(bench, "AGENTS", agents)
        return median(bench.in_memory(decisions=400, scans=2)["cpu_p50_us"] for _ in range(2))

    assert typical(1_000) < 4 * typical(100), "measured: 1.0 to 1.4"


def test_queues_kept_in_order_say_the_same_as_ones_built_anew() -> None:
    house, draw = bench.house(), random.Random(5)
    duty = roster(house.directory, bench.NOW)
    kept, given = Queues(house.directory, duty, {}), []
    for number, case in enumerate(bench.cases(400)):
        loads = {
            agent.id: Load(kept.open[agent.position], kept.turn[agent.position], kept.units[agent.position])
            for agent in house.directory.agents
        }
        choice = choose(case, house=house, queues=kept, trigger="opened")
        if number % 20 == 0:
            anew = choose(case, house=house, queues=Queues(house.directory, duty, loads), trigger="opened")
            assert choice == anew
        assert choice.position is not None
        kept.hand(choice.position)
        given.append(choice.position)
        if number % 3 == 0:
            kept.take_back(given.pop(draw.randrange(len(given))))
