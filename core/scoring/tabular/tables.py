"""The parts of a model while it is made: staircases, boosted trees as plain arrays or tables, weighted sums of models."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.scoring.shapes import LARGEST, Pairs, Trees

Floats = NDArray[np.float64]
Parameters = dict[str, Any]
"""core/scoring/model.py's form without its curves: base, base_variance, base_rate, terms, pairs, trees."""

ARRAYS = ("feature", "threshold", "left", "right", "missing_left", "value")


@dataclass(frozen=True, kw_only=True)
class Stairs:
    """What one feature adds: `values[bisect_right(edges, x)]`, or `missing`."""

    edges: Floats
    values: Floats
    missing: float = 0.0

    def at(self, column: Floats) -> Floats:
        """(n,)"""
        found: Floats = self.values[np.searchsorted(self.edges, column, side="right")]
        found[np.isnan(column)] = self.missing
        return found

    def plus(self, other: "Stairs") -> "Stairs":
        edges = np.union1d(self.edges, other.edges)
        inside = np.concatenate([[-np.inf], edges])
        return Stairs(edges=edges, values=self.at(inside) + other.at(inside), missing=self.missing + other.missing)

    def shifted(self, by: float) -> "Stairs":
        return Stairs(edges=self.edges, values=self.values + by, missing=self.missing + by)

    def times(self, weight: float) -> "Stairs":
        return Stairs(edges=self.edges, values=self.values * weight, missing=self.missing * weight)


@dataclass(kw_only=True)
class Parts:
    """A model being added up: base + stairs + pair tables + trees."""

    base: float = 0.0
    stairs: dict[str, Stairs] = field(default_factory=dict)
    pairs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    trees: dict[str, Any] | None = None

    def add_stairs(self, name: str, stairs: Stairs) -> None:
        self.stairs[name] = self.stairs[name].plus(stairs) if name in self.stairs else stairs


def of_boosting(model: Any, names: Sequence[str]) -> tuple[float, dict[str, Any]]:
    """(base, trees) of a fitted HistGradientBoostingClassifier on numbers: base + trees is its decision function.

    Inner nodes get the mean of the leaves below them, weighted by training rows; each tree's own mean moves to the base.
    """
    base = float(np.ravel(model._baseline_prediction)[0])
    parts = []
    for (predictor,) in model._predictors:
        constant, arrays = _of_nodes(predictor.nodes)
        base += constant
        parts.append(arrays)
    return base, joined(parts, names)


def joined(parts: Iterable[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """One forest of several over the same features; each part's children and roots count from its own start."""
    found: dict[str, Any] = {"features": list(names), **{name: [] for name in ARRAYS}, "roots": []}
    for part in parts:
        start = len(found["feature"])
        for name in ARRAYS:
            moved = start if name in ("left", "right") else 0
            found[name] += [each + moved if moved and each else each for each in part[name]]
        found["roots"] += [root + start for root in part["roots"]]
    return found


def _of_nodes(nodes: Any) -> tuple[float, dict[str, Any]]:
    leaf = nodes["is_leaf"].astype(bool)
    value, count = nodes["value"].astype(np.float64).copy(), nodes["count"].astype(np.float64)
    left, right = nodes["left"].astype(np.int64), nodes["right"].astype(np.int64)
    for node in np.flatnonzero(~leaf)[::-1]:
        children = [left[node], right[node]]
        value[node] = np.average(value[children], weights=np.maximum(count[children], 1e-9))
    constant = float(value[0])
    value -= constant
    threshold = np.minimum(np.where(leaf, 0.0, nodes["num_threshold"]), LARGEST)
    return constant, {
        "feature": np.where(leaf, -1, nodes["feature_idx"]).astype(int).tolist(),
        "threshold": threshold.tolist(),
        "left": np.where(leaf, 0, left).tolist(),
        "right": np.where(leaf, 0, right).tolist(),
        "missing_left": np.where(leaf, 0, nodes["missing_go_to_left"]).astype(int).tolist(),
        "value": value.tolist(),
        "roots": [0],
    }


def as_tables(trees: Mapping[str, Any], *, pairs: Sequence[tuple[str, str]] = ()) -> Parts:
    """The same sum as staircases and pair tables, for trees of which every path asks at most two features.

    A leaf is a box: an interval (and perhaps missing) of each feature on its path. Its value is added to the table of
    those features. `pairs` gives the order of the two names. Raises ValueError where a path asks three features.
    """
    names, boxes = trees["features"], _boxes(trees)
    thresholds = _thresholds(trees)
    order = {frozenset(pair): pair for pair in pairs}
    parts = Parts()
    grids: dict[tuple[str, ...], Floats] = {}
    for value, box in boxes:
        if len(box) > 2:
            raise ValueError("a path of the trees asks more than two features")
        of = tuple(names[at] for at in box)
        of = order.get(frozenset(of), of) if len(of) == 2 else of
        if of not in grids:
            grids[of] = np.zeros([len(thresholds[name]) + 2 for name in of])
        at = {names[position]: spans for position, spans in box.items()}
        inside = [_cells(*at[name], len(thresholds[name])) for name in of]
        grids[of][np.ix_(*inside)] += value
    for of, grid in grids.items():
        edges = [np.nextafter(thresholds[name], np.inf) for name in of]
        if not of:
            parts.base += float(grid)
        elif len(of) == 1:
            parts.add_stairs(of[0], Stairs(edges=edges[0], values=grid[:-1], missing=float(grid[-1])))
        else:
            parts.pairs[(of[0], of[1])] = {"edges": edges, "values": grid}
    return parts


Box = dict[int, tuple[int, int, bool]]
"""A feature's place -> (first bin, bin after the last, whether missing belongs)."""


def _boxes(trees: Mapping[str, Any]) -> list[tuple[float, Box]]:
    thresholds = [_thresholds(trees)[name] for name in trees["features"]]
    found = []
    waiting: list[tuple[int, Box]] = [(root, {}) for root in trees["roots"]]
    while waiting:
        node, box = waiting.pop()
        at = trees["feature"][node]
        if at < 0:
            found.append((trees["value"][node], box))
            continue
        low, high, missing = box.get(at, (0, len(thresholds[at]) + 1, True))
        split = len(thresholds[at]) + 1
        if trees["threshold"][node] < LARGEST:
            split = int(np.searchsorted(thresholds[at], trees["threshold"][node])) + 1
        to_left = bool(trees["missing_left"][node])
        waiting.append((trees["left"][node], {**box, at: (low, min(high, split), missing and to_left)}))
        waiting.append((trees["right"][node], {**box, at: (max(low, split), high, missing and not to_left)}))
    return found


def _cells(first: int, after: int, missing: bool, edges: int) -> list[int]:
    return [*range(first, after), *([edges + 1] if missing else [])]


def _thresholds(trees: Mapping[str, Any]) -> dict[str, Floats]:
    feature, threshold = np.array(trees["feature"]), np.array(trees["threshold"], dtype=np.float64)
    real = threshold < LARGEST
    return {name: np.unique(threshold[(feature == at) & real]) for at, name in enumerate(trees["features"])}


def weighted(parts: Sequence[tuple[float, Parameters]]) -> Parameters:
    """The weighted sum of models on the scale of log-odds: again a base, terms, pairs and trees."""
    total = Parts()
    forests = []
    for weight, parameters in parts:
        total.base += weight * parameters["base"]
        for name, term in parameters["terms"].items():
            total.add_stairs(name, stairs_of(term).times(weight))
        for pair in parameters.get("pairs", ()):
            _add_pair(total, pair, weight)
        if parameters.get("trees"):
            trees = dict(parameters["trees"])
            forests.append({**trees, "value": [weight * value for value in trees["value"]]})
    names = list(dict.fromkeys(name for forest in forests for name in forest["features"]))
    total.trees = joined([_renamed(forest, names) for forest in forests], names) if forests else None
    first = parts[0][1]
    return stored(total, base_rate=first["base_rate"], base_variance=first["base_variance"], spread=_spread(parts))


def _add_pair(total: Parts, pair: Mapping[str, Any], weight: float) -> None:
    first, second = pair["features"]
    edges = [np.array(each, dtype=np.float64) for each in pair["edges"]]
    values = weight * np.array(pair["values"], dtype=np.float64)
    before = total.pairs.get((first, second))
    if before is not None:
        union = [np.union1d(a, b) for a, b in zip(before["edges"], edges, strict=True)]
        values = _regrid(edges, values, union) + _regrid(before["edges"], before["values"], union)
        edges = union
    total.pairs[(first, second)] = {"edges": edges, "values": values}


def _regrid(edges: Sequence[Floats], values: Floats, finer: Sequence[Floats]) -> Floats:
    places = [
        np.append(np.searchsorted(own, np.concatenate([[-np.inf], to]), side="right"), len(own) + 1)
        for own, to in zip(edges, finer, strict=True)
    ]
    found: Floats = values[np.ix_(*places)]
    return found


def _renamed(forest: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    place = [names.index(name) for name in forest["features"]]
    return {**forest, "features": names, "feature": [place[at] if at >= 0 else -1 for at in forest["feature"]]}


def _spread(parts: Sequence[tuple[float, Parameters]]) -> dict[str, Stairs]:
    """Variances of a blend's terms: those of its parts, weighted (they saw the same rows)."""
    found: dict[str, Stairs] = {}
    for weight, parameters in parts:
        for name, term in parameters["terms"].items():
            own = Stairs(
                edges=np.array(term["edges"], dtype=np.float64),
                values=np.array(term["variances"], dtype=np.float64),
                missing=float(term["missing_variance"]),
            ).times(abs(weight))
            found[name] = found[name].plus(own) if name in found else own
    return found


def stairs_of(term: Mapping[str, Any]) -> Stairs:
    return Stairs(
        edges=np.array(term["edges"], dtype=np.float64),
        values=np.array(term["values"], dtype=np.float64),
        missing=float(term["missing"]),
    )


def _checked(stairs: Stairs) -> Stairs:
    """Raises ValueError where the steps do not fit their edges."""
    if len(stairs.values) != len(stairs.edges) + 1 or not (np.diff(stairs.edges) > 0).all():
        raise ValueError("a term needs edges that grow, and one value more")
    return stairs


def stored(
    parts: Parts, *, base_rate: float, base_variance: float, spread: Mapping[str, Stairs] | None = None
) -> Parameters:
    """Plain JSON numbers; variances of terms by `spread`, 0 where it has none."""
    terms = {}
    for name, stairs in parts.stairs.items():
        wide = (spread or {}).get(name)
        inside = np.concatenate([[-np.inf], stairs.edges])
        terms[name] = {
            "edges": stairs.edges.tolist(),
            "values": stairs.values.tolist(),
            "variances": (wide.at(inside) if wide else np.zeros(len(inside))).tolist(),
            "missing": float(stairs.missing),
            "missing_variance": float(wide.missing) if wide else 0.0,
        }
    found: Parameters = {
        "base": float(parts.base),
        "base_variance": float(base_variance),
        "base_rate": float(base_rate),
        "terms": terms,
    }
    if parts.pairs:
        found["pairs"] = [
            {
                "features": list(names),
                "edges": [each.tolist() for each in pair["edges"]],
                "values": pair["values"].tolist(),
            }
            for names, pair in parts.pairs.items()
        ]
    if parts.trees and parts.trees["roots"]:
        found["trees"] = parts.trees
    return found


@dataclass(frozen=True, kw_only=True)
class Sum:
    """A stored model made ready for a matrix: base + terms + pairs + trees, the log-odds and what adds up to them."""

    names: tuple[str, ...]
    base: float
    stairs: tuple[tuple[int, Stairs], ...]
    pairs: Pairs | None
    trees: Trees | None

    @classmethod
    def parse(cls, parameters: Parameters, names: Sequence[str]) -> "Sum":
        """Raises ValueError, KeyError or TypeError where the parameters are no model of these names."""
        if unknown := set(dict(parameters["terms"])) - set(names):
            raise ValueError(f"terms of no column: {sorted(unknown)}")
        return cls(
            names=tuple(names),
            base=float(parameters["base"]),
            stairs=tuple(
                (at, _checked(stairs_of(parameters["terms"][name])))
                for at, name in enumerate(names)
                if name in parameters["terms"]
            ),
            pairs=Pairs.parse(parameters["pairs"], names) if parameters.get("pairs") else None,
            trees=Trees.parse(parameters["trees"], names) if parameters.get("trees") else None,
        )

    def log_odds(self, matrix: Floats) -> Floats:
        """(n,)"""
        total = np.full(len(matrix), self.base)
        for at, stairs in self.stairs:
            total += stairs.at(matrix[:, at])
        if self.pairs is not None:
            total += self.pairs.log_odds(matrix)
        if self.trees is not None:
            total += self.trees.log_odds(matrix)
        return total

    def contributions(self, matrix: Floats) -> tuple[Floats, Floats]:
        """((n, names) of terms and trees, (n, pairs)): with the base they add up to the log-odds."""
        own = np.zeros((len(matrix), len(self.names)))
        for at, stairs in self.stairs:
            own[:, at] += stairs.at(matrix[:, at])
        if self.trees is not None:
            own += self.trees.contributions(matrix)
        paired = self.pairs.contributions(matrix) if self.pairs is not None else np.zeros((len(matrix), 0))
        return own, paired
