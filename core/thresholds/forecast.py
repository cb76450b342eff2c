"""What a threshold would bring: alerts a week, right share, share of the right ones found, load and value, with intervals.

Every range holds the true value 95 times in 100:
- alerts: Garwood's exact Poisson interval of the count in the weeks looked at;
- right share: a Beta distribution with the mean and variance of the mix of cells (type and confidence band), and of the
  luck of as many alerts; each cell
  is Beta(25 · mean confidence + right, 25 · (1 - mean confidence) + wrong), so outcomes outweigh the model once there are more
  than 25 of them;
- found: the delta method over contacts (the same as a bootstrap by contact, for many), plus the chance of who turns out right;
- value: a compound Poisson sum, by its normal approximation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import scipy  # not scipy.special: see core.experiments.analysing

from core.thresholds.outcomes import Worked
from core.thresholds.series import LOWEST, Floats, Ints, Series, openings
from core.views.intervals import Share, share

WEIGHT = 25.0
"""Outcomes a cell needs to count as much as the model's own confidence."""
BANDS = (0.5, 0.6, 0.7, 0.8)
GRID = tuple(step / 100 for step in range(int(LOWEST * 100), 96))
HIGHEST = 0.95
MONTH_DAYS = 365 / 12
_Z = 1.959963984540054


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A number with its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class OfType:
    """One type's part."""

    alert_type: str
    threshold: float
    a_week: Range
    right: Range | None
    value_a_month: float
    """US dollars."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """What these thresholds would bring."""

    threshold: float
    """Of the types without one of their own."""
    count: int
    """Alerts in the weeks looked at, among the contacts looked at."""
    a_week: Range
    right: Range | None
    """Expected right share; None where nothing would open."""
    found: Range | None
    """Share of all who will turn out right that would be alerted; None where nothing was scored."""
    seen: Share
    """Of the transactions recorded in these weeks, those whose contact had been alerted for them."""
    per_agent: Range | None
    """Alerts an agent a week; None without agents."""
    value_a_month: Range
    """US dollars, calls paid."""
    types: tuple[OfType, ...]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything a forecast is made of."""

    series: Series
    worked: Sequence[Worked]
    happened: Sequence[float | None]
    """Per transaction of these weeks: the highest confidence for its type in the stored scores before it; None for none."""
    worth: Mapping[str, float]
    """Alert type to the US dollars a right alert brings in."""
    call_cost: float
    """US dollars."""
    agents: int
    """Who take alerts."""
    happened_types: Sequence[str] = ()
    """The alert type of each."""


def forecast(evidence: Evidence, confidence: float, types: Mapping[str, float]) -> Point:
    """What opening at `confidence` (and at `types` for types with their own) would bring."""
    series = evidence.series
    thresholds = [types.get(alert_type, confidence) for alert_type in series.types]
    opened = openings(series, thresholds)
    scale = 1 / (series.share * series.weeks)
    of_type = series.pair_type[series.pair[opened]]
    sure = series.confidence[opened]
    right, variance, cell = _cells(evidence, of_type, sure)
    worth = np.array([evidence.worth.get(alert_type, 0.0) for alert_type in series.types])
    a_week = _counted(len(opened), scale)
    return Point(
        threshold=confidence,
        count=len(opened),
        a_week=a_week,
        right=_mixed(right, variance, cell),
        found=_found(series, thresholds),
        seen=_seen(evidence, confidence, types),
        per_agent=_scaled(a_week, 1 / evidence.agents) if evidence.agents else None,
        value_a_month=_valued(
            right, variance, cell, worth[of_type], evidence.call_cost, MONTH_DAYS / series.days / series.share
        ),
        types=tuple(
            _one_type(evidence, place, thresholds[place], of_type == place, (right, variance, cell), scale)
            for place in range(len(series.types))
        ),
    )


def curve(evidence: Evidence, types: Mapping[str, float]) -> list[Point]:
    """The forecast at every threshold from .20 to .95, rising; types with their own keep it."""
    return [forecast(evidence, threshold, types) for threshold in GRID]


def for_alerts_a_week(points: Sequence[Point], wanted: float) -> Point:
    """The point whose alerts a week come nearest; of equals the highest threshold, which is right most often."""
    return min(reversed(points), key=lambda point: abs(point.a_week.value - wanted))


def for_target(points: Sequence[Point], *, at_most: float, right: float) -> Point:
    """The lowest threshold with at most that many alerts a week of which at least that share is expected right.

    Where none is right often enough: the one that is right most often among those that open anything.
    """
    few = [point for point in points if point.a_week.value <= at_most and point.right is not None]
    enough = [point for point in few if point.right is not None and point.right.value >= right]
    if enough:
        return enough[0]
    return max(few, key=lambda point: point.right.value if point.right else 0.0) if few else points[-1]


def _cells(evidence: Evidence, of_type: Ints, sure: Floats) -> tuple[Floats, Floats, Ints]:
    """Per opening: the expected right share of its cell, the variance of that, and the cell's number."""
    width = len(BANDS) + 1
    cell = of_type * width + np.searchsorted(BANDS, sure, side="right")
    number = len(evidence.series.types) * width
    opened = np.bincount(cell, minlength=number)
    mean = np.bincount(cell, weights=sure, minlength=number) / np.maximum(opened, 1)
    place = {alert_type: i for i, alert_type in enumerate(evidence.series.types)}
    known = [one for one in evidence.worked if one.alert_type in place]
    at = np.array(
        [place[one.alert_type] * width + int(np.searchsorted(BANDS, one.opened, side="right")) for one in known],
        dtype=np.int64,
    )
    hits = np.array([one.is_right for one in known], dtype=np.float64)
    total = np.bincount(at, minlength=number)
    weight = WEIGHT + total
    share_of_cell = (WEIGHT * mean + np.bincount(at, weights=hits, minlength=number)) / weight
    variance = share_of_cell * (1 - share_of_cell) / (weight + 1)
    return share_of_cell[cell], variance[cell], cell


def _mixed(right: Floats, variance: Floats, cell: Ints) -> Range | None:
    """The right share of these alerts: how sure the cells are, and the luck of as many alerts as these."""
    if not len(right):
        return None
    mean = float(right.mean())
    spread = _of_the_sum(variance, cell) / len(right) ** 2 + mean * (1 - mean) / len(right)
    return _beta(mean, spread)


def _of_the_sum(variance: Floats, cell: Ints, times: Floats | None = None) -> float:
    """The variance of a sum over alerts whose right shares are the same unknown number within a cell."""
    weights = np.sqrt(variance) * (1.0 if times is None else times)
    return float((np.bincount(cell, weights=weights) ** 2).sum())


def _found(series: Series, thresholds: Sequence[float]) -> Range | None:
    """Confidence held by pairs that reach their threshold, of all confidence: who is expected to turn out right."""
    total = float(series.mass.sum())
    if total <= 0:
        return None
    reached = series.mass * (series.peak >= np.asarray(thresholds)[series.pair_type])
    part = float(reached.sum()) / total
    by_contact = np.bincount(series.pair_contact, weights=reached - part * series.mass)
    return _beta(part, float((by_contact**2).sum()) / total**2 + part * (1 - part) / max(total, 1.0))


def _seen(evidence: Evidence, confidence: float, types: Mapping[str, float]) -> Share:
    reached = [
        peak is not None and peak >= types.get(alert_type, confidence)
        for peak, alert_type in zip(evidence.happened, evidence.happened_types, strict=True)
    ]
    return share(sum(reached), len(reached))


def _valued(right: Floats, variance: Floats, cell: Ints, worth: Floats, cost: float, scale: float) -> Range:
    """Dollars a month: what the alerts are expected to bring, less the calls."""
    expected = right * worth - cost
    # Each alert brings `worth` or nothing; how many come is Poisson.
    spread = float((right * (worth - cost) ** 2 + (1 - right) * cost**2).sum()) + _of_the_sum(variance, cell, worth)
    middle, error = float(expected.sum()) * scale, _Z * sqrt(spread) * scale
    return Range(value=middle, low=middle - error, high=middle + error)


def _one_type(
    evidence: Evidence,
    place: int,
    threshold: float,
    chosen: "np.ndarray[tuple[int], np.dtype[np.bool_]]",
    cells: tuple[Floats, Floats, Ints],
    scale: float,
) -> OfType:
    right, variance, cell = cells[0][chosen], cells[1][chosen], cells[2][chosen]
    alert_type = evidence.series.types[place]
    brings = float((right * evidence.worth.get(alert_type, 0.0) - evidence.call_cost).sum())
    return OfType(
        alert_type=alert_type,
        threshold=threshold,
        a_week=_counted(int(chosen.sum()), scale),
        right=_mixed(right, variance, cell),
        value_a_month=brings * scale * MONTH_DAYS / 7,
    )


def _counted(count: int, scale: float) -> Range:
    """A Poisson count with its exact interval (Garwood 1936), times `scale`."""
    low = float(scipy.special.gammaincinv(count, 0.025)) if count else 0.0
    high = float(scipy.special.gammaincinv(count + 1, 0.975))
    return Range(value=count * scale, low=low * scale, high=high * scale)


def _beta(mean: float, variance: float) -> Range:
    """The 95% interval of a share of that mean and variance, from the Beta distribution that has them."""
    most = mean * (1 - mean)
    if most <= 0 or variance <= 0:
        return Range(value=mean, low=mean, high=mean)
    size = max(most / variance - 1, 1e-3)
    low, high = (float(scipy.special.betaincinv(mean * size, (1 - mean) * size, at)) for at in (0.025, 0.975))
    return Range(value=mean, low=min(low, mean), high=max(high, mean))


def _scaled(one: Range, by: float) -> Range:
    return Range(value=one.value * by, low=one.low * by, high=one.high * by)
