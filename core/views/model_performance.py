"""How the deployed models do on the alerts they opened, beside what they promised when they were trained."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables import Alert, AlertOutcome, ModelVersion
from core.viewer import Viewer, alert_scope
from core.views.intervals import Share, share
from core.words import ModelStatus, Outcome


@dataclass(frozen=True, kw_only=True)
class ModelPerformance:
    intent: str
    version: str
    kind: str
    created_at: datetime
    deployed_at: datetime | None
    metrics: dict[str, Any]
    """As measured in training."""
    trained_on: dict[str, Any]
    alerts: int
    """Opened or refreshed by this version, of those the viewer may see."""
    right: Share
    """TRUE_POSITIVE of TRUE_POSITIVE and FALSE_POSITIVE outcomes of those alerts; the goal is 70%."""
    mean_confidence: float | None
    """Of the same alerts with such an outcome: calibrated where it lies within the interval of `right`."""


def model_performance(session: Session, viewer: Viewer) -> tuple[ModelPerformance, ...]:
    """The deployed model of every intent, by intent."""
    models = session.execute(
        select(
            ModelVersion.intent,
            ModelVersion.id.label("version"),
            ModelVersion.kind,
            ModelVersion.created_at,
            ModelVersion.deployed_at,
            ModelVersion.metrics,
            ModelVersion.trained_on,
        )
        .where(ModelVersion.status == ModelStatus.DEPLOYED)
        .order_by(ModelVersion.intent)
    ).all()
    final = AlertOutcome.outcome.in_((Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE))
    rows = session.execute(
        select(
            Alert.alert_type,
            Alert.model_version,
            func.count().label("alerts"),
            func.count().filter(AlertOutcome.outcome == Outcome.TRUE_POSITIVE).label("right"),
            func.count().filter(final).label("final"),
            func.avg(Alert.confidence).filter(final).label("confidence"),
        )
        .select_from(Alert)
        .outerjoin(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(alert_scope(viewer))
        .group_by(Alert.alert_type, Alert.model_version)
    )
    live: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for row in rows:
        live[row.alert_type, row.model_version] = dict(row._mapping)
    return tuple(_performance(model, live[model.intent, model.version]) for model in models)


def _performance(model: Any, found: dict[str, Any]) -> ModelPerformance:
    return ModelPerformance(
        **model._mapping,
        alerts=found.get("alerts", 0),
        right=share(found.get("right", 0), found.get("final", 0)),
        mean_confidence=found.get("confidence"),
    )
