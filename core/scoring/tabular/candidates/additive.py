"""Additive boosting: every tree asks one feature, so the whole is one staircase a feature, exactly."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core.scoring.tabular.candidates.boosting import Booster, rounds_for
from core.scoring.tabular.candidates.numbers import base_rate, spread
from core.scoring.tabular.tables import Parameters, as_tables, of_boosting, stored

Floats = NDArray[np.float64]

SETTINGS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 6,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_bins": 64,
    "max_features": 0.5,
    "interaction_cst": "no_interactions",
}


def fit(matrix: Floats, y: Floats, names: Sequence[str], *, weight: Floats, seed: int) -> Parameters:
    rounds = rounds_for(matrix, y, weight=weight, seed=seed, settings=SETTINGS)
    model = Booster(**SETTINGS, max_iter=rounds, early_stopping=False, random_state=seed).fit(
        matrix, y, sample_weight=weight
    )
    base, trees = of_boosting(model, names)
    parts = as_tables(trees)
    parts.base += base
    log_odds = model.decision_function(matrix)
    p = expit(log_odds)
    return stored(
        parts,
        base_rate=base_rate(y, weight),
        base_variance=1.0 / (float(weight @ (p * (1 - p))) + 1.0),
        spread=spread(matrix, log_odds, weight, list(names)),
    )
