"""The alert types of a team as its page and the API list them: the four, and its own with how they do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.alert_types import book
from core.db.tables import Alert, AlertOutcome, AlertType, ModelVersion
from core.viewer import Viewer, alert_scope
from core.views.card import type_words
from core.views.intervals import Share, share
from core.words import HORIZON_DAYS, Intent, ModelStatus, Outcome

DAYS = 30
_MEANS = {
    Intent.LIKELY_TO_SELL: "Sells the home, or tells an agent so.",
    Intent.LIKELY_TO_BUY: "Buys a home, or tells an agent so.",
    Intent.REFINANCE_OPPORTUNITY: "Refinances the loan, or asks an agent about it.",
    Intent.INVESTMENT_INTEREST: "Buys a home to let or resell, or tells an agent so.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertTypeRow:
    """Counts are of the alerts the viewer may see."""

    id: str
    name: str
    description: str
    built_in: bool
    status: str
    """draft, active or retired; the four are always active."""
    kind: str
    """rule, trained, or model for the four."""
    definition: dict[str, Any]
    horizon_days: int
    version: int
    opened: int
    """In the last 30 days."""
    open_now: int
    right: Share
    """TRUE_POSITIVE of TRUE_POSITIVE and FALSE_POSITIVE outcomes, of all time."""
    has_model: bool
    updated_at: datetime | None


def list_alert_types(session: Session, viewer: Viewer, *, now: datetime) -> tuple[AlertTypeRow, ...]:
    """The four first, then the team's own by name."""
    counts = _counts(session, viewer, now=now)
    deployed = set(session.scalars(select(ModelVersion.intent).where(ModelVersion.status == ModelStatus.DEPLOYED)))
    four = [
        AlertTypeRow(
            id=intent,
            name=type_words(intent),
            description=_MEANS[intent],
            built_in=True,
            status="active",
            kind="model",
            definition={},
            horizon_days=HORIZON_DAYS[intent],
            version=1,
            has_model=intent in deployed,
            updated_at=None,
            **_counted(counts.get(intent)),
        )
        for intent in Intent
    ]
    return (*four, *(_row(one, counts, deployed) for one in book.list_types(session)))


def get_alert_type(session: Session, viewer: Viewer, type_id: str, *, now: datetime) -> AlertTypeRow:
    """One of them; raises NotFound."""
    for row in list_alert_types(session, viewer, now=now):
        if row.id == type_id:
            return row
    stored = book.get_type(session, type_id)  # says that there is none
    return _row(stored, {}, set())


def names(session: Session) -> dict[str, tuple[str, int]]:
    """Own type's id -> its name and horizon in days: what screens and messages call it. Drafts and retired ones too."""
    rows = session.execute(select(AlertType.id, AlertType.name, AlertType.horizon_days).order_by(AlertType.name))
    return {row.id: (row.name, row.horizon_days) for row in rows}


def name_of(session: Session, alert_type: str) -> str:
    """What people call a type, the four and a team's own alike."""
    if alert_type in set(Intent):
        return type_words(alert_type)
    return session.scalar(select(AlertType.name).where(AlertType.id == alert_type)) or type_words(alert_type)


def _row(stored: book.StoredType, counts: Mapping[str, Any], deployed: set[str]) -> AlertTypeRow:
    return AlertTypeRow(
        id=stored.id,
        name=stored.name,
        description=stored.description,
        built_in=False,
        status=stored.status,
        kind=stored.kind,
        definition=book.as_written(stored)["definition"],
        horizon_days=stored.horizon_days,
        version=stored.version,
        has_model=stored.id in deployed,
        updated_at=stored.updated_at,
        **_counted(counts.get(stored.id)),
    )


def _counts(session: Session, viewer: Viewer, *, now: datetime) -> dict[str, Any]:
    rows = session.execute(
        select(
            Alert.alert_type,
            func.count().filter(Alert.opened_at > now - timedelta(days=DAYS)).label("opened"),
            func.count().filter(Alert.closed_at.is_(None)).label("open_now"),
            func.count().filter(AlertOutcome.outcome == Outcome.TRUE_POSITIVE).label("right"),
            func.count().filter(AlertOutcome.outcome == Outcome.FALSE_POSITIVE).label("wrong"),
        )
        .select_from(Alert)
        .outerjoin(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(alert_scope(viewer))
        .group_by(Alert.alert_type)
    )
    return {row.alert_type: row for row in rows}


def _counted(row: Any) -> dict[str, Any]:
    if row is None:
        return {"opened": 0, "open_now": 0, "right": share(0, 0)}
    return {"opened": row.opened, "open_now": row.open_now, "right": share(row.right, row.right + row.wrong)}
