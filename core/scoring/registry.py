"""Where features are registered: in groups that compute together, refused when the law forbids to score them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core import errors, fairness
from core.history import History
from core.scoring.columns import Columns, Floats
from core.signals import OpenSignal

Values = Callable[[History, Sequence[OpenSignal], datetime], tuple[float, ...]]
Many = Callable[[Columns], Sequence[Floats]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One number a model sees, and how to say it to a person."""

    name: str
    label: str
    unit: str
    phrase: str
    """Plain words for an explanation; `{value}` and `{times}` are filled in, and `{span}{usual}` for counted kinds."""
    absent: str = ""
    """Plain words when the value is zero or missing; empty where that says nothing."""
    kind: str = ""
    """The rollup kind it counts, for the span and the usual count of an explanation."""
    days: int = 0
    """The window of that count."""
    topic: str = ""
    """Features of one topic say the same thing: only the strongest of them becomes a top factor."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Features that are computed together, in their order."""

    features: tuple[Feature, ...]
    values: Values
    many: Many | None = None
    """The same for many contacts, (contacts,) a feature; None where one by one is as fast."""


class Registry:
    """The features of one feature set, in the order of the vector."""

    def __init__(self) -> None:
        self.features: list[Feature] = []
        self.groups: list[Group] = []

    def register(self, group: Group) -> None:
        """Add a group; raises Invalid for a name the law forbids to score, free text, or a name already taken."""
        names = [feature.name for feature in self.features]
        for feature in group.features:
            self._check(feature, names)
            names.append(feature.name)
        self.features.extend(group.features)
        self.groups.append(group)

    def _check(self, feature: Feature, names: list[str]) -> None:
        if named := fairness.protected(feature.name) or fairness.protected(feature.kind):
            raise errors.Invalid(
                f"{feature.name} speaks of {named}: fair housing and fair lending law forbid to score it",
                fields={feature.name: "protected"},
            )
        if fairness.free_text(feature.name) or feature.unit == "text":
            raise errors.Invalid(
                f"{feature.name} is free text, which may speak of anything: it cannot be scored",
                fields={feature.name: "free text"},
            )
        if feature.name in names:
            raise errors.Invalid(f"{feature.name} is registered already", fields={feature.name: "duplicate"})
