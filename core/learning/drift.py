"""What the newest check for drift found: what alarms, and which tiers' promises are in doubt (core.learning.shifts looks)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables import DriftCheck, ModelVersion
from core.scoring import features
from core.words import ModelStatus, Priority


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One number watched."""

    intent: str
    model_version: str
    kind: str
    subject: str
    statistic: str
    value: float
    limit: float
    alarmed: bool
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str, str]:
        return (self.intent, self.kind, self.subject, self.statistic)


def latest(session: Session) -> list[Checked]:
    """The rows of each intent's newest check, of the version that is deployed."""
    newest = (
        select(DriftCheck.intent, func.max(DriftCheck.checked_at).label("at")).group_by(DriftCheck.intent).subquery()
    )
    names = list(Checked.__dataclass_fields__)
    found = session.execute(
        select(*(getattr(DriftCheck, name) for name in names))
        .join(newest, (newest.c.intent == DriftCheck.intent) & (newest.c.at == DriftCheck.checked_at))
        .join(ModelVersion, ModelVersion.id == DriftCheck.model_version)
        .where(ModelVersion.status == ModelStatus.DEPLOYED)
        .order_by(DriftCheck.intent, DriftCheck.kind, DriftCheck.subject, DriftCheck.statistic)
    )
    return [Checked(**row._mapping) for row in found]


def unverified(session: Session) -> frozenset[tuple[str, str]]:
    """(intent, tier) whose promise is in doubt: the tier's alerts come true too seldom or too often, or the intent's scores
    have shifted, which puts all its tiers in doubt. A feature that shifts without the scores doubts nothing by itself."""
    found = set()
    for one in latest(session):
        if one.alarmed and one.kind == "outcome":
            found.add((one.intent, one.subject))
        elif one.alarmed and one.kind == "score":
            found |= {(one.intent, tier.value) for tier in Priority}
    return frozenset(found)


def sentence(found: Sequence[Checked]) -> str:
    """What alarms, for a person."""
    by_intent: dict[str, list[str]] = defaultdict(list)
    for one in found:
        said = _said(one)
        if said not in by_intent[one.intent]:
            by_intent[one.intent].append(said)
    parts = [
        f"{intent.replace('_', ' ').capitalize()}: {', '.join(said[:5])}"
        + (f" and {len(said) - 5} more" if len(said) > 5 else "")
        for intent, said in by_intent.items()
    ]
    return f"Scores may no longer mean what they say. {'; '.join(parts)}."


def _said(one: Checked) -> str:
    if one.kind == "outcome":
        return (
            f"{one.details['observed']} of {one.details['alerts']} {one.subject.lower()} alerts were right, "
            f"{one.details['expected']:.0f} were expected"
        )
    name = features.FEATURES[features.index(one.subject)].label if one.kind == "feature" else f"the {one.subject}"
    return f"{name} has shifted"
