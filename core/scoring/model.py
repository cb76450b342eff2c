"""Models as tables: additive on the log-odds scale, so a score is a sum of looked-up numbers and explains itself.

A model's parameters are plain numbers: a base, and per feature the edges of its bins with a value (and the variance of
that value) a bin, and one for missing. `probability` and `confidence` are monotone curves of the same sum. Models of all
intents are compiled together: one bisection a feature finds the values for all of them.
"""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, isfinite, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core import errors

LEAST, MOST = 0.001, 0.99
"""Nothing is shown as impossible or certain."""
SPREAD = 1.645
"""Standard errors to each side: intervals hold the true number nine times in ten."""

Floats = NDArray[np.float64]


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


class Curve(NamedTuple):
    """A number between 0 and `ceiling` that grows with the log-odds."""

    slope: float
    intercept: float
    ceiling: float = 1.0

    def at(self, log_odds: float) -> float:
        x = self.intercept + self.slope * log_odds
        value = self.ceiling / (1 + exp(-x)) if x > -700 else 0.0
        return LEAST if value < LEAST else MOST if value > MOST else value

    def each(self, log_odds: Floats) -> Floats:
        x = np.clip(self.intercept + self.slope * log_odds, -700, 700)
        return np.clip(self.ceiling / (1 + np.exp(-x)), LEAST, MOST)


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
    probability: Curve
    confidence: Curve


def parse(parameters: Mapping[str, Any], *, id: str, intent: str, kind: str) -> Model:
    """The model of stored parameters; raises Invalid where they are not a model (never runs anything they hold)."""
    try:
        terms = {name: _term(term) for name, term in parameters["terms"].items()}
        model = Model(
            id=id,
            intent=intent,
            kind=kind,
            base=float(parameters["base"]),
            base_variance=float(parameters["base_variance"]),
            base_rate=float(parameters["base_rate"]),
            terms=terms,
            probability=_curve(parameters["probability"]),
            confidence=_curve(parameters["confidence"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise errors.Invalid(f"The parameters of {id} are not a model: {wrong!r}") from wrong
    if not all(map(isfinite, (model.base, model.base_variance))) or not 0 < model.base_rate < 1:
        raise errors.Invalid(f"The base of {id} is out of range")
    return model


def digest(parameters: Mapping[str, Any]) -> str:
    """SHA-256 of the parameters, the same however a database writes its numbers and orders its keys."""
    return hashlib.sha256(json.dumps(_plain(parameters), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{float(value) + 0.0:.12g}"
    return value


def _term(stored: Mapping[str, Any]) -> Term:
    term = Term(
        edges=tuple(map(float, stored["edges"])),
        values=tuple(map(float, stored["values"])),
        variances=tuple(map(float, stored["variances"])),
        missing=float(stored["missing"]),
        missing_variance=float(stored["missing_variance"]),
    )
    if len(term.values) != len(term.edges) + 1 or len(term.variances) != len(term.values):
        raise ValueError("a term has one value and one variance more than edges")
    if list(term.edges) != sorted(set(term.edges)):
        raise ValueError("edges must grow")
    if not all(map(isfinite, (*term.edges, *term.values, *term.variances, term.missing, term.missing_variance))):
        raise ValueError("every number of a term must be finite")
    if min((*term.variances, term.missing_variance)) < 0:
        raise ValueError("variances cannot be negative")
    return term


def _curve(stored: Mapping[str, Any]) -> Curve:
    curve = Curve(float(stored["slope"]), float(stored["intercept"]), float(stored.get("ceiling", 1.0)))
    if not curve.slope > 0 or not 0 < curve.ceiling <= 1 or not isfinite(curve.intercept):
        raise ValueError("a curve must grow, and stay between 0 and 1")
    return curve


class Compiled:
    """Several models over one feature order, as tables."""

    def __init__(self, models: Sequence[Model], names: Sequence[str]) -> None:
        unknown = {name for model in models for name in model.terms} - set(names)
        if unknown:
            raise errors.Invalid(f"Models use features that do not exist: {', '.join(sorted(unknown))}")
        self.models = tuple(models)
        width = len(self.models)
        self._start = (*(model.base for model in models), *(model.base_variance for model in models))
        self._tables: list[tuple[int, list[float], list[tuple[float, ...]], tuple[float, ...]]] = []
        self._arrays: list[tuple[int, Floats, Floats]] = []
        for position, name in enumerate(names):
            terms = [model.terms.get(name) for model in models]
            present = [term for term in terms if term is not None]
            if not present:
                continue
            edges = sorted({edge for term in present for edge in term.edges})
            # A point inside each bin of the union of all edges finds every model's own bin.
            inside = [edges[0] - 1.0, *edges] if edges else [0.0]
            rows = [
                (
                    *(term.values[bisect_right(term.edges, x)] if term else 0.0 for term in terms),
                    *(term.variances[bisect_right(term.edges, x)] if term else 0.0 for term in terms),
                )
                for x in inside
            ]
            missing = (
                *(term.missing if term else 0.0 for term in terms),
                *(term.missing_variance if term else 0.0 for term in terms),
            )
            self._tables.append((position, edges, rows, missing))
            self._arrays.append((position, np.array(edges), np.array([*rows, missing], dtype=np.float64)))
        self.width = width

    def one(self, vector: Sequence[float]) -> tuple[Scored, ...]:
        """All models for one contact."""
        totals = list(self._start)
        each = range(len(totals))
        for position, edges, rows, missing in self._tables:
            x = vector[position]
            row = missing if x != x else rows[bisect_right(edges, x)]
            for i in each:
                totals[i] += row[i]
        width = self.width
        return tuple(_scored(model, totals[i], sqrt(totals[width + i])) for i, model in enumerate(self.models))

    def many(self, vectors: Sequence[Sequence[float]] | Floats) -> list[tuple[Scored, ...]]:
        """All models for many contacts."""
        matrix = np.asarray(vectors, dtype=np.float64)
        if not len(matrix):
            return []
        totals = np.tile(np.array(self._start), (len(matrix), 1))
        for position, edges, table in self._arrays:
            column = matrix[:, position]
            at = np.searchsorted(edges, column, side="right")
            at[np.isnan(column)] = len(table) - 1
            totals += table[at]
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
        return list(zip(*columns, strict=True))


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
