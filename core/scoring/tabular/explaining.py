"""Exact explanations of a table's scores."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.scoring.tabular.fitted import TabularModel

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Explained:
    """base + contributions of a row = its log-odds; the calibrator of the log-odds = the probability."""

    features: tuple[str, ...]
    base: float
    contributions: Any
    """DataFrame (n, features)."""
    log_odds: Floats
    calibrator: dict[str, Any]
    probability: Floats


def explain(model: TabularModel, X: Any) -> Explained:
    raise NotImplementedError
