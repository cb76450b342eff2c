"""The kinds of model a table may get, one file each, from the simplest to the most intricate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fit_each(
    matrix: Floats, y: NDArray[Any], names: Sequence[str], *, weight: Floats | None = None, seed: int
) -> dict[str, dict[str, Any]]:
    """{kind: parameters} of the additive, pairwise and boosting candidates.

    `matrix` is (n, names) of numbers, NaN for missing; `y` (n,) of 0 and 1; `weight` (n,). The parameters are those of
    core/scoring/model.py without the curves `probability` and `confidence`, which the caller fits.
    """
    raise NotImplementedError
