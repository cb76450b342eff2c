"""Full gradient boosting: a bag of slow boosters, each tree free to combine features; plain arrays in the end."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier

from core.scoring.tabular.candidates.numbers import base_rate
from core.scoring.tabular.tables import Parameters, Parts, joined, of_boosting, stored

Floats = NDArray[np.float64]

BAG = 4
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_features": 0.4,
}
"""A random share of the features at each split makes the members of the bag differ, so their mean is steadier."""
ROUNDS, FEWEST_ROUNDS, MOST_ROUNDS = 90, 30, 500
ENOUGH = 1000
"""Rows from which the number of rounds is found on held-out rows; below, ROUNDS."""
PATIENCE = 20
FEWEST_KNOWN = 20


class Booster(HistGradientBoostingClassifier):  # type: ignore[misc]  # scikit-learn comes without types
    """scikit-learn's, with bins by rows, not by weight: a weighted quantile is a sort in Python, 254 of them a feature a fit,
    and took nine tenths of the time."""

    def _bin_data(self, X: Any, sample_weight: Any, is_training_data: bool) -> Any:
        return super()._bin_data(X, None, is_training_data)


def fit(matrix: Floats, y: Floats, names: Sequence[str], *, weight: Floats, seed: int) -> Parameters:
    rounds = rounds_for(matrix, y, weight=weight, seed=seed, settings=SETTINGS)
    parts, base, log_odds = [], 0.0, np.zeros(len(y))
    for member in range(BAG):
        model = Booster(**SETTINGS, max_iter=rounds, early_stopping=False, random_state=seed * BAG + member).fit(
            matrix, y, sample_weight=weight
        )
        constant, trees = of_boosting(model, names)
        base += constant / BAG
        parts.append({**trees, "value": [value / BAG for value in trees["value"]]})
        log_odds += model.decision_function(matrix) / BAG
    p = expit(log_odds)
    return stored(
        Parts(base=base, trees=joined(parts, names)),
        base_rate=base_rate(y, weight),
        base_variance=1.0 / (float(weight @ (p * (1 - p))) + 1.0),
    )


def rounds_for(matrix: Floats, y: Floats, *, weight: Floats, seed: int, settings: dict[str, Any]) -> int:
    """How many rounds the held-out rows ask for. A column known for a handful of rows may be missing from all that are left
    to learn from, on which scikit-learn raises: the probe does without it."""
    if len(y) < ENOUGH or min(y.sum(), (1 - y).sum()) < 50:
        return ROUNDS
    known = (~np.isnan(matrix[weight > 0])).sum(axis=0)
    probe = Booster(
        **settings,
        max_iter=MOST_ROUNDS,
        early_stopping=True,
        validation_fraction=0.2,
        n_iter_no_change=PATIENCE,
        random_state=seed,
    ).fit(np.where(known >= FEWEST_KNOWN, matrix, 0.0), y, sample_weight=weight)
    best = int(np.argmax(probe.validation_score_))
    return int(np.clip(best, FEWEST_ROUNDS, MOST_ROUNDS))
