"""Training on a table: candidates compared on later rows, the simplest good one kept, calibrated, and fitted on all rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import expit, logit

from core import errors
from core.scoring import metrics
from core.scoring.tabular import calibrating, candidates, encoding, reading, tables
from core.scoring.tabular.calibrating import Calibrator
from core.scoring.tabular.candidates.numbers import base_rate
from core.scoring.tabular.fitted import FORMAT, TabularModel
from core.scoring.tabular.reading import Table
from core.scoring.tabular.tables import Parameters, Sum

Floats = NDArray[np.float64]

FEWEST_ROWS, FEWEST_POSITIVES = 100, 10
"""Below, nothing can be compared: the penalised logistic is taken, uncalibrated."""
BLOCKS = (0.5, 2 / 3, 5 / 6)
"""Where the later blocks begin: each is scored by models of all rows before it."""
FOLDS = 5
MANY_ROWS = 25_000
"""From here two blocks are evidence enough."""
SOME_ROWS = 8_000
"""From here three folds are evidence enough."""
RESAMPLES = 60
HALF_LIVES = (0.5, 0.25)
"""Shares of the training rows after which a row may count half, where rows have a time."""
BEYOND_DOUBT = 3.0
"""Standard errors by which forgetting must be better: with one, forward within training rows, it cost AUC (.005 and .006)
on two tables that hardly drifted there."""
JUDGE = "additive"
"""The kind on which that is decided: quick, and as free in shape as most."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What was decided on held-out rows: the kinds and their weights, and the curve."""

    weights: Mapping[str, float]
    calibrator: Calibrator
    compared: Mapping[str, Mapping[str, float]]
    """Kind -> log_loss, pr_auc on the held-out rows."""
    half_life: float | None = None
    """The share of the training rows after which a row counts half; None where all count alike."""
    curve_half_life: float | None = None
    """Likewise of the held-out rows the curve was learnt from."""
    held_log_odds: Floats = field(default_factory=lambda: np.empty(0))
    held_y: Floats = field(default_factory=lambda: np.empty(0))
    """(rows held out,), oldest first where time is known: scored by models that had not seen them."""

    @property
    def kind(self) -> str:
        return "blend" if len(self.weights) > 1 else next(iter(self.weights))


def train(X: Any, y: Any, time: Any = None, *, seed: int = 0) -> TabularModel:
    """A calibrated, exactly explained model of a table.

    X: DataFrame (or matrix) of n rows, columns and missing values as they come. y: n labels, 0/1, bool or yes/no;
    rows whose label is missing are censored and left out. time: n dates or numbers in any order; with it everything is
    chosen forward in time, without it on random folds. The same seed gives the same model. Raises Invalid.
    """
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise errors.Invalid("seed is a whole number from 0 to 4294967295")
    return train_table(reading.table(X, y, time), seed=int(seed))


def train_table(table: Table, *, seed: int, plan: Plan | None = None) -> TabularModel:
    """Fit on all rows as planned (or plan first)."""
    plan = plan or make_plan(table, seed=seed)
    encoder, matrix = encoding.learn(table.X, table.y, seed=seed)
    weight = calibrating.fading(len(table.y), plan.half_life)
    fitted = [
        (share, candidates.fit(kind, matrix, table.y, encoder.names, weight=weight, seed=seed))
        for kind, share in plan.weights.items()
    ]
    own = fitted[0][1] if len(fitted) == 1 else _blended(fitted, table.y)
    curve = plan.calibrator.as_json()
    return TabularModel(
        parameters={
            **own,
            "probability": curve,
            "confidence": curve,
            "seed": seed,
            "format": FORMAT,
            "kind": plan.kind,
            "weights": dict(plan.weights),
            "encoder": encoder.as_json(),
            "trained_on": {
                "rows": len(table.y),
                "positives": int(table.y.sum()),
                "unlabelled": table.unlabelled,
                "chosen": "forward in time" if table.time is not None else "on random folds",
                "compared": {kind: dict(figures) for kind, figures in plan.compared.items()},
                "half_life": plan.half_life,
                "calibration_half_life": plan.curve_half_life,
            },
        }
    )


def make_plan(table: Table, *, seed: int, kinds: Sequence[str] = tuple(candidates.KINDS)) -> Plan:
    """Compare the candidates on rows they have not seen, and learn the curve there."""
    parts = held_out(table, seed=seed)
    if not parts:
        return Plan(weights={"logistic": 1.0}, calibrator=calibrating.RAW, compared={})
    half_life = _half_life(table, parts, seed=seed) if table.time is not None else None
    scored = {kind: np.empty(0) for kind in kinds}
    for earlier, later in parts:
        part = _scores(table.part(earlier), table.part(later), kinds, half_life=half_life, seed=seed)
        # The model the curve is put on knows how often it was yes of late: what it has learnt must not be added again.
        since = _usual(table.y, half_life) - _usual(table.y[earlier], half_life)
        for kind, log_odds in part.items():
            scored[kind] = np.append(scored[kind], log_odds + since)
    rows = np.concatenate([later for _, later in parts])
    block = np.repeat(np.arange(len(parts)), [len(later) for _, later in parts])
    y = table.y[rows]
    weights, compared = _chosen(scored, y, block, seed=seed)
    log_odds = np.sum([weight * scored[kind] for kind, weight in weights.items()], axis=0)
    choice = calibrating.choose(log_odds, y, time=None if table.time is None else table.time[rows], seed=seed)
    return Plan(
        weights=weights,
        calibrator=choice.calibrator,
        compared=compared,
        half_life=half_life,
        curve_half_life=choice.half_life,
        held_log_odds=log_odds,
        held_y=y,
    )


def _usual(y: Floats, half_life: float | None) -> float:
    """The log-odds of the base rate, as rows count."""
    return float(logit(base_rate(y, calibrating.fading(len(y), half_life))))


Part = tuple[NDArray[np.int64], NDArray[np.int64]]


def held_out(table: Table, *, seed: int) -> list[Part]:
    """(rows to learn from, rows to judge by): later blocks where time is known, else stratified folds."""
    rows, positives = len(table.y), min(table.y.sum(), (1 - table.y).sum())
    if rows < FEWEST_ROWS or positives < FEWEST_POSITIVES:
        return []
    if table.time is not None:
        shares = BLOCKS if rows < MANY_ROWS else BLOCKS[1:]
        cuts = sorted({cut for share in shares if (cut := boundary(table.time, share)) is not None})
        parts = [(np.arange(cut), np.arange(cut, after)) for cut, after in zip(cuts, [*cuts[1:], rows], strict=True)]
        parts = [(a, b) for a, b in parts if min(table.y[a].sum(), (1 - table.y[a]).sum()) >= FEWEST_POSITIVES]
        if parts:
            return parts
    return folds(table.y, FOLDS if rows < SOME_ROWS else 3, seed=seed)


def boundary(time: Floats, share: float) -> int | None:
    """The row nearest to this share at which a later time begins; None where all rows have one time."""
    starts = np.flatnonzero(np.diff(time) > 0) + 1
    if not len(starts):
        return None
    return int(starts[np.argmin(np.abs(starts - share * len(time)))])


def folds(y: Floats, count: int, *, seed: int) -> list[Part]:
    """Stratified: each class is dealt to the folds in turn, in a random order."""
    random = np.random.default_rng(seed)
    fold = np.empty(len(y), dtype=np.int64)
    for label in (0.0, 1.0):
        own = np.flatnonzero(y == label)
        fold[random.permutation(own)] = np.arange(len(own)) % count
    return [(np.flatnonzero(fold != each), np.flatnonzero(fold == each)) for each in range(count)]


def _half_life(table: Table, parts: Sequence[Part], *, seed: int) -> float | None:
    """How fast rows lose their say: as fast as the newest blocks ask for beyond three standard errors, or not at all.

    Every block's level and slope are set first: a level that moved is the curve's work, and no reason to forget rows.
    """
    newest = parts[-2:]
    y = np.concatenate([table.y[later] for _, later in newest])
    losses = {}
    for half_life in (None, *HALF_LIVES):
        found = []
        for earlier, later in newest:
            truth = table.y[later]
            own = _scores(table.part(earlier), table.part(later), [JUDGE], half_life=half_life, seed=seed)[JUDGE]
            found.append(_straightened(own, truth, np.zeros(len(truth), dtype=np.int64)))
        log_odds = np.concatenate(found)
        losses[half_life] = np.logaddexp(0, log_odds) - y * log_odds
    best = min(losses, key=lambda half_life: float(losses[half_life].mean()))
    ahead = losses[None] - losses[best]
    return best if ahead.mean() > BEYOND_DOUBT * ahead.std() / np.sqrt(len(ahead)) else None


def _scores(
    earlier: Table, later: Table, kinds: Sequence[str], *, half_life: float | None, seed: int
) -> dict[str, Floats]:
    encoder, matrix = encoding.learn(earlier.X, earlier.y, seed=seed)
    new, weight = encoder.matrix(later.X), calibrating.fading(len(earlier.y), half_life)
    fitted = {kind: candidates.fit(kind, matrix, earlier.y, encoder.names, weight=weight, seed=seed) for kind in kinds}
    return {kind: Sum.parse(parameters, encoder.names).log_odds(new) for kind, parameters in fitted.items()}


def _chosen(
    scored: Mapping[str, Floats], y: Floats, block: NDArray[np.int64], *, seed: int
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """The simplest kind within one standard error of the best, by log-loss and by PR-AUC; the blend is the last resort.

    Every block's level and slope are set first: that is the calibrator's work, and must not decide between kinds.
    """
    each = {kind: _straightened(log_odds, y, block) for kind, log_odds in scored.items()}
    blend = _blend(each, y)
    options: dict[str, dict[str, float]] = {kind: {kind: 1.0} for kind in scored}
    if len(blend) > 1:
        options["blend"] = blend
        mixed = np.sum([weight * scored[kind] for kind, weight in blend.items()], axis=0)
        each["blend"] = _straightened(mixed, y, block)
    losses = {kind: np.logaddexp(0, log_odds) - y * log_odds for kind, log_odds in each.items()}
    compared = {
        kind: {"log_loss": float(losses[kind].mean()), "pr_auc": metrics.average_precision(y, each[kind])}
        for kind in each
    }
    best = min(compared, key=lambda kind: compared[kind]["log_loss"])
    first = max(compared, key=lambda kind: compared[kind]["pr_auc"])
    for kind in options:
        behind = losses[kind] - losses[best]
        if behind.mean() <= behind.std() / np.sqrt(len(behind)) and _ranks_as_well(y, each[kind], each[first], seed):
            return options[kind], compared
    return options[best], compared


def _ranks_as_well(y: Floats, mine: Floats, first: Floats, seed: int) -> bool:
    """Whether the PR-AUC is within one standard error of the best one's."""
    difference = metrics.bootstrap_difference(y, mine, first, "pr_auc", seed=seed, resamples=RESAMPLES, level=0.68)
    return difference.high >= 0


def _blend(scored: Mapping[str, Floats], y: Floats) -> dict[str, float]:
    """Weights that sum to 1 of the kinds' log-odds: non-negative logistic regression by reweighted least squares.

    Kinds of less than a tenth are left out: what they add is not worth their lines in an explanation.
    """
    kinds = list(scored)
    matrix = np.column_stack([scored[kind] for kind in kinds])
    weights = np.full(len(kinds), 1 / len(kinds))
    for _ in range(8):
        log_odds = matrix @ weights
        p = expit(log_odds)
        evidence = np.sqrt(np.maximum(p * (1 - p), 1e-4))
        response = log_odds + (y - p) / evidence**2
        weights, _ = nnls(matrix * evidence[:, None], response * evidence)
    kept = {kind: float(weight) for kind, weight in zip(kinds, weights, strict=True) if weight > 0.1 * weights.sum()}
    total = sum(kept.values())
    return {kind: weight / total for kind, weight in kept.items()} if total > 0 else {kinds[0]: 1.0}


def _straightened(log_odds: Floats, y: Floats, block: NDArray[np.int64]) -> Floats:
    found = log_odds.copy()
    for each in np.unique(block):
        inside = block == each
        slope, level = calibrating.line(found[inside], y[inside], above=calibrating.SHRUNK)
        found[inside] = level + slope * found[inside]
    return found


def _blended(fitted: Sequence[tuple[float, Parameters]], y: Floats) -> Parameters:
    found = tables.weighted(fitted)
    found["base_rate"] = fitted[0][1]["base_rate"]
    return found
