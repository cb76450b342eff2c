"""What another strategy would have brought: the truth of a simulated house lies in the interval about as often as it says."""

import random
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import routing
from core.db import Database
from core.db.tables import AgentResult, Alert, Decision
from core.errors import Invalid
from core.experiments.definition import Metric
from core.experiments.hindsight import Compared, compare, hindsight, tell
from core.experiments.off_policy import Logged, estimate
from core.routing import ledger
from core.routing.choosing import chances, choose
from core.routing.directory import Result
from core.routing.queues import Queues
from core.routing.roster import roster
from core.routing.rules import RuleSet
from core.routing.state import House, State
from core.routing.strategy import Trial
from core.viewer import SYSTEM
from core.words import Outcome
from tests import factories as make
from tests.routing.test_strategies import NOW, SELL, case, directory, person

WINS = (0.7, 0.6, 0.4, 0.3, 0.2, 0.1)
"""How often each wins. Who is measured to win most covers the area; the last two have closed the fewest."""
ARMS = ((0.5, None), (0.5, "performance"))
LEVELS = (1, 1, 5, 5, 3, 3)


def a_house() -> House:
    known = [(1.4, 40), (1.4, 30), (0.9, 50), (0.8, 60), (0.5, 3), (0.4, 3)]
    people = [
        person(
            f"a{n}", capacity=10_000, territories=("riverside",), skills={"seller": level}, results={SELL: Result(*one)}
        )
        for n, (level, one) in enumerate(zip(LEVELS, known, strict=True))
    ]
    return House(version=1, directory=directory(*people), rules=RuleSet(()))


def a_log(house: House, strategy: str, number: int, *, seed: int) -> tuple[list[Compared], list[float], float]:
    """Alerts handed out half by territory and half by results, as the ledger keeps them; what came of them; and what the strategy
    would truly have brought with them."""
    draw, queues = random.Random(seed), Queues(house.directory, roster(house.directory, NOW), {})
    compared, values, truth = [], [], 0.0
    for index in range(number):
        one = case(alert_id=f"{seed}-{index}")
        trial = Trial("performance" if draw.random() < 0.5 else None, ARMS)
        choice = choose(one, house=house, queues=queues, trigger="opened", instead=trial.strategy, arms=trial.arms)
        assert choice.position is not None
        kept = ledger.pack(
            one, choice, queues, exclude=frozenset(), trigger="opened", seed=None, trial=trial, planned=None
        )
        other = chances(one, (strategy,), queues, frozenset())
        truth += sum(chance * WINS[position] for position, chance in other.items()) / number
        queues.hand(choice.position)
        values.append(float(draw.random() < WINS[choice.position]))
        again = compare(kept, house, strategy, at=NOW)
        assert again is not None
        assert again.propensity == pytest.approx(choice.trace["propensity"])
        compared.append(again)
    return compared, values, truth


@pytest.mark.parametrize("strategy", ["performance", "territory"])
def test_the_truth_lies_in_the_interval_about_as_often_as_it_says(strategy: str) -> None:
    house, held, missed = a_house(), 0, 0
    for seed in range(40):
        compared, values, truth = a_log(house, strategy, 120, seed=seed)
        assert sum(one.covered for one in compared) / len(compared) == pytest.approx(1.0)
        found = estimate(
            [
                Logged(value=value, propensity=one.propensity, wanted=one.wanted)
                for one, value in zip(compared, values, strict=True)
            ]
        )
        assert found is not None
        held += found.low <= truth <= found.high
        missed += not found.low <= sum(values) / len(values) <= found.high
        assert 30 < found.effective < len(compared)
    assert held >= 34, "of 40 intervals of 95%, 38 are to be expected"
    assert missed >= 10, "what was is another thing than what would have been"


def test_the_chance_counts_what_the_experiment_could_have_said() -> None:
    house = a_house()
    queues = Queues(house.directory, roster(house.directory, NOW), {})
    for strategy, who in ((None, {2, 3}), ("performance", {0, 1, 4, 5})):
        choice = choose(case(), house=house, queues=queues, trigger="opened", instead=strategy, arms=ARMS)
        assert choice.position in who
        alone = choose(case(), house=house, queues=queues, trigger="opened", instead=strategy)
        assert alone.trace["propensity"] == pytest.approx(2 * choice.trace["propensity"])


def test_who_had_no_chance_is_not_counted_as_known() -> None:
    compared, _, _ = a_log(a_house(), "skill", 30, seed=1)
    assert {one.covered for one in compared} == {1.0}
    house = a_house()
    alone = replace(house, default_strategy="performance")
    queues = Queues(alone.directory, roster(alone.directory, NOW), {})
    one = case()
    choice = choose(one, house=alone, queues=queues, trigger="opened", strategy="territory")
    kept = ledger.pack(
        one, choice, queues, exclude=frozenset(), trigger="opened", seed=None, trial=Trial("territory"), planned=None
    )
    found = compare(kept, alone, "performance", at=NOW)
    assert found is not None
    assert (found.wanted, found.covered) == (0.0, 0.0), "territory looks at skill, results are with others"


def test_whose_load_was_not_kept_is_not_guessed() -> None:
    people = [person(f"a{n}", territories=("riverside" if n < 3 else "hilltop",)) for n in range(60)]
    house = House(version=1, directory=directory(*people), rules=RuleSet(()))
    queues = Queues(house.directory, roster(house.directory, NOW), {})
    one = case()
    choice = choose(one, house=house, queues=queues, trigger="opened")
    kept = ledger.pack(
        one, choice, queues, exclude=frozenset(), trigger="opened", seed=None, trial=Trial(None), planned=None
    )
    assert compare(kept, house, "performance", at=NOW) is not None
    assert compare(kept, house, "confidence_ranking", at=NOW) is None


@pytest.fixture
def logged(database: Database, now: datetime) -> Database:
    """Two hundred alerts of a hundred days ago: results decided over six agents, the best of whom win most."""
    then = now - timedelta(days=100)
    draw = random.Random(3)
    with database.write() as session:
        make.team(session, "north", default_strategy="performance", now=now)
        for n, won in enumerate(WINS):
            make.agent(session, f"a{n}", team_id="north", capacity=1_000, territories=["riverside"], now=now)
            session.add(
                AgentResult(
                    agent_id=f"a{n}",
                    alert_type=SELL,
                    won=10,
                    expected=10.0,
                    ratio=0.5 + won,
                    low=0.1,
                    high=2.0,
                    closed=60 - 10 * n,
                    updated_at=now,
                )
            )
        session.flush()
        ids = [
            make.alert(session, territory="riverside", unassigned_reason="x", opened_at=then, now=then)
            for _ in range(200)
        ]
        routing.route(session, ids, state=State.load(session), trigger="opened", now=then)
        for alert_id, agent_id in session.execute(select(Alert.id, Alert.assigned_agent_id)).all():
            won = draw.random() < WINS[int(agent_id[1:])]
            make.outcome(session, alert_id, Outcome.TRUE_POSITIVE, converted=won, now=then + timedelta(days=30))
    return database


def test_from_stored_decisions(logged: Database, now: datetime) -> None:
    with logged.read() as session:
        chances_of = [one.trace["propensity"] for one in session.scalars(select(Decision))]
        assert min(chances_of) < 0.15 < 0.85 < max(chances_of)
        same = hindsight(session, strategy="performance", metric="conversion", now=now)
        assert same.would_be is not None
        assert same.actual is not None
        assert same.would_be.value == pytest.approx(same.actual.value)
        assert same.would_be.effective == pytest.approx(200)
        assert same.sentences[0] == "200 hand-outs count; they say as much as about 200 by “Results” itself would."
        other = hindsight(session, strategy="round_robin", metric="conversion", now=now)
        assert other.covered < 0.6, "only the best and the newest had a chance"
        assert other.would_be is None
        assert other.sentences[1] == "That is too few to say anything. An experiment would tell."
        waiting = hindsight(session, strategy="performance", metric="conversion", now=now - timedelta(days=20))
        assert (waiting.decisions, waiting.would_be) == (0, None)
        assert "too early" in waiting.sentences[0]


def test_what_is_not_known_widens_a_share_to_bounds() -> None:
    half = [Logged(value=float(n % 2), propensity=0.5, wanted=0.5) for n in range(400)]
    told = tell("skill", Metric.CONVERSION, half, 0.6, Counter(by_rule=3, older=0), decisions=403)
    assert told.would_be is not None
    assert told.bounds == pytest.approx((0.6 * told.would_be.low, 0.6 * told.would_be.high + 0.4))
    assert told.left_out == {"by_rule": 3}
    assert told.sentences[1:3] == (
        "In 60% of its choices it would have taken somebody who had a chance to be chosen; the figure is of those alone.",
        "Of the others nothing is known: over all of them the share that converted lies between 27% and 73%.",
    )
    seconds = tell("skill", Metric.RESPONSE_SECONDS, half, 0.6, Counter(), decisions=400)
    assert (seconds.bounds, seconds.sentences[2]) == (None, "Of the others nothing is known.")


def test_what_cannot_be_asked_is_named(database: Database, now: datetime) -> None:
    with database.read() as session, pytest.raises(Invalid) as refused:
        hindsight(session, strategy="optimal_batch", metric=Metric.TRANSACTED, days=0, now=now)
    assert set(refused.value.fields) == {"strategy", "metric", "days"}


def test_the_decision_is_still_made_again_to_the_same_answer(logged: Database) -> None:
    with logged.read() as session:
        for alert_id in session.scalars(select(Alert.id).limit(20)):
            assert ledger.recompute(session, SYSTEM, alert_id).agrees
