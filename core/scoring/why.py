"""Why a score is what it is: exact contributions that add up to the log-odds, and the strongest in plain words."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

from core import history as histories
from core.history import History
from core.scoring import features
from core.scoring.deployed import Models
from core.scoring.registry import Feature

MOST_FOR, MOST_AGAINST = 4, 2
WORTH_SAYING = 0.05
"""Log-odds; smaller contributions are kept, and not put into words."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """base + sum of contributions = log_odds."""

    base: float
    contributions: list[dict[str, Any]]
    """{feature, label, value, contribution}, largest first; value is null where it is missing."""
    top_factors: list[dict[str, Any]]
    """{feature, label, value, contribution, text}: for first, then against; one a topic."""
    text: str
    """One sentence."""
    log_odds: float
    probability: float
    confidence: float


def why(models: Models, intent: str, vector: Sequence[float], *, history: History) -> Explanation:
    """Explain one intent's score of one contact; `history` gives the words their counts, spans and usual rates."""
    model = models.model(intent)
    contributions: list[dict[str, Any]] = []
    total = model.base
    for feature in features.FEATURES:
        term = model.terms.get(feature.name)
        if term is None:
            continue
        x = vector[features.INDEX[feature.name]]
        value = term.value(x)
        total += value
        if value != 0.0:
            contributions.append(
                {
                    "feature": feature.name,
                    "label": feature.label,
                    "value": None if isnan(x) else round(float(x), 4),
                    "contribution": value,
                }
            )
    contributions.sort(key=lambda each: -abs(each["contribution"]))
    top = _top(contributions, history)
    return Explanation(
        base=model.base,
        contributions=contributions,
        top_factors=top,
        text=_sentence(top),
        log_odds=total,
        probability=model.probability.at(total),
        confidence=model.confidence.at(total),
    )


def phrase(feature: Feature, value: float | None, history: History) -> str:
    """One feature in plain words; empty where there is nothing to say."""
    if value is None:
        return feature.absent if feature.kind else ""
    if value == 0 and feature.absent:
        return feature.absent
    span = usual = ""
    if feature.kind:
        span, usual = _span_and_usual(feature, history)
    return feature.phrase.format(
        value=_number(value, feature.unit), times=_times(value), span=span, usual=usual, device=_device(value)
    )


def _top(contributions: list[dict[str, Any]], history: History) -> list[dict[str, Any]]:
    chosen: list[dict[str, Any]] = []
    topics: set[str] = set()
    left = {True: MOST_FOR, False: MOST_AGAINST}
    for each in contributions:
        feature = features.FEATURES[features.INDEX[each["feature"]]]
        topic, speaks_for = feature.topic or feature.name, each["contribution"] > 0
        if abs(each["contribution"]) < WORTH_SAYING or topic in topics or not left[speaks_for]:
            continue
        words = phrase(feature, each["value"], history)
        if not words:
            continue
        topics.add(topic)
        left[speaks_for] -= 1
        chosen.append({**each, "contribution": round(each["contribution"], 4), "text": words})
    return sorted(chosen, key=lambda each: -each["contribution"])


def _sentence(top: list[dict[str, Any]]) -> str:
    speaks_for = [each["text"] for each in top if each["contribution"] > 0]
    against = [each["text"] for each in top if each["contribution"] < 0]
    if not speaks_for:
        return f"Nothing speaks for it; {_listed(against)}." if against else "Nothing speaks for or against it."
    text = _listed(speaks_for)
    return f"{text[0].upper()}{text[1:]}." + (f" Against it: {_listed(against)}." if against else "")


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _span_and_usual(feature: Feature, history: History) -> tuple[str, str]:
    """(" in 12 days", ", usually 1"): since when this has been going on, and what that span held before the window."""
    today = histories.today(history.now)
    rows = [
        row for row in history.days.get(feature.kind, ()) if today - feature.days < row.ordinal <= today and row.human
    ]
    if not rows:
        return f" in {feature.days} days", ""
    span = max(1, today - rows[0].ordinal + 1)
    words = " today" if span == 1 else f" in {span} days"
    before = history.known_days(today) - feature.days
    if before < feature.days:  # not known long enough to say what is usual
        return words, ""
    usual = history.human(feature.kind, today, days=before, skip=feature.days) * span / before
    return words, ", usually never" if usual < 0.05 else f", usually {_few(usual)}"


def _few(usual: float) -> str:
    return "less than once" if usual < 0.75 else f"{round(usual)}"


def _times(value: float) -> str:
    count = round(value)
    return "once" if count == 1 else "twice" if count == 2 else f"{count} times"


def _number(value: float, unit: str) -> str:
    if unit == "share":
        return f"{value:.0%}"
    if unit == "USD":
        return f"${value:,.0f}"
    if unit == "hour":
        return f"{int(value):02}"
    return f"{value:.0f}" if value == round(value) or abs(value) >= 10 else f"{value:.1f}"


def _device(value: float) -> str:
    return next((name for name, code in features.DEVICE_CODES.items() if code == value), "other")
