"""What a right alert of each type brings in, in US dollars: the team's own deals, documented defaults where it has few."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables import Alert, AlertOutcome
from core.words import Intent, Outcome

CALL_COST = 40.0
"""US dollars of an agent's time to follow one alert up: about an hour of calls and notes."""
COMMISSIONS: Mapping[str, float] = {
    Intent.LIKELY_TO_SELL: 10_000.0,
    Intent.LIKELY_TO_BUY: 10_000.0,
    Intent.REFINANCE_OPPORTUNITY: 3_000.0,
    Intent.INVESTMENT_INTEREST: 8_000.0,
}
"""US dollars earned by one deal, used until a team has FEWEST deals of that type with a value. Judgements, to be argued with."""
OTHER_COMMISSION = 5_000.0
"""Of alert types of a team's own."""
EARNED: Mapping[str, float] = {Intent.REFINANCE_OPPORTUNITY: 0.01}
OTHER_EARNED = 0.025
"""The share of a deal's value that the brokerage earns; 1 for a team that records its commission as the value."""
FEWEST = 5
"""Deals with a value from which the team's own median counts."""
CLOSING, CLOSING_WEIGHT = 0.25, 20.0
"""The share of right alerts that end in a deal, until the team's own outcomes say otherwise; worth 20 of them."""
_YEAR = timedelta(days=365)
_MOST = 2_000


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What one right alert of a type is worth."""

    alert_type: str
    deals: int
    """Converted alerts of the last 365 days that named a value."""
    commission: float
    """US dollars earned by the median deal, or the default."""
    is_default: bool
    closing: float
    """Share of right alerts that end in a deal: the team's, shrunk to 25%."""

    @property
    def amount(self) -> float:
        """US dollars a right alert brings in on average."""
        return self.commission * self.closing


def worth(alert_type: str, *, values: list[float], right: int, converted: int, earned: float) -> Worth:
    """Decide what a right alert is worth.

    Args:
        values: US dollars of the converted alerts that named one.
        right: TRUE_POSITIVE outcomes, `converted` of which ended in a deal.
        earned: share of a deal's value that the brokerage earns.
    """
    own = len(values) >= FEWEST
    default = COMMISSIONS.get(alert_type, OTHER_COMMISSION)
    return Worth(
        alert_type=alert_type,
        deals=len(values),
        commission=statistics.median(values) * earned if own else default,
        is_default=not own,
        closing=(CLOSING * CLOSING_WEIGHT + converted) / (CLOSING_WEIGHT + right),
    )


def worths(session: Session, *, earned: Mapping[str, float], now: datetime) -> dict[str, Worth]:
    """Alert type to its worth, of the four intents and every type that had a right alert in the last 365 days."""
    recent = (Alert.opened_at > now - _YEAR, Alert.opened_at <= now, AlertOutcome.outcome == Outcome.TRUE_POSITIVE)
    counts = {
        row.alert_type: row
        for row in session.execute(
            select(
                Alert.alert_type,
                func.count().label("right"),
                func.count().filter(AlertOutcome.converted).label("converted"),
            )
            .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
            .where(*recent)
            .group_by(Alert.alert_type)
        )
    }
    values: dict[str, list[float]] = {}
    for alert_type, value in session.execute(
        select(Alert.alert_type, AlertOutcome.value)
        .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(*recent, AlertOutcome.converted, AlertOutcome.value > 0)
        .order_by(Alert.opened_at.desc())
        .limit(_MOST)
    ):
        values.setdefault(alert_type, []).append(float(value or 0))
    return {
        alert_type: worth(
            alert_type,
            values=values.get(alert_type, []),
            right=counts[alert_type].right if alert_type in counts else 0,
            converted=counts[alert_type].converted if alert_type in counts else 0,
            earned=earned.get(alert_type, EARNED.get(alert_type, OTHER_EARNED)),
        )
        for alert_type in dict.fromkeys((*(str(intent) for intent in Intent), *sorted(counts)))
    }
