"""Training an additive model: penalised logistic regression on bins, shrunk to the documented prior, told what is monotone.

Each feature becomes a staircase: one coefficient a step (the thermometer code), so a bound of zero keeps the staircase
from ever going down where more evidence must not lower a score. The penalty pulls every step to the prior's own, so
what the data never showed stays what was documented (a Gaussian prior; Gelman et al. 2008, "A weakly informative default
prior"), and so do a few documented stories of what must alert (conditional means priors; Bedrick, Christensen & Johnson
1996). Variances are those of the Laplace approximation. The two curves are fitted last, on `calibration` rows if given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack, vstack

from core import errors
from core.history import History
from core.scoring import features, prior
from core.scoring.model import Term
from core.words import Intent

Floats = NDArray[np.float64]

PENALTY = 12.0
"""The weight of the prior: as if about so many rows had shown every step as the prior has it."""
FEWEST = 40
"""Rows a bin must hold in training; thinner ones are joined to their neighbour below."""
COUNT_EDGES = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0)
QUANTILES = 8
CURVE_ROWS = 200.0
"""The confidence curve is shrunk to the documented one as if so many rows had confirmed it."""

LEFT_OUT = frozenset({"peak_hour", "preferred_device"})
"""Habits, shown to agents and of no order: a model that leans on them learns who people are, not what they want."""
UNTOLD = frozenset({"property_count", "years_owned", "estimated_equity", "loan_to_value"})
"""What nobody told us of the home is no evidence: missing counts as the average of those of whom it is known."""
NEVER_LOWERS: dict[Intent, frozenset[str]] = {
    intent: frozenset(
        name
        for name, (_, values, _missing) in weights.items()
        if list(values) == sorted(values) and name not in ("email_click_rate_90d", "estimated_equity")
    )
    for intent, weights in prior.WEIGHTS.items()
}
"""Features whose prior only rises: more of them never lowers a score, whatever a sample says."""
ALWAYS = frozenset({"visits_per_week", "sessions_30d", "document_accesses_per_week"})
"""Presence never lowers any score."""


@dataclass(frozen=True, kw_only=True)
class Steps:
    """One feature's staircase: where its columns stand in the design matrix."""

    name: str
    edges: tuple[float, ...]
    has_missing: bool
    first: int
    """Column of the first step; steps are followed by the missing column, if any."""
    usual: tuple[float, ...]
    """The share of rows at or above each step, among those where it is known."""


def fit(
    X: NDArray[Any],
    y: NDArray[Any],
    feature_names: Sequence[str] = features.NAMES,
    *,
    intent: Intent,
    seed: int,
    confirmed: NDArray[Any] | None = None,
    weight: Floats | None = None,
    calibration: tuple[NDArray[Any], NDArray[Any], NDArray[Any]] | None = None,
    penalty: float = PENALTY,
) -> dict[str, Any]:
    """The parameters (core.scoring.model) of a model trained on one row a contact and instant.

    Args:
        X: (rows, features), NaN is missing.
        y: whether the transaction happened within the horizon.
        confirmed: whether an alert would have been right (transacted or confirmed); NaN where nobody was reached.
            Without it the confidence curve is the documented one.
        weight: what a row is worth as evidence (`one_each`); 1 if None.
        calibration: (X, y, confirmed) of later contacts or times, to fit the curves on; the training rows if None.
        seed: kept for reproducibility of callers; the fit itself draws nothing.

    Raises:
        Invalid: nothing to learn from.
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(X) != len(y) or X.shape[1] != len(feature_names):
        raise errors.Invalid("X and y have different lengths, or X is not as wide as its feature names")
    target, used = target_of(y, confirmed)
    if target[used].sum() < 5 or target[used].sum() > used.sum() - 5:
        raise errors.Invalid("fewer than five rows of either outcome: there is nothing to learn from")
    documented = prior.parameters(intent)
    priors = {name: _prior_term(stored) for name, stored in documented["terms"].items()}
    steps = _staircases(X, feature_names)
    design = _design(X, feature_names, steps)
    centre = np.concatenate([[documented["base"]], _prior_steps(steps, priors)])
    lower = _bounds(steps, NEVER_LOWERS[intent] | ALWAYS)
    centre[1:] = np.maximum(centre[1:], lower[1:])
    weights = np.ones(len(y)) if weight is None else np.asarray(weight, dtype=np.float64)
    strength = np.full(len(centre), penalty)
    strength[0] = 1.0  # the base is the data's to say
    told, told_target, told_weights = stories(intent, feature_names)
    rows = vstack([design[used], _design(told, feature_names, steps)], format="csr")
    row_target = np.concatenate([target[used], told_target])
    row_weights = np.concatenate([weights[used], told_weights])
    coefficients = _solve(rows, row_target, row_weights, centre, strength, lower)
    covariance = _covariance(rows, row_weights, coefficients, strength, lower)
    terms = _terms(steps, coefficients, covariance)
    base, terms = _centred(float(coefficients[0]), terms, steps, X, feature_names, weights)
    parameters: dict[str, Any] = {
        "base": round(base, 6),
        "base_variance": round(float(covariance[0, 0]), 8),
        "base_rate": round(float(np.average(y, weights=weights)), 6),
        "probability": dict(prior.PROBABILITY),
        "confidence": dict(prior.CONFIDENCE),
        "terms": terms,
        "seed": seed,
    }
    on_x, on_y, on_confirmed = calibration if calibration is not None else (X, y, confirmed)
    log_odds = log_odds_of(parameters, np.asarray(on_x, dtype=np.float64), feature_names)
    parameters["probability"] = probability_curve(log_odds, np.asarray(on_y, dtype=np.float64))
    if on_confirmed is not None:
        parameters["confidence"] = confidence_curve(log_odds, np.asarray(on_confirmed, dtype=np.float64))
    return parameters


def one_each(contact: NDArray[Any]) -> Floats:
    """Weights by which all rows of a contact together count as one: they share one ending."""
    _, which, rows = np.unique(contact, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / rows[which])


def stories(intent: Intent, names: Sequence[str]) -> tuple[Floats, Floats, Floats]:
    """The documented stories as rows of a contact of whom nothing else is known, with their share of right alerts."""
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    quiet = dict(zip(features.NAMES, features.vector(History("", epoch), (), now=epoch), strict=True))
    story = prior.STORIES[intent]
    row = [story.features.get(name, quiet.get(name, np.nan)) for name in names]
    return np.array([row], dtype=np.float64), np.array([story.right]), np.array([prior.STORY_ROWS])


def target_of(y: Floats, confirmed: NDArray[Any] | None) -> tuple[Floats, NDArray[np.bool_]]:
    """What to learn and from which rows: what agents confirmed where that is known of most, else the transactions.

    Interest is commoner and plainer to see than a closing, whose timing is luck; both curves are calibrated afterwards.
    """
    if confirmed is not None:
        right = np.asarray(confirmed, dtype=np.float64)
        reached = ~np.isnan(right)
        if reached.mean() >= 0.5:
            return np.where(reached, right, 0.0), reached
    return y, np.ones(len(y), dtype=bool)


def log_odds_of(parameters: Mapping[str, Any], X: Floats, feature_names: Sequence[str] = features.NAMES) -> Floats:
    """The sum of base and contributions for every row."""
    total = np.full(len(X), float(parameters["base"]))
    position = {name: at for at, name in enumerate(feature_names)}
    for name, term in parameters["terms"].items():
        column = X[:, position[name]]
        values = np.array([*term["values"], term["missing"]])
        at = np.searchsorted(np.array(term["edges"]), column, side="right")
        at[np.isnan(column)] = len(values) - 1
        total += values[at]
    return total


def _prior_term(stored: Mapping[str, Any]) -> Term:
    return Term(
        edges=tuple(stored["edges"]),
        values=tuple(stored["values"]),
        variances=tuple(stored["variances"]),
        missing=stored["missing"],
        missing_variance=stored["missing_variance"],
    )


def _staircases(X: Floats, names: Sequence[str]) -> list[Steps]:
    """The bins of every feature that has something to tell, from the rows; an all-missing column has none."""
    found = []
    column_at = 1
    for position, name in enumerate(names):
        if name in LEFT_OUT:
            continue
        column = X[:, position]
        known = column[~np.isnan(column)]
        missing = len(column) - len(known)
        edges = edges_of(known)
        has_missing = missing >= FEWEST and len(known) >= FEWEST and name not in UNTOLD
        if not edges and not has_missing:
            continue
        found.append(
            Steps(
                name=name,
                edges=edges,
                has_missing=has_missing,
                first=column_at,
                usual=tuple(float(np.mean(known >= edge)) for edge in edges),
            )
        )
        column_at += len(edges) + has_missing
    return found


def edges_of(known: Floats) -> tuple[float, ...]:
    if len(known) < 2 * FEWEST:
        return ()
    if np.all(known == np.round(known)) and known.max() < 1000:
        wanted: Sequence[float] = COUNT_EDGES
    else:
        positive = known[known > 0]
        spread = positive if len(positive) >= 2 * FEWEST else known
        wanted = sorted({_round(each) for each in np.quantile(spread, np.linspace(0, 1, QUANTILES + 1)[:-1])})
    edges: list[float] = []
    below = known.min()
    for edge in wanted:
        # Both sides of every edge must hold enough rows to say something.
        if np.sum((known >= below) & (known < edge)) >= FEWEST and np.sum(known >= edge) >= FEWEST:
            edges.append(float(edge))
            below = edge
    return tuple(edges)


def _round(value: float) -> float:
    return float(f"{value:.3g}")


def _design(X: Floats, names: Sequence[str], steps: Sequence[Steps]) -> csr_matrix:
    """A column of ones, then the thermometer code: 1 where the value has reached a step, and a column for missing."""
    position = {name: at for at, name in enumerate(names)}
    blocks = [csr_matrix(np.ones((len(X), 1)))]
    for step in steps:
        column = X[:, position[step.name]]
        missing = np.isnan(column)
        if step.edges:
            reached = (column[:, None] >= np.array(step.edges)).astype(np.float64)
            if step.name in UNTOLD:
                reached[missing] = step.usual
            blocks.append(csr_matrix(reached))
        if step.has_missing:
            blocks.append(csr_matrix(missing[:, None].astype(np.float64)))
    return hstack(blocks, format="csr")


def _prior_steps(steps: Sequence[Steps], priors: Mapping[str, Term]) -> Floats:
    """What the documented prior has for each step."""
    found: list[float] = []
    for step in steps:
        term = priors.get(step.name)
        if term is None:
            found.extend([0.0] * (len(step.edges) + step.has_missing))
            continue
        lowest = term.values[0]
        levels = [lowest, *(term.value(edge) for edge in step.edges)]
        found.extend(high - low for low, high in pairwise(levels))
        if step.has_missing:
            found.append(term.missing - lowest)
    return np.array(found)


def _bounds(steps: Sequence[Steps], rising: frozenset[str]) -> Floats:
    lower = [-np.inf]
    for step in steps:
        lower.extend([0.0 if step.name in rising or is_signal(step.name) else -np.inf] * len(step.edges))
        lower.extend([-np.inf] * step.has_missing)
    return np.array(lower)


def is_signal(name: str) -> bool:
    """More evidence never lowers: a signal that opens never costs a contact its place."""
    return name.startswith("signal_") or name.endswith("_signals")


def _solve(design: csr_matrix, y: Floats, weights: Floats, centre: Floats, strength: Floats, lower: Floats) -> Floats:
    def loss(coefficients: Floats) -> tuple[float, Floats]:
        z = design @ coefficients
        off = coefficients - centre
        value = float(np.sum(weights * (np.logaddexp(0, z) - y * z)) + 0.5 * np.sum(strength * off**2))
        gradient = design.T @ (weights * (_sigmoid(z) - y)) + strength * off
        return value, gradient

    bounds = [(None if low == -np.inf else low, None) for low in lower]
    result = minimize(loss, centre, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 600, "maxfun": 900})
    return np.asarray(result.x)


def _covariance(design: csr_matrix, weights: Floats, coefficients: Floats, strength: Floats, lower: Floats) -> Floats:
    """The Laplace approximation; a step held at its bound does not move."""
    p = _sigmoid(design @ coefficients)
    scaled = design.multiply((weights * p * (1 - p))[:, None]).tocsr()
    hessian = (design.T @ scaled).toarray() + np.diag(strength)
    free = np.flatnonzero(coefficients > lower + 1e-9)
    covariance: Floats = np.zeros_like(hessian)
    covariance[np.ix_(free, free)] = np.linalg.inv(hessian[np.ix_(free, free)])
    return covariance


def _terms(steps: Sequence[Steps], coefficients: Floats, covariance: Floats) -> dict[str, Any]:
    terms: dict[str, Any] = {}
    for step in steps:
        last = step.first + len(step.edges)
        values = np.concatenate([[0.0], np.cumsum(coefficients[step.first : last])])
        of_term = covariance[step.first : last, step.first : last]
        spread = [0.0, *(of_term[: k + 1, : k + 1].sum() for k in range(len(step.edges)))]
        missing = float(coefficients[last]) if step.has_missing else 0.0
        terms[step.name] = {
            "edges": list(step.edges),
            "values": [round(float(each), 6) for each in values],
            "variances": [round(max(0.0, float(each)), 8) for each in spread],
            "missing": round(missing, 6),
            "missing_variance": round(float(covariance[last, last]), 8) if step.has_missing else 0.0,
        }
    return terms


def _centred(
    base: float, terms: dict[str, Any], steps: Sequence[Steps], X: Floats, names: Sequence[str], weights: Floats
) -> tuple[float, dict[str, Any]]:
    """Shift every term so that its commonest bin (of the home: its mean) adds nothing: an explanation tells what sets
    this contact apart."""
    position = {name: at for at, name in enumerate(names)}
    missing_known = {step.name: step.has_missing for step in steps}
    for name, term in terms.items():
        column = X[:, position[name]]
        at = np.searchsorted(np.array(term["edges"]), column, side="right")
        at[np.isnan(column)] = len(term["values"])
        known = at < len(term["values"])
        if name in UNTOLD:
            usual = float(np.average(np.array(term["values"])[at[known]], weights=weights[known]))
        else:
            levels = [*term["values"], term["missing"]]
            usual = levels[int(np.argmax(np.bincount(at, weights=weights, minlength=len(levels))))]
        if not missing_known[name]:
            term["missing"] = usual  # never seen missing, or untold: then it says nothing
        base += usual
        term["values"] = [round(each - usual, 6) + 0.0 for each in term["values"]]
        term["missing"] = round(term["missing"] - usual, 6) + 0.0
    return base, terms


def probability_curve(log_odds: Floats, y: Floats) -> dict[str, float]:
    """ceiling * sigmoid(intercept + slope * log-odds): even an oracle rarely passes 0.4, so the curve may flatten."""

    def loss(free: Floats) -> float:
        slope, intercept, ceiling = np.exp(free[0]), free[1], _sigmoid(free[2])
        p = np.clip(ceiling * _sigmoid(intercept + slope * log_odds), 1e-9, 1 - 1e-9)
        start = np.array([0.0, 0.0, 1.0])  # weakly: slope 1, no shift, a ceiling well above what is seen
        return float(-np.sum(y * np.log(p) + (1 - y) * np.log(1 - p)) + 0.5 * np.sum((free - start) ** 2))

    found = minimize(loss, np.array([0.0, 0.0, 1.0]), method="Nelder-Mead", options={"maxiter": 2000}).x
    return {
        "slope": round(float(np.exp(found[0])), 6),
        "intercept": round(float(found[1]), 6),
        "ceiling": round(float(_sigmoid(found[2])), 6),
    }


def confidence_curve(
    log_odds: Floats, confirmed: Floats, *, start: Mapping[str, float] = prior.CONFIDENCE
) -> dict[str, float]:
    """A logistic curve of the log-odds on those who were reached, shrunk to the documented curve (or to `start`)."""
    reached = ~np.isnan(confirmed)
    x, right = log_odds[reached], confirmed[reached]
    begin = np.array([np.log(start["slope"]), start["intercept"]])
    grid = np.linspace(-4.5, 0.0, 10)
    believed = _sigmoid(begin[1] + np.exp(begin[0]) * grid)
    each = CURVE_ROWS / len(grid)

    def loss(free: Floats) -> float:
        slope, intercept = np.exp(free[0]), free[1]
        z, prior_z = intercept + slope * x, intercept + slope * grid
        return float(
            np.sum(np.logaddexp(0, z) - right * z) + each * np.sum(np.logaddexp(0, prior_z) - believed * prior_z)
        )

    found = minimize(loss, begin, method="Nelder-Mead", options={"maxiter": 2000}).x
    return {"slope": round(float(np.exp(found[0])), 6), "intercept": round(float(found[1]), 6), "ceiling": 1.0}


def _sigmoid(x: Any) -> Any:
    return 0.5 * (1 + np.tanh(0.5 * x))
