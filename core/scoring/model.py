"""Models as tables: additive on the log-odds scale, so a score is a sum of looked-up numbers and explains itself.

A model's parameters are plain numbers: a base; per feature the edges of its bins with a value (and the variance of that
value) a bin, and one for missing; where they earn it, tables of pairs of features and trees (core.scoring.shapes).
`probability` and `confidence` are monotone curves of the same sum (core.scoring.curves). Models of all intents are
compiled together: one bisection a feature finds the values for all of them, pairs included.

Features are rounded to 32 bits before they are scored, and so are the edges of bins, because 32 bits are what is stored
with every score: a score computed again from what is stored is the same number, and training sees what serving saw.
"""

import hashlib
import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import errors, fairness
from core.scoring.curves import LEAST, MOST, AnyCurve, Curve, Evidence, Floats, parse_curve, parse_evidence
from core.scoring.shapes import LARGEST, Pair, Pairs, Trees

__all__ = [
    "LEAST",
    "MOST",
    "SPREAD",
    "Compiled",
    "Curve",
    "Floats",
    "Grove",
    "Model",
    "Scored",
    "Term",
    "as_stored",
    "digest",
    "parse",
]

SPREAD = 1.645
"""Standard errors to each side: intervals hold the true number nine times in ten."""


class Scored(NamedTuple):
    """One intent's numbers for one contact; the intervals are 90%."""

    intent: str
    probability: float
    probability_low: float
    probability_high: float
    confidence: float
    confidence_low: float
    confidence_high: float
    lift: float
    base_rate: float
    log_odds: float
    model_version: str


def as_stored(vector: Sequence[float]) -> "array[float]":
    """The vector as a stored score holds it: 32-bit floats; what is too large for them is infinite."""
    return array("f", vector)


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """What one feature adds: `values[bisect_right(edges, x)]`, or `missing` for NaN."""

    edges: tuple[float, ...]
    values: tuple[float, ...]
    variances: tuple[float, ...]
    missing: float = 0.0
    missing_variance: float = 0.0

    def value(self, x: float) -> float:
        return self.missing if x != x else self.values[bisect_right(self.edges, x)]


class Grove:
    """Trees for one contact at a time: the same look-up as core.scoring.shapes, in plain Python, without numpy's calls."""

    def __init__(self, trees: Trees) -> None:
        self._edges = [edges.tolist() for edges in trees._thresholds]
        self._each = [
            (tuple((at, mask.tolist()) for at, mask in masks), trees.value[nodes].tolist())
            for masks, nodes in zip(trees._masks, trees._leaves, strict=True)
        ]
        self._nodes = list(
            zip(
                trees.feature.tolist(),
                trees.threshold.tolist(),
                trees.left.tolist(),
                trees.right.tolist(),
                trees.missing_left.tolist(),
                trees.value.tolist(),
                strict=True,
            )
        )
        self._roots = trees.roots.tolist()

    def value(self, xs: Sequence[float]) -> float:
        """What all trees add together; `xs` in the order of the trees' features."""
        codes = [
            len(edges) + 1 if x != x else bisect_left(edges, min(max(x, -LARGEST), LARGEST))
            for x, edges in zip(xs, self._edges, strict=True)
        ]
        total = 0.0
        for masks, values in self._each:
            possible = -1
            for at, mask in masks:
                possible &= mask[codes[at]]
            total += values[possible.bit_length() - 1 if masks else 0]
        return total

    def contributions(self, xs: Sequence[float]) -> list[float]:
        """What each feature adds: the changes of value along the paths, where it was split on."""
        found = [0.0] * len(xs)
        nodes = self._nodes
        for root in self._roots:
            at, threshold, left, right, missing_left, value = nodes[root]
            while at >= 0:
                x = xs[at]
                goes_left = missing_left if x != x else min(max(x, -LARGEST), LARGEST) <= threshold
                column, before = at, value
                at, threshold, left, right, missing_left, value = nodes[left if goes_left else right]
                found[column] += value - before
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """One version of one intent's model."""

    id: str
    intent: str
    kind: str
    base: float
    base_variance: float
    base_rate: float
    terms: Mapping[str, Term]
    probability: AnyCurve
    confidence: AnyCurve
    pairs: tuple[Pair, ...] = ()
    trees: Trees | None = None
    """Parsed over their own features."""
    grove: Grove | None = None
    """The same trees, for one contact at a time."""
    evidence: Evidence | None = None

    @property
    def features(self) -> frozenset[str]:
        """Every feature it looks at."""
        of_pairs = {name for pair in self.pairs for name in pair.features}
        return frozenset(self.terms) | of_pairs | frozenset(self.trees.features if self.trees else ())


def parse(parameters: Mapping[str, Any], *, id: str, intent: str, kind: str) -> Model:
    """The model of stored parameters; raises Invalid where they are not a model (never runs anything they hold)."""
    try:
        terms = {name: _term(term) for name, term in parameters["terms"].items()}
        trees = _trees(parameters.get("trees"))
        model = Model(
            id=id,
            intent=intent,
            kind=kind,
            base=float(parameters["base"]),
            base_variance=float(parameters["base_variance"]),
            base_rate=float(parameters["base_rate"]),
            terms=terms,
            probability=parse_curve(parameters["probability"]),
            confidence=parse_curve(parameters["confidence"]),
            pairs=_pairs(parameters.get("pairs")),
            trees=trees,
            grove=Grove(trees) if trees else None,
            evidence=parse_evidence(parameters.get("evidence")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as wrong:
        raise errors.Invalid(f"The parameters of {id} are not a model: {wrong!r}") from wrong
    if refused := next(filter(None, map(fairness.refusal, sorted(model.features))), None):
        raise errors.Invalid(f"The model {id} cannot be used: {refused}")
    if not all(map(isfinite, (model.base, model.base_variance))) or not 0 < model.base_rate < 1:
        raise errors.Invalid(f"The base of {id} is out of range")
    if model.base_variance < 0:
        raise errors.Invalid(f"The base of {id} has a negative variance")
    return model


def digest(parameters: Mapping[str, Any]) -> str:
    """SHA-256 of the parameters, the same however a database writes its numbers and orders its keys."""
    return hashlib.sha256(json.dumps(_plain(parameters), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    # Nearly all are numbers, and no two databases' types differ by subclass: asking for the exact type first halves it.
    if type(value) is float or type(value) is int:
        return f"{value + 0.0:.12g}"
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{float(value) + 0.0:.12g}"
    return value


def _term(stored: Mapping[str, Any]) -> Term:
    term = Term(
        edges=tuple(_narrow(np.array(stored["edges"], dtype=np.float64)).tolist()),
        values=tuple(map(float, stored["values"])),
        variances=tuple(map(float, stored["variances"])),
        missing=float(stored["missing"]),
        missing_variance=float(stored["missing_variance"]),
    )
    if len(term.values) != len(term.edges) + 1 or len(term.variances) != len(term.values):
        raise ValueError("a term has one value and one variance more than edges")
    if (edges := list(map(float, stored["edges"]))) != sorted(set(edges)):
        raise ValueError("edges must grow")
    if not all(map(isfinite, (*term.edges, *term.values, *term.variances, term.missing, term.missing_variance))):
        raise ValueError("every number of a term must be finite")
    if min((*term.variances, term.missing_variance)) < 0:
        raise ValueError("variances cannot be negative")
    return term


def _pairs(stored: Any) -> tuple[Pair, ...]:
    if not stored:
        return ()
    return tuple(
        replace(pair, edges=(_narrow(pair.edges[0]), _narrow(pair.edges[1]))) for pair in Pairs.parse(stored).each
    )


def _trees(stored: Any) -> Trees | None:
    return Trees.parse(stored) if stored else None


def _narrow(edges: Floats) -> Floats:
    near = edges.astype(np.float32)
    # Boosting puts an edge one 64-bit step above a value ("up to 3" goes left): it must stay above it in 32 bits too.
    hair = (near < edges) & (edges - near <= 4 * np.spacing(np.abs(edges)))
    return np.where(hair, np.nextafter(near, np.float32(np.inf)), near).astype(np.float64)


class Compiled:
    """Several models over one feature order, as tables."""

    def __init__(self, models: Sequence[Model], names: Sequence[str]) -> None:
        unknown = {name for model in models for name in model.features} - set(names)
        if unknown:
            raise errors.Invalid(f"Models use features that do not exist: {', '.join(sorted(unknown))}")
        self.models = tuple(models)
        self.names = tuple(names)
        self.width = len(self.models)
        self._start = (*(model.base for model in models), *(model.base_variance for model in models))
        self._tables: list[tuple[int, list[float], list[tuple[tuple[int, float], ...]]]] = []
        """A feature: its place, the union of all edges, and a row a bin (the last for missing) of (total, what it adds)."""
        self._arrays: list[tuple[int, Floats, Floats]] = []
        index = {name: place for place, name in enumerate(names)}
        slots: dict[str, int] = {}
        edges_of: list[list[float]] = []
        for place, name in enumerate(names):
            edges = self._edges(name)
            if edges is None:
                continue
            slots[name] = len(edges_of)
            edges_of.append(edges)
            rows = self._rows(name, edges)
            sparse = [tuple((i, each) for i, each in enumerate(row) if each) for row in rows]
            self._tables.append((place, edges, sparse))
            self._arrays.append((place, np.array(edges), np.array(rows, dtype=np.float64)))
        self._pairs: list[tuple[int, int, list[int], int, list[int], list[float]]] = []
        """A pair: its total, then slot and place in the table by bin of either feature, and the table."""
        self._pair_arrays: list[tuple[int, int, NDArray[np.intp], int, NDArray[np.intp], Floats]] = []
        for which, model in enumerate(models):
            for pair in model.pairs:
                first, second = (slots[name] for name in pair.features)
                rows_at = [at * pair.values.shape[1] for at in _places(edges_of[first], pair.edges[0])]
                columns_at = _places(edges_of[second], pair.edges[1])
                flat = pair.values.ravel()
                self._pairs.append((which, first, rows_at, second, columns_at, flat.tolist()))
                self._pair_arrays.append(
                    (which, first, np.array(rows_at, np.intp), second, np.array(columns_at, np.intp), flat)
                )
        self._groves = [
            (which, [index[name] for name in model.trees.features], model.grove, model.trees)
            for which, model in enumerate(models)
            if model.trees is not None and model.grove is not None
        ]

    def _edges(self, name: str) -> list[float] | None:
        """All edges of a feature in any model's terms and pairs; None where none looks at it."""
        found = [model.terms[name].edges for model in self.models if name in model.terms]
        for model in self.models:
            for pair in model.pairs:
                found += [tuple(edges) for each, edges in zip(pair.features, pair.edges, strict=True) if each == name]
        return sorted({edge for edges in found for edge in edges}) if found else None

    def _rows(self, name: str, edges: Sequence[float]) -> list[tuple[float, ...]]:
        """What a bin adds to each model's log-odds and variance; the last is for missing."""
        terms = [model.terms.get(name) for model in self.models]
        rows = [
            (
                *(term.values[bisect_right(term.edges, x)] if term else 0.0 for term in terms),
                *(term.variances[bisect_right(term.edges, x)] if term else 0.0 for term in terms),
            )
            for x in (-np.inf, *edges)  # a point inside each bin of the union finds every model's own bin
        ]
        missing = (
            *(term.missing if term else 0.0 for term in terms),
            *(term.missing_variance if term else 0.0 for term in terms),
        )
        return [*rows, missing]

    def one(self, vector: Sequence[float]) -> tuple[Scored, ...]:
        """All models for one contact."""
        kept = as_stored(vector)
        totals = list(self._start)
        bins = []
        for place, edges, rows in self._tables:
            x = kept[place]
            at = -1 if x != x else bisect_right(edges, x)
            bins.append(at)
            for i, each in rows[at]:
                totals[i] += each
        for which, first, rows_at, second, columns_at, values in self._pairs:
            totals[which] += values[rows_at[bins[first]] + columns_at[bins[second]]]
        for which, places, grove, _ in self._groves:
            totals[which] += grove.value([kept[place] for place in places])
        width = self.width
        return tuple([_scored(model, totals[i], sqrt(totals[width + i])) for i, model in enumerate(self.models)])

    def totals(self, vectors: Sequence[Sequence[float]] | Floats) -> Floats:
        """(contacts, 2 x models): every model's log-odds, then every model's variance of it."""
        with np.errstate(over="ignore"):
            matrix = np.asarray(vectors, dtype=np.float32).astype(np.float64)
        totals = np.tile(np.array(self._start), (len(matrix), 1))
        bins = []
        for place, edges, table in self._arrays:
            column = matrix[:, place]
            at = np.searchsorted(edges, column, side="right")
            at[np.isnan(column)] = len(table) - 1
            bins.append(at)
            totals += table.take(at, axis=0)
        for which, first, rows_at, second, columns_at, values in self._pair_arrays:
            totals[:, which] += values.take(rows_at.take(bins[first]) + columns_at.take(bins[second]))
        for which, places, _, trees in self._groves:
            totals[:, which] += trees.log_odds(matrix[:, places])
        return totals

    def many(self, vectors: Sequence[Sequence[float]] | Floats) -> list[tuple[Scored, ...]]:
        """All models for many contacts."""
        if not len(vectors):
            return []
        totals = self.totals(vectors)
        columns = []
        for i, model in enumerate(self.models):
            log_odds = totals[:, i]
            error = SPREAD * np.sqrt(totals[:, self.width + i])
            low, high = log_odds - error, log_odds + error
            probability = model.probability.each(log_odds)
            numbers = (
                probability,
                model.probability.each(low),
                model.probability.each(high),
                model.confidence.each(log_odds),
                model.confidence.each(low),
                model.confidence.each(high),
                probability / model.base_rate,
                log_odds,
            )
            intent, rate, version = model.intent, model.base_rate, model.id
            columns.append(
                [
                    Scored(intent, p, pl, ph, c, cl, ch, lift, rate, odds, version)
                    for p, pl, ph, c, cl, ch, lift, odds in zip(*(each.tolist() for each in numbers), strict=True)
                ]
            )
        return list(zip(*columns, strict=True)) if columns else [()] * len(totals)


def _places(union: Sequence[float], edges: Floats) -> list[int]:
    """For each bin of the union (the last is missing), the pair's own."""
    inside = (-np.inf, *union)
    return [*(bisect_right(edges.tolist(), x) for x in inside), len(edges) + 1]


def _scored(model: Model, log_odds: float, error: float) -> Scored:
    low, high = log_odds - SPREAD * error, log_odds + SPREAD * error
    probability = model.probability.at(log_odds)
    return Scored(
        model.intent,
        probability,
        model.probability.at(low),
        model.probability.at(high),
        model.confidence.at(log_odds),
        model.confidence.at(low),
        model.confidence.at(high),
        probability / model.base_rate,
        model.base_rate,
        log_odds,
        model.id,
    )
