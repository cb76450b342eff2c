"""Visits to a shop that end in a purchase: a random split as published, and the two last months foretold."""

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from bench.evaluate import bars
from bench.evaluate.measuring import Fold, measured
from bench.evaluate.reading import Evaluated, Figures, csv, forward, labels

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_CODES = ["OperatingSystems", "Browser", "Region", "TrafficType"]
_KNOWN_AT_ONCE = "at once: a visit ends with a purchase or without"


def _run(folder: Path, seeds: int, quick: bool) -> Figures:
    found = csv(folder / "online_shoppers_intention.csv.gz")
    if quick:
        found = found.sample(1_500, random_state=0).sort_index()
    y = labels(found["Revenue"], True)
    X = found.drop(columns="Revenue").astype(dict.fromkeys(_CODES, "str"))
    at_random = measured(
        lambda seed: [_random(X, y, seed)],
        seeds=seeds,
        split="random, stratified, 80/20, drawn anew for every seed",
        label_delay=_KNOWN_AT_ONCE,
    )
    at_random["bars"] = [
        bars.at_least("AUC", bars.mean(at_random, "auc"), 0.935),
        bars.at_least("PR-AUC", bars.mean(at_random, "pr_auc"), 0.750),
        *bars.beside_plain(at_random),
    ]
    month = X["Month"].map(_MONTHS.index).to_numpy()
    everything = np.ones(len(y), dtype=np.bool_)
    by_time = measured(
        lambda _seed: [forward(X.drop(columns="Month"), y, month, origin=10, known=everything)],
        seeds=seeds,
        split="by time: February to October trained on, November and December foretold, without the month itself",
        label_delay=_KNOWN_AT_ONCE,
    )
    by_time["bars"] = [
        bars.at_least("AUC", bars.mean(by_time, "auc"), 0.835),
        bars.at_most("ECE", bars.mean(by_time, "ece"), 0.06),
        *bars.beside_plain(by_time),
    ]
    return {"random": at_random, "by time": by_time}


def _random(X: pd.DataFrame, y: np.ndarray, seed: int) -> Fold:
    train, test = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=seed)
    return Fold(X=X.iloc[train], y=y[train], time=None, X_test=X.iloc[test], y_test=y[test])


SET = Evaluated(
    folder="online_shoppers", published="random: AUC .937, PR-AUC .754 (XGBoost); by time: AUC .835", run=_run
)
