"""Differences with their intervals: Newcombe's for two shares, a seeded bootstrap for two means."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import Invalid

LEVEL = 0.95
DRAWS = 4_000


class Difference(NamedTuple):
    """a - b, and the interval that holds the true difference `level` of the time."""

    difference: float
    low: float
    high: float


def wilson(hits: int, total: int, *, level: float = LEVEL, z: float | None = None) -> tuple[float, float]:
    """The score interval of one share (Wilson 1927); (0, 1) when nothing was counted.

    Args:
        z: standard errors to each side, instead of the level.

    Raises:
        Invalid: hits are not between 0 and total.
    """
    if not 0 <= hits <= total:
        raise Invalid("Hits must be between 0 and the total.", fields={"hits": f"{hits} of {total}"})
    if total == 0:
        return 0.0, 1.0
    z = z_of(level) if z is None else z
    share = hits / total
    middle = share + z**2 / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z**2 / (4 * total**2))
    scale = 1 + z**2 / total
    return (
        0.0 if hits == 0 else max((middle - spread) / scale, 0.0),
        1.0 if hits == total else min((middle + spread) / scale, 1.0),
    )


def newcombe(
    hits_a: int, total_a: int, hits_b: int, total_b: int, *, level: float = LEVEL, z: float | None = None
) -> Difference:
    """hits_a / total_a - hits_b / total_b with the hybrid score interval (Newcombe 1998, Statistics in Medicine 17, method 10).

    Right near 0 and 1 and for few cases, where the difference ± 2 standard errors is not; it never leaves [-1, 1].

    Args:
        z: standard errors to each side, instead of the level.

    Raises:
        Invalid: a total is 0, or hits are not between 0 and their total.
    """
    if total_a <= 0 or total_b <= 0:
        raise Invalid("A difference of shares needs cases on both sides.", fields={"total": f"{total_a}, {total_b}"})
    low_a, high_a = wilson(hits_a, total_a, level=level, z=z)
    low_b, high_b = wilson(hits_b, total_b, level=level, z=z)
    share_a, share_b = hits_a / total_a, hits_b / total_b
    difference = share_a - share_b
    return Difference(
        difference,
        difference - math.hypot(share_a - low_a, high_b - share_b),
        difference + math.hypot(high_a - share_a, share_b - low_b),
    )


def bootstrap(
    a: Sequence[float] | NDArray[np.float64],
    b: Sequence[float] | NDArray[np.float64],
    *,
    seed: int,
    level: float = LEVEL,
    draws: int = DRAWS,
    z: float | None = None,
) -> Difference:
    """mean(a) - mean(b) with the studentised bootstrap interval (Efron & Tibshirani 1993, 12.5), the same for the same seed.

    Values and waiting times are skewed; the studentised interval follows that, where the percentile one is too short for
    few cases. Where all values of a side are equal that side adds no spread.

    Args:
        z: standard errors to each side, where a look of several is judged: the interval of the level is stretched to it,
            because resamples cannot tell one chance in a million.

    Raises:
        Invalid: a side has fewer than two values.
    """
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(left) < 2 or len(right) < 2:
        raise Invalid("A difference of means needs two values on both sides.", fields={"values": "too few"})
    difference = float(left.mean() - right.mean())
    error = math.sqrt(left.var(ddof=1) / len(left) + right.var(ddof=1) / len(right))
    if error == 0:
        return Difference(difference, difference, difference)
    random = np.random.default_rng(seed)
    means_a, errors_a = _resampled(left, random, draws)
    means_b, errors_b = _resampled(right, random, draws)
    errors = np.sqrt(errors_a + errors_b)
    usable = errors > 0
    t = (means_a - means_b - difference)[usable] / errors[usable]
    tail = (1 - level) / 2
    low, high = np.quantile(t, [tail, 1 - tail])
    stretch = 1.0 if z is None else z / z_of(level)
    return Difference(difference, difference - float(high) * error * stretch, difference - float(low) * error * stretch)


def _resampled(
    values: NDArray[np.float64], random: np.random.Generator, draws: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means of resamples and their squared errors, each of shape (draws,); in blocks, so that memory stays small."""
    means, errors = np.empty(draws), np.empty(draws)
    step = max(1, 2_000_000 // len(values))
    for start in range(0, draws, step):
        drawn = values[random.integers(0, len(values), (min(step, draws - start), len(values)))]
        means[start : start + step] = drawn.mean(axis=1)
        errors[start : start + step] = drawn.var(axis=1, ddof=1) / len(values)
    return means, errors


def z_of(level: float) -> float:
    """The two-sided normal quantile: 1.96 for 0.95."""
    return NormalDist().inv_cdf(0.5 + level / 2)
