"""A trained model of a table: plain numbers, saved as JSON under a SHA-256, never unpickled."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TabularModel:
    """What `train` gives: `parameters` is all there is to it."""

    parameters: Mapping[str, Any]

    def save(self, path: Path | str) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, path: Path | str) -> "TabularModel":
        raise NotImplementedError


def predict(model: TabularModel, X: Any) -> Floats:
    """Probabilities (n,), never 0 or 1."""
    raise NotImplementedError
