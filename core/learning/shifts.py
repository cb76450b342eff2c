"""Drift: does today look like what a model was made of, and do its alerts come true as often as it said?

Three kinds of numbers, a row each in `drift_checks`: every feature a model uses and both of its scores (PSI and the
Kolmogorov-Smirnov distance of the last 30 days from the version's reference, one row a contact), and per tier what worked
alerts said against how many were right. Small samples never alarm; a shift must be large and beyond chance at 1% over all
numbers looked at together (Bonferroni). What has alarmed goes on until it is clearly back, so that it does not flicker.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from scipy.special import kolmogorov
from scipy.stats import norm
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables import Alert, AlertOutcome, DriftCheck, ModelVersion
from core.learning import applying, examples, facts, reference, targets
from core.learning.drift import Checked, latest
from core.learning.examples import Floats
from core.scoring import features, metrics
from core.words import ModelStatus, Outcome, Priority

RECENT = timedelta(days=30)
PSI_ON, PSI_OFF = 0.25, 0.15
KS_ON, KS_OFF = 0.2, 0.12
RATIO_ON, RATIO_OFF = (0.8, 1.25), (0.9, 1.11)
CHANCE = 0.01
"""Over all numbers of one kind and intent together."""
FEWEST_ALERTS = 30
MATURED_FOR = timedelta(days=365)
"""Alerts opened in the year before the newest whose ending is known."""
KEPT = timedelta(days=180)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What one look found."""

    rows: tuple[Checked, ...]
    begun: tuple[Checked, ...]
    """What alarms and did not before."""
    references: dict[str, dict[str, Any]]
    """Of versions that were seen for the first time, to be kept."""


def look(session: Session, *, delay: timedelta, now: datetime) -> Looked:
    """Look at every deployed version; reads only."""
    before = {one.key for one in latest(session) if one.alarmed}
    rows: list[Checked] = []
    references = {}
    recent = examples.newest(session, since=now - RECENT, until=now)
    for version in session.scalars(
        select(ModelVersion).where(ModelVersion.status == ModelStatus.DEPLOYED).order_by(ModelVersion.intent)
    ):
        # Generic features are not stored with a score; counting them again for everybody each day would be too much.
        if len(recent) >= reference.FEWEST and set(reference.used(version.parameters)) <= features.INDEX.keys():
            ground, is_new = reference.of(session, version, now=now)
            if ground is not None:
                rows += _shifts(version, ground, recent.matrix, before)
            if ground is not None and is_new:
                references[version.id] = ground
        rows += _outcomes(session, version, before, delay=delay, now=now)
    begun = tuple(one for one in rows if one.alarmed and one.key not in before)
    return Looked(rows=tuple(rows), begun=begun, references=references)


def keep(session: Session, looked: Looked, *, now: datetime) -> None:
    """Write what was found; what is older than half a year goes."""
    for version_id, made in looked.references.items():
        reference.keep(session, version_id, made, now=now)
    session.execute(delete(DriftCheck).where(DriftCheck.checked_at < now - KEPT))
    if looked.rows:
        session.connection().execute(
            insert(table_of(DriftCheck)), [{"checked_at": now, **vars(one)} for one in looked.rows]
        )


def _shifts(
    version: ModelVersion, ground: dict[str, Any], matrix: Floats, before: Iterable[tuple[str, str, str, str]]
) -> list[Checked]:
    numbers = applying.numbers(version.parameters, matrix, intent=version.intent)
    columns = [
        ("feature", name, stored, matrix[:, features.index(name)]) for name, stored in ground["features"].items()
    ]
    columns += [("score", name, stored, getattr(numbers, name)) for name, stored in ground["scores"].items()]
    found = []
    for kind, name, stored, column in columns:
        chance = CHANCE / (2 * (len(ground["scores"]) if kind == "score" else len(ground["features"])))
        was, column = reference.sample(stored), reference.rounded(column)
        moved = metrics.psi(was, column)
        distance, p = _distance(was, column, rows=ground["rows"], missing=stored["missing"])
        missing = float(np.isnan(column).mean())
        surely = p < chance or _shares_differ(stored["missing"], ground["rows"], missing, len(column), chance)
        details = {"rows": len(column), "referenceRows": ground["rows"], "p": p, "missing": round(missing, 4)}
        for statistic, value, on, off in (("psi", moved, PSI_ON, PSI_OFF), ("ks", distance, KS_ON, KS_OFF)):
            key = (version.intent, kind, name, statistic)
            alarmed = value > off if key in before else value > on and surely
            found.append(
                Checked(
                    intent=version.intent,
                    model_version=version.id,
                    kind=kind,
                    subject=name,
                    statistic=statistic,
                    value=round(value, 5),
                    limit=on,
                    alarmed=alarmed,
                    details=details,
                )
            )
    return found


def _distance(was: Floats, column: Floats, *, rows: int, missing: float) -> tuple[float, float]:
    """The KS distance, and its p-value for the rows that the reference was made of; 0 and 1 where nothing is known."""
    distance, _ = metrics.ks(was, column)
    if distance != distance:
        return 0.0, 1.0
    known, here = rows * (1 - missing), float((~np.isnan(column)).sum())
    return distance, float(kolmogorov(np.sqrt(known * here / (known + here)) * distance))


def _shares_differ(was: float, rows: int, now: float, here: int, chance: float) -> bool:
    """Whether the share of missing values has changed beyond chance (two-proportion z-test)."""
    pooled = (was * rows + now * here) / (rows + here)
    error = np.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / here))
    return bool(error > 0 and abs(now - was) / error > norm.isf(chance / 2))


def _outcomes(
    session: Session,
    version: ModelVersion,
    before: Iterable[tuple[str, str, str, str]],
    *,
    delay: timedelta,
    now: datetime,
) -> list[Checked]:
    """Per tier: how many worked alerts were right, against the sum of the confidences they were shown with."""
    until = now - targets.of(session, version.intent).horizon - delay
    final = AlertOutcome.outcome.in_((Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE))
    labelled = (AlertOutcome.outcome == Outcome.TRUE_POSITIVE) | (
        func.coalesce(AlertOutcome.reason, "").not_in(facts.NO_LABEL)
    )
    rows = session.execute(
        select(
            Alert.priority,
            func.count().label("alerts"),
            func.sum(Alert.confidence).label("expected"),
            func.count().filter(AlertOutcome.outcome == Outcome.TRUE_POSITIVE).label("observed"),
        )
        .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(
            Alert.alert_type == version.intent,
            Alert.opened_at <= until,
            Alert.opened_at > until - MATURED_FOR,
            final,
            labelled,
        )
        .group_by(Alert.priority)
    ).all()
    return [_tier(version, row, before) for row in rows if row.alerts >= FEWEST_ALERTS]


def _tier(version: ModelVersion, row: Any, before: Iterable[tuple[str, str, str, str]]) -> Checked:
    ratio = row.observed / row.expected
    sure = _ratio_interval(row, float(norm.isf(CHANCE / (2 * len(Priority)))))
    shown = _ratio_interval(row, 1.96)
    key = (version.intent, "outcome", row.priority, "ratio")
    off = not RATIO_ON[0] <= ratio <= RATIO_ON[1] and not sure[0] <= 1 <= sure[1]
    still = not RATIO_OFF[0] <= ratio <= RATIO_OFF[1] and not shown[0] <= 1 <= shown[1]
    return Checked(
        intent=version.intent,
        model_version=version.id,
        kind="outcome",
        subject=row.priority,
        statistic="ratio",
        value=round(ratio, 4),
        limit=RATIO_ON[1] if ratio >= 1 else RATIO_ON[0],
        alarmed=still if key in before else off,
        details={
            "alerts": row.alerts,
            "observed": row.observed,
            "expected": round(row.expected, 2),
            "interval": [round(each, 4) for each in shown],
        },
    )


def _ratio_interval(row: Any, z: float) -> tuple[float, float]:
    """Wilson's interval of the share that was right, over the mean confidence."""
    low, high = metrics.wilson(row.observed, row.alerts, z=z)
    mean = row.expected / row.alerts
    return low / mean, high / mean
