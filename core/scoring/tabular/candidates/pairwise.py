"""Additive boosting with the few pairs of features that matter: tables still, a pair told as a line of its own.

Pairs are ranked by what is left of the labels after additive boosting, over an 8 by 8 grid (FAST: Lou et al. 2013,
"Accurate intelligible models with pairwise interactions").
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from core.scoring.tabular.candidates import additive
from core.scoring.tabular.candidates.boosting import Booster, rounds_for
from core.scoring.tabular.candidates.numbers import base_rate, spread
from core.scoring.tabular.tables import Parameters, Parts, Stairs, Sum, as_tables, of_boosting, stored

Floats = NDArray[np.float64]

MOST_PAIRS = 10
MOST_FEATURES = 30
"""Features whose pairs are looked at: those that matter most alone."""
GRID = 8
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_leaf_nodes": 10,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "max_bins": 32,
    "max_features": 0.5,
}


def fit(matrix: Floats, y: Floats, names: Sequence[str], *, weight: Floats, seed: int) -> Parameters:
    alone = additive.fit(matrix, y, names, weight=weight, seed=seed)
    pairs = best_pairs(matrix, y, names, alone, weight=weight)
    if not pairs:
        return alone
    settings = {**SETTINGS, "interaction_cst": [*({a, b} for a, b in pairs), *({at} for at in range(len(names)))]}
    rounds = rounds_for(matrix, y, weight=weight, seed=seed, settings=settings)
    model = Booster(**settings, max_iter=rounds, early_stopping=False, random_state=seed).fit(
        matrix, y, sample_weight=weight
    )
    base, trees = of_boosting(model, names)
    parts = as_tables(trees, pairs=[(names[a], names[b]) for a, b in pairs])
    parts.base += base
    purified(parts, matrix, names, weight)
    log_odds = model.decision_function(matrix)
    p = expit(log_odds)
    return stored(
        parts,
        base_rate=base_rate(y, weight),
        base_variance=1.0 / (float(weight @ (p * (1 - p))) + 1.0),
        spread=spread(matrix, log_odds, weight, list(names)),
    )


def best_pairs(
    matrix: Floats, y: Floats, names: Sequence[str], alone: Parameters, *, weight: Floats
) -> list[tuple[int, int]]:
    """Up to ten pairs (places in `names`), best first: those that explain more of the rest than chance would."""
    total = Sum.parse(alone, names)
    own, _ = total.contributions(matrix)
    p = expit(total.log_odds(matrix))
    residual, evidence = weight * (y - p), weight * p * (1 - p)
    strong = np.argsort(-own.std(axis=0), kind="stable")[:MOST_FEATURES]
    codes = {int(at): _grid_codes(matrix[:, at]) for at in strong}
    found = []
    for a, b in combinations(sorted(codes), 2):
        cell = codes[a] * (GRID + 1) + codes[b]
        left = np.bincount(cell, weights=residual, minlength=(GRID + 1) ** 2)
        held = np.bincount(cell, weights=evidence, minlength=(GRID + 1) ** 2)
        cells = held > 0
        by_chance = held[cells] / (held[cells] + 1.0)
        found.append((float((left[cells] ** 2 / (held[cells] + 1.0) - by_chance).sum()), a, b))
    found.sort(key=lambda each: (-each[0], each[1], each[2]))
    return [(a, b) for gain, a, b in found[:MOST_PAIRS] if gain > 0]


def _grid_codes(column: Floats) -> NDArray[np.int64]:
    known = column[~np.isnan(column)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, GRID + 1)[1:-1])) if len(known) else np.empty(0)
    codes = np.searchsorted(edges, column, side="right")
    codes[np.isnan(column)] = GRID
    found: NDArray[np.int64] = codes
    return found


def purified(parts: Parts, matrix: Floats, names: Sequence[str], weight: Floats) -> None:
    """Move what a pair says of one feature alone into that feature's staircase, and all means into the base.

    The sum stays what it was; a pair then tells only of the combination (Lengerich et al. 2020, "Purifying interaction effects").
    """
    for (first, second), pair in parts.pairs.items():
        codes = []
        for name, edges in zip((first, second), pair["edges"], strict=True):
            column = matrix[:, names.index(name)]
            at = np.searchsorted(edges, column, side="right")
            at[np.isnan(column)] = len(edges) + 1
            codes.append(at)
        mass = np.zeros(pair["values"].shape)
        np.add.at(mass, tuple(codes), weight)
        for _ in range(10):
            for axis, name in enumerate((first, second)):
                held = mass.sum(axis=1 - axis)
                told = (pair["values"] * mass).sum(axis=1 - axis)
                mean = np.divide(told, held, out=np.zeros_like(told), where=held > 0)
                pair["values"] = pair["values"] - (mean[:, None] if axis == 0 else mean[None, :])
                parts.add_stairs(name, Stairs(edges=pair["edges"][axis], values=mean[:-1], missing=float(mean[-1])))
    for place, name in enumerate(names):
        if name in parts.stairs:
            usual = float(np.average(parts.stairs[name].at(matrix[:, place]), weights=np.maximum(weight, 1e-12)))
            parts.stairs[name] = parts.stairs[name].shifted(-usual)
            parts.base += usual
