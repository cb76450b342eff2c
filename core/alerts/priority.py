"""When a score is worth a person's time, and how urgent it is."""

from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables import Alert, Contact, Setting
from core.words import Priority

VALID_DAYS = 30
OPENING_CONFIDENCE = 0.5
BUDGET_SHARE = 0.10
"""Alerts a year, all types together, as a share of active contacts."""
SMALLEST_BUDGET = 50
"""Below this many a year the budget says nothing: a team of a few hundred contacts is not drowned by its alerts."""
_NEARING, _FAR_OVER = 0.9, 1.75
"""Shares of the year's budget between which the threshold rises; gently, because a strong lead is worth going over."""
_STEEPEST = 0.3


def priority_of(confidence: float, signal_strength: float, *, threshold: float = OPENING_CONFIDENCE) -> Priority | None:
    """The first tier that fits, or None when the score is not worth an alert.

    Args:
        confidence: 0-1, that the alert is right.
        signal_strength: S, 0-1.
        threshold: the confidence from which an alert opens; a team may lower it below 0.5, which makes LOW ones.
    """
    if confidence < threshold:
        return None
    if confidence >= 0.8 and signal_strength >= 0.7:
        return Priority.CRITICAL
    if confidence >= 0.7 and signal_strength >= 0.6:
        return Priority.HIGH
    return Priority.MEDIUM if confidence >= OPENING_CONFIDENCE else Priority.LOW


def opening_threshold(session: Session, *, now: datetime) -> float:
    """The team's threshold, raised (never lowered) as the year's alerts near the budget of 10% of active contacts.

    The settings row "thresholds" may hold `confidence`, and `budgetSince`: history loaded from before that instant cost
    nobody's attention and does not count.
    """
    setting = session.scalar(select(Setting.value).where(Setting.key == "thresholds")) or {}
    threshold = float(setting.get("confidence", OPENING_CONFIDENCE))
    start = now - timedelta(days=365)
    live = datetime.fromisoformat(setting["budgetSince"]) if "budgetSince" in setting else start
    if live <= now:
        start = max(start, live)
    opened = session.scalar(
        select(func.count()).select_from(Alert).where(Alert.opened_at > start, Alert.opened_at <= now)
    )
    active = session.scalar(
        select(func.count()).select_from(Contact).where(Contact.last_human_event_at > now - timedelta(days=90))
    )
    budget = max(BUDGET_SHARE * (active or 0), SMALLEST_BUDGET)
    return raised(threshold, used=(opened or 0) / budget)


def raised(threshold: float, *, used: float) -> float:
    """The threshold after `used` (1 = all) of the year's budget: unchanged up to 90%, up by 0.035 at 100% and 0.3 at 175%."""
    over = min(max((used - _NEARING) / (_FAR_OVER - _NEARING), 0.0), 1.0)
    return min(max(threshold, OPENING_CONFIDENCE) + _STEEPEST * over, 0.95) if over else threshold
