"""A challenger is promoted only beyond doubt, a drifted base rate moves the intercept, and otherwise nothing changes."""

import copy
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from core.learning import comparing, fit, labels, loop
from core.learning.loop import Material, Version
from core.scoring import prior
from core.words import Intent
from tests.learning import worlds
from tests.learning.worlds import NOW, Market

DELAY = timedelta(days=14)


def model(slope: float = 0.35, base: float = -3.0, noise: int = 0) -> dict[str, Any]:
    """The market's own truth for the defaults; with a seed for `noise`, what a model that learnt chance would say."""
    made = copy.deepcopy(prior.parameters(Intent.REFINANCE_OPPORTUNITY))
    edges = [float(each) for each in range(1, 13)]
    made |= {"base": base, "base_rate": 0.08}
    made["terms"] = {"refinance_clicks_90d": _term(edges, [slope * each for each in range(13)])}
    if noise:
        chance = np.random.default_rng(noise).normal(0, 0.25, 6)
        made["terms"]["value_checks_30d"] = _term([1.0, 2.0, 3.0, 4.0, 5.0], [float(each) for each in chance])
    return made


def _term(edges: list[float], values: list[float]) -> dict[str, Any]:
    return {"edges": edges, "values": values, "variances": [0.0] * len(values), "missing": 0.0, "missing_variance": 0.0}


def version(parameters: dict[str, Any], *, shadow_days: float | None = None, looks: int = 0, until: int = 0) -> Version:
    return Version(
        id="champion" if shadow_days is None else "challenger",
        parameters=parameters,
        until=until,
        shadowed_at=None if shadow_days is None else NOW - timedelta(days=shadow_days),
        looks=({},) * looks,
    )


def material(
    made: Market, champion: dict[str, Any], challenger: Version | None = None, last: dict[str, Any] | None = None
) -> Material:
    return Material(
        target=worlds.REFINANCE,
        examples=worlds.examples_of(made),
        labels=worlds.labels_of(made),
        champion=version(champion),
        challenger=challenger,
        last=last or {},
        delay=DELAY,
    )


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_challenger_that_is_noise_is_never_promoted(seed: int) -> None:
    made = worlds.market(seed=seed)
    verdict = loop.judge_shadow(material(made, model(), version(model(noise=seed), shadow_days=40)), seed=seed, now=NOW)
    assert verdict.action in ("nothing", "retire")


def test_a_challenger_that_is_truly_better_is_promoted_after_its_shadow() -> None:
    made = worlds.market()
    better = version(model(), shadow_days=40)
    verdict = loop.judge_shadow(material(made, model(slope=0.05), better), seed=1, now=NOW)
    assert (verdict.action, verdict.version_id, verdict.replaces) == ("promote", "challenger", "champion")
    assert "98.3% interval -" in verdict.sentence


def test_a_challenger_on_trial_in_an_experiment_is_left_to_people() -> None:
    made = worlds.market()
    better = material(made, model(slope=0.05), version(model(), shadow_days=40))
    verdict = loop.judge_shadow(replace(better, trial="The new model"), seed=1, now=NOW)
    assert verdict.action == "nothing"
    assert "“The new model”" in verdict.sentence


@pytest.mark.parametrize(("days", "looks"), [(29, 0), (45, 1), (119, 2)])
def test_between_the_looks_nobody_looks(days: float, looks: int) -> None:
    made = worlds.market()
    better = version(model(), shadow_days=days, looks=looks)
    verdict = loop.judge_shadow(material(made, model(slope=0.05), better), seed=1, now=NOW)
    assert (verdict.action, verdict.look) == ("nothing", None)


def test_only_scores_after_its_data_can_confirm_a_challenger() -> None:
    made = worlds.market()
    newest = int(worlds.examples_of(made).at.max())
    verdict = loop.judge_shadow(
        material(made, model(slope=0.05), version(model(), shadow_days=40, until=newest)), seed=1, now=NOW
    )
    assert verdict.action == "nothing"
    assert "(0 so far)" in verdict.sentence


def test_after_three_looks_without_proof_a_challenger_goes() -> None:
    verdict = loop.judge_shadow(
        material(worlds.market(), model(), version(model(), shadow_days=125, looks=2)), seed=1, now=NOW
    )
    assert verdict.action == "retire"


def test_a_new_challenger_goes_into_shadow_when_it_is_better_and_away_when_not() -> None:
    made = worlds.market()
    against_prior = material(made, prior.parameters(Intent.REFINANCE_OPPORTUNITY))
    trained = fit.train(
        worlds.REFINANCE, against_prior.examples, against_prior.labels, delay=DELAY, seed=1, resamples=20
    )
    assert loop.judge_challenger(against_prior, trained, seed=1).action == "shadow"
    verdict = loop.judge_challenger(material(made, model()), trained, seed=1)
    assert verdict.action == "retire"
    assert "no better beyond doubt" in verdict.sentence


def test_training_again_waits_for_news_unless_asked() -> None:
    made = material(worlds.market(), model())
    last = {"trainedAt": (NOW - timedelta(days=3)).isoformat(), "trainedPositives": made.positives}
    again = material(worlds.market(), model(), last=last)
    assert "too little news" in (loop.why_not_train(again, asked=False, now=NOW) or "")
    assert loop.why_not_train(again, asked=True, now=NOW) is None
    assert loop.why_not_train(again, asked=False, now=NOW + timedelta(days=30)) is None
    assert loop.why_not_train(material(worlds.market(contacts=40), model()), asked=True, now=NOW) is not None


def test_a_base_rate_that_fell_moves_the_intercept() -> None:
    verdict = loop.judge_calibration(material(worlds.market(), model(base=-2.2)))
    assert verdict.action == "recalibrate"
    assert verdict.shifts["probability"] == pytest.approx(-0.75, abs=0.25)
    assert "expected" in verdict.sentence


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_model_that_is_true_is_left_alone(seed: int) -> None:
    verdict = loop.judge_calibration(material(worlds.market(seed=seed), model()))
    assert verdict.action == "nothing"


def test_worked_alerts_move_the_curve_of_confidence() -> None:
    made = worlds.market()
    known = worlds.labels_of(made)
    reached = ~np.isnan(known.transacts) & (worlds.column(made, "refinance_clicks_90d") >= 4)
    wrong = np.where(reached, (np.random.default_rng(1).random(len(reached)) < 0.05).astype(float), np.nan)
    lying = material(made, model())
    worked = labels.Labels(transacts=known.transacts, right=wrong, reached=reached, censored=known.censored, unknown=0)
    verdict = loop.judge_calibration(Material(**{**vars(lying), "labels": worked}))
    assert verdict.shifts["confidence"] < -0.5
    assert "probability" not in verdict.shifts


def test_a_few_contacts_with_many_rows_move_nothing() -> None:
    """A dozen rows of five contacts are five endings: what looks like half the expectation is chance."""
    contact = np.repeat(np.arange(300), 6)
    expected = np.full(1800, 0.02)
    observed = np.where(contact < 3, 1.0, 0.0)
    together = comparing.ratio(observed, expected, contact, level=0.99)
    apart = comparing.ratio(observed, expected, np.arange(1800), level=0.99)
    assert together.value == apart.value == pytest.approx(0.5)
    assert together.low <= 1 <= together.high
    assert apart.high < 1
    assert together.events == pytest.approx(apart.events / 6, rel=0.01)
