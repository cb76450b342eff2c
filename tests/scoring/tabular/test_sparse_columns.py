"""Columns that hardly any row knows do not stop a training, and columns with many values do not slow one."""

import numpy as np
import pytest
from sklearn.ensemble._hist_gradient_boosting import binning

from core.scoring.tabular.candidates import boosting


def test_the_rounds_are_found_although_some_columns_are_known_for_one_row_each() -> None:
    random = np.random.default_rng(0)
    matrix = np.full((1_200, 30), np.nan)
    matrix[:, 0] = random.normal(size=1_200)
    matrix[np.arange(29) * 40, np.arange(1, 30)] = 1.0
    y = (matrix[:, 0] + random.normal(size=1_200) > 0).astype(np.float64)
    rounds = boosting.rounds_for(matrix, y, weight=np.ones(1_200), seed=0, settings=boosting.SETTINGS)
    assert boosting.FEWEST_ROUNDS <= rounds <= boosting.MOST_ROUNDS


def test_rows_of_different_weight_are_binned_without_a_weighted_quantile_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """569 rows of 30 columns took a minute, nine tenths of it these quantiles."""
    random = np.random.default_rng(0)
    matrix, weight = random.normal(size=(400, 3)), random.random(400)
    y = (matrix[:, 0] > 0).astype(np.float64)
    asked: list[float] = []
    monkeypatch.setattr(binning, "_weighted_percentile", lambda *_, **__: asked.append(1.0))
    boosting.Booster(max_iter=2).fit(matrix, y, sample_weight=weight)
    assert not asked
