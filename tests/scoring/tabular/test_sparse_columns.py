"""Columns that hardly any row knows do not stop a training."""

import numpy as np

from core.scoring.tabular.candidates import boosting


def test_the_rounds_are_found_although_some_columns_are_known_for_one_row_each() -> None:
    random = np.random.default_rng(0)
    matrix = np.full((1_200, 30), np.nan)
    matrix[:, 0] = random.normal(size=1_200)
    matrix[np.arange(29) * 40, np.arange(1, 30)] = 1.0
    y = (matrix[:, 0] + random.normal(size=1_200) > 0).astype(np.float64)
    rounds = boosting.rounds_for(matrix, y, weight=np.ones(1_200), seed=0, settings=boosting.SETTINGS)
    assert boosting.FEWEST_ROUNDS <= rounds <= boosting.MOST_ROUNDS
