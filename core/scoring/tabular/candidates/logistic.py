"""Penalised logistic regression on bins: each feature a staircase of at most 16 steps, shrunk to flat.

Steps are coded as a thermometer (x >= edge), so the penalty pulls neighbours together and a staircase stays smooth where
rows are few (Gelman et al. 2008 for the penalty as a prior). The strength is chosen on held-out rows.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from core.scoring.tabular.candidates.numbers import base_rate, spread
from core.scoring.tabular.tables import Parameters, Parts, Stairs, stored

Floats = NDArray[np.float64]

STEPS = 16
PENALTIES = (100.0, 30.0, 10.0)
"""Strongest first: a weaker one must be better on the held-out rows."""


def fit(matrix: Floats, y: Floats, names: Sequence[str], *, weight: Floats, seed: int) -> Parameters:
    edges = [_edges(matrix[:, at], y) for at in range(matrix.shape[1])]
    design, slices = _design(matrix, edges)
    held = np.random.default_rng(seed).random(len(y)) < 0.25
    penalty = PENALTIES[0]
    if min(y[held].sum(), (1 - y[held]).sum()) >= 10 and min(y[~held].sum(), (1 - y[~held]).sum()) >= 10:
        losses = [
            _loss(design[held], y[held], weight[held], _solve(design[~held], y[~held], weight[~held], each))
            for each in PENALTIES
        ]
        penalty = PENALTIES[int(np.argmin(losses))]
    beta = _solve(design, y, weight, penalty)
    parts = Parts(base=float(beta[-1]))
    for name, own, columns in zip(names, edges, slices, strict=True):
        steps = beta[columns]
        parts.add_stairs(
            name,
            Stairs(edges=own, values=np.concatenate([[0.0], np.cumsum(steps[:-1])]), missing=float(steps[-1])),
        )
    _centred(parts, matrix, names, weight)
    log_odds = design @ beta[:-1] + beta[-1]
    p = expit(log_odds)
    return stored(
        parts,
        base_rate=base_rate(y, weight),
        base_variance=1.0 / (float(weight @ (p * (1 - p))) + 1.0),
        spread=spread(matrix, log_odds, weight, list(names)),
    )


def _edges(column: Floats, y: Floats) -> Floats:
    known = column[~np.isnan(column)]
    if not len(known):
        return np.empty(0)
    steps = int(np.clip(len(y) / 25, 2, STEPS))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, steps + 1)[1:-1], method="higher"))
    edges = edges[edges > known.min()]
    if not len(edges) and known.max() > known.min():  # nearly constant: the rare values stand alone
        edges = np.array([np.nextafter(known.min(), np.inf)])
    found: Floats = edges
    return found


def _design(matrix: Floats, edges: Sequence[Floats]) -> tuple[Floats, list[slice]]:
    columns, slices, first = [], [], 0
    for at, own in enumerate(edges):
        column = matrix[:, at]
        columns += [(column >= edge).astype(np.float64) for edge in own]
        columns.append(np.isnan(column).astype(np.float64))
        slices.append(slice(first, first + len(own) + 1))
        first += len(own) + 1
    return np.column_stack(columns), slices


def _solve(design: Floats, y: Floats, weight: Floats, penalty: float) -> Floats:
    total = weight.sum()

    def loss(beta: Floats) -> tuple[float, Floats]:
        log_odds = design @ beta[:-1] + beta[-1]
        residual = weight * (expit(log_odds) - y)
        value = weight @ (np.logaddexp(0, log_odds) - y * log_odds) + penalty / 2 * beta[:-1] @ beta[:-1]
        gradient = np.append(design.T @ residual + penalty * beta[:-1], residual.sum())
        return float(value / total), gradient / total

    start = np.zeros(design.shape[1] + 1)
    start[-1] = logit(base_rate(y, weight))
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-9}).x
    return found


def _loss(design: Floats, y: Floats, weight: Floats, beta: Floats) -> float:
    log_odds = design @ beta[:-1] + beta[-1]
    return float(weight @ (np.logaddexp(0, log_odds) - y * log_odds) / weight.sum())


def _centred(parts: Parts, matrix: Floats, names: Sequence[str], weight: Floats) -> None:
    """Move every staircase's mean to the base, so that a contribution is measured from the average row."""
    for at, name in enumerate(names):
        mean = float(np.average(parts.stairs[name].at(matrix[:, at]), weights=np.maximum(weight, 1e-12)))
        parts.stairs[name] = parts.stairs[name].shifted(-mean)
        parts.base += mean
