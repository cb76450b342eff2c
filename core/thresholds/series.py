"""The stored scores of the last weeks as arrays, and which of them would have opened an alert at other thresholds."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.alerts.priority import VALID_DAYS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
LOWEST = 0.2
"""Scores below this confidence open nothing at any threshold that can be set, and are not kept point by point."""


@dataclass(frozen=True, kw_only=True)
class Closing:
    """A real alert that was closed by a person, and how long its type then stays quiet for that contact."""

    at: float
    """Days since the first counted instant."""
    quiet_days: float


@dataclass(frozen=True, kw_only=True)
class Series:
    """What was scored, one point a score and type; a pair is one contact with one alert type.

    Points are ordered by pair, then time. Time is in days since the first counted instant: what lies before it (the
    run-up) decides which alerts are open by then, and is not counted.
    """

    days: float
    """Counted days."""
    share: float
    """Of all contacts scored in these days, those looked at (1 unless there are too many)."""
    contacts: int
    """Looked at."""
    types: tuple[str, ...]
    pair_contact: Ints
    pair_type: Ints
    mass: Floats
    """Per pair: mean confidence over the counted weeks (the latest score of each week); 0 where none was scored."""
    pair: Ints
    """Per point; only points of at least LOWEST confidence."""
    at: Floats
    confidence: Floats
    closings: Mapping[int, tuple[Closing, ...]]
    """Pair to what people closed, in order of time."""

    @property
    def weeks(self) -> float:
        return self.days / 7

    @property
    def peak(self) -> Floats:
        """Per pair: the highest confidence, run-up included; 0 where it never reached LOWEST."""
        highest = np.zeros(len(self.mass))
        np.maximum.at(highest, self.pair, self.confidence)
        return highest


def openings(series: Series, thresholds: Sequence[float]) -> Ints:
    """The points that would have opened an alert in the counted days.

    The alert stays open until no score stood at the threshold for 30 days (it expires), or until a person closed the
    real alert of that time; then the type stays quiet as long as it really does. That a rise in tier breaks the quiet
    of a dismissal is left out: signal strength is not kept with a score.

    Args:
        thresholds: the opening confidence of each of `series.types`.

    Returns:
        (n,) positions of points.
    """
    least = np.asarray(thresholds, dtype=np.float64)[series.pair_type[series.pair]]
    over = np.flatnonzero(series.confidence >= least)
    if not len(over):
        return over
    pair, at = series.pair[over], series.at[over]
    is_first = np.ones(len(over), dtype=bool)
    is_first[1:] = (pair[1:] != pair[:-1]) | (at[1:] - at[:-1] > VALID_DAYS)
    closed = np.fromiter(series.closings, dtype=np.int64, count=len(series.closings))
    for each in np.intersect1d(closed, pair):
        start, end = np.searchsorted(pair, [each, each + 1])
        is_first[start:end] = _opened(at[start:end].tolist(), series.closings[int(each)])
    return over[is_first & (at >= 0)]


def _opened(at: Sequence[float], closings: Sequence[Closing]) -> list[bool]:
    """Which of one pair's scores over the threshold opened an alert, given what people closed."""
    ends = [closing.at for closing in closings]
    found = []
    last_over: float | None = None  # while an alert is open
    quiet_until = float("-inf")
    done = 0
    for time in at:
        until = bisect_right(ends, time)
        for closing in closings[done:until]:
            if last_over is not None and last_over <= closing.at <= last_over + VALID_DAYS:
                last_over, quiet_until = None, closing.at + closing.quiet_days
        done = until
        is_open = last_over is not None and time - last_over <= VALID_DAYS
        opens = not is_open and time >= quiet_until
        found.append(opens)
        last_over = time if is_open or opens else None
    return found
