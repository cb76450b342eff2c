"""Calls of a bank from 2008 to 2010, while the share that says yes moves from 4% to 50%: rolled forward week by week."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.evaluate import bars
from bench.evaluate.measuring import reported
from bench.evaluate.reading import Evaluated, Figures, csv, labels
from core import scoring

TEST_SHARE = 0.5
"""The second half of the calls, November 2008 to November 2010, while the base rate rises tenfold."""
_FIRST_YEAR = 2008
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AFTER_THE_CALL = ["duration"]
_PROTECTED = ["age", "marital"]


def _run(folder: Path, seeds: int, quick: bool) -> Figures:
    found = csv(folder / "bank-full.csv.gz", sep=";")
    day = days(found)
    if quick:
        found, day = found.iloc[::30].reset_index(drop=True), day[::30]
    y = labels(found["y"], "yes")
    everything = found.drop(columns=["y", *_AFTER_THE_CALL])
    fair = everything.drop(columns=_PROTECTED)
    return {
        "rolling, all columns": _rolling(everything, y, day, seeds=seeds, without="duration"),
        "rolling, fair": _rolling(fair, y, day, seeds=seeds, without="duration, age and marital"),
    }


def _rolling(
    X: pd.DataFrame, y: NDArray[np.int64], day: NDArray[np.int64], *, seeds: int, without: str
) -> dict[str, Any]:
    """Scored week by week: as many windows as the second half has weeks, and labels known a mean week's calls later."""
    tested = day[int((1 - TEST_SHARE) * len(y)) :]
    weeks = max(1, int(tested[-1] - tested[0]) // 7)
    week = len(tested) // weeks
    figures = reported(
        scoring.evaluate(
            X, y, day, test_share=TEST_SHARE, seeds=seeds, windows=weeks, delay=week, name="bank_marketing"
        ),
        label_delay=f"{week} calls, those of a mean week: a window is foretold by what was known a week before it",
    )
    figures["split"] += f" The second half of the calls; without {without}."
    figures["bars"] = [bars.at_most("ECE", bars.mean(figures, "ece"), 0.045), *bars.beside_plain(figures)]
    return figures


def days(found: pd.DataFrame) -> NDArray[np.int64]:
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
