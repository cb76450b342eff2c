"""Calibrators of a table's model: which curve, learnt on how much of the newest labelled past, judged on what came after.

The log-odds given are out of sample, oldest first. A curve is kept only if it beats the raw log-odds on later rows; with
fewer than 50 positives only the level moves, with fewer than 200 there is no isotonic curve.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from core import errors
from core.scoring import metrics

Floats = NDArray[np.float64]

LEAST = 1e-4
"""Nothing is 0 or 1."""
FOR_SLOPE, FOR_ISOTONIC = 50, 200
"""Positives (and negatives) from which a slope, and an isotonic curve, may be fitted."""
SHRUNK = 10.0
"""The level is shrunk to the raw one as if so many rows (times p(1-p)) had confirmed it; the slope likewise to 1."""
WINDOWS = (1.0, 0.5, 0.25, 0.125, 0.0625)
"""Shares of the past a level may be learnt on; the shorter, the faster it follows a moving base rate."""
FEWEST_IN_WINDOW = 200
STEPS = 12
KNOTS = 20
LEVEL_LIMIT = 4.0
STRAIGHT = 0.1
"""The share of the straight line in an isotonic curve: without it, scores on one step would tie and rank no more."""
BEYOND = np.array([1.0, 2.0, 4.0, 8.0])
"""Log-odds beyond the outermost steps at which an isotonic curve goes over into the straight line."""


@dataclass(frozen=True, kw_only=True)
class Calibrator:
    """The step from log-odds to probability: a line through the sigmoid, or straight lines between knots."""

    kind: str
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[Floats, Floats] | None = None

    def __call__(self, log_odds: Floats) -> Floats:
        """Probabilities, never 0 or 1, of the same shape."""
        if self.knots is not None:
            value = np.interp(log_odds, *self.knots)
        else:
            value = expit(self.intercept + self.slope * np.asarray(log_odds, dtype=np.float64))
        return np.asarray(np.clip(value, LEAST, 1 - LEAST), dtype=np.float64)

    def as_json(self) -> dict[str, Any]:
        if self.knots is not None:
            return {"kind": self.kind, "knots": [each.tolist() for each in self.knots]}
        return {"kind": self.kind, "slope": self.slope, "intercept": self.intercept, "ceiling": 1.0}

    @classmethod
    def parse(cls, stored: Mapping[str, Any]) -> "Calibrator":
        try:
            if "knots" in stored:
                x, y = (np.array(each, dtype=np.float64) for each in stored["knots"])
                if not len(x) or len(x) != len(y) or (np.diff(x) <= 0).any() or (np.diff(y) < 0).any():
                    raise ValueError("knots must grow")
                if not (np.isfinite(x).all() and np.isfinite(y).all() and y.min() >= 0 and y.max() <= 1):
                    raise ValueError("knots must be finite, and probabilities")
                return cls(kind=str(stored["kind"]), knots=(x, y))
            found = cls(kind=str(stored["kind"]), slope=float(stored["slope"]), intercept=float(stored["intercept"]))
        except (KeyError, TypeError, ValueError) as wrong:
            raise errors.Invalid(f"This is no calibrator: {wrong!r}") from wrong
        if not (0 < found.slope < np.inf and np.isfinite(found.intercept)):
            raise errors.Invalid("A calibrator must grow")
        return found


RAW = Calibrator(kind="none")


@dataclass(frozen=True, kw_only=True)
class Choice:
    calibrator: Calibrator
    window: float
    """The share of the past it was learnt on."""
    gain: float
    """Log-loss saved on later rows, a row; 0 for the raw curve."""


def choose(log_odds: Floats, y: Floats, *, time: Floats | None, seed: int) -> Choice:
    """The curve for what comes next. With `time` (n,), growing, each curve is judged on rows after those it learnt from.

    Without, on folds drawn at random. The simplest within one standard error of the best that beats the raw one.
    """
    parts = _forward(time, len(y)) if time is not None else _folds(len(y), seed)
    rarer = min(y.sum(), (1 - y).sum())
    kinds = ["intercept", *(["platt"] if rarer >= FOR_SLOPE else []), *(["isotonic"] if rarer >= FOR_ISOTONIC else [])]
    options = [(kind, window) for window in (WINDOWS if time is not None else (1.0,)) for kind in kinds]
    options = [(kind, window) for kind, window in options if window == 1.0 or kind != "isotonic"]
    if not parts or rarer < 3:
        return Choice(calibrator=RAW, window=1.0, gain=0.0)
    judged = np.concatenate([later for _, later in parts])
    raw = _losses(RAW(log_odds[judged]), y[judged])
    saved = {
        option: raw
        - np.concatenate(
            [
                _losses(fit(option[0], *_window(log_odds, y, past, option[1]))(log_odds[later]), y[later])
                for past, later in parts
            ]
        )
        for option in options
    }
    best = max(options, key=lambda option: float(saved[option].mean()))
    if saved[best].mean() <= 0:
        return Choice(calibrator=RAW, window=1.0, gain=0.0)
    for option in options:
        behind = saved[best] - saved[option]
        if saved[option].mean() > 0 and behind.mean() <= behind.std() / np.sqrt(len(behind)):
            best = option
            break
    kind, window = best
    found = fit(kind, *_window(log_odds, y, np.arange(len(y)), window))
    return Choice(calibrator=found, window=window, gain=float(saved[best].mean()))


def fit(kind: str, log_odds: Floats, y: Floats) -> Calibrator:
    """One curve: "none", "intercept", "platt" or "isotonic" (at most 20 knots, shrunk off 0 and 1).

    With fewer than 50 positives or negatives a "platt" moves the level only.
    """
    if kind == "isotonic":
        return _isotonic(log_odds, y)
    if kind == "none" or not len(y):
        return RAW
    slope_moves = kind == "platt" and min(y.sum(), (1 - y).sum()) >= FOR_SLOPE
    slope, intercept = line(log_odds, y, slope_moves=slope_moves)
    return Calibrator(kind="platt" if slope_moves else "intercept", slope=slope, intercept=intercept)


def level(log_odds: Floats, y: Floats) -> float:
    """What must be added to the log-odds so that they expect as many positives as there were, shrunk to 0."""
    return line(log_odds, y, slope_moves=False)[1]


def line(log_odds: Floats, y: Floats, *, slope_moves: bool = True) -> tuple[float, float]:
    """(slope, intercept), shrunk to the raw (1, 0); a slope that would fall is held at 0.1."""
    slope, intercept = metrics.line(log_odds, y, np.ones_like(y), ridge=(SHRUNK, 1.0), slope_moves=slope_moves)
    return max(slope, 0.1), float(np.clip(intercept, -LEVEL_LIMIT, LEVEL_LIMIT))


def _isotonic(log_odds: Floats, y: Floats) -> Calibrator:
    edges = np.unique(np.quantile(log_odds, np.linspace(0, 1, KNOTS + 1)[1:-1]))
    at = np.searchsorted(edges, log_odds, side="right")
    rows = np.bincount(at, minlength=len(edges) + 1).astype(np.float64)
    filled = rows > 0
    x = np.bincount(at, weights=log_odds, minlength=len(rows))[filled] / rows[filled]
    raw = np.bincount(at, weights=expit(log_odds), minlength=len(rows))[filled] / rows[filled]
    share = (np.bincount(at, weights=y, minlength=len(rows))[filled] + 2 * raw) / (rows[filled] + 2)
    rising = IsotonicRegression().fit_transform(x, share, sample_weight=rows[filled])
    slope, intercept = line(log_odds, y)
    ends = np.concatenate([x[0] - BEYOND[::-1], x, x[-1] + BEYOND])
    straight = expit(intercept + slope * ends)
    outside = len(BEYOND)
    steps = np.concatenate(
        [
            np.minimum(straight[:outside], rising[0]),
            rising,
            np.maximum(straight[-outside:], rising[-1]),
        ]
    )
    return Calibrator(kind="isotonic", knots=(ends, STRAIGHT * straight + (1 - STRAIGHT) * steps))


Part = tuple[NDArray[np.int64], NDArray[np.int64]]
"""(rows learnt from, later rows judged)."""


def _forward(time: Floats, rows: int) -> list[Part]:
    starts = np.flatnonzero(np.concatenate([[True], np.diff(time) > 0]))
    cuts = sorted({int(starts[np.searchsorted(starts, wanted)]) for wanted in _wanted(rows) if wanted <= starts[-1]})
    if not cuts:  # nearly all rows have one time
        return []
    return [
        (np.arange(cut), np.arange(cut, after)) for cut, after in zip(cuts, [*cuts[1:], rows], strict=True) if cut > 0
    ]


def _wanted(rows: int) -> list[int]:
    return [int(share * rows) for share in np.linspace(1 / 3, 1, STEPS + 1)[:-1]]


def _folds(rows: int, seed: int) -> list[Part]:
    fold = np.random.default_rng(seed).integers(0, 5, rows)
    return [(np.flatnonzero(fold != each), np.flatnonzero(fold == each)) for each in range(5) if (fold == each).any()]


def _window(log_odds: Floats, y: Floats, past: NDArray[np.int64], window: float) -> tuple[Floats, Floats]:
    kept = past[-max(min(FEWEST_IN_WINDOW, len(past)), round(window * len(past))) :]
    return log_odds[kept], y[kept]


def _losses(p: Floats, y: Floats) -> Floats:
    found: Floats = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    return found
