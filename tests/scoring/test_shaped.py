"""Boosted tables: rising where they must, sure of the stories, silent about untold homes and noise, exact when served."""

from functools import cache
from math import log, nan
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from core import errors
from core.scoring import features, metrics, prior, shaped, staircase
from core.scoring.model import Compiled, parse
from core.scoring.tabular.tables import Sum
from core.words import Intent

SELL = Intent.LIKELY_TO_SELL
CHECKS, VIEWS = features.index("value_checks_30d"), features.index("comparable_views_30d")
REPORTS, OWNED = features.index("market_reports_90d"), features.index("years_owned")


def _people(rows: int = 6000, *, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Value checks tell, and more so together with comparables; more market reports speak against it; homes tell too."""
    rng = np.random.default_rng(seed)
    X = np.full((rows, len(features.NAMES)), nan)
    X[:, CHECKS] = rng.poisson(rng.gamma(0.5, 3.0, rows))
    X[:, VIEWS] = rng.poisson(1.0, rows)
    X[:, REPORTS] = rng.poisson(1.0, rows)
    X[:, OWNED] = np.where(rng.random(rows) < 0.7, rng.gamma(2, 4, rows), nan)
    together = (X[:, CHECKS] >= 3) & (X[:, VIEWS] >= 2)
    log_odds = -2.5 + 0.3 * np.minimum(X[:, CHECKS], 8) + 1.5 * together - 0.6 * X[:, REPORTS]
    return X, (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)


@cache
def _parameters() -> dict[str, Any]:
    X, y = _people()
    return shaped.fit(X, y, intent=SELL, seed=1, confirmed=y.astype(np.float64), rounds=40)


def _served(X: NDArray[np.float64]) -> NDArray[np.float64]:
    model = Compiled([parse(_parameters(), id="x", intent=SELL, kind="additive")], features.NAMES)
    return np.array([each[0].log_odds for each in model.many(X)])


def test_what_is_served_is_what_was_fitted() -> None:
    X, _ = _people()
    assert np.allclose(_served(X[:500]), Sum.parse(_parameters(), list(features.NAMES)).log_odds(X[:500]), atol=1e-9)


def test_a_combination_that_matters_becomes_a_pair() -> None:
    assert {"value_checks_30d", "comparable_views_30d"} in [set(each["features"]) for each in _parameters()["pairs"]]


def test_more_value_checks_never_lower_a_score_whatever_else_is_known() -> None:
    X = np.repeat(_people()[0][:60], 25, axis=0)
    X[:, CHECKS] = np.tile(np.arange(25.0), 60)
    assert np.diff(_served(X).reshape(60, 25), axis=1).min() >= -1e-9


def test_data_that_speaks_against_a_rising_feature_only_silences_it() -> None:
    X = np.repeat(_people()[0][:60], 8, axis=0)
    X[:, REPORTS] = np.tile(np.arange(8.0), 60)
    assert np.diff(_served(X).reshape(60, 8), axis=1).min() >= -1e-9


def test_a_home_nobody_told_us_of_says_little_even_where_it_would_tell_much() -> None:
    X, y = _people()
    untold = np.isnan(X[:, OWNED])
    learned = shaped.fit(X, y * ~untold, intent=SELL, seed=1, confirmed=(y * ~untold).astype(np.float64), rounds=40)
    term = learned["terms"]["years_owned"]
    known = [np.searchsorted(term["edges"], x, side="right") for x in X[~untold, OWNED]]
    assert -log(2) - 1e-6 <= term["missing"] - np.mean([term["values"][at] for at in known]) <= -0.5
    assert all("years_owned" not in each["features"] for each in learned["pairs"])


def test_what_tells_nothing_takes_no_part() -> None:
    parameters = _parameters()
    assert "years_owned" not in parameters["terms"]
    assert {"value_checks_30d", "comparable_views_30d"} <= parameters["terms"].keys()


def test_what_is_said_with_confidence_holds_of_contacts_never_seen_though_the_fit_is_far_too_sure() -> None:
    X, y = _people(1500)
    same, contact = np.repeat(X, 4, axis=0), np.repeat(np.arange(len(X)), 4)  # rows that all tell of the same contacts
    learned = shaped.fit(
        same, np.repeat(y, 4), intent=SELL, seed=1, confirmed=np.repeat(y, 4) * 1.0, contact=contact, rounds=40
    )
    model = Compiled([parse(learned, id="x", intent=SELL, kind="additive")], features.NAMES)
    later, ending = _people(6000, seed=2)
    said = np.array([each[0].confidence for each in model.many(later)])
    assert 0.8 <= metrics.calibration(ending, said).slope <= 1.3


def test_the_story_opens_an_alert() -> None:
    told, _, _ = staircase.stories(SELL, features.NAMES)
    model = Compiled([parse(_parameters(), id="x", intent=SELL, kind="additive")], features.NAMES)
    assert model.many(told)[0][0].confidence >= 0.5
    assert prior.STORIES[SELL].right == 0.7


def test_too_little_is_refused() -> None:
    X, y = _people(300)
    with pytest.raises(errors.Invalid):
        shaped.fit(X, y, intent=SELL, seed=1)
