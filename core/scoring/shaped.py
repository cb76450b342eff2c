"""Boosted tables that keep the house rules: one staircase a feature and a few pairs, more evidence never lowers a score.

Additive boosting first, then again with the pairs of features that explain most of what was left (Lou et al. 2013,
"Accurate intelligible models with pairwise interactions"); every tree asks at most two features, so that the whole is
tables. Features whose prior only rises are bound to rise in every tree. The documented stories take part as rows, and
what nobody told us of a home counts for little. For intents with much data; the staircase is
shrunk to the prior and is for the others. Unlike there, what says nothing of this intent by the prior (a signal of another,
mere presence) may lower it: much data tells who is here for something else.
"""

from collections.abc import Sequence
from itertools import combinations
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from core import errors
from core.scoring import features, prior, staircase
from core.scoring.tabular.candidates.numbers import spread
from core.scoring.tabular.candidates.pairwise import purified
from core.scoring.tabular.tables import Parameters, Parts, Stairs, Sum, as_tables, of_boosting, stored
from core.words import Intent

Floats = NDArray[np.float64]

ROUNDS = 120
SETTINGS: dict[str, Any] = {
    "learning_rate": 0.1,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 60,
    "l2_regularization": 5.0,
    "max_bins": 48,
    "max_features": 0.6,
    "early_stopping": False,
}
PAIRS = 24
UNTOLD_MOST = log(2.0)
"""In the made-up worlds a home nobody told us of is one nobody has. With a team it may as well not have been imported:
it may halve or double the odds, and no more."""
FOLDS = 3
"""Parts the contacts are dealt into, to judge what was learnt."""
BEYOND_DOUBT = 2.0
"""Standard errors. On worlds that were not measured on, it cost a half to one point of the gap and silenced all of 20 columns of noise."""
STORY_ROWS = 240.0
"""A story weighs as much as so many contacts like it."""


def fit(
    X: NDArray[Any],
    y: NDArray[Any],
    feature_names: Sequence[str] = features.NAMES,
    *,
    intent: Intent,
    seed: int,
    confirmed: NDArray[Any] | None = None,
    contact: NDArray[Any] | None = None,
    for_curves: NDArray[np.bool_] | None = None,
    rounds: int = ROUNDS,
    pairs: int = PAIRS,
) -> dict[str, Any]:
    """The parameters (core.scoring.model) of a model trained on one row a contact and instant.

    Contacts are dealt into FOLDS parts, and each part is scored by tables that were learnt from the others. By those
    scores it is judged which features take part (those with a share in the nonnegative garrote; Breiman 1995, "Better
    subset regression"), and both curves are fitted on them: no row is judged by what was learnt from it.

    Args:
        X: (rows, features), NaN is missing.
        y: whether it transacted.
        confirmed: whether an alert would have been right, NaN where nobody was reached.
        contact: whose row it is; every row is a contact of its own if None.
        for_curves: the rows to fit the curves on; all if None.

    Raises:
        Invalid: fewer than 200 rows of either outcome.
    """
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64)
    target, used = staircase.target_of(y, confirmed)
    if min(target[used].sum(), (1 - target[used]).sum()) < 200:
        raise errors.Invalid("fewer than 200 rows of either outcome: boosting would learn chance")
    told, told_target, _ = staircase.stories(intent, feature_names)
    kept = [at for at, name in enumerate(feature_names) if name not in staircase.LEFT_OUT and _varies(X[used, at])]
    names = [feature_names[at] for at in kept]
    matrix = _homes_in_eighths(np.concatenate([X, told, told])[:, kept], names)
    labels = np.concatenate([target, [1.0, 0.0]])
    story = STORY_ROWS * np.array([told_target[0], 1 - told_target[0]])
    weight = np.concatenate([used.astype(np.float64), story])
    part = np.append(_dealt(np.arange(len(y)) if contact is None else contact, seed), [-1, -1])  # stories teach all

    def tables(rows: NDArray[np.bool_], columns: Sequence[int]) -> Parts:
        some = rows & (weight > 0)
        of = [names[at] for at in columns]
        found = _boosted(
            matrix[some][:, columns],
            labels[some],
            of,
            intent,
            weight=weight[some],
            rounds=rounds,
            pairs=pairs,
            seed=seed,
        )
        _untold_is_little(found, X[used], feature_names)
        return found

    everything = list(range(len(names)))
    said, own = np.zeros(len(y)), np.zeros((len(y), len(names)))
    with threadpool_limits(limits=1, user_api="openmp"):  # two spinning threads on a busy machine take minutes
        for number in range(FOLDS):
            others, here = part != number, np.flatnonzero(part == number)
            said[here], own[here] = _said(tables(others, everything), matrix[here], names)
        worth = _worth(own[used], target[used])
        parts = tables(part != FOLDS, worth)
    names = [names[at] for at in worth]
    matrix = matrix[:, worth]
    _centred(parts, X[used], feature_names)
    matrix, weight = matrix[weight > 0], weight[weight > 0]
    log_odds = Sum.parse(stored(parts, base_rate=0.5, base_variance=0.0), names).log_odds(matrix)
    p = expit(log_odds)
    parameters = stored(
        parts,
        base_rate=float(y.mean()),
        base_variance=1.0 / (float(weight @ (p * (1 - p))) + 1.0),
        spread=spread(matrix, log_odds, weight, names),
    )
    parameters = _rounded(_told_plainly(parameters, matrix, names))
    parameters |= {"probability": dict(prior.PROBABILITY), "confidence": dict(prior.CONFIDENCE), "seed": seed}
    on = np.ones(len(y), dtype=bool) if for_curves is None else for_curves
    parameters["probability"] = staircase.probability_curve(said[on], y[on])
    if confirmed is not None:
        identity = {"slope": 1.0, "intercept": 0.0}
        parameters["confidence"] = staircase.confidence_curve(
            said[on], np.asarray(confirmed, dtype=np.float64)[on], start=identity
        )
    return parameters


def _dealt(contact: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """Each row's part: all of a contact's rows are in one."""
    _, which = np.unique(contact, return_inverse=True)
    dealt: NDArray[np.int64] = np.random.default_rng(seed).permutation(np.arange(which.max() + 1) % FOLDS)[which]
    return dealt


def _said(parts: Parts, matrix: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    """Log-odds, (rows,), and what each feature adds to them, (rows, names): a pair's share is half of it for each."""
    model = Sum.parse(stored(parts, base_rate=0.5, base_variance=0.0), names)
    own, paired = model.contributions(matrix)
    said = parts.base + own.sum(axis=1) + paired.sum(axis=1)
    for number, pair in enumerate(model.pairs.each if model.pairs else ()):
        for name in pair.features:
            own[:, names.index(name)] += paired[:, number] / 2
    return said, own


def _worth(own: Floats, y: Floats) -> list[int]:
    """The columns that foretell rows they were not learnt from beyond doubt, beside all others; all if none does."""
    varies = np.flatnonzero(own.std(axis=0) > 0)
    design = np.column_stack([own[:, varies], np.ones(len(y))])

    def loss(free: Floats) -> tuple[float, Floats]:
        z = design @ free
        return float(np.sum(np.logaddexp(0, z) - y * z)), np.asarray(design.T @ (expit(z) - y))

    start = np.append(np.ones(len(varies)), float(logit(y.mean())))
    bounds = [*((0.0, 1.0) for _ in varies), (None, None)]
    share = np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x)
    p, held = expit(design @ share), np.append(share[:-1] > 0, True)
    curved = (design[:, held] * (p * (1 - p))[:, None]).T @ design[:, held]
    error = np.sqrt(np.diag(np.linalg.inv(curved)))
    kept = share[held][:-1] > BEYOND_DOUBT * error[:-1]
    return [int(each) for each in varies[held[:-1]][kept]] or [int(each) for each in varies]


def _boosted(
    matrix: Floats,
    y: Floats,
    names: Sequence[str],
    intent: Intent,
    *,
    weight: Floats,
    rounds: int,
    pairs: int,
    seed: int,
) -> Parts:
    settings = {
        **SETTINGS,
        "max_iter": rounds,
        "monotonic_cst": [int(name in staircase.NEVER_LOWERS[intent]) for name in names],
        "random_state": seed % 2**31,
    }
    alone = HistGradientBoostingClassifier(**{**settings, "max_iter": rounds // 2}, interaction_cst="no_interactions")
    base, trees = of_boosting(alone.fit(matrix, y, sample_weight=weight), names)
    parts = as_tables(trees)
    parts.base += base
    own = Sum.parse(stored(parts, base_rate=0.5, base_variance=0.0), names)
    chosen = _best_pairs(matrix, y, names, own, weight=weight)[:pairs]
    if not chosen:
        return parts
    groups = [*({a, b} for a, b in chosen), *({at} for at in range(len(names)))]
    model = HistGradientBoostingClassifier(**settings, interaction_cst=groups).fit(matrix, y, sample_weight=weight)
    base, trees = of_boosting(model, names)
    parts = as_tables(trees, pairs=[(names[a], names[b]) for a, b in chosen])
    parts.base += base
    purified(parts, matrix, names, weight)
    return parts


def _best_pairs(matrix: Floats, y: Floats, names: Sequence[str], own: Sum, *, weight: Floats) -> list[tuple[int, int]]:
    """Pairs (places in `names`) that explain more of what the staircases leave than chance would, best first.

    Homes take no part: a pair with what was not told has no average.
    """
    p = expit(own.log_odds(matrix))
    residual, evidence = weight * (y - p), weight * p * (1 - p)
    codes = {}
    for at, name in enumerate(names):
        column = matrix[:, at]
        edges = staircase.edges_of(column[~np.isnan(column)]) if name not in staircase.UNTOLD else ()
        if edges:
            codes[at] = np.where(np.isnan(column), len(edges) + 1, np.searchsorted(edges, column, side="right"))
    found = []
    for a, b in combinations(sorted(codes), 2):
        width = int(codes[b].max()) + 1
        cell = codes[a] * width + codes[b]
        left, held = np.bincount(cell, weights=residual), np.bincount(cell, weights=evidence)
        gain = float((left[held > 0] ** 2 / (held[held > 0] + 1.0)).sum() - (held > 0).sum())
        found.append((gain, a, b))
    found.sort(key=lambda each: (-each[0], each[1], each[2]))
    return [(a, b) for gain, a, b in found if gain > 0]


def _varies(column: Floats) -> bool:
    known = column[~np.isnan(column)]
    return len(known) > 0 and (known.min() < known.max() or len(known) < len(column))


def _homes_in_eighths(matrix: Floats, names: Sequence[str]) -> Floats:
    """Homes are told in eighths: their exact numbers are all different, and would tell who somebody is."""
    told = matrix.copy()
    for name in sorted(staircase.UNTOLD & set(names) - {"property_count"}):
        column = told[:, names.index(name)]
        known = ~np.isnan(column)
        edges = np.unique([_three_digits(each) for each in np.quantile(column[known], np.arange(1, 8) / 8)])
        steps = np.concatenate([[column[known].min()], edges])
        column[known] = steps[np.searchsorted(edges, column[known], side="right")]
    return told


def _untold_is_little(parts: Parts, X: Floats, names: Sequence[str]) -> None:
    """What missing homes add, all together, is bound to UNTOLD_MOST either side of the average home."""
    usual: dict[str, float] = {}
    for name in staircase.UNTOLD & parts.stairs.keys():
        column = X[:, names.index(name)]
        usual[name] = float(parts.stairs[name].at(column[~np.isnan(column)]).mean())
    off = sum(parts.stairs[name].missing - mean for name, mean in usual.items())
    kept = min(1.0, UNTOLD_MOST / abs(off)) if off else 0.0
    for name, mean in usual.items():
        stairs = parts.stairs[name]
        missing = mean + kept * (stairs.missing - mean)
        parts.stairs[name] = Stairs(edges=stairs.edges, values=stairs.values, missing=missing)


def _three_digits(value: float) -> float:
    return float(f"{value:.3g}")


def _centred(parts: Parts, X: Floats, names: Sequence[str]) -> None:
    """Shift every staircase so that its commonest step (of the home: its mean) adds nothing."""
    for name, stairs in parts.stairs.items():
        said = stairs.at(X[:, names.index(name)])
        if name in staircase.UNTOLD:
            usual = float(said.mean())
        else:
            values, times = np.unique(said, return_counts=True)
            usual = float(values[np.argmax(times)])
        parts.stairs[name] = stairs.shifted(-usual)
        parts.base += usual


def _told_plainly(parameters: Parameters, X: Floats, names: Sequence[str]) -> Parameters:
    """The edges as the values that begin a step: "from 3 on", not "above 2.0000000000000004"; the rows fall as before."""
    seen = {}
    for name in {*parameters["terms"], *(each for pair in parameters.get("pairs", []) for each in pair["features"])}:
        column = X[:, names.index(name)]
        seen[name] = np.append(np.unique(column[~np.isnan(column)]), np.inf)

    def plain(name: str, edges: Sequence[float]) -> list[float]:
        return [float(seen[name][np.searchsorted(seen[name], edge)]) for edge in edges]

    for name, term in parameters["terms"].items():
        term["edges"] = plain(name, term["edges"])
    for pair in parameters.get("pairs", []):
        pair["edges"] = [plain(name, edges) for name, edges in zip(pair["features"], pair["edges"], strict=True)]
    return parameters


def _rounded(parameters: Parameters) -> Parameters:
    """Twelve digits, so that what must rise still rises; a step that is no step after that is joined to the one below."""
    parameters["base"], parameters["base_variance"] = (
        round(parameters["base"], 6),
        round(parameters["base_variance"], 8),
    )
    parameters["base_rate"] = round(parameters["base_rate"], 6)
    for term in parameters["terms"].values():
        term["values"] = [round(each, 12) + 0.0 for each in term["values"]]
        term["variances"] = [round(each, 6) for each in term["variances"]]
        term["missing"], term["missing_variance"] = round(term["missing"], 12) + 0.0, round(term["missing_variance"], 6)
        steps = zip(term["edges"], term["values"], term["values"][1:], term["variances"][1:], strict=False)
        kept = [(edge, value, wide) for edge, below, value, wide in steps if value != below]
        term["values"] = [term["values"][0], *(value for _, value, _ in kept)]
        term["variances"] = [term["variances"][0], *(wide for _, _, wide in kept)]
        term["edges"] = [edge for edge, _, _ in kept]
    for pair in parameters.get("pairs", []):
        pair["values"] = [[round(each, 12) + 0.0 for each in row] for row in pair["values"]]
    return parameters
