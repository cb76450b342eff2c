"""The model card of a version, made from the registry: what it is for, what it was made of, how it does, what it must not do."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.learning.reading import VersionDetail
from core.scoring import features

_FIGURES = {
    "auc": "AUC",
    "prAuc": "PR-AUC",
    "logLoss": "Log-loss",
    "brier": "Brier score",
    "ece": "Calibration error (ECE, 10 bins)",
    "precisionAt10": "Precision in the top 10%",
    "rate": "Share that came true",
    "predicted": "Mean prediction",
}


def markdown(found: VersionDetail) -> str:
    """The card as Markdown."""
    return "\n".join(
        [
            f"# Model card: {found.version.id}",
            "",
            *_purpose(found),
            *_data(found.trained_on),
            *_results("How often the transaction follows", "transacts", found),
            *_results("How often an alert is right", "right", found),
            *_reliability(found.metrics.get("reliability")),
            *_drift(found),
            *_limits(found),
        ]
    )


def _purpose(found: VersionDetail) -> list[str]:
    version = found.version
    within = f" within {found.horizon_days} days" if found.horizon_days else ""
    lines = [
        "## What it is for",
        "",
        f"It estimates how likely a contact is to answer the question {_words(version.intent)} with yes{within}, so that an "
        "agent calls the right people first. A person decides what to do; nothing is refused or priced by it.",
        "",
        f"- Kind: {version.kind}, a sum of parts per feature that explains itself exactly",
        f"- Status: {version.status}",
        f"- Made: {version.created_at:%Y-%m-%d}",
    ]
    if version.deployed_at:
        lines.append(f"- Deployed: {version.deployed_at:%Y-%m-%d}")
    if version.previous_id:
        lines.append(f"- Took the place of: {version.previous_id}")
    if version.note:
        lines.append(f"- Why: {version.note}")
    known = features.INDEX
    labels = [features.FEATURES[known[name]].label.lower() if name in known else name for name in found.features]
    return [*lines, f"- It looks at: {', '.join(labels) or 'nothing'}", ""]


def _data(papers: Mapping[str, Any]) -> list[str]:
    named = {
        "source": "Source",
        "split": "Split",
        "contacts": "Contacts",
        "rows": "Scores with a known ending",
        "positives": "Of those, came true",
        "worked": "Of those, answered by an agent",
        "censored": "Left out because their window is open",
        "unknown": "Left out because nobody knows how they ended",
        "recalibratedFrom": "Intercepts moved from",
        "recalibratedUntil": "Intercepts moved by scores until",
        "seed": "Seed",
    }
    lines = [f"- {label}: {papers[name]}" for name, label in named.items() if papers.get(name) is not None]
    return ["## What it was made of", "", *(lines or ["- Nothing but judgement: the documented prior."]), ""]


def _results(title: str, group: str, found: VersionDetail) -> list[str]:
    figures = found.metrics.get(group)
    if not figures:
        return [f"## {title}", "", "Not measured yet.", ""]
    spans = (found.metrics.get("intervals") or {}).get(group, {})
    lines = [f"## {title}", "", "| figure | value | 95% interval |", "|---|---|---|"]
    for name, label in _FIGURES.items():
        if name in figures:
            low, high = spans.get(name, (None, None))
            told = f"{low:.4g} to {high:.4g}" if low is not None and high is not None else ""
            lines.append(f"| {label} | {figures[name]:.4g} | {told} |")
    return [*lines, ""]


def _reliability(table: Sequence[Mapping[str, Any]] | None) -> list[str]:
    if not table:
        return []
    lines = ["## Said and true", "", "| scores | said | true | 95% interval |", "|---|---|---|---|"]
    lines += [
        f"| {row['rows']:.0f} | {row['predicted']:.1%} | {row['observed']:.1%} | {row['observedLow']:.1%} to "
        f"{row['observedHigh']:.1%} |"
        for row in table
    ]
    return [*lines, ""]


def _drift(found: VersionDetail) -> list[str]:
    if not found.drift:
        return ["## Drift", "", "Not checked yet, or not deployed.", ""]
    alarms = sorted({f"{one.kind} {one.subject}" for one in found.drift if one.alarmed})
    said = f"Alarms: {', '.join(alarms)}." if alarms else f"{len(found.drift)} numbers checked; none alarms."
    return ["## Drift", "", said, ""]


def _limits(found: VersionDetail) -> list[str]:
    lines = [
        "## What it does not know, and must not be used for",
        "",
        "- Protected classes and their proxies (race, religion, sex, family, origin, disability, age, place) are refused as "
        "features; the audit by area checks what the rest does.",
        "- It knows contacts only by what they did here and what we were told; silence is no evidence of no interest.",
        "- It must not be used to decide on a loan, a price or who is served.",
    ]
    if not str(found.trained_on.get("source", "")).startswith("this team"):
        lines.append(
            "- It was not made of this team's outcomes: until they come in, its numbers are a documented belief."
        )
    return [*lines, ""]


def _words(intent: str) -> str:
    return f'"{intent.replace("_", " ").lower()}"'
