"""A randomised mailing to 64,000 customers: does the interval hold the published lift, and can we say whom to mail?"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.evaluate import bars
from bench.evaluate.measuring import Floats, spread
from bench.evaluate.reading import Evaluated, Figures, csv, labels
from core import scoring
from core.experiments.intervals import newcombe

ARMS = {"women's mailing": ("Womens E-Mail", 0.045), "men's mailing": ("Mens E-Mail", 0.077)}
"""Arm to its name in the data and the published difference in visits."""
TOP = 0.3
_CONTROL = "No E-Mail"
_FEATURES = ["recency", "history", "history_segment", "mens", "womens", "newbie", "channel"]
"""Without the kind of area a customer lives in, which fair housing forbids to score."""
_DRAWS = 400


@dataclass(frozen=True, kw_only=True)
class _Half:
    """The held-out customers, best first by foretold uplift, and what mailing them did."""

    mailed: NDArray[np.bool_]
    visited: NDArray[np.int64]
    top: float
    average: float
    qini: float


def _run(folder: Path, seeds: int, quick: bool) -> Figures:
    found = csv(folder / "hillstrom.csv.gz")
    if quick:
        found = found.sample(6_000, random_state=0).reset_index(drop=True)
    return {name: _arm(found, arm, published, seeds=seeds) for name, (arm, published) in ARMS.items()}


def _arm(found: pd.DataFrame, arm: str, published: float, *, seeds: int) -> dict[str, Any]:
    both = found[found["segment"].isin([arm, _CONTROL])].reset_index(drop=True)
    mailed, visited = labels(both["segment"], arm) == 1, labels(both["visit"], 1)
    lift = newcombe(int(visited[mailed].sum()), int(mailed.sum()), int(visited[~mailed].sum()), int((~mailed).sum()))
    halves = [_half(both[_FEATURES], mailed, visited, seed=seed) for seed in range(seeds)]
    above = spread([half.top - half.average for half in halves])
    return {
        "split": "random halves, drawn anew for every seed: two models (mailed, not mailed) on one, uplift measured on the other",
        "label_delay": "two weeks after the mailing, as published",
        "seeds": seeds,
        "test_rows": len(both) - len(both) // 2,
        "base_rate": float(visited[~mailed].mean()),
        "lift": {"difference": lift.difference, "low": lift.low, "high": lift.high, "published": published},
        "top_30_percent_uplift": spread([half.top for half in halves]),
        "average_uplift": spread([half.average for half in halves]),
        "top_above_average": above,
        "qini": spread([half.qini for half in halves]),
        "first_half": _intervals(halves[0]),
        "bars": [
            bars.holds(
                f"the interval of the lift holds the published {published:+.3f}",
                lift.difference,
                lift.low <= published <= lift.high,
            ),
            bars.holds("top-30% uplift above the average effect", above["mean"], above["mean"] > 0),
        ],
    }


def _half(X: pd.DataFrame, mailed: NDArray[np.bool_], visited: NDArray[np.int64], *, seed: int) -> _Half:
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(X))
    train, test = order[: len(X) // 2], order[len(X) // 2 :]
    models = [
        scoring.train(X.iloc[rows], visited[rows], seed=seed) for rows in (train[mailed[train]], train[~mailed[train]])
    ]
    with_mail, without = (scoring.predict(model, X.iloc[test]) for model in models)
    ranked = test[np.argsort(without - with_mail, kind="stable")]
    top, average, qini = _summary(mailed[ranked], visited[ranked])
    return _Half(mailed=mailed[ranked], visited=visited[ranked], top=top, average=average, qini=qini)


def _intervals(half: _Half) -> dict[str, Any]:
    """Bootstrap over customers (95%), and uplift by how many of the best are mailed."""
    rng = np.random.default_rng(0)
    rows = len(half.visited)
    draws = (np.sort(rng.integers(0, rows, rows)) for _ in range(_DRAWS))  # sorted: each keeps its rank
    drawn = np.array([_summary(half.mailed[each], half.visited[each]) for each in draws])
    shares = [round(0.1 * tenth, 1) for tenth in range(1, 11)]
    return {
        "top_above_average": _interval(half.top - half.average, drawn[:, 0] - drawn[:, 1]),
        "qini": _interval(half.qini, drawn[:, 2]),
        "curve": [{"share": share, "uplift": uplift(half.mailed, half.visited, share)} for share in shares],
    }


def _interval(value: float, drawn: Floats) -> dict[str, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}


def _summary(t: NDArray[np.bool_], y: NDArray[np.int64]) -> tuple[float, float, float]:
    """Uplift of the best TOP, of all, and the Qini coefficient, of rows ranked best first."""
    return uplift(t, y, TOP), uplift(t, y, 1.0), qini(t, y)


def uplift(t: NDArray[np.bool_], y: NDArray[np.int64], share: float) -> float:
    rows = max(1, round(share * len(y)))
    mailed, visits = t[:rows], y[:rows]
    return float(visits[mailed].mean() - visits[~mailed].mean()) if 0 < mailed.sum() < rows else float("nan")


def qini(t: NDArray[np.bool_], y: NDArray[np.int64]) -> float:
    """Area between the curve of visits gained per customer and the line of mailing at random (Radcliffe 2007)."""
    mailed, others = np.cumsum(t), np.cumsum(~t)
    gained = np.cumsum(y * t) - np.cumsum(y * ~t) * np.divide(mailed, np.maximum(others, 1))
    at_random = gained[-1] * np.arange(1, len(y) + 1) / len(y)
    return float((gained - at_random).mean() / len(y))


SET = Evaluated(folder="hillstrom", published="visits +4.5 points (women's), +7.7 points (men's)", run=_run)
