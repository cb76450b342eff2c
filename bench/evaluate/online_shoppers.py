"""Visits to a shop that end in a purchase: a random split as published, and the two last months foretold."""

from pathlib import Path

import numpy as np

from bench.evaluate import bars
from bench.evaluate.measuring import reported
from bench.evaluate.reading import Evaluated, Figures, csv, labels
from core import scoring

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIRST_TEST_MONTH = _MONTHS.index("Nov")
_KNOWN_AT_ONCE = "at once: a visit ends with a purchase or without"


def _run(folder: Path, seeds: int, quick: bool) -> Figures:
    found = csv(folder / "online_shoppers_intention.csv.gz")
    if quick:
        found = found.sample(1_500, random_state=0).sort_index()
    y = labels(found["Revenue"], True)
    X = found.drop(
        columns="Revenue"
    )  # codes (browser, region) as the file has them: so the published figures were made
    at_random = reported(scoring.evaluate(X, y, seeds=seeds, name="online_shoppers"), label_delay=_KNOWN_AT_ONCE)
    at_random["bars"] = [
        bars.at_least("AUC", bars.mean(at_random, "auc"), 0.935),
        bars.at_least("PR-AUC", bars.mean(at_random, "pr_auc"), 0.750),
        *bars.beside_plain(at_random),
    ]
    month = X["Month"].map(_MONTHS.index).to_numpy()
    last = float(np.mean(month >= _FIRST_TEST_MONTH))
    by_time = reported(
        scoring.evaluate(
            X.drop(columns="Month"), y, month, test_share=last, seeds=seeds, name="online_shoppers by time"
        ),
        label_delay=_KNOWN_AT_ONCE,
    )
    by_time["split"] += " February to October are trained on, November and December foretold, without the month itself."
    by_time["bars"] = [
        bars.at_least("AUC", bars.mean(by_time, "auc"), 0.835),
        bars.at_most("ECE", bars.mean(by_time, "ece"), 0.06),
        *bars.beside_plain(by_time),
    ]
    return {"random": at_random, "by time": by_time}


SET = Evaluated(
    folder="online_shoppers", published="random: AUC .937, PR-AUC .754 (XGBoost); by time: AUC .835", run=_run
)
