"""What every candidate starts from: checked numbers, and the uncertainty of what is learnt from them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from core import errors
from core.scoring.shapes import LARGEST
from core.scoring.tabular.tables import Parameters, Stairs

Floats = NDArray[np.float64]

COARSE = 16
"""Quantiles over which the evidence behind a term is counted."""
DOUBT = 4.0
"""Added to the evidence of every bin, in rows times p(1-p): an empty bin has a standard error of a half."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    matrix: Floats
    y: Floats
    weight: Floats
    columns: NDArray[np.bool_]
    """Those that hold more than one value."""

    @property
    def single_class(self) -> bool:
        return bool(self.y.min() == self.y.max())

    @property
    def base_rate(self) -> float:
        return base_rate(self.y, self.weight)


def prepared(matrix: Floats, y: NDArray[Any], weight: Floats | None) -> Prepared:
    """Raises Invalid where lengths differ, labels are not 0 and 1, or weights are negative."""
    values, truth = np.asarray(matrix, dtype=np.float64), np.asarray(y, dtype=np.float64)
    weights = np.ones_like(truth) if weight is None else np.asarray(weight, dtype=np.float64)
    if values.ndim != 2 or truth.shape != (len(values),) or weights.shape != truth.shape or not len(truth):
        raise errors.Invalid("A matrix (n, features) and n labels and weights are needed")
    if not np.isin(truth, (0.0, 1.0)).all() or not np.isfinite(weights).all() or weights.min() < 0:
        raise errors.Invalid("Labels must be 0 or 1 and weights finite, none negative")
    values = np.clip(values, -LARGEST, LARGEST)
    return Prepared(matrix=values, y=truth, weight=weights, columns=varied(values))


def varied(matrix: Floats) -> NDArray[np.bool_]:
    """(columns,): whether a column holds two different things, missing being one."""
    missing = np.isnan(matrix)
    lowest = np.where(missing, np.inf, matrix).min(axis=0)
    highest = np.where(missing, -np.inf, matrix).max(axis=0)
    found: NDArray[np.bool_] = (lowest < highest) | (missing.any(axis=0) & ~missing.all(axis=0))
    return found


def base_rate(y: Floats, weight: Floats) -> float:
    """Shrunk by half a row each way, so never 0 or 1."""
    return float((weight @ y + 0.5) / (weight.sum() + 1.0))


def prior_only(use: Prepared) -> Parameters:
    """A model that says the base rate of everybody."""
    rate = use.base_rate
    return {
        "base": float(logit(rate)),
        "base_variance": 1.0 / (use.weight.sum() * rate * (1 - rate) + DOUBT),
        "base_rate": rate,
        "terms": {},
    }


def spread(matrix: Floats, log_odds: Floats, weight: Floats, names: list[str]) -> dict[str, Stairs]:
    """Variances of each feature's staircase: one over the evidence (rows times p(1-p)) of the sixteenth it lies in."""
    p = expit(log_odds)
    evidence = weight * p * (1 - p)
    found = {}
    for at, name in enumerate(names):
        column = matrix[:, at]
        missing = np.isnan(column)
        known = column[~missing]
        edges = np.unique(np.quantile(known, np.linspace(0, 1, COARSE + 1)[1:-1])) if len(known) else np.empty(0)
        held = np.bincount(
            np.searchsorted(edges, known, side="right"), weights=evidence[~missing], minlength=len(edges) + 1
        )
        found[name] = Stairs(
            edges=edges, values=1 / (held + DOUBT), missing=float(1 / (evidence[missing].sum() + DOUBT))
        )
    return found
