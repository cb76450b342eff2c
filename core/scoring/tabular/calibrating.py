"""Calibrators of a table's model: which curve, how fast older rows lose their say in it, judged on what came after.

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
"""The slope is shrunk to 1 as if so many rows (times p(1-p) and the squared log-odds) had confirmed it; the level by one."""
SHRUNK_ABOVE = 100.0
"""A slope above 1 is shrunk harder. The curve is learnt from models of fewer rows than the one it will be put on, and these
are flatter: on leads in order of time the slope asked for fell from 1.4 to 1.0 from the first block to what came after."""
HALF_LIVES = (0.5, 0.125)
"""Where time is known, the share of the past after which a row counts half: as usual, and where the level has moved fast."""
BEYOND_DOUBT = 2.0
"""Standard errors by which the fast one must be better."""
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
    half_life: float | None
    """The share of the past after which a row counted half; None where all counted alike."""
    gain: float
    """Log-loss saved on later rows, a row; 0 for the raw curve."""


def choose(log_odds: Floats, y: Floats, *, time: Floats | None, seed: int) -> Choice:
    """The curve for what comes next. With `time` (n,), growing, each curve is judged on rows after those it learnt from.

    Without, on folds drawn at random. The simplest within one standard error of the best that beats the raw one; rows
    lose their say fast only where that is better by two.
    """
    parts = _forward(time, len(y)) if time is not None else _folds(len(y), seed)
    rarer = min(y.sum(), (1 - y).sum())
    kinds = ["intercept", *(["platt"] if rarer >= FOR_SLOPE else []), *(["isotonic"] if rarer >= FOR_ISOTONIC else [])]
    raw = Choice(calibrator=RAW, half_life=None, gain=0.0)
    if not parts or rarer < 3:
        return raw
    usual, faster = (HALF_LIVES[0], HALF_LIVES[1:]) if time is not None else (None, ())
    saved: dict[Option, Floats] = {(kind, usual): _saved(kind, usual, log_odds, y, parts) for kind in kinds}
    found = _simplest(saved)
    for half_life in faster:
        moved: dict[Option, Floats] = {
            (kind, half_life): _saved(kind, half_life, log_odds, y, parts) for kind in kinds if kind != "isotonic"
        }
        fast = _simplest(moved)
        if fast is not None:
            ahead = moved[fast] if found is None else moved[fast] - saved[found]
            if ahead.mean() > BEYOND_DOUBT * ahead.std() / np.sqrt(len(ahead)):
                saved, found = {**saved, **moved}, fast
    if found is None:
        return raw
    curve = fit(found[0], log_odds, y, weight=fading(len(y), found[1]))
    return Choice(calibrator=curve, half_life=found[1], gain=float(saved[found].mean()))


Option = tuple[str, float | None]


def _saved(kind: str, half_life: float | None, log_odds: Floats, y: Floats, parts: "list[Part]") -> Floats:
    """(rows judged,): log-loss saved against the raw curve, a row."""
    found = []
    for past, later in parts:
        curve = fit(kind, log_odds[past], y[past], weight=fading(len(past), half_life))
        found.append(_losses(RAW(log_odds[later]), y[later]) - _losses(curve(log_odds[later]), y[later]))
    return np.concatenate(found)


def _simplest(saved: Mapping[Option, Floats]) -> Option | None:
    """The first that saves anything and is within one standard error of the best; None where nothing is saved."""
    best = max(saved, key=lambda option: float(saved[option].mean()))
    for option, each in saved.items():
        behind = saved[best] - each
        if each.mean() > 0 and behind.mean() <= behind.std() / np.sqrt(len(behind)):
            return option
    return None


def fading(rows: int, half_life: float | None) -> Floats:
    """(rows,): weights of rows in order of time, the newest 1; halved every `half_life` (a share of the rows), or all 1."""
    if half_life is None or not rows:
        return np.ones(rows)
    return np.asarray(0.5 ** (np.arange(rows - 1, -1, -1) / (half_life * rows)), dtype=np.float64)


def fit(kind: str, log_odds: Floats, y: Floats, *, weight: Floats | None = None) -> Calibrator:
    """One curve: "none", "intercept", "platt" or "isotonic" (at most 20 knots, shrunk off 0 and 1).

    `weight` (n,) is what each row counts. With fewer than 50 positives or negatives, so counted, a "platt" moves the level
    only.
    """
    weights = np.ones_like(y) if weight is None else weight
    if kind == "isotonic":
        return _isotonic(log_odds, y, weights)
    if kind == "none" or not len(y):
        return RAW
    slope_moves = kind == "platt" and float(min(weights @ y, weights @ (1 - y))) >= FOR_SLOPE
    slope, intercept = line(log_odds, y, weight=weights, slope_moves=slope_moves)
    return Calibrator(kind="platt" if slope_moves else "intercept", slope=slope, intercept=intercept)


def level(log_odds: Floats, y: Floats) -> float:
    """What must be added to the log-odds so that they expect as many positives as there were, shrunk to 0."""
    return line(log_odds, y, slope_moves=False)[1]


def line(
    log_odds: Floats, y: Floats, *, weight: Floats | None = None, slope_moves: bool = True, above: float = SHRUNK_ABOVE
) -> tuple[float, float]:
    """(slope, intercept), shrunk to the raw (1, 0), by `above` where the slope is more than 1; never below 0.1."""
    weights = np.ones_like(y) if weight is None else weight
    slope, intercept = metrics.line(log_odds, y, weights, ridge=(SHRUNK, 1.0), slope_moves=slope_moves)
    if slope > 1 and above != SHRUNK:
        slope, intercept = metrics.line(log_odds, y, weights, ridge=(above, 1.0), slope_moves=slope_moves)
    return max(slope, 0.1), float(np.clip(intercept, -LEVEL_LIMIT, LEVEL_LIMIT))


def _isotonic(log_odds: Floats, y: Floats, weight: Floats) -> Calibrator:
    edges = np.unique(np.quantile(log_odds, np.linspace(0, 1, KNOTS + 1)[1:-1]))
    at = np.searchsorted(edges, log_odds, side="right")
    rows = np.bincount(at, weights=weight, minlength=len(edges) + 1)
    filled = rows > 0
    x = np.bincount(at, weights=weight * log_odds, minlength=len(rows))[filled] / rows[filled]
    raw = np.bincount(at, weights=weight * expit(log_odds), minlength=len(rows))[filled] / rows[filled]
    share = (np.bincount(at, weights=weight * y, minlength=len(rows))[filled] + 2 * raw) / (rows[filled] + 2)
    rising = IsotonicRegression().fit_transform(x, share, sample_weight=rows[filled])
    slope, intercept = line(log_odds, y, weight=weight)
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


def _losses(p: Floats, y: Floats) -> Floats:
    found: Floats = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    return found
