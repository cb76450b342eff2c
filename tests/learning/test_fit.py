"""A challenger is learnt, chosen, calibrated and measured forward in time; too little says so."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from core import errors
from core.learning import applying, comparing, curves, fit, reference, split
from core.learning.fit import Trained
from core.learning.targets import Target
from core.scoring import metrics, prior
from core.words import Intent
from tests.learning import worlds

DELAY = timedelta(days=14)


@pytest.fixture(scope="module")
def trained() -> Trained:
    made = worlds.market()
    return fit.train(
        worlds.REFINANCE, worlds.examples_of(made), worlds.labels_of(made), delay=DELAY, seed=1, resamples=60
    )


def test_nothing_learnt_from_is_younger_than_what_was_known_when_choosing_begins(trained: Trained) -> None:
    made = worlds.examples_of(worlds.market())
    chosen = trained.split
    embargo = 104 * 86_400_000
    assert made.at[chosen.train].max() + embargo <= made.at[chosen.choose].min()
    assert made.at[chosen.choose].max() < made.at[chosen.measure].min()
    assert not (chosen.train & chosen.choose | chosen.choose & chosen.measure).any()


def test_a_challenger_learns_what_moves_the_market(trained: Trained) -> None:
    fresh = worlds.market(seed=77)
    said = applying.numbers(trained.parameters, fresh.matrix.astype(float), intent=worlds.REFINANCE.intent)
    y = fresh.happens.astype(float)
    assert metrics.auc(y, said.probability) > 0.9 * metrics.auc(y, fresh.truth)
    documented = prior.parameters(Intent.REFINANCE_OPPORTUNITY)
    before = applying.numbers(documented, fresh.matrix.astype(float), intent=worlds.REFINANCE.intent)
    assert metrics.log_loss(y, said.probability) < metrics.log_loss(y, before.probability)
    assert 0.85 < y.sum() / said.probability.sum() < 1.15


def test_its_papers_say_what_it_was_made_of(trained: Trained) -> None:
    papers, figures = trained.trained_on, trained.metrics
    assert papers["censored"] == int((worlds.market().days_ago < 104).sum())
    assert papers["rows"] > papers["trainRows"] > 0
    assert "104 days left out" in papers["split"]
    low, high = figures["intervals"]["transacts"]["auc"]
    assert low < figures["transacts"]["auc"] < high
    assert figures["transacts"]["rows"] == papers["measureRows"]
    assert sum(each["rows"] for each in figures["reliability"]) == papers["measureRows"]
    assert [each["chosen"] for each in figures["candidates"]].count(True) == 1
    evidence = trained.parameters["evidence"]
    assert len(evidence["rows"]) == len(evidence["edges"]) + 1
    assert sum(evidence["positives"]) == papers["positives"] + _left_out(trained)


def _left_out(trained: Trained) -> int:
    """Positives of the embargo: known, and used for nothing but to say how much is known."""
    labels = worlds.labels_of(worlds.market())
    used = trained.split.train | trained.split.choose | trained.split.measure
    return int(np.nansum(labels.transacts[~used]))


def test_too_short_a_history_says_how_long_it_takes() -> None:
    made = worlds.market(contacts=50, days=200)
    with pytest.raises(errors.Conflict, match=r"span 9. days; it takes 160"):
        fit.train(worlds.REFINANCE, worlds.examples_of(made), worlds.labels_of(made), delay=DELAY, seed=1)


def test_too_few_positives_are_counted() -> None:
    made = worlds.market(contacts=60)
    with pytest.raises(errors.Conflict, match=r"There are \d+ contacts to learn from .* it takes 50"):
        fit.train(worlds.REFINANCE, worlds.examples_of(made), worlds.labels_of(made), delay=DELAY, seed=1)


def _drawn(rows: int, base: float, *, seed: int = 5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    log_odds = random.normal(base, 1.0, rows)
    return log_odds, (random.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(float), np.arange(rows)


RAW = {"slope": 1.0, "intercept": 0.0, "ceiling": 1.0}


def test_a_curve_that_is_true_stays() -> None:
    log_odds, y, contact = _drawn(4000, -2.0)
    curve, _ = curves.calibrate(RAW, log_odds, y, contact)
    assert curve == {**RAW, "kind": "none"}


@pytest.mark.parametrize(
    ("raw", "kinds"), [({**RAW, "intercept": 1.5}, {"intercept"}), ({**RAW, "slope": 3.0}, {"platt", "isotonic"})]
)
def test_a_curve_that_is_wrong_is_put_right_in_the_simplest_way(raw: dict[str, float], kinds: set[str]) -> None:
    log_odds, y, contact = _drawn(6000, -2.0)
    curve, tried = curves.calibrate(raw, log_odds, y, contact)
    assert curve["kind"] in kinds
    assert [each["way"] for each in tried] == ["none", "intercept", "platt", "isotonic"]
    fresh, truth, _ = _drawn(6000, -2.0, seed=6)
    assert curves.at(curve, fresh).sum() == pytest.approx(truth.sum(), rel=0.1)


def test_few_positives_move_only_the_intercept() -> None:
    log_odds, y, contact = _drawn(600, -3.2)
    assert 5 < y[:360].sum() < 50
    _, tried = curves.calibrate({**RAW, "slope": 4.0}, log_odds, y, contact)
    assert [each["way"] for each in tried] == ["none", "intercept"]


def test_confidence_starts_from_the_documented_curve_and_follows_many_worked_alerts() -> None:
    x = np.full(2000, -1.0)
    documented = curves.at(prior.CONFIDENCE, np.array([-1.0]))[0]
    few = curves.confidence(x[:10], np.zeros(10))
    many = curves.confidence(x, np.zeros(2000))
    assert documented - 0.15 < curves.at(few, x[:1])[0] < documented
    assert curves.at(many, x[:1])[0] < 0.1


def test_intervals_widen_when_rows_share_a_contact() -> None:
    one = np.repeat(np.random.default_rng(5).normal(0.01, 0.1, 100), 10)
    apart = comparing.mean_difference(one, np.zeros(1000), np.arange(1000), seed=1)
    together = comparing.mean_difference(one, np.zeros(1000), np.repeat(np.arange(100), 10), seed=1)
    assert together.high - together.low > 2.5 * (apart.high - apart.low)
    assert comparing.standard_error(one, np.repeat(np.arange(100), 10)) > 2.5 * comparing.standard_error(
        one, np.arange(1000)
    )


def test_a_split_never_looks_back() -> None:
    at = np.sort(np.random.default_rng(5).integers(0, 400, 500)) * 86_400_000
    chosen = split.forward(at, np.ones(500, dtype=bool), horizon=timedelta(days=90), delay=DELAY)
    assert at[chosen.train].max() < at[chosen.choose].min() - 103 * 86_400_000


def test_a_type_of_the_teams_own_is_learnt_from_its_own_columns() -> None:
    made = worlds.market()
    plain = worlds.examples_of(made)
    random = np.random.default_rng(4)
    brochures = random.poisson(1.0, len(plain)).astype(float)
    own = replace(
        plain, matrix=np.column_stack([plain.matrix, brochures]), names=(*plain.names, "count:brochure_order:30d")
    )
    target = Target(
        intent="WANTS_A_BROCHURE",
        horizon=timedelta(days=90),
        answer="event",
        subjects=("visit_booked",),
        features=("value_checks_30d",),
        generic=("count:brochure_order:30d",),
    )
    known = worlds.labels_of(made)
    happens = (random.random(len(plain)) < np.where(brochures >= 2, 0.5, 0.05)).astype(float)
    labels = replace(known, transacts=np.where(np.isnan(known.transacts), np.nan, happens))
    trained = fit.train(target, own, labels, delay=DELAY, seed=1, resamples=20)
    assert trained.metrics["transacts"]["auc"] > 0.7
    assert "count:brochure_order:30d" in reference.used(trained.parameters)
    assert set(reference.used(trained.parameters)) <= {"value_checks_30d", "count:brochure_order:30d"}
