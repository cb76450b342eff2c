"""One way to measure every set: train on the past, predict the rest, beside plain boosting in the same run, for every seed."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core import scoring
from core.scoring import metrics
from core.scoring.tabular import Report
from core.scoring.tabular.plain import plain

Floats = NDArray[np.float64]

ECE = "expected calibration error over 10 bins of equal width, weighted by rows"


@dataclass(frozen=True, kw_only=True)
class Fold:
    """What is known at one moment, and what is to be foretold from there."""

    X: pd.DataFrame
    y: NDArray[np.int64]
    time: NDArray[Any] | None
    """When each training row began; None where the set has no time."""
    X_test: pd.DataFrame
    y_test: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class _Foretold:
    """One seed's test rows, of all folds together."""

    y: NDArray[np.int64]
    ours: Floats
    plain: Floats
    fit_seconds: float
    plain_fit_seconds: float
    rows_per_second: float
    chosen: tuple[str, ...]


_MEASURES: dict[str, Callable[[Any, Any], float]] = {
    "auc": metrics.auc,
    "pr_auc": metrics.average_precision,
    "brier": metrics.brier,
    "ece": metrics.ece,
    "ece_mass": lambda y, p: metrics.ece(y, p, mass=True),
    "log_loss": metrics.log_loss,
    "precision_at_10": metrics.precision_at,
    "calibration_slope": lambda y, p: metrics.calibration(y, p).slope,
    "calibration_intercept": lambda y, p: metrics.calibration(y, p).intercept,
}


def reported(report: Report, *, label_delay: str) -> dict[str, Any]:
    """The figures of a set as the library's own `evaluate` tells them."""
    told = report.to_dict()
    return {
        "split": report.split,
        "label_delay": label_delay,
        "seeds": report.seeds,
        "train_rows": report.train_rows,
        "test_rows": report.test_rows,
        "columns": report.features,
        "base_rate_train": report.base_rate,
        "base_rate": report.test_base_rate,
        "ours": {name: {"mean": told["metrics"][name], "spread": told["spread"][name]} for name in _MEASURES},
        "plain_boosting": {name: {"mean": told["plain"][name]} for name in _MEASURES},
        "intervals": told["intervals"],
        "less_plain": told["gain"],
        "fit_seconds": report.fit_seconds,
        "plain_fit_seconds": report.plain_fit_seconds,
        "rows_per_second": report.rows_per_second,
        "chosen": dict(
            Counter(f"{kind}, calibrator {curve}" for kind, curve in zip(report.kinds, report.calibrators, strict=True))
        ),
        "warnings": [each.text for each in report.warnings],
        "reliability": told["reliability"],
    }


def measured(folds: Callable[[int], Sequence[Fold]], *, seeds: int, split: str, label_delay: str) -> dict[str, Any]:
    """The figures of a set for bench/evaluation.json; intervals (bootstrap, 95%) are of the first seed's test rows.

    Args:
        folds: for one seed; a random split draws it anew, a split in time is the same for every seed.
        split: how the rows were split, in words.
        label_delay: when a training label counts as known, in words.
    """
    first = folds(0)
    runs = [_foretold(first if seed == 0 else folds(seed), seed) for seed in range(seeds)]
    best = runs[0]
    return {
        "split": split,
        "label_delay": label_delay,
        "seeds": seeds,
        "train_rows": sum(len(fold.y) for fold in first),
        "test_rows": len(best.y),
        "base_rate_train": float(np.mean(first[-1].y)),
        "base_rate": float(best.y.mean()),
        "ours": _figures([(run.y, run.ours) for run in runs]),
        "plain_boosting": _figures([(run.y, run.plain) for run in runs]),
        "intervals": {name: each[1:] for name, each in metrics.bootstrap(best.y, best.ours, seed=0).items()},
        "less_plain": {
            name: metrics.bootstrap_difference(best.y, best.ours, best.plain, name, seed=0)
            for name in ("auc", "pr_auc", "log_loss")
        },
        "fit_seconds": fmean(run.fit_seconds for run in runs),
        "plain_fit_seconds": fmean(run.plain_fit_seconds for run in runs),
        "rows_per_second": fmean(run.rows_per_second for run in runs),
        "chosen": dict(Counter(chosen for run in runs for chosen in run.chosen)),
        "reliability": [vars(each) for each in metrics.reliability(best.y, best.ours)],
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    return {"mean": fmean(values), "spread": stdev(values) if len(values) > 1 else 0.0}


def _foretold(folds: Sequence[Fold], seed: int) -> _Foretold:
    ours, boosted = [], []
    chosen: list[str] = []
    fit = plain_fit = predicting = 0.0
    for fold in folds:
        started = time.perf_counter()
        model = scoring.train(fold.X, fold.y, time=fold.time, seed=seed)
        fitted = time.perf_counter()
        ours.append(scoring.predict(model, fold.X_test))
        predicted = time.perf_counter()
        boosted.append(plain(fold.X, fold.y.astype(np.float64), fold.X_test, seed=seed))
        fit, predicting = fit + fitted - started, predicting + predicted - fitted
        plain_fit += time.perf_counter() - predicted
        chosen.append(f"{model.kind}, calibrator {model.calibrator.kind}")
    y = np.concatenate([fold.y_test for fold in folds])
    return _Foretold(
        y=y,
        ours=np.concatenate(ours),
        plain=np.concatenate(boosted),
        fit_seconds=fit / len(folds),
        plain_fit_seconds=plain_fit / len(folds),
        rows_per_second=len(y) / predicting,
        chosen=tuple(chosen),
    )


def _figures(runs: Sequence[tuple[NDArray[np.int64], Floats]]) -> dict[str, dict[str, float]]:
    return {name: spread([measure(y, p) for y, p in runs]) for name, measure in _MEASURES.items()}
