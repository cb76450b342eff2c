"""What screens and the API show of model versions: frozen rows, newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from core.db.tables import JobRun, ModelVersion, Setting
from core.errors import NotFound
from core.learning import drift as drifting
from core.learning import memory, reference, targets
from core.learning.drift import Checked
from core.learning.registry import LOOKS

RETRAIN = "retrain"
"""The job whose progress is shown (jobs/scheduled/retrain.py)."""
Key = tuple[datetime, str]


@dataclass(frozen=True, kw_only=True)
class VersionRow:
    """One version, as a list shows it."""

    id: str
    intent: str
    status: str
    kind: str
    created_at: datetime
    deployed_at: datetime | None
    shadowed_at: datetime | None
    retired_at: datetime | None
    previous_id: str | None
    note: str | None
    source: str | None
    """Where its data came from, in words."""
    rows: int | None
    positives: int | None
    auc: float | None
    log_loss: float | None
    """Both of the transaction, on scores it was not made of; None where it was never measured."""


@dataclass(frozen=True, kw_only=True)
class VersionDetail:
    version: VersionRow
    horizon_days: int | None
    features: tuple[str, ...]
    metrics: Mapping[str, Any]
    """transacts, right, intervals, reliability, reliabilityRight, candidates, calibration, looks: as far as there are."""
    trained_on: Mapping[str, Any]
    evidence: Mapping[str, Any] | None
    base_rate: float | None
    drift: tuple[Checked, ...]
    """The newest check; empty unless it is deployed."""
    next_look_days: int | None
    """In shadow: after how many days of it the next look comes; None after the last."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One figure of two versions, each measured on its own newest scores."""

    name: str
    """transacts.auc, right.brier ..."""
    champion: float | None
    champion_interval: tuple[float, float] | None
    challenger: float | None
    challenger_interval: tuple[float, float] | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    champion: VersionRow
    challenger: VersionRow
    figures: tuple[Compared, ...]
    looks: tuple[Mapping[str, Any], ...]
    """{days, rows, positives, difference: [value, low, high]}: log-loss of the challenger minus that of the champion on
    the same later scores."""


@dataclass(frozen=True, kw_only=True)
class Night:
    """What the loop last said of an intent."""

    intent: str
    at: datetime
    action: str
    sentence: str
    rows: int
    positives: int
    censored: int


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    running: bool
    done: int
    total: int
    message: str
    error: str | None
    """What of the last run failed, until another one ends."""
    asked_at: datetime | None
    began_at: datetime | None
    ended_at: datetime | None
    sentence: str | None
    nights: tuple[Night, ...]


def versions(
    session: Session,
    *,
    intent: str | None = None,
    status: str | None = None,
    after: Key | None = None,
    limit: int = 100,
) -> tuple[VersionRow, ...]:
    """Versions, newest first, those behind the key (created_at, id) of the last one seen."""
    wanted = select(ModelVersion)
    if intent is not None:
        wanted = wanted.where(ModelVersion.intent == intent)
    if status is not None:
        wanted = wanted.where(ModelVersion.status == status)
    if after is not None:
        at, version_id = after
        earlier = and_(ModelVersion.created_at == at, ModelVersion.id > version_id)
        wanted = wanted.where(or_(ModelVersion.created_at < at, earlier))
    rows = session.scalars(wanted.order_by(ModelVersion.created_at.desc(), ModelVersion.id).limit(limit))
    return tuple(_row(row) for row in rows)


def version(session: Session, version_id: str) -> VersionDetail:
    """Raises NotFound."""
    row = _found(session, version_id)
    looks = row.metrics.get("looks", ())
    parameters = row.parameters
    return VersionDetail(
        version=_row(row),
        horizon_days=_horizon(session, row),
        features=tuple(reference.used(parameters)),
        metrics=row.metrics,
        trained_on=row.trained_on,
        evidence=parameters.get("evidence"),
        base_rate=parameters.get("base_rate"),
        drift=tuple(one for one in drifting.latest(session) if one.model_version == version_id),
        next_look_days=LOOKS[len(looks)] if row.status == "shadow" and len(looks) < len(LOOKS) else None,
    )


def comparison(session: Session, champion_id: str, challenger_id: str) -> Comparison:
    """Two versions side by side; raises NotFound."""
    champion, challenger = _found(session, champion_id), _found(session, challenger_id)
    names = dict.fromkeys([*_figures(champion.metrics), *_figures(challenger.metrics)])
    return Comparison(
        champion=_row(champion),
        challenger=_row(challenger),
        figures=tuple(
            Compared(
                name=name,
                champion=_figures(champion.metrics).get(name),
                champion_interval=_interval(champion.metrics, name),
                challenger=_figures(challenger.metrics).get(name),
                challenger_interval=_interval(challenger.metrics, name),
            )
            for name in names
        ),
        looks=tuple(challenger.metrics.get("looks", ())),
    )


def drift(session: Session) -> tuple[Checked, ...]:
    """The newest check of every deployed version, what alarms first."""
    return tuple(sorted(drifting.latest(session), key=lambda one: not one.alarmed))


def training_progress(session: Session, *, now: datetime) -> TrainingProgress:
    """How far the training is, and what each intent's last night said."""
    run, of_runs = session.get(JobRun, RETRAIN), memory.of_runs(session)
    lease = session.scalar(select(Setting.value).where(Setting.key == memory.LEASE_KEY)) or {}
    nights = (
        (target.intent, found)
        for target in targets.every(session)
        if (found := memory.of_intent(session, target.intent))
    )
    return TrainingProgress(
        running="until" in lease and datetime.fromisoformat(lease["until"]) > now,
        done=run.done if run else 0,
        total=run.total if run else 0,
        message=run.message if run else "",
        error=of_runs.get("error"),
        asked_at=_time(of_runs.get("askedAt")),
        began_at=_time(of_runs.get("ranAt")),
        ended_at=_time(of_runs.get("endedAt")),
        sentence=of_runs.get("sentence"),
        nights=tuple(
            Night(
                intent=intent,
                at=datetime.fromisoformat(found["at"]),
                **{name: found[name] for name in ("action", "sentence", "rows", "positives", "censored")},
            )
            for intent, found in nights
            if "sentence" in found
        ),
    )


def _found(session: Session, version_id: str) -> ModelVersion:
    row = session.get(ModelVersion, version_id)
    if row is None:
        raise NotFound("There is no such model version.")
    return row


def _row(row: ModelVersion) -> VersionRow:
    measured = row.metrics.get("transacts") or {}
    return VersionRow(
        source=row.trained_on.get("source"),
        rows=row.trained_on.get("rows"),
        positives=row.trained_on.get("positives"),
        auc=measured.get("auc"),
        log_loss=measured.get("logLoss"),
        **{
            name: getattr(row, name)
            for name in VersionRow.__dataclass_fields__
            if name not in ("source", "rows", "positives", "auc", "log_loss")
        },
    )


def _horizon(session: Session, row: ModelVersion) -> int | None:
    try:
        return targets.of(session, row.intent).horizon.days
    except NotFound:  # an alert type that is gone; its versions stay
        return None


def _figures(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{group}.{name}": value
        for group in ("transacts", "right")
        for name, value in (metrics.get(group) or {}).items()
        if isinstance(value, int | float)
    }


def _interval(metrics: Mapping[str, Any], name: str) -> tuple[float, float] | None:
    group, figure = name.split(".", 1)
    found = (metrics.get("intervals") or {}).get(group, {}).get(figure)
    return (found[0], found[1]) if found else None


def _time(stored: str | None) -> datetime | None:
    return datetime.fromisoformat(stored) if stored else None
