"""Reading the sets, and what every set's file has in common."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.evaluate.measuring import Fold

Figures = dict[str, Any]
"""Variant of the set (how it was split, which columns) to its figures."""


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """A set: where it lies, what others published about it, and how it is run."""

    folder: str
    """Below the folder of shared data."""
    published: str
    run: Callable[[Path, int, bool], Figures]
    """(the set's folder, seeds, whether a small sample is enough) -> figures"""


def csv(path: Path, **options: Any) -> pd.DataFrame:
    found: pd.DataFrame = pd.read_csv(path, compression="gzip", **options)
    return found


def labels(column: "pd.Series[Any]", yes: object) -> NDArray[np.int64]:
    return np.asarray(column == yes, dtype=np.int64)


def forward(
    X: pd.DataFrame, y: NDArray[np.int64], time: NDArray[Any], *, origin: Any, known: NDArray[np.bool_]
) -> Fold:
    """Rows from `origin` on are the test; of the earlier ones those whose label was known by then are trained on."""
    before = (time < origin) & known
    later = time >= origin
    return Fold(X=X[before], y=y[before], time=time[before], X_test=X[later], y_test=y[later])
