"""Pairs and trees of a model: parts of the log-odds that depend on several features, as plain arrays, explained exactly.

Both are parsed from JSON with nothing taken on trust, and evaluated for many rows at once. A matrix is (n, columns) of
floats with NaN for missing, its columns in the order of the `names` given to `parse`. Infinite values count as the
largest finite ones. See core/scoring/model.py for the other parts.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core import errors

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

MOST_LEAVES = 64
"""Of one tree: a set of leaves is one 64-bit number."""
ROWS_AT_ONCE = 8192
"""Rows evaluated at a time, so that the working arrays stay in the processor's cache."""
LARGEST = 1e300
"""A threshold this large sends every known value left: the split asks only whether the value is missing."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What two features add together: `values[bin of a, bin of b]`, the last row and column for missing."""

    features: tuple[str, str]
    edges: tuple[Floats, Floats]
    values: Floats


@dataclass(frozen=True, kw_only=True)
class Pairs:
    names: tuple[str, ...]
    each: tuple[Pair, ...]

    @classmethod
    def parse(cls, stored: Any, names: Sequence[str] | None = None) -> "Pairs":
        """Of `parameters["pairs"]`; `names` are the matrix's columns (by default the pairs' own features in order).

        Raises Invalid where the numbers are not pairs, or name a feature that is not among `names`.
        """
        try:
            each = tuple(_pair(one) for one in _list(stored, "pairs"))
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            raise errors.Invalid(f"These are not pairs: {wrong!r}") from wrong
        columns = tuple(dict.fromkeys(name for pair in each for name in pair.features)) if names is None else names
        _known([name for pair in each for name in pair.features], columns)
        return cls(names=tuple(columns), each=each)

    @property
    def lines(self) -> tuple[str, ...]:
        """What each pair is called: "a and b", in the order of `contributions`."""
        return tuple(" and ".join(pair.features) for pair in self.each)

    def log_odds(self, matrix: Floats) -> Floats:
        """(n,)"""
        found: Floats = self.contributions(matrix).sum(axis=1)
        return found

    def contributions(self, matrix: Floats) -> Floats:
        """(n, pairs): what each pair adds."""
        values = _matrix(matrix, len(self.names))
        found = np.empty((len(values), len(self.each)))
        for at, pair in enumerate(self.each):
            first, second = (
                _bins(values[:, self.names.index(name)], edges)
                for name, edges in zip(pair.features, pair.edges, strict=True)
            )
            found[:, at] = pair.values[first, second]
        return found


@dataclass(frozen=True, kw_only=True)
class Trees:
    """A sum of binary trees; x <= threshold goes left.

    A path's changes of value belong to the features split on, so they add up to the leaf's value exactly (Saabas 2014):
    every inner node holds the mean of what is below it, and a root holds 0 (what a tree says of nobody in particular
    belongs to the model's base). A set of leaves is a 64-bit number and each feature's bin says which leaves it leaves
    possible, so one `and` a feature finds the leaf (after QuickScorer, Lucchese et al. 2015).
    """

    names: tuple[str, ...]
    features: tuple[str, ...]
    feature: Integers
    threshold: Floats
    left: Integers
    right: Integers
    missing_left: NDArray[np.bool_]
    value: Floats
    roots: Integers
    _thresholds: tuple[Floats, ...]
    """Distinct thresholds a feature."""
    _masks: tuple[tuple[tuple[int, NDArray[np.uint64]], ...], ...]
    """A tree: (feature, the leaves each bin of it leaves possible; the last bin is missing)."""
    _leaves: tuple[Integers, ...]
    """A tree: the node of each leaf."""

    @classmethod
    def parse(cls, stored: Any, names: Sequence[str] | None = None) -> "Trees":
        """Of `parameters["trees"]`; `names` are the matrix's columns (by default the trees' own features).

        Raises Invalid where the arrays are not a forest: numbers that are not finite, lengths that differ, children
        that do not stand after their one parent, nodes of no tree, more than 64 leaves, roots that are not 0.
        """
        try:
            arrays = _arrays(stored)
            features = tuple(str(name) for name in _list(stored["features"], "features"))
            leaves, possible = _checked(arrays, len(features))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as wrong:
            raise errors.Invalid(f"These are not trees: {wrong!r}") from wrong
        if len(set(features)) != len(features):
            raise errors.Invalid("The trees name a feature twice")
        columns = features if names is None else tuple(names)
        _known(features, columns)
        thresholds = tuple(np.unique(arrays["threshold"][arrays["feature"] == at]) for at in range(len(features)))
        return cls(
            names=columns,
            features=features,
            feature=arrays["feature"].astype(np.int64),
            threshold=arrays["threshold"],
            left=arrays["left"].astype(np.int64),
            right=arrays["right"].astype(np.int64),
            missing_left=arrays["missing_left"].astype(np.bool_),
            value=arrays["value"],
            roots=arrays["roots"].astype(np.int64),
            _thresholds=thresholds,
            _masks=_masks(arrays, thresholds, possible),
            _leaves=leaves,
        )

    def log_odds(self, matrix: Floats) -> Floats:
        """(n,)"""
        values = _matrix(matrix, len(self.names))
        found = np.zeros(len(values))
        told = [self.value[nodes] for nodes in self._leaves]
        for rows, tree, leaf in self._reached(values):
            found[rows] += told[tree][leaf]
        return found

    def contributions(self, matrix: Floats) -> Floats:
        """(n, names): what each column adds; its sum over columns is `log_odds`."""
        values = _matrix(matrix, len(self.names))
        found = np.zeros((len(values), len(self.names)))
        paths = self._paths()
        told = [paths[nodes] for nodes in self._leaves]
        for rows, tree, leaf in self._reached(values):
            found[rows] += told[tree][leaf]
        return found

    def _paths(self) -> Floats:
        """(nodes, names): the changes of value on the way to each node, by the feature split on."""
        place = [self.names.index(name) for name in self.features]
        found = np.zeros((len(self.feature), len(self.names)))
        for node in np.flatnonzero(self.feature >= 0):
            column = place[self.feature[node]]
            for child in (self.left[node], self.right[node]):
                found[child] = found[node]
                found[child, column] += self.value[child] - self.value[node]
        return found

    def _reached(self, values: Floats) -> Iterator[tuple[slice, int, Integers]]:
        """(rows, tree, leaf of each row), block by block."""
        place = [self.names.index(name) for name in self.features]
        for first in range(0, len(values), ROWS_AT_ONCE):
            rows = slice(first, min(first + ROWS_AT_ONCE, len(values)))
            block = values[rows]
            codes = [_codes(block[:, column], edges) for column, edges in zip(place, self._thresholds, strict=True)]
            for tree, masks in enumerate(self._masks):
                possible = None
                for at, mask in masks:
                    left = mask[codes[at]]
                    possible = left if possible is None else np.bitwise_and(possible, left, out=possible)
                if possible is None:
                    leaf: Integers = np.zeros(len(block), dtype=np.int64)
                else:  # one bit is left: its place is the exponent of the number as a float
                    leaf = (possible.astype(np.float64).view(np.int64) >> 52) - 1023
                yield rows, tree, leaf


def _pair(stored: Mapping[str, Any]) -> Pair:
    first, second = (str(name) for name in _list(stored["features"], "features"))
    edges_of_first, edges_of_second = (_numbers(edges, "edges") for edges in _list(stored["edges"], "edges"))
    for edges in (edges_of_first, edges_of_second):
        if (np.diff(edges) <= 0).any():
            raise ValueError("edges must grow")
    values = np.array([_numbers(row, "values") for row in _list(stored["values"], "values")])
    if values.shape != (len(edges_of_first) + 2, len(edges_of_second) + 2):
        raise ValueError("a pair has two rows and two columns more than edges")
    if first == second:
        raise ValueError("a pair is of two features")
    return Pair(features=(first, second), edges=(edges_of_first, edges_of_second), values=values)


def _arrays(stored: Mapping[str, Any]) -> dict[str, Floats]:
    arrays = {
        name: _numbers(stored[name], name)
        for name in ("feature", "threshold", "left", "right", "missing_left", "value", "roots")
    }
    nodes = len(arrays["feature"])
    if any(len(array) != nodes for name, array in arrays.items() if name != "roots"):
        raise ValueError("the arrays of nodes differ in length")
    for name in ("feature", "left", "right", "missing_left", "roots"):
        if (arrays[name] != np.round(arrays[name])).any():
            raise ValueError(f"{name} must be whole numbers")
    return arrays


def _checked(arrays: Mapping[str, Floats], features: int) -> tuple[tuple[Integers, ...], list[int]]:
    """(the leaves of each tree, the leaves below each node as bits); raises ValueError where it is no forest."""
    feature = arrays["feature"].astype(np.int64)
    nodes = len(feature)
    inner = feature >= 0
    own = np.arange(nodes)[inner]
    left, right = arrays["left"][inner], arrays["right"][inner]
    if (feature < -1).any() or (feature >= features).any():
        raise ValueError("a node splits on a feature that does not exist")
    if not np.isin(arrays["missing_left"], (0, 1)).all():
        raise ValueError("missing_left must be 0 or 1")
    if len(own) and (min(left.min(), right.min()) < 0 or max(left.max(), right.max()) >= nodes):
        raise ValueError("a child does not exist")
    if (left <= own).any() or (right <= own).any():
        raise ValueError("a child must stand after its parent")
    parented = np.concatenate([left, right, arrays["roots"]])
    if len(parented) != nodes or not (np.sort(parented) == np.arange(nodes)).all():
        raise ValueError("every node must be a root or have one parent")
    if np.abs(arrays["value"][arrays["roots"].astype(np.int64)]).max(initial=0.0) > 1e-6:
        raise ValueError("a root must hold 0")
    return _leaves(arrays, inner)


def _leaves(arrays: Mapping[str, Floats], inner: NDArray[np.bool_]) -> tuple[tuple[Integers, ...], list[int]]:
    tree_of = np.empty(len(inner), dtype=np.int64)
    roots = arrays["roots"].astype(np.int64)
    tree_of[roots] = np.arange(len(roots))
    left, right = arrays["left"].astype(np.int64).tolist(), arrays["right"].astype(np.int64).tolist()
    for node in np.flatnonzero(inner).tolist():
        tree_of[left[node]] = tree_of[right[node]] = tree_of[node]
    leaves: list[list[int]] = [[] for _ in roots]
    below = [0] * len(inner)
    for node in np.flatnonzero(~inner).tolist():
        of = leaves[tree_of[node]]
        below[node] = 1 << len(of)
        of.append(node)
    if max(map(len, leaves), default=0) > MOST_LEAVES:
        raise ValueError(f"a tree has at most {MOST_LEAVES} leaves")
    for node in np.flatnonzero(inner)[::-1].tolist():
        below[node] = below[left[node]] | below[right[node]]
    return tuple(np.array(of, dtype=np.int64) for of in leaves), below


def _masks(
    arrays: Mapping[str, Floats], thresholds: Sequence[Floats], below: Sequence[int]
) -> tuple[tuple[tuple[int, NDArray[np.uint64]], ...], ...]:
    everything = (1 << MOST_LEAVES) - 1
    feature, left, right = (arrays[name].astype(np.int64).tolist() for name in ("feature", "left", "right"))
    found = []
    for root in arrays["roots"].astype(np.int64).tolist():
        masks: dict[int, NDArray[np.uint64]] = {}
        waiting = [root]
        while waiting:
            node = waiting.pop()
            at = feature[node]
            if at < 0:
                continue
            waiting += [left[node], right[node]]
            edges = thresholds[at]
            if at not in masks:
                masks[at] = np.full(len(edges) + 2, everything, dtype=np.uint64)
            first_right = int(np.searchsorted(edges, arrays["threshold"][node])) + 1
            goes_left = np.uint64(everything ^ below[right[node]])
            goes_right = np.uint64(everything ^ below[left[node]])
            # Leaves of other parts of the tree stay possible here and are ruled out by the nodes above.
            mask = masks[at]
            mask[:first_right] &= goes_left
            mask[first_right:-1] &= goes_right
            mask[-1] &= goes_left if arrays["missing_left"][node] else goes_right
        within = np.uint64(below[root])
        found.append(tuple((at, mask & within) for at, mask in sorted(masks.items())))
    return tuple(found)


def _codes(column: Floats, thresholds: Floats) -> Integers:
    codes = np.searchsorted(thresholds, column, side="left")
    codes[np.isnan(column)] = len(thresholds) + 1
    return codes


def _bins(column: Floats, edges: Floats) -> Integers:
    at = np.searchsorted(edges, column, side="right")
    at[np.isnan(column)] = len(edges) + 1
    return at


def _matrix(matrix: Floats, columns: int) -> Floats:
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != columns:
        raise errors.Invalid(f"A matrix of {columns} columns is needed, not one of shape {values.shape}")
    return np.clip(values, -LARGEST, LARGEST)


def _known(used: Sequence[str], names: Sequence[str]) -> None:
    unknown = set(used) - set(names)
    if unknown:
        raise errors.Invalid(f"A model uses features that do not exist: {', '.join(sorted(unknown))}")


def _list(stored: Any, what: str) -> Sequence[Any]:
    if not isinstance(stored, list | tuple):
        raise TypeError(f"{what} must be a list")
    return stored


def _numbers(stored: Any, what: str) -> Floats:
    listed = _list(stored, what)
    if not all(type(each) in (int, float) for each in listed):
        raise TypeError(f"{what} must be numbers")
    found = np.array(listed, dtype=np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"{what} must be finite")
    return found
