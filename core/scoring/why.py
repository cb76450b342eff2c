"""Why a score is what it is: exact contributions that add up to the log-odds, the calibrator apart, and plain words."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import isnan
from typing import Any

from core import history as histories
from core.history import History
from core.scoring import features, generic
from core.scoring.curves import AnyCurve, Floats, sigmoid
from core.scoring.deployed import Models
from core.scoring.model import Model, as_stored
from core.scoring.registry import Feature

MOST_FOR, MOST_AGAINST = 4, 2
WORTH_SAYING = 0.05
"""Log-odds; smaller contributions are kept, and not put into words."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """base + sum of contributions = log_odds; the calibrator turns that into the two numbers shown."""

    base: float
    contributions: list[dict[str, Any]]
    """{feature, label, value, contribution}, largest first; value is null where it is missing. What two features add only
    together is a line of its own: {feature: "a and b", label, features, values, value: null, contribution}."""
    top_factors: list[dict[str, Any]]
    """{feature, label, value, contribution, text}: for first, then against; each topic once."""
    text: str
    """One sentence."""
    log_odds: float
    probability: float
    confidence: float
    calibrator: dict[str, Any] = field(default_factory=dict)
    """{probability: {kind, before, after}, confidence: {kind, before, after}}: before is the raw chance of the log-odds."""
    evidence: dict[str, Any] = field(default_factory=dict)
    """{rows, positives, source}: labelled cases near this score; source is "outcomes" or "documented prior"."""

    def stored(self) -> dict[str, Any]:
        """As an alert keeps it."""
        return {
            "base": self.base,
            "contributions": self.contributions,
            "logOdds": self.log_odds,
            "text": self.text,
            "calibrator": self.calibrator,
            "evidence": self.evidence,
        }


def why(models: Models, intent: str, vector: Sequence[float], *, history: History) -> Explanation:
    """Explain one intent's score of one contact; `history` gives the words their counts, spans and usual rates."""
    return of_model(models.model(intent), models.compiled.names, vector, history=history)


def of_model(model: Model, names: Sequence[str], vector: Sequence[float], *, history: History) -> Explanation:
    """The same for any model; `names` are those of the vector's places."""
    kept = dict(zip(names, as_stored(vector), strict=True))
    contributions = _contributions(model, kept)
    log_odds = model.base + sum(each["contribution"] for each in contributions)
    contributions.sort(key=lambda each: -abs(each["contribution"]))
    top = _top(contributions, history)
    return Explanation(
        base=model.base,
        contributions=contributions,
        top_factors=top,
        text=_sentence(top),
        log_odds=log_odds,
        probability=model.probability.at(log_odds),
        confidence=model.confidence.at(log_odds),
        calibrator={
            "probability": _step(model.probability, log_odds),
            "confidence": _step(model.confidence, log_odds),
        },
        evidence=_evidence(model, log_odds),
    )


def _contributions(model: Model, kept: dict[str, float]) -> list[dict[str, Any]]:
    """What is not zero: a line a feature (its bins and its share of the trees), and a line a pair."""
    added = {name: term.value(kept[name]) for name, term in model.terms.items()}
    if model.trees is not None and model.grove is not None:
        names = model.trees.features
        for name, share in zip(names, model.grove.contributions([kept[name] for name in names]), strict=True):
            added[name] = added.get(name, 0.0) + share
    found: list[dict[str, Any]] = [
        {
            "feature": name,
            "label": described(name).label,
            "value": _shown(kept[name]),
            "contribution": contribution,
        }
        for name, contribution in added.items()
        if contribution != 0.0
    ]
    for pair in model.pairs:
        values = [kept[name] for name in pair.features]
        contribution = float(pair.values[_bin(pair.edges[0], values[0]), _bin(pair.edges[1], values[1])])
        if contribution != 0.0:
            labels = [described(name).label for name in pair.features]
            found.append(
                {
                    "feature": " and ".join(pair.features),
                    "label": f"{labels[0]} and {labels[1][:1].lower()}{labels[1][1:]}",
                    "features": list(pair.features),
                    "values": [_shown(x) for x in values],
                    "value": None,
                    "contribution": contribution,
                }
            )
    return found


def _shown(x: float) -> float | None:
    """JSON knows neither NaN nor infinity, and 32 bits hold some seven digits."""
    return None if isnan(x) else float(f"{max(min(x, 3e38), -3e38):.7g}")


def _bin(edges: Floats, x: float) -> int:
    """A pair's bin of a value; the last is for missing."""
    return len(edges) + 1 if isnan(x) else bisect_right(edges.tolist(), x)


def _step(curve: AnyCurve, log_odds: float) -> dict[str, Any]:
    return {"kind": curve.kind, "before": round(sigmoid(log_odds), 6), "after": round(curve.at(log_odds), 6)}


def _evidence(model: Model, log_odds: float) -> dict[str, Any]:
    if model.evidence is None:
        return {"rows": None, "positives": None, "source": "documented prior"}
    rows, positives = model.evidence.near(log_odds)
    return {"rows": round(rows), "positives": round(positives), "source": "outcomes"}


@lru_cache(maxsize=4096)
def described(name: str) -> Feature:
    """How to say any feature a model may look at, a team's own event names included."""
    at = features.INDEX.get(name)
    if at is not None:
        return features.FEATURES[at]
    asked = generic.parse(name)
    what = asked.kind.removeprefix("name:").replace("_", " ").replace("{", "{{").replace("}", "}}")
    plain = what.replace("{{", "{").replace("}}", "}")
    days = asked.days
    label, unit, words, absent = {
        "count": (
            f"{plain.capitalize()}, {days} days",
            "times",
            f"did “{what}” {{times}} in {days} days",
            f"has not done “{plain}” in {days} days",
        ),
        "share": (
            f"Share of {plain}, {days} days",
            "share",
            f"{{value}} of everything done in {days} days was “{what}”",
            "",
        ),
        "recency": (f"Days since {plain}", "days", f"last did “{what}” {{value}} days ago", f"never did “{plain}”"),
        "events": (f"Everything done, {days} days", "times", f"did {{value}} things in {days} days", ""),
        "days_active": (f"Active days of {days}", "days", f"was active on {{value}} of {days} days", ""),
        "hour_mean": ("Mean hour of the day (UTC)", "hour", "is mostly here around {value}:00 UTC", ""),
        "gap_mean": ("Days between visits", "days", "lets {value} days pass between visits", ""),
        "gap_last": ("Days between the last two visits", "days", "let {value} days pass before the last visit", ""),
        "sessions": (f"Sessions, {days} days", "times", f"came {{times}} in {days} days", ""),
        "minutes": (f"Minutes a session, {days} days", "minutes", "stays {value} minutes a visit", ""),
        "first_seen_days": ("Days known", "days", "has been known for {value} days", ""),
    }[asked.what]
    return Feature(name=name, label=label, unit=unit, phrase=words, absent=absent, topic=asked.kind or asked.what)


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
        speaks_for = each["contribution"] > 0
        if abs(each["contribution"]) < WORTH_SAYING or not left[speaks_for]:
            continue
        about = [described(name) for name in each.get("features", (each["feature"],))]
        told = {feature.topic or feature.name for feature in about}
        if told & topics or len(told) < len(about):  # a pair half of which was told is in the table, not in the words
            continue
        words = _words(about, each.get("values", (each["value"],)), history)
        if not words:
            continue
        topics |= told
        left[speaks_for] -= 1
        chosen.append({**each, "contribution": round(each["contribution"], 4), "text": words})
    return sorted(chosen, key=lambda each: -each["contribution"])


def _words(about: Sequence[Feature], values: Sequence[float | None], history: History) -> str:
    """One feature, or two that count together; empty where one of them cannot be said."""
    said = [phrase(feature, value, history) for feature, value in zip(about, values, strict=True)]
    if not all(said):
        return ""
    return said[0] if len(said) == 1 else f"both {said[0]} and {said[1]}"


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
    if unit == "share" or (unit == "strength" and value <= 1):  # strengths added up may pass 1
        return f"{value:.0%}"
    if unit == "USD":
        return f"${value:,.0f}"
    if unit == "hour":
        return f"{int(value):02}"
    return f"{value:.0f}" if value == round(value) or abs(value) >= 10 else f"{value:.1f}"


def _device(value: float) -> str:
    return next((name for name, code in features.DEVICE_CODES.items() if code == value), "other")
