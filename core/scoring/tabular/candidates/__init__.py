"""The kinds of model a table may get, one file each, from the simplest to the most intricate.

A candidate is `fit(matrix, y, names, *, weight, seed) -> parameters` on numbers with NaN for missing; what it gives is
in the form of core/scoring/model.py without the curves, so every kind is explained and served alike.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.scoring.tabular.candidates import additive, boosting, logistic, pairwise
from core.scoring.tabular.candidates.numbers import prepared, prior_only
from core.scoring.tabular.tables import Parameters

Floats = NDArray[np.float64]

Fit = Callable[..., Parameters]
KINDS: dict[str, Fit] = {
    "logistic": logistic.fit,
    "additive": additive.fit,
    "pairwise": pairwise.fit,
    "boosting": boosting.fit,
}
"""Simplest first."""


def fit(
    kind: str,
    matrix: Floats,
    y: NDArray[Any],
    names: Sequence[str],
    *,
    weight: Floats | None = None,
    seed: int,
) -> Parameters:
    """One candidate: `matrix` (n, names) of numbers, NaN for missing; `y` (n,) of 0 and 1; `weight` (n,).

    Columns that hold one value (or none) are left out of the model. With a single class it is the prior alone.
    One thread: on a busy machine OpenMP's waiting threads made a fit of 5 s take 75 s.
    """
    use = prepared(matrix, y, weight)
    if use.single_class or not use.columns.any():
        return prior_only(use)
    kept = [name for name, used in zip(names, use.columns, strict=True) if used]
    with threadpool_limits(1):
        return KINDS[kind](use.matrix[:, use.columns], use.y, kept, weight=use.weight, seed=seed)


def fit_each(
    matrix: Floats, y: NDArray[Any], names: Sequence[str], *, weight: Floats | None = None, seed: int
) -> dict[str, Parameters]:
    """{kind: parameters} of the additive, pairwise and boosting candidates.

    `matrix` is (n, names) of numbers, NaN for missing; `y` (n,) of 0 and 1; `weight` (n,). The parameters are those of
    core/scoring/model.py without the curves `probability` and `confidence`, which the caller fits; log-odds are raw.
    """
    return {
        kind: fit(kind, matrix, y, names, weight=weight, seed=seed) for kind in ("additive", "pairwise", "boosting")
    }
