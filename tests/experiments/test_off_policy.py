"""From decisions with a logged chance the mean of another way of handing out is found again, within its interval."""

import random

import pytest

from core.experiments.off_policy import Logged, estimate
from core.routing.choosing import choose
from core.routing.directory import Directory, Result
from core.routing.queues import Queues
from core.routing.roster import roster
from core.routing.rules import RuleSet
from core.routing.state import House
from tests.routing.test_strategies import NOW, SELL, case, directory, person

TRUE = {"ann": 0.5, "bob": 0.4, "cleo": 0.2, "dan": 0.3}
"""What each really wins. Ann and Bob have the best measured results and stand level, Cleo and Dan have closed the fewest."""


def a_house() -> Directory:
    known = {"ann": (1.3, 40), "bob": (1.3, 40), "cleo": (0.9, 3), "dan": (0.9, 3)}
    return directory(*(person(one, results={SELL: Result(*known[one])}) for one in TRUE))


def a_log(house: Directory, number: int, *, seed: int, explored: float) -> list[Logged]:
    """Alerts handed out by `performance`; the other way gives this share to whoever has closed fewest instead of a tenth."""
    draw, whole = random.Random(seed), House(version=1, directory=house, rules=RuleSet(()))
    queues, found = Queues(house, roster(house, NOW), {}), []
    for index in range(number):
        alert = case(alert_id=f"{seed}-{index}")
        choice = choose(alert, house=whole, queues=queues, trigger="opened", strategy="performance")
        assert choice.position is not None
        agent = house.agents[choice.position].id
        wanted = ((1 - explored) if agent in ("ann", "bob") else explored) / 2
        won = float(draw.random() < TRUE[agent])
        found.append(Logged(value=won, propensity=choice.trace["propensity"], wanted=wanted))
    return found


@pytest.mark.parametrize("explored", [0.0, 0.3, 1.0])
def test_the_true_value_of_another_strategy_is_recovered(explored: float) -> None:
    true = (1 - explored) * (TRUE["ann"] + TRUE["bob"]) / 2 + explored * (TRUE["cleo"] + TRUE["dan"]) / 2
    house, held = a_house(), 0
    for seed in range(40):
        found = estimate(a_log(house, 600, seed=seed, explored=explored))
        assert found is not None
        held += found.low <= true <= found.high
        assert found.effective <= found.decisions
    assert held >= 34, "95% intervals: 38 of 40 are to be expected"


def test_the_plain_mean_is_off_where_the_weighted_one_is_not() -> None:
    log = a_log(a_house(), 6_000, seed=2, explored=1.0)
    found = estimate(log)
    assert found is not None
    assert found.low <= 0.25 <= found.high
    assert sum(one.value for one in log) / len(log) > found.high


def test_nothing_is_said_of_a_way_that_shares_no_choice() -> None:
    assert estimate([Logged(value=1.0, propensity=0.5, wanted=0.0)]) is None
    assert estimate([]) is None


def test_a_chance_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above 0"):
        estimate([Logged(value=1.0, propensity=0.0, wanted=1.0)])
