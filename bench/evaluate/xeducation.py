"""Leads of an education company, by what was known before sales first spoke to them; the later leads are foretold."""

from pathlib import Path

import numpy as np
import pandas as pd

from bench.evaluate import bars
from bench.evaluate.measuring import reported
from bench.evaluate.reading import Evaluated, Figures, csv, labels
from core import scoring

FILLED_IN_LATER = (
    "Tags",
    "Lead Quality",
    "Lead Profile",
    "Asymmetrique Activity Index",
    "Asymmetrique Profile Index",
    "Asymmetrique Activity Score",
    "Asymmetrique Profile Score",
    "Last Activity",
    "Last Notable Activity",
)
"""By sales, or as they stood at the end: with them AUC is .98, and none of it is knowledge."""
_NOT_FEATURES = ("Prospect ID", "Lead Number", "Converted", "Unnamed: 37")


def _run(folder: Path, seeds: int, quick: bool) -> Figures:
    found = csv(folder / "Leads.csv.gz").sort_values("Lead Number", kind="stable", ignore_index=True)
    if quick:
        found = found.iloc[:: max(1, len(found) // 1_200)].reset_index(drop=True)
    y = labels(found["Converted"], 1)
    number = found["Lead Number"].to_numpy()
    X = known_before(found)
    figures = reported(
        scoring.evaluate(X, y, number, seeds=seeds, name="xeducation"),
        label_delay="none in the data: it has no date of conversion, so every earlier lead counts as decided",
    )
    figures["split"] += " By Lead Number, the last 20% foretold; only columns known before the first contact."
    figures["bars"] = [
        bars.at_least("AUC", bars.mean(figures, "auc"), 0.87),
        bars.at_most("ECE", bars.mean(figures, "ece"), 0.04),
        *bars.beside_plain(figures),
    ]
    return {"forward": figures}


def known_before(found: pd.DataFrame) -> pd.DataFrame:
    """The columns known before the first contact; "Select" is the form's unanswered choice."""
    X = found.drop(columns=[name for name in (*FILLED_IN_LATER, *_NOT_FEATURES) if name in found])
    return X.replace("Select", np.nan)


SET = Evaluated(
    folder="xeducation_leads",
    published="AUC .984 with later columns, .885 without the activities; plain .862",
    run=_run,
)
