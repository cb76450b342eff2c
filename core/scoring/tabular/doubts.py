"""What should be looked into before a table's figures are believed: leaks, drift, protected columns, thin evidence."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core import fairness
from core.scoring import metrics
from core.scoring.tabular import encoding
from core.scoring.tabular.plain import plain
from core.scoring.tabular.reading import Table

Floats = NDArray[np.float64]

ALONE = 0.98
"""AUC of one column by itself that hardly anything known beforehand reaches."""
STRONG, GAP = 0.85, 0.10
"""A column this good alone, without which the rest is this much worse, may hold what came after."""
MOST_DROPPED = 3
"""Columns for which the table is learnt again without them."""
BINS = 32
SHIFT = 0.25
"""Population stability index from which a column is said to have moved."""
FEW_POSITIVES = 50


@dataclass(frozen=True, kw_only=True)
class Warned:
    kind: str
    """leak, drift, constant, few_positives, protected, base_rate, censored, time."""
    column: str
    """Empty where it is about the whole table."""
    text: str


def of_columns(train: Table) -> list[Warned]:
    """Constant columns, and those that name a protected class."""
    encoder, _ = encoding.learn(train.X, train.y, seed=0)
    used = set(encoding.sources_of(encoder))
    found = [
        Warned(kind="constant", column=name, text=f"{name} holds one value (or none) in training and adds nothing")
        for name in encoder.sources
        if name not in used
    ]
    for name in encoder.sources:
        protected = fairness.protected(name)
        if protected is not None:
            found.append(
                Warned(
                    kind="protected",
                    column=name,
                    text=f"{name} speaks of {protected}: where fair housing or lending law applies, leave it out",
                )
            )
    return found


def of_labels(train: Table, test: Table, *, unlabelled: int, untimed: int) -> list[Warned]:
    """Few positives, a base rate that moved, rows left out."""
    found = []
    fewer = int(min(train.y.sum(), (1 - train.y).sum()))
    if fewer < FEW_POSITIVES:
        found.append(
            Warned(
                kind="few_positives",
                column="",
                text=f"Only {fewer} rows of the rarer label to learn from: the figures are little more than a guess",
            )
        )
    before, after = float(train.y.mean()), float(test.y.mean())
    error = np.sqrt(after * (1 - after) / len(test.y) + before * (1 - before) / len(train.y))
    if abs(after - before) > max(3 * error, 0.2 * before):
        found.append(
            Warned(
                kind="base_rate",
                column="",
                text=f"The share of positives went from {before:.1%} in training to {after:.1%} in the test",
            )
        )
    if unlabelled:
        found.append(Warned(kind="censored", column="", text=f"{unlabelled} rows without a label were left out"))
    if untimed:
        found.append(Warned(kind="time", column="", text=f"{untimed} rows without a time were left out"))
    return found


def of_drift(train: Table, test: Table) -> list[Warned]:
    """Columns whose values moved between training and test (population stability index above 0.25)."""
    encoder, _ = encoding.learn(train.X, train.y, seed=0)
    before, after = encoder.matrix(train.X), encoder.matrix(test.X)
    found = []
    for at, column in enumerate(encoder.columns):
        index = metrics.psi(before[:, at], after[:, at])
        if index > SHIFT:
            found.append(
                Warned(
                    kind="drift",
                    column=column.source,
                    text=f"{column.name} moved between training and test (stability index {index:.2f}, calm is below 0.1)",
                )
            )
    return found


def of_leaks(train: Table, test: Table) -> list[Warned]:
    """Columns that alone tell the label suspiciously well on the test rows, the rest being far worse."""
    if min(test.y.sum(), (1 - test.y).sum()) < 5 or train.y.min() == train.y.max():
        return []
    alone = single(train, test)
    suspects = sorted((name for name in alone if alone[name] >= STRONG), key=lambda name: -alone[name])
    found = []
    for name in suspects[:MOST_DROPPED]:
        rest = figures_without(train, test, [name])["auc"]
        if alone[name] >= ALONE or alone[name] - rest >= GAP:
            found.append(
                Warned(
                    kind="leak",
                    column=name,
                    text=f"{name} alone has an AUC of {alone[name]:.3f}, all the rest together {rest:.3f}: "
                    "make sure it was known before the label was",
                )
            )
    return found


def single(train: Table, test: Table) -> dict[str, float]:
    """Column -> AUC on the test of the share of positives in its bins (missing is one) in training."""
    encoder, matrix = encoding.learn(train.X, train.y, seed=0)
    new = encoder.matrix(test.X)
    found: dict[str, float] = {}
    for at, column in enumerate(encoder.columns):
        known = matrix[~np.isnan(matrix[:, at]), at]
        edges = np.unique(
            [
                np.quantile(each, np.linspace(0, 1, BINS + 1)[1:-1], method="higher")
                for each in (known, matrix[(train.y == 1) & ~np.isnan(matrix[:, at]), at])  # what is rare tells, too
                if len(each)
            ]
        )
        before, after = (_coded(each[:, at], edges) for each in (matrix, new))
        rows = np.bincount(before, minlength=len(edges) + 2)
        shares = (np.bincount(before, weights=train.y, minlength=len(rows)) + 5 * train.y.mean()) / (rows + 5)
        auc = metrics.auc(test.y, shares[after])
        found[column.source] = max(auc, found.get(column.source, 0.0))
    return found


def figures_without(train: Table, test: Table, columns: Sequence[str]) -> dict[str, float]:
    """{auc, pr_auc} of plain boosting on the table without these columns."""
    kept = [name for name in train.X.columns if name not in columns]
    if not kept:
        return {"auc": 0.5, "pr_auc": float(test.y.mean())}
    p = plain(train.X[kept], train.y, test.X[kept], seed=0)
    return {"auc": metrics.auc(test.y, p), "pr_auc": metrics.average_precision(test.y, p)}


def _coded(column: Floats, edges: Floats) -> NDArray[np.int64]:
    codes = np.searchsorted(edges, column, side="right")
    codes[np.isnan(column)] = len(edges) + 1
    return codes
