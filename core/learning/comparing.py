"""How sure a figure or a difference is: bootstrap over contacts, because a contact's rows share one ending."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from core.learning.examples import Floats, Ints
from core.scoring.metrics import MEASURES, Interval

_AT_ONCE = 2_000_000
"""Weights held in memory at a time."""


def intervals(
    y: Floats, score: Floats, contact: Ints, measures: Sequence[str], *, seed: int, resamples: int = 200
) -> dict[str, Interval]:
    """Each measure with its 95% interval; resamples in which it is not defined are left out."""
    ones = np.ones((1, len(y)))
    drawn: dict[str, list[Floats]] = {name: [] for name in measures}
    for weights in _weights(contact, resamples, seed):
        for name in measures:
            drawn[name].append(MEASURES[name](y, score, weights))
    found = {}
    for name in measures:
        known = np.concatenate(drawn[name])
        low, high = np.nanquantile(known, [0.025, 0.975]) if np.isfinite(known).any() else (np.nan, np.nan)
        found[name] = Interval(float(MEASURES[name](y, score, ones)[0]), float(low), float(high))
    return found


def mean_difference(
    mine: Floats, theirs: Floats, contact: Ints, *, seed: int, level: float = 0.95, resamples: int = 2000
) -> Interval:
    """mean(mine) - mean(theirs), paired by row, with its percentile interval."""
    numbers, inside = np.unique(contact, return_inverse=True)
    total = np.bincount(inside, weights=mine - theirs, minlength=len(numbers))
    rows = np.bincount(inside, minlength=len(numbers)).astype(np.float64)
    random = np.random.default_rng(seed)
    drawn = np.empty(resamples)
    for each in range(resamples):
        chosen = random.integers(0, len(numbers), len(numbers))
        drawn[each] = total[chosen].sum() / rows[chosen].sum()
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(difference(mine, theirs), float(low), float(high))


def positives(y: Floats, contact: Ints) -> int:
    """Contacts of whom it came true; NaN is no positive. Ten rows of one sale are one piece of evidence."""
    return len(np.unique(contact[y == 1]))


def difference(mine: Floats, theirs: Floats) -> float:
    return float(mine.mean() - theirs.mean())


def standard_error(values: Floats, contact: Ints) -> float:
    """Of the mean, rows of one contact taken together."""
    _, inside = np.unique(contact, return_inverse=True)
    off = np.bincount(inside, weights=values - values.mean())
    return float(np.sqrt(np.sum(off**2))) / len(values)


class Ratio(NamedTuple):
    """Observed over expected."""

    value: float
    low: float
    high: float
    """Where it would lie by chance around the value, if the expectation were true."""
    events: float
    """Independent expected events: as if so many different contacts had been expected."""


def ratio(observed: Floats, expected: Floats, contact: Ints, *, level: float) -> Ratio:
    """Sum of observed over sum of expected, with what chance alone would do if the expectations were true.

    A contact's rows are taken to share one ending altogether, so a contact with n rows of mean p has a variance of
    n² p (1 - p). A bootstrap over contacts is too sure of itself here: with five contacts of whom it came true it can only
    draw the same five again (measured: it moved an intercept by -0.9 that the truth wanted moved by +0.1).
    """
    _, inside = np.unique(contact, return_inverse=True)
    rows, sums = np.bincount(inside), np.bincount(inside, weights=expected)
    variance = float(np.sum(rows * sums * (1 - sums / rows)))
    total = float(expected.sum())
    value, spread = float(observed.sum()) / total, float(norm.isf((1 - level) / 2)) * np.sqrt(variance) / total
    return Ratio(value, max(0.0, value - spread), value + spread, total**2 / variance)


def _weights(contact: Ints, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each row's contact was drawn, some resamples at a time."""
    numbers, inside = np.unique(contact, return_inverse=True)
    count, random = len(numbers), np.random.default_rng(seed)
    at_once = max(1, min(resamples, _AT_ONCE // max(len(contact), 1)))
    for first in range(0, resamples, at_once):
        some = min(at_once, resamples - first)
        drawn = random.integers(0, count, size=(some, count)) + np.arange(some)[:, None] * count
        often = np.bincount(drawn.ravel(), minlength=some * count).reshape(some, count)
        yield often[:, inside].astype(np.float64)
