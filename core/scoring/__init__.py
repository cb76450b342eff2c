"""Scoring: features as they stood, four intents' models as tables, and explanations that add up exactly.

models = scoring.Models.load(session)
scored = scoring.score(models, features.vector(history, open_signals, now=now))
"""

from collections.abc import Iterable, Sequence

from core.scoring.deployed import Models, install
from core.scoring.model import Floats, Scored
from core.scoring.storing import as_json, store, unpack
from core.scoring.why import Explanation, phrase, why
from core.signals import OpenSignal

__all__ = [
    "Explanation",
    "Models",
    "Scored",
    "as_json",
    "install",
    "phrase",
    "score",
    "score_batch",
    "store",
    "strength",
    "unpack",
    "why",
]


def score(models: Models, vector: Sequence[float]) -> tuple[Scored, ...]:
    """The four intents of one contact."""
    return models.compiled.one(vector)


def score_batch(models: Models, vectors: Sequence[Sequence[float]] | Floats) -> list[tuple[Scored, ...]]:
    """The four intents of many contacts, in their order; the same numbers as `score` one by one."""
    return models.compiled.many(vectors)


def strength(open_signals: Iterable[OpenSignal]) -> float:
    """S, how much all open signals say together: 1 - product of (1 - strength * confidence)."""
    left = 1.0
    for signal in open_signals:
        left *= 1 - signal.strength * signal.confidence
    return 1 - left
