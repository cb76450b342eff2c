"""Scoring: features as they stood, four intents' models as tables, and explanations that add up exactly.

models = scoring.Models.load(session)
scored = scoring.score(models, features.vector(history, open_signals, now=now))

Any table of one's own: `train`, `predict`, `explain`, `evaluate` (docs/library.md).
"""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.scoring.deployed import Models, install
from core.scoring.model import Floats, Scored
from core.scoring.storing import as_json, store, unpack
from core.scoring.why import Explanation, phrase, why
from core.signals import OpenSignal

if TYPE_CHECKING:
    from core.scoring.tabular import TabularModel, evaluate, explain, predict, train

__all__ = [
    "Explanation",
    "Models",
    "Scored",
    "TabularModel",
    "as_json",
    "evaluate",
    "explain",
    "install",
    "phrase",
    "predict",
    "score",
    "score_batch",
    "shadow_batch",
    "store",
    "strength",
    "train",
    "unpack",
    "why",
]


_TABULAR = frozenset({"TabularModel", "evaluate", "explain", "predict", "train"})


def __getattr__(name: str) -> Any:
    """The library calls, loaded at first use: they need pandas and scikit-learn, which a serving process does without."""
    if name in _TABULAR:
        return getattr(import_module("core.scoring.tabular"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def score(models: Models, vector: Sequence[float]) -> tuple[Scored, ...]:
    """The four intents of one contact."""
    return models.compiled.one(vector)


def score_batch(models: Models, vectors: Sequence[Sequence[float]] | Floats) -> list[tuple[Scored, ...]]:
    """The four intents of many contacts, in their order; the same numbers as `score` one by one."""
    return models.compiled.many(vectors)


def shadow_batch(models: Models, vectors: Sequence[Sequence[float]] | Floats) -> list[tuple[Scored, ...]]:
    """What the models in shadow score, in the order of the vectors; nothing for each where there are none."""
    return models.shadow.many(vectors)


def strength(open_signals: Iterable[OpenSignal]) -> float:
    """S, how much all open signals say together: 1 - product of (1 - strength * confidence)."""
    left = 1.0
    for signal in open_signals:
        left *= 1 - signal.strength * signal.confidence
    return 1 - left
