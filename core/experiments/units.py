"""Each contact that entered an experiment, with its number where that is known: intention to treat, read from the tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Alert, AlertOutcome, Exposure, Transaction
from core.experiments.definition import (
    FOLLOW_UP_DAYS,
    LONGEST_HORIZON,
    Experiment,
    Metric,
    follow_up,
)
from core.words import TRANSACTION_OF, Intent, Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class Unit:
    """One contact, in the variant it was given, whatever became of it."""

    contact_id: str
    variant: str
    entered_at: datetime
    """When it was first exposed."""
    matures_at: datetime
    """When its number may be read: the same time after entering in every variant."""
    value: float | None
    """1 or 0 for a share, seconds or US dollars; None where there is nothing to count (no alert, or no label)."""
    alerted: bool
    tier: str | None
    """The priority its score had when it entered."""


def units(session: Session, experiment: Experiment) -> list[Unit]:
    """Every contact of an experiment, by the time it entered; a contact exposed for several types counts once."""
    rows = session.execute(
        select(
            Exposure.contact_id,
            Exposure.alert_type,
            Exposure.variant,
            Exposure.at,
            Exposure.details,
            Alert.id.label("alert_id"),
            Alert.opened_at,
            Alert.acknowledged_at,
            AlertOutcome.outcome,
            AlertOutcome.converted,
            AlertOutcome.value,
            AlertOutcome.recorded_at,
        )
        .outerjoin(Alert, Alert.id == Exposure.alert_id)
        .outerjoin(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(Exposure.experiment_id == experiment.id)
        .order_by(Exposure.contact_id, Exposure.at, Exposure.id)
    ).all()
    happened = _happened(session, experiment) if experiment.metric is Metric.TRANSACTED else {}
    found = [
        _unit(experiment, list(group), happened.get(contact_id, ()))
        for contact_id, group in groupby(rows, key=lambda row: row.contact_id)
    ]
    return sorted(found, key=lambda one: (one.entered_at, one.contact_id))


def _unit(experiment: Experiment, rows: Sequence[Any], happened: Sequence[datetime]) -> Unit:
    first, metric = rows[0], experiment.metric
    horizons: Mapping[str, int] = experiment.plan["horizons"]
    matures = first.at + follow_up(metric, first.alert_type, horizons)
    alerts = [row for row in rows if row.alert_id is not None]
    known = [row for row in alerts if row.recorded_at is not None and row.recorded_at <= matures]
    value: float | None
    if metric is Metric.TRANSACTED:
        until = first.at + timedelta(days=horizons.get(first.alert_type, LONGEST_HORIZON))
        value = float(any(first.at < at <= until for at in happened))
    elif metric is Metric.RIGHT_SHARE:
        labels = [row.outcome for row in known if row.outcome in (Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE)]
        value = float(labels[0] == Outcome.TRUE_POSITIVE) if labels else None
    elif metric is Metric.CONVERSION:
        value = float(any(row.converted for row in known))
    elif metric is Metric.VALUE:
        value = float(sum(row.value or 0.0 for row in known if row.converted))
    else:
        value, matures = _waited(alerts, matures)
    return Unit(
        contact_id=first.contact_id,
        variant=first.variant,
        entered_at=first.at,
        matures_at=matures,
        value=value,
        alerted=bool(alerts),
        tier=first.details.get("tier"),
    )


def _waited(alerts: Sequence[Any], matures: datetime) -> tuple[float | None, datetime]:
    """Seconds until the first alert was acknowledged, cut at the follow-up: who was never answered counts in full."""
    if not alerts:
        return None, matures
    alert, most = alerts[0], timedelta(days=FOLLOW_UP_DAYS[Metric.RESPONSE_SECONDS])
    waited = most if alert.acknowledged_at is None else min(alert.acknowledged_at - alert.opened_at, most)
    return max(waited.total_seconds(), 0.0), max(matures, alert.opened_at + most)


def _happened(session: Session, experiment: Experiment) -> dict[str, list[datetime]]:
    """Contact -> when it transacted, of the kinds the experiment's alert types lead to (any kind, for a type of one's own)."""
    statement = select(Transaction.contact_id, Transaction.occurred_at).where(
        Transaction.contact_id.in_(
            select(Exposure.contact_id).where(Exposure.experiment_id == experiment.id).distinct()
        )
    )
    types = experiment.alert_types
    if types and all(one in set(Intent) for one in types):
        statement = statement.where(Transaction.kind.in_([TRANSACTION_OF[Intent(one)] for one in types]))
    found: dict[str, list[datetime]] = {}
    for contact_id, at in session.execute(statement):
        found.setdefault(contact_id, []).append(at)
    return found
