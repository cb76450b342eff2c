"""Exact explanations of a table's scores: what each column added to the log-odds, and the calibrator as a step of its own."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.scoring.tabular.calibrating import Calibrator
from core.scoring.tabular.fitted import TabularModel
from core.scoring.tabular.reading import frame

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """base + contributions of a row = its log_odds; calibrator(log_odds) = its probability, which is `predict`'s."""

    features: tuple[str, ...]
    base: float
    contributions: pd.DataFrame
    """(n, features) on the scale of log-odds; what two columns say only together is shared half and half."""
    pairs: pd.DataFrame
    """(n, pairs): that part by itself, a column "a and b" a pair; already counted in `contributions`."""
    log_odds: Floats
    """(n,)"""
    calibrator: Calibrator
    probability: Floats
    """(n,)"""


def explain(model: TabularModel, X: Any) -> Explained:
    """Raises Invalid naming columns that are missing."""
    rows = frame(X)
    matrix = model.encoder.matrix(rows)
    own, paired = model.sum.contributions(matrix)
    found = np.zeros((len(rows), len(model.features)))
    place = model.encoder.place
    for column, source in enumerate(place):
        found[:, source] += own[:, column]
    lines: dict[str, Floats] = {}
    pairs = model.sum.pairs
    for at, pair in enumerate(pairs.each if pairs is not None else ()):
        sources = [place[model.encoder.names.index(name)] for name in pair.features]
        for source in sources:
            found[:, source] += paired[:, at] / 2
        lines[" and ".join(pair.features)] = paired[:, at]
    log_odds = model.sum.log_odds(matrix)
    return Explained(
        features=model.features,
        base=model.sum.base,
        contributions=pd.DataFrame(found, columns=list(model.features), index=rows.index),
        pairs=pd.DataFrame(lines, index=rows.index),
        log_odds=log_odds,
        calibrator=model.calibrator,
        probability=model.calibrator(log_odds),
    )
