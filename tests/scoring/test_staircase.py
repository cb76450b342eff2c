"""Training: learns what is there, keeps what was documented where data is silent, never turns evidence around."""

import json
from math import nan

import numpy as np
import pytest
from numpy.typing import NDArray

from core import errors
from core.scoring import features, prior, staircase
from core.scoring.model import Compiled, digest, parse
from core.words import Intent

SELL = Intent.LIKELY_TO_SELL
CHECKS = features.index("value_checks_30d")
REPORTS = features.index("market_reports_90d")


def _people(rows: int = 4000, *, effect: float = 0.5, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Contacts of whom value checks tell something and nothing else does; the home is known of half."""
    rng = np.random.default_rng(seed)
    X = np.full((rows, len(features.NAMES)), nan)
    X[:, CHECKS] = rng.poisson(rng.gamma(0.5, 3.0, rows))
    X[:, REPORTS] = rng.poisson(1.0, rows)
    X[:, features.index("years_owned")] = np.where(rng.random(rows) < 0.5, rng.gamma(2, 4, rows), nan)
    log_odds = -3.0 + effect * np.minimum(X[:, CHECKS], 8)
    return X, (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)


def _curve(parameters: dict[str, object], name: str, over: range) -> list[float]:
    term = parse(parameters, id="x", intent=SELL, kind="additive").terms[name]
    return [term.value(float(x)) for x in over]


def test_it_learns_what_is_there_and_is_calibrated() -> None:
    X, y = _people()
    parameters = staircase.fit(X, y, intent=SELL, seed=1)
    later_x, later_y = _people(seed=2)
    model = Compiled([parse(parameters, id="x", intent=SELL, kind="additive")], features.NAMES)
    said = np.array([each[0].probability for each in model.many(later_x)])
    assert said.mean() == pytest.approx(later_y.mean(), rel=0.15)
    top = said > np.quantile(said, 0.9)
    assert said[top].mean() == pytest.approx(later_y[top].mean(), abs=0.08)
    assert later_y[top].mean() > 4 * later_y.mean() / 2


def test_the_same_rows_give_the_same_model() -> None:
    X, y = _people()
    assert digest(staircase.fit(X, y, intent=SELL, seed=1)) == digest(staircase.fit(X, y, intent=SELL, seed=1))


def test_a_contact_seen_ten_times_is_no_more_evidence_than_one_seen_once() -> None:
    X, y = _people(600)
    again, contact = np.repeat(X, 10, axis=0), np.repeat(np.arange(len(X)), 10)
    once = staircase.fit(X, y, intent=SELL, seed=1)
    often = staircase.fit(again, np.repeat(y, 10), intent=SELL, seed=1, weight=staircase.one_each(contact))
    as_others = staircase.fit(again, np.repeat(y, 10), intent=SELL, seed=1)
    doubt, same, less = (each["base_variance"] for each in (once, often, as_others))
    assert less < doubt / 2 < doubt * 0.9 < same


def test_a_sample_that_says_the_opposite_cannot_turn_evidence_around() -> None:
    X, y = _people(effect=-0.5)
    values = _curve(staircase.fit(X, y, intent=SELL, seed=1), "value_checks_30d", range(25))
    assert values == sorted(values)


def test_all_missing_columns_and_untold_homes_say_nothing() -> None:
    X, y = _people()
    parameters = staircase.fit(X, y, intent=SELL, seed=1)
    assert "email_open_rate_90d" not in parameters["terms"]
    assert parameters["terms"]["years_owned"]["missing"] == pytest.approx(0, abs=1e-6)


def test_habits_are_left_out() -> None:
    X, y = _people()
    X[:, features.index("peak_hour")] = np.random.default_rng(3).integers(0, 24, len(X))
    assert "peak_hour" not in staircase.fit(X, y, intent=SELL, seed=1)["terms"]


def test_the_confidence_curve_learns_only_from_those_who_were_reached() -> None:
    X, y = _people()
    rng = np.random.default_rng(4)
    confirmed = np.where(rng.random(len(y)) < 0.2, 1.0, nan)  # the few who were reached all confirmed
    parameters = staircase.fit(X, y, intent=SELL, seed=1, confirmed=confirmed)
    without = staircase.fit(X, y, intent=SELL, seed=1)
    assert without["confidence"] == prior.CONFIDENCE
    for_quiet = [parse(each, id="x", intent=SELL, kind="x").confidence.at(-3.0) for each in (parameters, without)]
    assert for_quiet[0] > for_quiet[1]


def test_the_parameters_are_plain_numbers() -> None:
    X, y = _people()
    parameters = staircase.fit(X, y, intent=SELL, seed=1)
    assert digest(json.loads(json.dumps(parameters, allow_nan=False))) == digest(parameters)


def test_nothing_to_learn_from_is_said() -> None:
    X, y = _people()
    with pytest.raises(errors.Invalid):
        staircase.fit(X, np.zeros_like(y), intent=SELL, seed=1)
    with pytest.raises(errors.Invalid):
        staircase.fit(X[:-1], y, intent=SELL, seed=1)
