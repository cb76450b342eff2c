"""The statistics of the audit: each area beside all the others, with intervals, and how surprising that is by chance alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # not scipy.stats: half a second at the start of every process, loaded at its first use instead
from numpy.typing import NDArray

_Z = 1.959963984540054  # two-sided 95%
FOUR_FIFTHS = 0.8
"""Below this ratio of rates the EEOC's Uniform Guidelines (29 CFR 1607.4 D) speak of adverse impact; used here as a yardstick."""
FALSE_DISCOVERY = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class Ratio:
    """A rate over another, with the 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Mean:
    """A mean with its 95% interval (Student's t)."""

    count: int
    value: float
    low: float
    high: float


def ratio(hits: int, total: int, other_hits: int, other_total: int) -> Ratio | None:
    """(hits/total) / (other_hits/other_total) with Katz's log interval (Katz et al. 1978); None where nothing is to compare.

    Where one side has no hits, half a hit is added to both (Pettigrew et al. 1986): the interval then is wide, not wrong.
    """
    if not total or not other_total or not (hits or other_hits):
        return None
    add = 0.0 if hits and other_hits else 0.5
    a, n, b, m = hits + add, total + add, other_hits + add, other_total + add
    log = math.log(a / n) - math.log(b / m)
    error = _Z * math.sqrt(max(1 / a - 1 / n + 1 / b - 1 / m, 0.0))
    value = math.exp(log) if other_hits else math.inf
    return Ratio(value=value if hits else 0.0, low=math.exp(log - error), high=math.exp(log + error))


def mean(values: NDArray[np.float64]) -> Mean | None:
    """Of at least two values; None for fewer."""
    count = len(values)
    if count < 2:
        return None
    middle, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(count)
    spread = float(scipy.stats.t.ppf(0.975, count - 1)) * error
    return Mean(count=count, value=middle, low=middle - spread, high=middle + spread)


def shares_differ(hits: int, total: int, other_hits: int, other_total: int) -> float | None:
    """Fisher's exact p-value that two shares are the same; None where there is nothing to compare."""
    if not total or not other_total:
        return None
    table = [[hits, total - hits], [other_hits, other_total - other_hits]]
    return float(scipy.stats.fisher_exact(table).pvalue)


def means_differ(values: NDArray[np.float64], others: NDArray[np.float64]) -> float | None:
    """Welch's p-value that two means are the same; None for fewer than two values or none that vary."""
    if len(values) < 2 or len(others) < 2:
        return None
    numbers = [(float(one.mean()), float(one.std(ddof=1)), len(one)) for one in (values, others)]
    if max(spread for _, spread, _ in numbers) < 1e-9:
        return None
    return float(scipy.stats.ttest_ind_from_stats(*numbers[0], *numbers[1], equal_var=False).pvalue)


def places(waits: Sequence[float], strata: Sequence[str]) -> NDArray[np.float64]:
    """Each wait's place among those of its stratum, 0 (the shortest) to 1, ties in the middle; 0.5 on average in each stratum.

    The mean place of a group is a comparison in which every stratum counts for itself (van Elteren's idea): an area
    with more urgent alerts does not look faster for that.
    """
    found = np.empty(len(waits))
    given, of = np.asarray(waits, dtype=np.float64), np.asarray(strata)
    for stratum in np.unique(of):
        chosen = of == stratum
        found[chosen] = (scipy.stats.rankdata(given[chosen]) - 0.5) / chosen.sum()
    return found


def surprising(p_values: Sequence[float | None], *, level: float = FALSE_DISCOVERY) -> list[bool]:
    """Which differences are more than chance: at most `level` of those named are false, whatever the number of comparisons
    (Benjamini and Hochberg 1995)."""
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    last = max((rank for rank, (p, _) in enumerate(known, 1) if p <= level * rank / len(known)), default=0)
    named = {place for _, place in known[:last]}
    return [place in named for place in range(len(p_values))]
