"""What an experiment is: its kind, its variants, its metric, and for how long each contact is followed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    MODEL = "model"
    THRESHOLD = "threshold"
    ROUTING = "routing"
    HOLDOUT = "holdout"


class State(StrEnum):
    DRAFT = "draft"
    RUNNING = "running"
    STOPPED = "stopped"


class Method(StrEnum):
    FIXED = "fixed"
    """One look, when the planned size (or the last follow-up) is reached."""
    GROUP_SEQUENTIAL = "group_sequential"
    """Planned looks, each with its share of the error (Lan & DeMets 1983, O'Brien-Fleming type)."""


class Metric(StrEnum):
    TRANSACTED = "transacted"
    RIGHT_SHARE = "right_share"
    CONVERSION = "conversion"
    RESPONSE_SECONDS = "response_seconds"
    VALUE = "value"

    @property
    def is_share(self) -> bool:
        return self not in (Metric.RESPONSE_SECONDS, Metric.VALUE)


METRICS_OF = {
    Kind.HOLDOUT: (Metric.TRANSACTED,),
    Kind.ROUTING: (
        Metric.RESPONSE_SECONDS,
        Metric.CONVERSION,
        Metric.RIGHT_SHARE,
        Metric.TRANSACTED,
        Metric.VALUE,
    ),
    Kind.MODEL: (Metric.RIGHT_SHARE, Metric.CONVERSION, Metric.TRANSACTED, Metric.VALUE),
    Kind.THRESHOLD: (Metric.RIGHT_SHARE, Metric.CONVERSION, Metric.TRANSACTED, Metric.VALUE),
}
"""What each kind can be judged by: a withheld contact has no alert, so a holdout knows only what really happened; and
models and thresholds change who is alerted, so the waiting times of their alerts are not of comparable contacts."""

LONGEST_HORIZON = 180
SETTLING_DAYS = 14
"""County and MLS records come late: a horizon is read this long after it closed."""
FOLLOW_UP_DAYS = {Metric.RIGHT_SHARE: 60, Metric.CONVERSION: 90, Metric.VALUE: 90, Metric.RESPONSE_SECONDS: 7}
"""How long after a contact's first exposure its number is read, the same for every variant. Waiting times are cut there."""
MOST_WITHHELD = 0.20
WITHHELD = "withheld"
"""The key of a holdout's second variant; the first is called alerted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    key: str
    name: str
    share: float
    """The probability with which a contact gets it: its propensity."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """{} is as it is today; {"threshold": x}, {"model": version}, {"strategy": name} or {"withhold": true} differ."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """One stored experiment."""

    id: str
    name: str
    hypothesis: str
    kind: Kind
    status: State
    salt: str
    alert_types: tuple[str, ...]
    """Empty: every type."""
    variants: tuple[Variant, ...]
    """The first is the control."""
    metric: Metric
    plan: Mapping[str, Any]
    conclusion: Mapping[str, Any] | None
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    ends_at: datetime | None
    """When the last new contact may enter."""
    stopped_at: datetime | None

    def covers(self, alert_type: str) -> bool:
        return not self.alert_types or alert_type in self.alert_types

    def variant(self, key: str) -> Variant | None:
        return next((one for one in self.variants if one.key == key), None)


def of_row(row: Any) -> Experiment:
    """The experiment of a stored row."""
    return Experiment(
        id=row.id,
        name=row.name,
        hypothesis=row.hypothesis,
        kind=Kind(row.kind),
        status=State(row.status),
        salt=row.salt,
        alert_types=tuple(row.alert_types),
        variants=tuple(Variant(**one) for one in row.variants),
        metric=Metric(row.metric),
        plan=row.plan,
        conclusion=row.conclusion,
        created_by=row.created_by,
        created_at=row.created_at,
        started_at=row.started_at,
        ends_at=row.ends_at,
        stopped_at=row.stopped_at,
    )


def follow_up(metric: Metric, alert_type: str, horizons: Mapping[str, int]) -> timedelta:
    """How long after its first exposure a contact's number is known.

    Args:
        horizons: alert type -> days, as they were at the start of the experiment.
    """
    if metric is Metric.TRANSACTED:
        return timedelta(days=horizons.get(alert_type, LONGEST_HORIZON) + SETTLING_DAYS)
    return timedelta(days=FOLLOW_UP_DAYS[metric])
