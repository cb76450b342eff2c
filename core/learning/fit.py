"""Training a challenger: candidates from the simplest on, chosen forward in time, calibrated if that helps, and measured.

The documented prior is where every team starts: the logistic candidate is shrunk to it (core.scoring.staircase), so a few
outcomes move little and many speak for themselves; the others take part only from 200 positives on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import Conflict
from core.learning import applying, comparing, curves, split
from core.learning.examples import Examples, Floats, Ints
from core.learning.labels import Labels
from core.learning.split import FEWEST, FEWEST_HELD_OUT, Split
from core.learning.targets import Target
from core.scoring import features, metrics, prior, staircase
from core.scoring.tabular.candidates import fit_each
from core.words import Intent

FOR_BOOSTING = 200
"""Such contacts to learn from before anything but the prior-shrunk logistic takes part."""
SIMPLEST_FIRST = ("logistic", "additive", "pairwise", "boosting")
MEASURES = ("auc", "pr_auc", "log_loss", "brier", "ece", "precision_at_10")
_NAMES = {"pr_auc": "prAuc", "log_loss": "logLoss", "precision_at_10": "precisionAt10"}
_RANGES = 10


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A model with its papers."""

    kind: str
    parameters: dict[str, Any]
    metrics: dict[str, Any]
    trained_on: dict[str, Any]
    split: Split


def train(
    target: Target, examples: Examples, labels: Labels, *, delay: timedelta, seed: int, resamples: int = 200
) -> Trained:
    """The best candidate on these examples.

    Raises:
        Conflict: too little to learn from, in a sentence.
    """
    y = labels.transacts
    chosen = split.forward(examples.at, ~np.isnan(y), horizon=target.horizon, delay=delay)
    check_enough(y, examples.contact, chosen)
    candidates = _candidates(target, examples, labels, chosen.train, seed=seed)
    kind, tried = _choose(target, candidates, examples, y, chosen.choose, seed=seed)
    parameters = candidates[kind]
    log_odds = applying.numbers(parameters, examples.matrix, intent=target.intent, names=examples.names).log_odds
    on = chosen.choose
    parameters["probability"], ways = curves.calibrate(
        parameters["probability"], log_odds[on], y[on], examples.contact[on]
    )
    if target.answer != "transaction":
        # What it learns is what makes its alerts right. The documented curve speaks of transactions, which come true a
        # third as often as people want to: of an event that half of all contacts do, it would believe any score.
        parameters["confidence"] = dict(parameters["probability"])
    parameters["confidence"] = _confidence(parameters, log_odds, labels, chosen)
    parameters["evidence"] = evidence(log_odds, y)
    parameters["seed"] = seed
    return Trained(
        kind=kind,
        parameters=parameters,
        metrics={
            **measured(target, parameters, examples, labels, chosen.measure, seed=seed, resamples=resamples),
            "candidates": tried,
            "calibration": ways,
        },
        trained_on=_papers(target, examples, labels, chosen, seed=seed),
        split=chosen,
    )


def check_enough(y: Floats, contact: Ints, chosen: Split) -> None:
    """Raises Conflict where a part of the split has too few contacts of whom it came true, or too few of whom it did not."""
    parts = (("to learn from", chosen.train, FEWEST), ("to choose by", chosen.choose, FEWEST_HELD_OUT))
    for purpose, mask, fewest in (*parts, ("to measure on", chosen.measure, FEWEST_HELD_OUT)):
        positives, others = comparing.positives(y[mask], contact[mask]), int((y[mask] == 0).sum())
        if positives < fewest or others < fewest:
            raise Conflict(
                f"There are {positives} contacts {purpose} of whom it came true ({int(mask.sum())} scores whose ending is "
                f"known); it takes {fewest}."
            )


def evidence(log_odds: Floats, y: Floats) -> dict[str, Any]:
    """How many labelled rows, and how many positives, stand behind each tenth of the score."""
    known = ~np.isnan(y)
    edges = np.unique(np.round(np.quantile(log_odds[known], np.linspace(0, 1, _RANGES + 1)[1:-1]), 6))
    at = np.searchsorted(edges, log_odds[known], side="right")
    return {
        "edges": edges.tolist(),
        "rows": np.bincount(at, minlength=len(edges) + 1).tolist(),
        "positives": np.bincount(at, weights=y[known], minlength=len(edges) + 1).astype(int).tolist(),
    }


def measured(
    target: Target,
    parameters: Mapping[str, Any],
    examples: Examples,
    labels: Labels,
    rows: NDArray[np.bool_],
    *,
    seed: int,
    resamples: int = 200,
) -> dict[str, Any]:
    """The figures of a model on these rows, each with its 95% interval (bootstrap over contacts), and its reliability."""
    found = applying.numbers(parameters, examples.matrix[rows], intent=target.intent, names=examples.names)
    contact, y, right = examples.contact[rows], labels.transacts[rows], labels.confirmed[rows]
    told: dict[str, Any] = {"intervals": {}}
    of = (("transacts", y, found.probability, "reliability"), ("right", right, found.confidence, "reliabilityRight"))
    for name, truth, said, table in of:
        known = ~np.isnan(truth)
        if not 0 < truth[known].sum() < known.sum():
            continue
        told[name], told["intervals"][name] = _figures(
            truth[known], said[known], contact[known], seed=seed, resamples=resamples
        )
        told[table] = [_camel(vars(each)) for each in metrics.reliability(truth[known], said[known])]
    return told


def _candidates(
    target: Target, examples: Examples, labels: Labels, rows: NDArray[np.bool_], *, seed: int
) -> dict[str, dict[str, Any]]:
    """Each kind's parameters, with curves that make them a model."""
    matrix, y = examples.matrix[rows], labels.transacts[rows]
    found = {}
    built_in = target.intent in set(Intent)
    if built_in:
        weight = staircase.one_each(examples.contact[rows])
        found["logistic"] = staircase.fit(
            matrix, y, examples.names, intent=Intent(target.intent), seed=seed, weight=weight
        )
    if not built_in or comparing.positives(y, examples.contact[rows]) >= FOR_BOOSTING:
        allowed = {*target.features, *(set(examples.names) - features.INDEX.keys())} - staircase.LEFT_OUT
        names = [name for name in examples.names if name in allowed]
        columns = [examples.names.index(name) for name in names]
        for kind, parameters in fit_each(matrix[:, columns], y, names, seed=seed).items():
            curve = {"probability": dict(prior.PROBABILITY), "confidence": dict(prior.CONFIDENCE)}
            found[kind] = {**curve, **parameters}
    return found


def _choose(
    target: Target,
    candidates: Mapping[str, dict[str, Any]],
    examples: Examples,
    y: Floats,
    rows: NDArray[np.bool_],
    *,
    seed: int,
) -> tuple[str, list[dict[str, Any]]]:
    """The simplest kind that neither measure puts more than a standard error behind the one of least log-loss."""
    truth, contact = y[rows], examples.contact[rows]
    said = {
        kind: applying.numbers(
            parameters, examples.matrix[rows], intent=target.intent, names=examples.names
        ).probability
        for kind, parameters in candidates.items()
    }
    loss = {kind: curves.losses(truth, each) for kind, each in said.items()}
    ranked = {kind: _average_precision(truth, each, contact, seed=seed) for kind, each in said.items()}
    best = min(loss, key=lambda kind: float(loss[kind].mean()))
    kind = next(
        kind
        for kind in sorted(loss, key=_simplicity)
        if kind == best
        or (
            comparing.difference(loss[kind], loss[best]) <= comparing.standard_error(loss[kind] - loss[best], contact)
            and ranked[kind][0] >= ranked[best][0] - ranked[best][1]
        )
    )
    tried = [
        {
            "kind": each,
            "logLoss": round(float(loss[each].mean()), 6),
            "prAuc": round(ranked[each][0], 4),
            "chosen": each == kind,
        }
        for each in sorted(loss, key=_simplicity)
    ]
    return kind, tried


def _simplicity(kind: str) -> tuple[int, str]:
    return (SIMPLEST_FIRST.index(kind) if kind in SIMPLEST_FIRST else len(SIMPLEST_FIRST), kind)


def _average_precision(y: Floats, said: Floats, contact: Ints, *, seed: int) -> tuple[float, float]:
    """PR-AUC and its standard error."""
    found = comparing.intervals(y, said, contact, ["pr_auc"], seed=seed, resamples=100)["pr_auc"]
    return found.value, (found.high - found.low) / 3.92


def _confidence(parameters: Mapping[str, Any], log_odds: Floats, labels: Labels, chosen: Split) -> dict[str, Any]:
    """From worked alerts of the time before the measured rows, shrunk to what is believed; that alone where there are none."""
    right = labels.confirmed
    rows = (chosen.train | chosen.choose) & ~np.isnan(right)
    believed = dict(parameters["confidence"])
    return curves.confidence(log_odds[rows], right[rows], believed=believed) if rows.any() else believed


def _figures(
    y: Floats, said: Floats, contact: Ints, *, seed: int, resamples: int
) -> tuple[dict[str, Any], dict[str, list[float]]]:
    found = comparing.intervals(y, said, contact, MEASURES, seed=seed, resamples=resamples)
    figures: dict[str, Any] = {
        "rows": len(y),
        "positives": int(y.sum()),
        "rate": round(float(y.mean()), 4),
        "predicted": round(float(said.mean()), 4),
        "baseLogLoss": round(float(curves.losses(y, np.full(len(y), y.mean())).mean()), 5),
    }
    spans = {}
    for name, each in found.items():
        figures[_NAMES.get(name, name)] = round(each.value, 5)
        spans[_NAMES.get(name, name)] = [round(each.low, 5), round(each.high, 5)]
    return figures, spans


def _camel(row: Mapping[str, Any]) -> dict[str, Any]:
    words = {"observed_low": "observedLow", "observed_high": "observedHigh"}
    return {words.get(name, name): round(value, 5) for name, value in row.items()}


def _papers(target: Target, examples: Examples, labels: Labels, chosen: Split, *, seed: int) -> dict[str, Any]:
    used = chosen.train | chosen.choose | chosen.measure
    right = labels.confirmed
    parts: Sequence[tuple[str, NDArray[np.bool_]]] = (("train", chosen.train), ("measure", chosen.measure))
    return {
        "source": "this team's own scores and what came of them",
        "from": split.iso(examples.at[used].min()),
        "until": split.iso(examples.at[used].max()),
        "spans": chosen.spans(examples.at),
        "split": chosen.words(examples.at),
        "horizonDays": target.horizon.days,
        "contacts": len(np.unique(examples.contact[used])),
        "rows": int(used.sum()),
        "positives": int(labels.transacts[used].sum()),
        **{f"{name}Rows": int(mask.sum()) for name, mask in parts},
        **{f"{name}Positives": int(labels.transacts[mask].sum()) for name, mask in parts},
        "worked": int((~np.isnan(right[used])).sum()),
        "censored": labels.censored,
        "unknown": labels.unknown,
        "seed": seed,
    }
