"""Uncertainty, as a person is shown it: Wilson's interval for a share, order statistics for a quantile."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_Z = 1.959963984540054  # two-sided 95%


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """`hits` of `total`, with the 95% interval of the share behind it."""

    hits: int
    total: int
    rate: float | None
    """None when there is nothing to divide by."""
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantile:
    """A quantile in seconds, with its 95% interval."""

    count: int
    value: float
    low: float
    high: float


def share(hits: int, total: int) -> Share:
    """Wilson's score interval (Wilson 1927): right near 0 and 1 and for few cases, where hits ± 2 errors is not."""
    if total <= 0:
        return Share(hits=0, total=0, rate=None, low=0.0, high=1.0)
    rate = hits / total
    spread = _Z * math.sqrt(rate * (1 - rate) / total + _Z**2 / (4 * total**2))
    middle = rate + _Z**2 / (2 * total)
    scale = 1 + _Z**2 / total
    low = 0.0 if hits == 0 else (middle - spread) / scale
    high = 1.0 if hits == total else (middle + spread) / scale
    return Share(hits=hits, total=total, rate=rate, low=low, high=high)


def quantile(ordered: Sequence[float], q: float) -> Quantile | None:
    """The q-quantile of ascending values, with the distribution-free interval between two order statistics.

    The number of values below the true quantile is Binomial(n, q); the ranks are its normal 2.5% and 97.5% points
    (Conover, Practical Nonparametric Statistics, 3.2). For few values the interval is the whole range.
    """
    count = len(ordered)
    if count == 0:
        return None
    spread = _Z * math.sqrt(count * q * (1 - q))
    low = max(math.floor(count * q - spread) - 1, 0)
    high = min(math.ceil(count * q + spread), count - 1)
    place = (count - 1) * q
    below = math.floor(place)
    above = min(below + 1, count - 1)
    value = ordered[below] + (ordered[above] - ordered[below]) * (place - below)
    return Quantile(count=count, value=value, low=min(ordered[low], value), high=max(ordered[high], value))
