"""When a score is worth a person's time, and how urgent it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import log
from core.alerts.worth import CALL_COST, CLOSING, COMMISSIONS, OTHER_COMMISSION, worths
from core.db.tables import Alert, Contact, Setting
from core.words import Priority, TierMode

_log = log.get(__name__)
VALID_DAYS = 30
OPENING_CONFIDENCE = 0.5
SETTING = "thresholds"
"""The key of the settings row, and the name of the version counter that says it changed."""
BUDGET_SHARE = 0.10
"""Alerts a year, all types together, as a share of active contacts."""
SMALLEST_BUDGET = 50
"""Below this many a year the budget says nothing: a team of a few hundred contacts is not drowned by its alerts."""
CUTS: Mapping[Priority, float] = {Priority.CRITICAL: 1_800.0, Priority.HIGH: 1_400.0, Priority.MEDIUM: 250.0}
"""US dollars of expected value from which a tier begins, where tiers go by value; below the last it is LOW."""
_NEARING, _FAR_OVER = 0.9, 1.75
"""Shares of the year's budget between which the threshold rises; gently, because a strong lead is worth going over."""
_STEEPEST = 0.3
_HIGHEST = 0.95


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


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What opens an alert and how urgent it then is: what the team set, and how much of the year's budget is used."""

    confidence: float = OPENING_CONFIDENCE
    types: Mapping[str, float] = field(default_factory=dict)
    """Alert types with a threshold of their own."""
    tiers: TierMode = TierMode.CONFIDENCE
    cuts: Mapping[Priority, float] = field(default_factory=lambda: dict(CUTS))
    """US dollars from which each tier begins, where tiers go by value."""
    call_cost: float = CALL_COST
    """US dollars to follow one alert up."""
    earned: Mapping[str, float] = field(default_factory=dict)
    """Alert type to the share of a deal's value that the brokerage earns; the documented share where not named."""
    worth: Mapping[str, float] = field(default_factory=dict)
    """Alert type to the US dollars a right alert brings in; only filled where tiers go by value."""
    budget_share: float = BUDGET_SHARE
    budget_since: datetime | None = None
    """Alerts from before that instant cost nobody's attention (loaded history) and do not count."""
    used: float = 0.0
    """Of the year's budget; 1 is all of it."""

    def set_for(self, alert_type: str) -> float:
        """The confidence the team set for this type, whatever the budget says."""
        return self.types.get(alert_type, self.confidence)

    def opening(self, alert_type: str) -> float:
        """The confidence from which this type opens an alert now."""
        return raised(self.set_for(alert_type), used=self.used)

    def value(self, alert_type: str, confidence: float) -> float:
        """US dollars one alert is expected to bring: what a right one is worth, times how sure, less the call."""
        default = COMMISSIONS.get(alert_type, OTHER_COMMISSION) * CLOSING
        return confidence * self.worth.get(alert_type, default) - self.call_cost

    def tier(
        self, alert_type: str, confidence: float, signal_strength: float, *, threshold: float | None = None
    ) -> Priority | None:
        """The priority of a score, or None when it is not worth an alert; never lower for more confidence or evidence.

        Args:
            threshold: instead of the team's, for this score alone.
        """
        least = self.opening(alert_type) if threshold is None else threshold
        if self.tiers is TierMode.CONFIDENCE:
            return priority_of(confidence, signal_strength, threshold=least)
        if confidence < least:
            return None
        value = self.value(alert_type, confidence)
        return next((tier for tier in CUTS if value >= self.cuts[tier]), Priority.LOW)


def parse(stored: object) -> Thresholds:
    """The thresholds of a settings row; what it does not name is as documented, and so is what it names wrongly (logged)."""
    row: Mapping[str, Any] = stored if isinstance(stored, Mapping) else {}
    documented = Thresholds()
    readers: dict[str, tuple[str, Callable[[Any], Any]]] = {
        "confidence": ("confidence", _share),
        "types": ("types", lambda told: {str(name): _share(value) for name, value in told.items()}),
        "tiers": ("tiers", TierMode),
        "cuts": ("cuts", lambda told: {tier: _number(told.get(tier, CUTS[tier])) for tier in CUTS}),
        "callCost": ("call_cost", _number),
        "earned": ("earned", lambda told: {str(name): _share(value) for name, value in told.items()}),
        "budgetShare": ("budget_share", _share),
        "budgetSince": ("budget_since", _instant),
    }
    wrong = [] if row is stored else ["all of it"]
    found: dict[str, Any] = {}
    for name, (field_name, read) in readers.items():
        if row.get(name) is not None:
            try:
                found[field_name] = read(row[name])
            except (TypeError, ValueError, AttributeError, OverflowError):
                wrong.append(name)
    if wrong:
        _log.error("threshold_setting_refused", fields=wrong)
    return replace(documented, **found)


def _number(value: Any) -> float:
    if not isinstance(value, int | float) or not isfinite(value):
        raise ValueError("not a number")
    return float(value)


def _share(value: Any) -> float:
    if not 0 <= _number(value) <= 1:
        raise ValueError("not between 0 and 1")
    return float(value)


def _instant(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("a time needs its zone")
    return found


def in_force(session: Session, *, now: datetime) -> Thresholds:
    """The team's thresholds as they stand now, with the use of the year's budget (and the worth of types, where tiers need it)."""
    found = parse(session.scalar(select(Setting.value).where(Setting.key == SETTING)) or {})
    changes: dict[str, Any] = {"used": budget_used(session, found, now=now)}
    if found.tiers is TierMode.VALUE:
        known = worths(session, earned=found.earned, now=now)
        changes["worth"] = {alert_type: one.amount for alert_type, one in known.items()}
    return replace(found, **changes)


def budget_used(session: Session, thresholds: Thresholds, *, now: datetime) -> float:
    """The share of the year's alert budget that is used: alerts of the last 365 days over 10% of active contacts."""
    start = now - timedelta(days=365)
    if thresholds.budget_since is not None and thresholds.budget_since <= now:
        start = max(start, thresholds.budget_since)
    opened = session.scalar(
        select(func.count()).select_from(Alert).where(Alert.opened_at > start, Alert.opened_at <= now)
    )
    return (opened or 0) / max(thresholds.budget_share * active_contacts(session, now=now), SMALLEST_BUDGET)


def active_contacts(session: Session, *, now: datetime) -> int:
    """Contacts with a human event in the last 90 days."""
    active = select(func.count()).select_from(Contact).where(Contact.last_human_event_at > now - timedelta(days=90))
    return session.scalar(active) or 0


def raised(threshold: float, *, used: float) -> float:
    """The threshold after `used` (1 = all) of the year's budget: unchanged up to 90%, up by 0.035 at 100% and 0.3 at 175%."""
    over = min(max((used - _NEARING) / (_FAR_OVER - _NEARING), 0.0), 1.0)
    if not over:
        return threshold
    return max(threshold, min(max(threshold, OPENING_CONFIDENCE) + _STEEPEST * over, _HIGHEST))
