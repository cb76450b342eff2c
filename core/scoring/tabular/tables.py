"""Working with the parts of a model while it is made: staircases, boosted trees taken apart, weighted sums of models."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Parameters = dict[str, Any]
"""The contract's form without curves: base, terms, pairs, trees."""


@dataclass(frozen=True, kw_only=True)
class Stairs:
    """What one feature adds: `values[bisect_right(edges, x)]`, or `missing`."""

    edges: Floats
    values: Floats
    missing: float = 0.0

    def at(self, column: Floats) -> Floats:
        """(n,)"""
        found = self.values[np.searchsorted(self.edges, column, side="right")]
        found[np.isnan(column)] = self.missing
        return found

    def plus(self, other: "Stairs") -> "Stairs":
        edges = np.union1d(self.edges, other.edges)
        inside = np.concatenate([edges[:1] - 1.0, edges]) if len(edges) else np.zeros(1)
        inside[0] = -np.inf
        return Stairs(edges=edges, values=self.at(inside) + other.at(inside), missing=self.missing + other.missing)

    def times(self, weight: float) -> "Stairs":
        return Stairs(edges=self.edges, values=self.values * weight, missing=self.missing * weight)

    def plus_constant(self, constant: float) -> "Stairs":
        return Stairs(edges=self.edges, values=self.values + constant, missing=self.missing + constant)
