"""Calibrators: monotone curves from log-odds to a probability, and the labelled cases behind each range of a score."""

from bisect import bisect_right
from collections.abc import Mapping
from math import exp, isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

LEAST, MOST = 0.001, 0.99
"""Nothing is shown as impossible or certain."""
KINDS = ("none", "intercept", "platt", "isotonic")
"""What was fitted on later outcomes: nothing, the level, level and slope, or a staircase made smooth."""

Floats = NDArray[np.float64]


def sigmoid(log_odds: float) -> float:
    """The raw chance of a log-odds, before any calibrator."""
    return 1 / (1 + exp(-log_odds)) if log_odds > -700 else 0.0


class Curve(NamedTuple):
    """A number between 0 and `ceiling` that grows with the log-odds."""

    slope: float
    intercept: float
    ceiling: float = 1.0
    kind: str = "none"

    def at(self, log_odds: float) -> float:
        x = self.intercept + self.slope * log_odds
        value = self.ceiling / (1 + exp(-x)) if x > -700 else 0.0
        return LEAST if value < LEAST else MOST if value > MOST else value

    def each(self, log_odds: Floats) -> Floats:
        x = np.clip(self.intercept + self.slope * log_odds, -700, 700)
        return np.clip(self.ceiling / (1 + np.exp(-x)), LEAST, MOST)


class Knots(NamedTuple):
    """Straight lines between knots, level beyond them: what an isotonic fit becomes."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    kind: str = "isotonic"

    def at(self, log_odds: float) -> float:
        x, y = self.x, self.y
        right = bisect_right(x, log_odds)
        if right == 0:
            value = y[0]
        elif right == len(x):
            value = y[-1]
        else:
            left = right - 1
            value = (y[right] - y[left]) / (x[right] - x[left]) * (log_odds - x[left]) + y[left]
        return LEAST if value < LEAST else MOST if value > MOST else value

    def each(self, log_odds: Floats) -> Floats:
        return np.clip(np.interp(log_odds, self.x, self.y), LEAST, MOST)


AnyCurve = Curve | Knots


class Evidence(NamedTuple):
    """Labelled cases by range of the log-odds: `rows[bisect_right(edges, x)]`, of which `positives` came true."""

    edges: tuple[float, ...]
    rows: tuple[float, ...]
    positives: tuple[float, ...]

    def near(self, log_odds: float) -> tuple[float, float]:
        """(cases, those that came true) in the range of this score."""
        at = bisect_right(self.edges, log_odds)
        return self.rows[at], self.positives[at]


def parse_curve(stored: Mapping[str, Any]) -> AnyCurve:
    """Of `parameters["probability"]` or `["confidence"]`; raises ValueError, KeyError or TypeError where it is no curve."""
    kind = str(stored.get("kind") or _kind_of(stored))
    if kind not in KINDS:
        raise ValueError(f"a calibrator is one of {', '.join(KINDS)}")
    if "knots" in stored:
        x, y = (tuple(map(float, each)) for each in stored["knots"])
        if not x or len(x) != len(y) or not all(map(isfinite, (*x, *y))):
            raise ValueError("knots are two lists of the same length")
        if list(x) != sorted(set(x)) or list(y) != sorted(y) or y[0] < 0 or y[-1] > 1:
            raise ValueError("knots must grow, and stay between 0 and 1")
        return Knots(x, y, kind)
    curve = Curve(float(stored["slope"]), float(stored["intercept"]), float(stored.get("ceiling", 1.0)), kind)
    if not 0 < curve.slope < float("inf") or not 0 < curve.ceiling <= 1 or not isfinite(curve.intercept):
        raise ValueError("a curve must grow, and stay between 0 and 1")
    return curve


def _kind_of(stored: Mapping[str, Any]) -> str:
    """Of a curve that does not say: one that changes nothing, or the documented one, which has a level and a slope."""
    if "knots" in stored:
        return "isotonic"
    plain = (stored["slope"], stored["intercept"], stored.get("ceiling", 1.0)) == (1.0, 0.0, 1.0)
    return "none" if plain else "platt"


def parse_evidence(stored: Mapping[str, Any] | None) -> Evidence | None:
    """Of `parameters["evidence"]`; raises as `parse_curve` does."""
    if stored is None:
        return None
    found = Evidence(*(tuple(map(float, stored[name])) for name in Evidence._fields))
    if not len(found.rows) == len(found.positives) == len(found.edges) + 1:
        raise ValueError("evidence has one count more than edges")
    if list(found.edges) != sorted(set(found.edges)) or not all(map(isfinite, (*found.edges, *found.rows))):
        raise ValueError("edges of the evidence must grow")
    if any(not 0 <= positives <= rows for rows, positives in zip(found.rows, found.positives, strict=True)):
        raise ValueError("there cannot be more positives than rows")
    return found
