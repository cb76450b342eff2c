"""The measures of a score: how well it ranks, how true its probabilities are, how sure we may be of both.

Every measure takes labels `y` (n,) of 0 and 1, scores or probabilities (n,) and optionally weights (n,) or (resamples, n);
with a matrix of weights it gives one number a row, which is how the bootstrap is vectorised. A measure that is not
defined (AUC with one class) is NaN; NaN among the inputs is refused (Invalid).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, kolmogorov, logit

from core import errors

Floats = NDArray[np.float64]
Measure = Callable[[Floats, Floats, Floats], Floats]
"""(y (n,), score (n,), weights (resamples, n)) -> (resamples,)"""

TINY = 1e-12
"""Probabilities are held this far from 0 and 1 before a logarithm is taken."""
RESAMPLED_AT_ONCE = 2_000_000
"""Weights held in memory at a time by the bootstrap."""


class Interval(NamedTuple):
    value: float
    low: float
    high: float


class Calibration(NamedTuple):
    """logit(P(y)) = intercept + slope * logit(p): 1 and 0 where the probabilities are true (Cox 1958)."""

    slope: float
    intercept: float


@dataclass(frozen=True, kw_only=True)
class Bin:
    """One row of a reliability table."""

    low: float
    high: float
    rows: int
    predicted: float
    """Mean probability."""
    observed: float
    """Share of positives."""
    observed_low: float
    observed_high: float
    """Wilson's 95% interval of the share."""


def auc(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Area under the ROC curve; ties count half. NaN with a single class."""
    return _single(_auc, y, score, weight)


def average_precision(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> float:
    """PR-AUC: precision at each distinct score, weighted by the gain in recall. NaN without positives."""
    return _single(_average_precision, y, score, weight)


def brier(y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Mean squared error of the probability."""
    return _single(_brier, y, _probabilities(probability), weight)


def log_loss(y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None) -> float:
    """Mean negative log-likelihood, in nats."""
    return _single(_log_loss, y, _probabilities(probability), weight)


def ece(
    y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, *, bins: int = 10, mass: bool = False
) -> float:
    """Expected calibration error: |observed - predicted| over 10 bins of equal width (or of equal mass), weighted by rows."""
    return _single(_ece(bins, mass), y, _probabilities(probability), weight)


def precision_at(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, share: float = 0.1) -> float:
    """Share of positives among the best `share` of rows; rows tied at the border count by their mean."""
    if not 0 < share <= 1:
        raise errors.Invalid("The share must be above 0 and at most 1")
    return _single(_precision_at(share), y, score, weight)


def observed_over_expected(
    y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, *, share: float = 1.0
) -> float:
    """Positives over the sum of probabilities among the best `share` of rows."""
    truth, score, weights = _checked(y, _probabilities(probability), weight)
    top = np.argsort(-score, kind="stable")[: max(1, round(share * len(score)))]
    expected = float(weights[0, top] @ score[top])
    return float(weights[0, top] @ truth[top]) / expected if expected > 0 else float("nan")


def calibration(y: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None) -> Calibration:
    """Slope and intercept of the labels on the log-odds, by Newton's method with a hair of ridge; NaN with one class."""
    truth, score, weights = _checked(y, _probabilities(probability), weight)
    if len(np.unique(truth)) < 2:
        return Calibration(float("nan"), float("nan"))
    return Calibration(*line(logit(np.clip(score, TINY, 1 - TINY)), truth, weights[0]))


def reliability(y: ArrayLike, probability: ArrayLike, *, bins: int = 10, mass: bool = True) -> list[Bin]:
    """The reliability curve as a table, over bins of equal mass (or width); empty bins are left out."""
    truth, score, _ = _checked(y, _probabilities(probability), None)
    edges = _edges(score, bins, mass)
    at = np.searchsorted(edges[1:-1], score, side="right")
    found = []
    for i in np.unique(at):
        inside = at == i
        rows, positives = int(inside.sum()), float(truth[inside].sum())
        low, high = wilson(positives, rows)
        found.append(
            Bin(
                low=float(edges[i]),
                high=float(edges[i + 1]),
                rows=rows,
                predicted=float(score[inside].mean()),
                observed=positives / rows,
                observed_low=low,
                observed_high=high,
            )
        )
    return found


def wilson(positives: float, rows: float, *, z: float = 1.96) -> tuple[float, float]:
    """The interval of a share (Wilson 1927); (0, 1) of no rows."""
    if rows <= 0:
        return 0.0, 1.0
    share = positives / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * float(np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows)))
    return max(0.0, middle - half), min(1.0, middle + half)


MEASURES: dict[str, Measure] = {}
"""The measures with a bootstrap interval, by name; filled below."""


def bootstrap(
    y: ArrayLike,
    score: ArrayLike,
    measures: Sequence[str] = ("auc", "pr_auc", "brier", "log_loss", "ece"),
    *,
    seed: int,
    resamples: int = 200,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Percentile intervals over resampled rows, the same resamples for all measures (Efron 1979).

    Resamples in which a measure is not defined are left out of its interval.
    """
    truth, values, ones = _checked(y, score, None)
    found: dict[str, list[Floats]] = {name: [] for name in measures}
    for weights in _resamples(len(truth), resamples, np.random.default_rng(seed)):
        for name in measures:
            found[name].append(MEASURES[name](truth, values, weights))
    return {
        name: _interval(float(MEASURES[name](truth, values, ones)[0]), np.concatenate(found[name]), level)
        for name in measures
    }


def bootstrap_difference(
    y: ArrayLike,
    score: ArrayLike,
    other: ArrayLike,
    measure: str,
    *,
    seed: int,
    resamples: int = 400,
    level: float = 0.95,
) -> Interval:
    """measure(score) - measure(other) on the same rows, paired: which of two models is better, and how surely."""
    truth, mine, ones = _checked(y, score, None)
    _, theirs, _ = _checked(y, other, None)
    of = MEASURES[measure]
    differences = [
        of(truth, mine, weights) - of(truth, theirs, weights)
        for weights in _resamples(len(truth), resamples, np.random.default_rng(seed))
    ]
    value = float(of(truth, mine, ones)[0] - of(truth, theirs, ones)[0])
    return _interval(value, np.concatenate(differences), level)


def psi(expected: ArrayLike, actual: ArrayLike, *, bins: int = 10) -> float:
    """Population stability index over quantile bins of `expected`, missing (NaN) as a bin of its own.

    Below 0.1 is calm, above 0.25 is a shift (the trade's rule of thumb). Half a row is added to every bin.
    """
    before, after = _sample(expected), _sample(actual)
    known = before[~np.isnan(before)]
    # A bin starts at its edge, so a value that fills several quantiles still has a bin of its own.
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:])) if len(known) else np.empty(0)
    return _psi(_counts(before, edges), _counts(after, edges))


def ks(expected: ArrayLike, actual: ArrayLike) -> tuple[float, float]:
    """(largest distance of the two distributions, its p-value by Kolmogorov's limit); missing values are left out."""
    before, after = (np.sort(each[~np.isnan(each)]) for each in (_sample(expected), _sample(actual)))
    if not len(before) or not len(after):
        return float("nan"), float("nan")
    points = np.concatenate([before, after])
    apart = np.abs(
        np.searchsorted(before, points, side="right") / len(before)
        - np.searchsorted(after, points, side="right") / len(after)
    )
    distance = float(apart.max())
    size = np.sqrt(len(before) * len(after) / (len(before) + len(after)))
    return distance, float(kolmogorov(size * distance))


def _auc(y: Floats, score: Floats, weights: Floats) -> Floats:
    positive, negative = _by_score(y, score, weights)
    above = np.cumsum(positive, axis=1) - positive / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return _over((negative * above).sum(axis=1), pairs)


def _average_precision(y: Floats, score: Floats, weights: Floats) -> Floats:
    positive, negative = _by_score(y, score, weights)
    right = np.cumsum(positive, axis=1)
    named = right + np.cumsum(negative, axis=1)
    precision = np.divide(right, named, out=np.zeros_like(right), where=named > 0)
    return _over((positive * precision).sum(axis=1), right[:, -1])


def _brier(y: Floats, probability: Floats, weights: Floats) -> Floats:
    return _over(weights @ (probability - y) ** 2, weights.sum(axis=1))


def _log_loss(y: Floats, probability: Floats, weights: Floats) -> Floats:
    p = np.clip(probability, TINY, 1 - TINY)
    return _over(weights @ -(y * np.log(p) + (1 - y) * np.log1p(-p)), weights.sum(axis=1))


def _ece(bins: int, mass: bool) -> Measure:
    def measure(y: Floats, probability: Floats, weights: Floats) -> Floats:
        at = np.searchsorted(_edges(probability, bins, mass)[1:-1], probability, side="right")
        inside = np.zeros((len(y), bins))
        inside[np.arange(len(y)), at] = y - probability
        return _over(np.abs(weights @ inside).sum(axis=1), weights.sum(axis=1))

    return measure


def _precision_at(share: float) -> Measure:
    def measure(y: Floats, score: Floats, weights: Floats) -> Floats:
        positive, negative = _by_score(y, score, weights)
        rows = positive + negative
        named = np.cumsum(rows, axis=1)
        wanted = share * named[:, -1:]
        taken = np.clip(wanted - (named - rows), 0.0, rows)
        right = np.divide(positive, rows, out=np.zeros_like(rows), where=rows > 0) * taken
        return _over(right.sum(axis=1), wanted[:, 0])

    return measure


MEASURES.update(
    {
        "auc": _auc,
        "pr_auc": _average_precision,
        "brier": _brier,
        "log_loss": _log_loss,
        "ece": _ece(10, False),
        "ece_mass": _ece(10, True),
        "precision_at_10": _precision_at(0.1),
    }
)


def _by_score(y: Floats, score: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Weights of positives and negatives a distinct score, best first: two (resamples, distinct)."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    first = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    sorted_weights = weights[:, order]
    all_rows = np.add.reduceat(sorted_weights, first, axis=1)
    positive = np.add.reduceat(sorted_weights * y[order], first, axis=1)
    return positive, all_rows - positive


def line(
    x: Floats, y: Floats, weight: Floats, *, ridge: tuple[float, float] = (1e-6, 1e-6), slope_moves: bool = True
) -> tuple[float, float]:
    """(slope, intercept) of a logistic regression of `y` on one column, shrunk to (1, 0) by `ridge`; Newton with halved steps."""
    design = np.column_stack([x, np.ones_like(x)])
    start, held = np.array([1.0, 0.0]), np.array(ridge)
    moving = np.array([slope_moves, True])

    def loss(beta: Floats) -> float:
        log_odds = design @ beta
        return float(weight @ (np.logaddexp(0, log_odds) - y * log_odds) + held @ (beta - start) ** 2 / 2)

    beta, reached = start, loss(start)
    for _ in range(100):
        p = expit(design @ beta)
        gradient = design.T @ (weight * (p - y)) + held * (beta - start)
        curved = (design * (weight * np.maximum(p * (1 - p), 1e-10))[:, None]).T @ design + np.diag(held)
        step = np.zeros(2)
        step[moving] = np.linalg.solve(curved[np.ix_(moving, moving)], gradient[moving])
        while np.abs(step).max() > 1e-10 and (then := loss(beta - step)) > reached:
            step = step / 2
        if np.abs(step).max() <= 1e-10:
            break
        beta, reached = beta - step, then
    return float(beta[0]), float(beta[1])


def _edges(probability: Floats, bins: int, mass: bool) -> Floats:
    if mass:
        return np.asarray(np.quantile(probability, np.linspace(0, 1, bins + 1)), dtype=np.float64)
    return np.linspace(0, 1, bins + 1)


def _resamples(rows: int, resamples: int, random: np.random.Generator) -> Iterator[Floats]:
    """Blocks of bootstrap weights (how often each row was drawn), made one at a time."""
    at_once = max(1, min(resamples, RESAMPLED_AT_ONCE // rows))
    for first in range(0, resamples, at_once):
        count = min(at_once, resamples - first)
        drawn = random.integers(0, rows, size=(count, rows)) + np.arange(count)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows).astype(np.float64)


def _interval(value: float, drawn: Floats, level: float) -> Interval:
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return Interval(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))


def _over(above: Floats, below: Floats) -> Floats:
    found: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return found


def _psi(before: Floats, after: Floats) -> float:
    was, now = (before + 0.5) / (before + 0.5).sum(), (after + 0.5) / (after + 0.5).sum()
    return float(((now - was) * np.log(now / was)).sum())


def _counts(values: Floats, edges: Floats) -> Floats:
    missing = np.isnan(values)
    counts = np.bincount(np.searchsorted(edges, values[~missing], side="left"), minlength=len(edges) + 1)
    return np.append(counts, missing.sum()).astype(np.float64)


def _sample(values: ArrayLike) -> Floats:
    found = np.asarray(values, dtype=np.float64).ravel()
    if not len(found):
        raise errors.Invalid("There are no values to compare")
    return found


def _probabilities(values: ArrayLike) -> Floats:
    found: Floats = np.asarray(values, dtype=np.float64)
    if found.size and not (found.min() >= 0 and found.max() <= 1):  # also refuses NaN
        raise errors.Invalid("Probabilities must lie between 0 and 1")
    return found


def _single(measure: Measure, y: ArrayLike, score: ArrayLike, weight: ArrayLike | None) -> float:
    return float(measure(*_checked(y, score, weight))[0])


def _checked(y: ArrayLike, score: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    truth, values = np.asarray(y, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != values.shape:
        raise errors.Invalid(f"Labels and scores must be as many: {truth.shape} and {values.shape}")
    if not len(truth):
        raise errors.Invalid("There are no rows to measure")
    if not np.isin(truth, (0.0, 1.0)).all():
        raise errors.Invalid("Labels must be 0 or 1, none missing")
    if not np.isfinite(values).all():
        raise errors.Invalid("Scores must be finite numbers, none missing")
    weights = np.ones_like(truth) if weight is None else np.asarray(weight, dtype=np.float64)
    if weights.shape != truth.shape or not np.isfinite(weights).all() or weights.min() < 0 or weights.sum() <= 0:
        raise errors.Invalid("Weights must be as many as the labels, finite, none negative, not all zero")
    return truth, values, weights[None, :]
