"""Calibration: the curves from log-odds to probability and to confidence, fitted forward in time and kept only if they help.

Below 50 positives only the intercept moves; below 200 there is no isotonic curve, which would learn its own steps.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from core.learning import comparing
from core.learning.comparing import difference, standard_error
from core.learning.examples import Floats, Ints
from core.learning.moving import LEAST, MOST, Curve, at, shifted
from core.scoring import prior

FOR_SLOPE, FOR_ISOTONIC = 50, 200
"""Positives."""
FARTHEST = 4.0
"""An intercept never moves by more: e to the 4 is fifty-five times the odds."""
USUAL_SHIFT = 0.5
"""The prior standard deviation of an intercept's move, in log-odds."""
_SHRUNK = 200.0
"""The confidence curve is shrunk to the documented one as if so many rows had confirmed it."""
_KNOTS = 40


def calibrate(raw: Curve, log_odds: Floats, y: Floats, contact: Ints) -> tuple[Curve, list[dict[str, Any]]]:
    """The curve to use, fitted on all rows (which come by time), and what was tried.

    Each way is fitted on the older six tenths and measured on the newer four. The simplest whose log-loss is within one
    standard error of the best is taken, so the raw curve stays unless another one beats it by more than that.
    """
    cut = round(0.6 * len(y))
    older, newer = slice(0, cut), slice(cut, None)
    positives = comparing.positives(y[older], contact[older])
    ways = ["none"] + (["intercept"] if positives >= 5 else [])
    ways += ["platt"] if positives >= FOR_SLOPE else []
    ways += ["isotonic"] if positives >= FOR_ISOTONIC else []
    tried = {way: losses(y[newer], at(fit(way, raw, log_odds[older], y[older]), log_odds[newer])) for way in ways}
    best = min(tried, key=lambda way: float(tried[way].mean()))
    chosen = next(
        way
        for way in ways
        if way == best
        or difference(tried[way], tried[best]) <= standard_error(tried[way] - tried[best], contact[newer])
    )
    told = [
        {"way": way, "logLoss": round(float(each.mean()), 6), "chosen": way == chosen} for way, each in tried.items()
    ]
    return fit(chosen, raw, log_odds, y), told


def fit(way: str, raw: Curve, log_odds: Floats, y: Floats) -> Curve:
    """One way of calibrating: none, intercept, platt or isotonic."""
    if way == "none":
        return {**raw, "kind": "none"}
    if way == "intercept":
        return shifted(raw, shift(raw, log_odds, y))
    if way == "platt":
        return _platt(raw, log_odds, y)
    return _isotonic(log_odds, y)


def shift(curve: Mapping[str, Any], log_odds: Floats, y: Floats, *, share: float = 1.0) -> float:
    """What to add to the intercept so that as many are expected as were observed, shrunk to nothing by USUAL_SHIFT.

    Args:
        share: what a row is worth as evidence, below 1 where several rows share one ending.
    """

    def too_many(by: float) -> float:
        return share * float(at(shifted(curve, by), log_odds).sum() - y.sum()) + by / USUAL_SHIFT**2

    low, high = -FARTHEST, FARTHEST
    if too_many(low) >= 0 or too_many(high) <= 0:
        return low if too_many(low) >= 0 else high
    return float(brentq(too_many, low, high, xtol=1e-7))


def confidence(log_odds: Floats, right: Floats, *, believed: Curve = prior.CONFIDENCE) -> Curve:
    """A logistic curve on the worked alerts (`right` without NaN), shrunk to the believed one."""
    slope, intercept = believed.get("slope", 1.0), believed.get("intercept", 0.0)
    grid = np.linspace(-4.5, 0.0, 10)
    told, each = at(believed, grid), _SHRUNK / 10

    def loss(free: Floats) -> float:
        z, of_grid = free[1] + np.exp(free[0]) * log_odds, free[1] + np.exp(free[0]) * grid
        own = np.sum(np.logaddexp(0, z) - right * z)
        return float(own + each * np.sum(np.logaddexp(0, of_grid) - told * of_grid))

    found = minimize(loss, np.array([np.log(slope), intercept]), method="Nelder-Mead", options={"maxiter": 2000}).x
    return {"slope": round(float(np.exp(found[0])), 6), "intercept": round(float(found[1]), 6), "ceiling": 1.0}


def losses(y: Floats, probability: Floats) -> Floats:
    """Each row's negative log-likelihood, in nats."""
    p = np.clip(probability, LEAST, MOST)
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


def _platt(raw: Curve, log_odds: Floats, y: Floats) -> Curve:
    ceiling = float(raw.get("ceiling", 1.0)) if "knots" not in raw else 1.0
    start = np.array([np.log(raw.get("slope", 1.0)), raw.get("intercept", 0.0)])

    def loss(free: Floats) -> float:
        p = ceiling * expit(free[1] + np.exp(free[0]) * log_odds)
        return float(losses(y, p).sum() + 0.5 * np.sum((free - start) ** 2))

    found = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 1000}).x
    slope, intercept = round(float(np.exp(found[0])), 6), round(float(found[1]), 6)
    return {"slope": slope, "intercept": intercept, "ceiling": ceiling, "kind": "platt"}


def _isotonic(log_odds: Floats, y: Floats) -> Curve:
    """Isotonic steps as a line through at most 40 quantiles, held off 0 and 1 by half a positive."""
    model = IsotonicRegression(out_of_bounds="clip").fit(log_odds, y)
    x = np.unique(np.quantile(log_odds, np.linspace(0, 1, _KNOTS)))
    least = 0.5 / (len(y) + 1)
    values = np.clip(model.predict(x), least, 1 - least)
    return {"knots": [[round(float(a), 6) for a in x], [round(float(b), 8) for b in values]], "kind": "isotonic"}
