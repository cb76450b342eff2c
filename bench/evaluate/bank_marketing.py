"""Calls of a bank from 2008 to 2010, while the share that says yes moves from 4% to 50%: rolling forward, from several origins."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.evaluate import bars
from bench.evaluate.measuring import Fold, measured
from bench.evaluate.reading import Evaluated, Figures, csv, labels

DELAY_DAYS = 7
"""A call's answer counts as known a week later: calls of the week before an origin are not trained on."""
FIRST_ORIGIN, BLOCK = 0.5, 0.1
_FIRST_YEAR = 2008
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AFTER_THE_CALL = ["duration"]
_PROTECTED = ["age", "marital"]


def _run(folder: Path, seeds: int, quick: bool) -> Figures:
    found = csv(folder / "bank-full.csv.gz", sep=";")
    day = _days(found)
    if quick:
        found, day = found.iloc[::30].reset_index(drop=True), day[::30]
    y = labels(found["y"], "yes")
    everything = found.drop(columns=["y", *_AFTER_THE_CALL])
    return {
        "rolling, all columns": _rolling(everything, y, day, seeds=seeds, quick=quick, without="duration"),
        "rolling, fair": _rolling(
            everything.drop(columns=_PROTECTED), y, day, seeds=seeds, quick=quick, without="duration, age and marital"
        ),
    }


def _rolling(
    X: pd.DataFrame, y: NDArray[np.int64], day: NDArray[np.int64], *, seeds: int, quick: bool, without: str
) -> dict[str, Any]:
    origins = np.arange(FIRST_ORIGIN, 1 - 1e-9, 0.25 if quick else BLOCK)
    starts = [int(share * len(y)) for share in origins]
    figures = measured(
        lambda _seed: list(_folds(X, y, day, starts)),
        seeds=seeds,
        split=(
            f"rolling forward: {len(starts)} origins in the second half of the calls, each block foretold by a model of "
            f"what was known at its start; figures over all blocks together; without {without}"
        ),
        label_delay=f"{DELAY_DAYS} days: calls of the week before an origin are left out of training",
    )
    figures["bars"] = [
        bars.at_most("ECE", bars.mean(figures, "ece"), 0.045),
        *bars.beside_plain(figures),
    ]
    return figures


def _folds(X: pd.DataFrame, y: NDArray[np.int64], day: NDArray[np.int64], starts: Sequence[int]) -> Sequence[Fold]:
    folds = []
    for start, end in zip(starts, [*starts[1:], len(y)], strict=True):
        known = np.flatnonzero(day < day[start] - DELAY_DAYS)
        block = slice(start, end)
        folds.append(Fold(X=X.iloc[known], y=y[known], time=day[known], X_test=X.iloc[block], y_test=y[block]))
    return folds


def _days(found: pd.DataFrame) -> NDArray[np.int64]:
    """Days since 1970 of every call: rows are in order of date but name only day and month; a year begins when the
    month falls back."""
    month = found["month"].map(_MONTHS.index).to_numpy()
    year = _FIRST_YEAR + np.concatenate([[0], np.cumsum(np.diff(month) < 0)])
    dates = pd.to_datetime(pd.DataFrame({"year": year, "month": month + 1, "day": found["day"]}), errors="coerce")
    days = (dates - pd.Timestamp(0)).dt.days.ffill().to_numpy(dtype=np.int64)
    return np.maximum.accumulate(days)


SET = Evaluated(
    folder="bank_marketing", published="random AUC .80 without duration; nothing comparable by time", run=_run
)
