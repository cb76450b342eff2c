"""Boosting taken apart: plain arrays and tables give scikit-learn's own raw prediction."""

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier

from core.scoring.shapes import Trees
from core.scoring.tabular import tables

NAMES = ["a", "b", "c", "d"]


def sample(rows: int = 600, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(rows, 4))
    matrix[:, 1] = np.round(matrix[:, 1])
    log_odds = matrix[:, 0] * matrix[:, 1] + matrix[:, 2]
    matrix[random.random((rows, 4)) < 0.15] = np.nan
    y = (random.random(rows) < 1 / (1 + np.exp(-np.nan_to_num(log_odds) - np.isnan(matrix[:, 3])))).astype(int)
    return matrix, y


def sklearns(matrix: np.ndarray, y: np.ndarray, **settings: object) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=30, random_state=0, **settings).fit(matrix, y)


def unseen() -> np.ndarray:
    other = np.vstack([sample(seed=9)[0], np.full((1, 4), np.nan), np.full((1, 4), 1e9), np.full((1, 4), -1e9)])
    other[0, 0], other[1, 1] = np.inf, -np.inf
    return other


def test_plain_trees_are_sklearns_prediction() -> None:
    matrix, y = sample()
    model = sklearns(matrix, y)
    base, stored = tables.of_boosting(model, NAMES)
    trees = Trees.parse(stored)
    for rows in (matrix, unseen()):
        assert np.abs(base + trees.log_odds(rows) - model.decision_function(rows)).max() < 1e-9
        assert np.abs(trees.contributions(rows).sum(axis=1) - trees.log_odds(rows)).max() < 1e-9


def test_thresholds_themselves_go_left_as_in_sklearn() -> None:
    matrix, y = sample()
    model = sklearns(matrix, y)
    _, stored = tables.of_boosting(model, NAMES)
    edges = np.unique([t for t, at in zip(stored["threshold"], stored["feature"], strict=True) if at == 0])
    rows = np.zeros((len(edges), 4))
    rows[:, 0] = edges
    base, _ = tables.of_boosting(model, NAMES)
    assert np.abs(base + Trees.parse(stored).log_odds(rows) - model.decision_function(rows)).max() < 1e-9
    additive = sklearns(matrix, y, interaction_cst="no_interactions")
    base, stored = tables.of_boosting(additive, NAMES)
    assert np.abs(_told(base, stored).log_odds(rows) - additive.decision_function(rows)).max() < 1e-9


def test_additive_boosting_is_one_staircase_a_feature() -> None:
    matrix, y = sample()
    model = sklearns(matrix, y, interaction_cst="no_interactions")
    base, stored = tables.of_boosting(model, NAMES)
    parts = tables.as_tables(stored)
    assert not parts.pairs
    for rows in (matrix, unseen()):
        assert np.abs(_told(base, stored).log_odds(rows) - model.decision_function(rows)).max() < 1e-9


def test_boosting_of_chosen_pairs_is_staircases_and_pair_tables() -> None:
    matrix, y = sample()
    model = sklearns(matrix, y, interaction_cst=[{0, 1}, {1, 2}, {0}, {1}, {2}, {3}], max_bins=32)
    base, stored = tables.of_boosting(model, NAMES)
    parts = tables.as_tables(stored, pairs=[("b", "a")])
    assert ("b", "a") in parts.pairs
    for rows in (matrix, unseen()):
        told = _told(base, stored, pairs=[("b", "a")])
        assert np.abs(told.log_odds(rows) - model.decision_function(rows)).max() < 1e-9


def test_paths_of_three_features_are_no_tables() -> None:
    matrix, y = sample()
    _, stored = tables.of_boosting(sklearns(matrix, y), NAMES)
    with pytest.raises(ValueError, match="more than two"):
        tables.as_tables(stored)


def test_a_weighted_sum_of_models_is_a_model() -> None:
    matrix, y = sample()
    made = []
    for settings in ({}, {"interaction_cst": "no_interactions"}, {"interaction_cst": [{0, 1}, {2}, {3}]}):
        base, stored = tables.of_boosting(sklearns(matrix, y, **settings), NAMES)
        parts = tables.as_tables(stored) if settings else tables.Parts(trees=stored)
        parts.base += base
        made.append(tables.stored(parts, base_rate=0.5, base_variance=0.1))
    weights = [(0.5, made[0]), (0.2, made[1]), (0.2, made[2]), (0.1, made[2])]
    rows = unseen()
    each = sum(weight * tables.Sum.parse(one, NAMES).log_odds(rows) for weight, one in weights)
    assert np.abs(tables.Sum.parse(tables.weighted(weights), NAMES).log_odds(rows) - each).max() < 1e-9


def _told(base: float, stored: dict, pairs: Sequence[tuple[str, str]] = ()) -> tables.Sum:
    parts = tables.as_tables(stored, pairs=pairs)
    parts.base += base
    return tables.Sum.parse(tables.stored(parts, base_rate=0.5, base_variance=0.0), NAMES)
