"""What became of the alerts of the last year: how often they were right, by how sure the score was, and what dismissals teach."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from core.db.tables import Alert, AlertOutcome, Score
from core.words import DismissReason, Outcome

YEAR, LESSON = timedelta(days=365), timedelta(days=90)
FEWEST_SPARED = 3
"""A lesson of fewer is chance."""
PRICE_OF_A_LOSS = 3
"""A right alert lost weighs as much as this many calls spared."""
_MOST = 3_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Worked:
    """One alert whose outcome is final."""

    alert_type: str
    priority: str
    opened: float
    """Confidence of the score that opened it."""
    peak: float
    """Highest confidence while it was open: at a threshold above this it would never have opened."""
    is_right: bool
    reason: str | None
    closed_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dismissals:
    """No-interest dismissals of the last 90 days; they are FALSE_POSITIVE outcomes, so they also lower the right share."""

    alert_type: str
    """`all` for all types together."""
    priority: str
    """`all` for all tiers together."""
    dismissed: int
    total: int
    """Alerts with a final outcome in those days."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """What a higher threshold would have spared in the last 90 days."""

    threshold: float
    spared: int
    """No-interest dismissals that would never have opened."""
    lost: int
    """Right alerts that would never have opened."""


def worked(session: Session, *, now: datetime) -> list[Worked]:
    """The newest alerts of the last 365 days with a final outcome (at most 3,000), with the scores they stood on."""
    final = (Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE)
    rows = session.execute(
        select(
            Alert.id,
            Alert.alert_type,
            Alert.priority,
            Alert.confidence,
            Alert.opened_at,
            AlertOutcome.outcome,
            AlertOutcome.reason,
            func.coalesce(Alert.closed_at, AlertOutcome.recorded_at).label("closed_at"),
        )
        .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(Alert.opened_at > now - YEAR, Alert.opened_at <= now, AlertOutcome.outcome.in_(final))
        .order_by(Alert.opened_at.desc(), Alert.id)
        .limit(_MOST)
    ).all()
    if not rows:
        return []
    seen = _confidences(session, rows[-1].opened_at, now=now)
    return [
        Worked(
            alert_type=row.alert_type,
            priority=row.priority,
            opened=seen.get(row.id, (row.confidence, row.confidence))[0],
            peak=seen.get(row.id, (row.confidence, row.confidence))[1],
            is_right=row.outcome == Outcome.TRUE_POSITIVE,
            reason=row.reason,
            closed_at=row.closed_at,
        )
        for row in rows
    ]


def _confidences(session: Session, since: datetime, *, now: datetime) -> dict[str, tuple[float, float]]:
    """Alert id -> confidence of the first and of the highest score between its opening and its close."""
    rows = session.execute(
        select(Alert.id, Alert.alert_type, Score.results)
        .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .join(
            Score,
            and_(
                Score.contact_id == Alert.contact_id,
                Score.scored_at >= Alert.opened_at,
                Score.scored_at <= func.coalesce(Alert.closed_at, AlertOutcome.recorded_at),
            ),
        )
        .where(Alert.opened_at >= since, Alert.opened_at <= now)
        .order_by(Alert.id, Score.scored_at)
        .limit(_MOST * 20)
    )
    found: dict[str, tuple[float, float]] = {}
    for alert_id, alert_type, results in rows:
        one = results.get(alert_type)
        if one is not None:
            first, peak = found.get(alert_id, (one[1], one[1]))
            found[alert_id] = first, max(peak, one[1])
    return found


def dismissals(of: Sequence[Worked], *, now: datetime) -> list[Dismissals]:
    """No-interest dismissals by type and tier; all of them together come first."""
    recent = _recent(of, now=now)
    groups: dict[tuple[str, str], list[Worked]] = {("all", "all"): recent} if recent else {}
    for one in sorted(recent, key=lambda one: (one.alert_type, one.priority)):
        groups.setdefault((one.alert_type, one.priority), []).append(one)
    return [
        Dismissals(alert_type=key[0], priority=key[1], dismissed=sum(map(_no_interest, group)), total=len(group))
        for key, group in groups.items()
    ]


def lesson(of: Sequence[Worked], *, now: datetime) -> Lesson | None:
    """The threshold (to two decimals) that would have spared most for what it would have lost; None where none pays."""
    recent = _recent(of, now=now)
    best: Lesson | None = None
    for hundredths in range(50, 95):
        threshold = hundredths / 100
        gone = [one for one in recent if one.peak < threshold]
        tried = Lesson(threshold=threshold, spared=sum(map(_no_interest, gone)), lost=sum(one.is_right for one in gone))
        if tried.spared >= FEWEST_SPARED and _gain(tried) > (_gain(best) if best else 0):
            best = tried
    return best


def _gain(one: Lesson) -> int:
    return one.spared - PRICE_OF_A_LOSS * one.lost


def _no_interest(one: Worked) -> bool:
    return one.reason == DismissReason.NO_INTEREST and not one.is_right


def _recent(of: Sequence[Worked], *, now: datetime) -> list[Worked]:
    return [one for one in of if one.closed_at is not None and now - LESSON < one.closed_at <= now]
