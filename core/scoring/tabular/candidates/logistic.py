"""Penalised logistic regression on bins: each feature a slope over fine bins and a staircase of at most 16 steps, shrunk.

Steps are coded as a thermometer (x >= edge), so the penalty pulls neighbours together and a staircase stays smooth where
rows are few (Gelman et al. 2008 for the penalty as a prior). The slope is over normal scores, so a few huge numbers do not
bend it, and shrunk less: what is straight is learnt from few rows. The strength is chosen on held-out rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit, ndtri

from core.scoring.tabular.candidates.numbers import base_rate, spread
from core.scoring.tabular.tables import Parameters, Parts, Stairs, stored

Floats = NDArray[np.float64]

STEPS = 16
FINE = 64
"""Bins the slope is told in."""
PENALTIES = (300.0, 100.0, 30.0, 10.0, 3.0)
"""Strongest first."""
WITHIN = 0.5
"""Standard errors on the held-out rows within which a penalty is as good as the best; with one, straight tables paid."""
STRAIGHT = 0.3
"""The share of the penalty that a slope pays."""
FOLDS = 4
FEW = 2000
"""Rows below which every fold is held out in turn."""


@dataclass(frozen=True, kw_only=True)
class _Feature:
    """How a column is told: steps, whether it is missing, and a slope."""

    steps: Floats
    """Edges of the thermometer."""
    fine: Floats
    """Edges of the slope's bins, those of the thermometer among them."""
    score: Floats
    """(fine bins,): the normal score of each, of mean 0."""

    def design(self, column: Floats) -> Floats:
        """(n, steps + 2)"""
        missing = np.isnan(column)
        score = np.where(missing, 0.0, self.score[np.searchsorted(self.fine, column, side="right")])
        return np.column_stack([*(column >= edge for edge in self.steps), missing, score]).astype(np.float64)

    def stairs(self, beta: Floats) -> Stairs:
        jumps = np.concatenate([[0.0], np.cumsum(beta[:-2])])
        inside = np.concatenate([[-np.inf], self.fine])
        values = jumps[np.searchsorted(self.steps, inside, side="right")] + beta[-1] * self.score
        return Stairs(edges=self.fine, values=values, missing=float(beta[-2]))


def fit(matrix: Floats, y: Floats, names: Sequence[str], *, weight: Floats, seed: int) -> Parameters:
    features = [_feature(matrix[:, at]) for at in range(matrix.shape[1])]
    design = np.column_stack([feature.design(matrix[:, at]) for at, feature in enumerate(features)])
    sizes = [len(feature.steps) + 2 for feature in features]
    share = np.concatenate([np.append(np.ones(size - 1), STRAIGHT) for size in sizes])
    beta = _solve(design, y, weight, _penalty(design, y, weight, share, seed) * share)
    parts = Parts(base=float(beta[-1]))
    for name, feature, own in zip(names, features, np.split(beta[:-1], np.cumsum(sizes)[:-1]), strict=True):
        parts.add_stairs(name, feature.stairs(own))
    _centred(parts, matrix, names, weight)
    log_odds = design @ beta[:-1] + beta[-1]
    p = expit(log_odds)
    return stored(
        parts,
        base_rate=base_rate(y, weight),
        base_variance=1.0 / (float(weight @ (p * (1 - p))) + 1.0),
        spread=spread(matrix, log_odds, weight, list(names)),
    )


def _penalty(design: Floats, y: Floats, weight: Floats, share: Floats, seed: int) -> float:
    """The strongest that does as well on held-out rows as any: on a quarter of them, or on each in turn where rows are few."""
    fold = np.random.default_rng(seed).integers(0, FOLDS, len(y))
    losses = []
    for each in range(FOLDS if len(y) < FEW else 1):
        held = fold == each
        if min(y[held].sum(), (1 - y[held]).sum()) < 2 or min(y[~held].sum(), (1 - y[~held]).sum()) < 2:
            return PENALTIES[1]
        beta, found = None, []
        for penalty in PENALTIES:
            beta = _solve(design[~held], y[~held], weight[~held], penalty * share, start=beta)
            log_odds = design[held] @ beta[:-1] + beta[-1]
            found.append(weight[held] * (np.logaddexp(0, log_odds) - y[held] * log_odds))
        losses.append(found)
    behind = np.concatenate(losses, axis=1)
    behind -= behind[np.argmin(behind.sum(axis=1))]
    enough = behind.mean(axis=1) <= WITHIN * behind.std(axis=1) / np.sqrt(behind.shape[1])
    return PENALTIES[int(np.argmax(enough))]


def _feature(column: Floats) -> _Feature:
    known = column[~np.isnan(column)]
    steps = _edges(known, int(np.clip(len(column) / 25, 2, STEPS)))
    fine = np.union1d(steps, _edges(known, int(np.clip(len(column) / 3, 2, FINE))))
    rows = np.bincount(np.searchsorted(fine, known, side="right"), minlength=len(fine) + 1)
    score = ndtri((np.cumsum(rows) - rows / 2 + 0.5) / (len(known) + 1))
    return _Feature(steps=steps, fine=fine, score=score - (rows @ score) / max(len(known), 1))


def _edges(known: Floats, steps: int) -> Floats:
    if not len(known):
        return np.empty(0)
    edges = np.unique(np.quantile(known, np.linspace(0, 1, steps + 1)[1:-1], method="higher"))
    edges = edges[edges > known.min()]
    if not len(edges) and known.max() > known.min():  # nearly constant: the rare values stand alone
        edges = np.array([np.nextafter(known.min(), np.inf)])
    found: Floats = edges
    return found


def _solve(design: Floats, y: Floats, weight: Floats, penalty: Floats, *, start: Floats | None = None) -> Floats:
    total = weight.sum()

    def loss(beta: Floats) -> tuple[float, Floats]:
        log_odds = design @ beta[:-1] + beta[-1]
        residual = weight * (expit(log_odds) - y)
        value = weight @ (np.logaddexp(0, log_odds) - y * log_odds) + penalty @ beta[:-1] ** 2 / 2
        gradient = np.append(design.T @ residual + penalty * beta[:-1], residual.sum())
        return float(value / total), gradient / total

    if start is None:
        start = np.append(np.zeros(design.shape[1]), logit(base_rate(y, weight)))
    found: Floats = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200, "ftol": 1e-9}).x
    return found


def _centred(parts: Parts, matrix: Floats, names: Sequence[str], weight: Floats) -> None:
    """Move every staircase's mean to the base, so that a contribution is measured from the average row."""
    for at, name in enumerate(names):
        mean = float(np.average(parts.stairs[name].at(matrix[:, at]), weights=np.maximum(weight, 1e-12)))
        parts.stairs[name] = parts.stairs[name].shifted(-mean)
        parts.base += mean
