"""Pairs and trees: evaluated as the arrays say, explained exactly, and nothing malformed gets in."""

import copy
import json
from typing import Any

import numpy as np
import pytest

from core import errors
from core.scoring.shapes import Pairs, Trees

PAIR = {"features": ["a", "b"], "edges": [[0.0, 1.0], [5.0]], "values": [[1, 2, 9], [3, 4, 9], [5, 6, 9], [7, 8, 0.5]]}
NAN = float("nan")
# a <= 1: b <= 0 ? 1 : 2 (missing left); else -1 (missing); each inner node the mean of what is below
TREES = {
    "features": ["a", "b"],
    "feature": [0, 1, -1, -1, -1],
    "threshold": [1.0, 0.0, 0.0, 0.0, 0.0],
    "left": [1, 2, 0, 0, 0],
    "right": [4, 3, 0, 0, 0],
    "missing_left": [0, 1, 0, 0, 0],
    "value": [0.0, 0.5, 0.1, 0.9, -0.5],
    "roots": [0],
}


def test_a_pair_is_looked_up_with_missing_last() -> None:
    pairs = Pairs.parse([PAIR], ["b", "a"])
    matrix = np.array([[4.0, -1.0], [5.0, 0.0], [5.0, 1.0], [NAN, 0.5], [0.0, NAN], [NAN, NAN], [np.inf, np.inf]])
    assert pairs.log_odds(matrix).tolist() == [1, 4, 6, 9, 7, 0.5, 6]
    assert pairs.lines == ("a and b",)


def test_a_tree_sends_its_threshold_left_and_missing_where_it_says() -> None:
    trees = Trees.parse(TREES, ["b", "other", "a"])
    matrix = np.array([[0.0, 7, 1.0], [0.1, 7, 1.0], [NAN, 7, 0.0], [0.0, 7, NAN], [0.0, 7, 1.1], [0.0, 7, -np.inf]])
    assert trees.log_odds(matrix).tolist() == [0.1, 0.9, 0.1, -0.5, -0.5, 0.1]
    assert trees.contributions(matrix)[0].tolist() == pytest.approx([-0.4, 0.0, 0.5])
    assert trees.contributions(matrix).sum(axis=1) == pytest.approx(trees.log_odds(matrix), abs=1e-12)


def test_a_forest_of_nothing_adds_nothing() -> None:
    empty = {name: [] for name in TREES}
    assert Trees.parse(empty, ["a"]).log_odds(np.zeros((2, 1))).tolist() == [0, 0]
    assert Pairs.parse([], ["a"]).log_odds(np.zeros((2, 1))).tolist() == [0, 0]
    stump = {**empty, "features": ["a"], **{name: [0] for name in TREES if name != "features"}, "feature": [-1]}
    assert Trees.parse(stump).log_odds(np.zeros((2, 1))).tolist() == [0, 0]


def test_arrays_survive_json() -> None:
    matrix = np.random.default_rng(0).normal(size=(50, 2))
    again = json.loads(json.dumps(TREES))
    assert (Trees.parse(again).log_odds(matrix) == Trees.parse(TREES).log_odds(matrix)).all()


@pytest.mark.parametrize(
    ("key", "at", "value"),
    [
        ("value", 2, NAN),
        ("value", 2, "0.1"),
        ("value", 2, True),
        ("value", 0, 0.5),  # a root holds 0
        ("threshold", 0, float("inf")),
        ("feature", 0, 2),
        ("feature", 0, -2),
        ("feature", 0, 0.5),
        ("left", 1, 0),  # a cycle
        ("left", 1, 1),
        ("left", 1, 4),  # two parents
        ("left", 1, 99),
        ("left", 1, -1),
        ("missing_left", 0, 2),
        ("roots", 0, 1),
        ("roots", 0, 10**400),
    ],
)
def test_what_is_no_forest_is_refused(key: str, at: int, value: Any) -> None:
    wrong = copy.deepcopy(TREES)
    wrong[key][at] = value  # type: ignore[index]
    with pytest.raises(errors.Invalid):
        Trees.parse(wrong)


@pytest.mark.parametrize("wrong", [None, 3, "trees", {}, {**TREES, "value": [0.0]}, {**TREES, "features": ["a", "a"]}])
def test_what_has_not_the_shape_of_a_forest_is_refused(wrong: Any) -> None:
    with pytest.raises(errors.Invalid):
        Trees.parse(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [None],
        [{**PAIR, "features": ["a", "a"]}],
        [{**PAIR, "edges": [[1.0, 0.0], [5.0]]}],
        [{**PAIR, "values": [[1, 2, 9]]}],
        [{**PAIR, "values": [[1, 2, NAN]] * 4}],
    ],
)
def test_what_is_no_pair_is_refused(wrong: Any) -> None:
    with pytest.raises(errors.Invalid):
        Pairs.parse(wrong)


def test_an_unknown_feature_is_named() -> None:
    with pytest.raises(errors.Invalid, match="b"):
        Trees.parse(TREES, ["a"])
    with pytest.raises(errors.Invalid, match="b"):
        Pairs.parse([PAIR], ["a"])
    with pytest.raises(errors.Invalid, match="2 columns"):
        Trees.parse(TREES).log_odds(np.zeros((3, 1)))


def test_more_leaves_than_bits_are_refused() -> None:
    nodes = 2 * 65 - 1  # a chain: 64 splits, 65 leaves
    chain: dict[str, Any] = {name: [0] * nodes for name in TREES if name not in ("features", "roots")}
    chain |= {"features": ["a"], "roots": [0], "feature": [0, -1] * 64 + [-1]}
    chain["left"] = [node + 1 if node % 2 == 0 and node < 128 else 0 for node in range(nodes)]
    chain["right"] = [node + 2 if node % 2 == 0 and node < 128 else 0 for node in range(nodes)]
    with pytest.raises(errors.Invalid, match="64 leaves"):
        Trees.parse(chain)
