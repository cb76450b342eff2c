"""What a team's own last half year says about experiments: how many contacts come, and how their numbers stand today."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from core.db.dialect import seconds
from core.db.tables import Alert, AlertOutcome, LatestScore
from core.experiments.definition import FOLLOW_UP_DAYS, Metric
from core.experiments.planning import WEEKS_IN_YEAR, Rate, rate
from core.words import Outcome

RATE_WEEKS = 26
_RIGHT_GOAL, _LABELLED, _CHANCE, _CONVERTED = 0.70, 0.5, 0.10, 0.15
"""Until a team has its own: the domain's goal, and round guesses that the page calls guesses."""
_FEW = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """A team's own numbers."""

    weeks: float
    """How long was looked at; 0 when there was no alert yet."""
    alerts: Rate
    contacts: Rate
    """Different contacts with an alert: one contact enters an experiment once."""
    labelled: float
    """Of alerts, the share that ends as right or wrong."""
    baselines: dict[Metric, float]
    spreads: dict[Metric, float]
    """Standard deviations of what is no share."""
    guessed: tuple[Metric, ...]
    """Baselines that are guesses, for want of closed alerts."""

    @property
    def alerts_a_year(self) -> Rate:
        year = WEEKS_IN_YEAR
        return Rate(per_week=self.alerts.per_week * year, low=self.alerts.low * year, high=self.alerts.high * year)

    def arriving(self, metric: Metric) -> Rate:
        """Contacts a week that count for this metric."""
        share = self.labelled if metric is Metric.RIGHT_SHARE else 1.0
        came = self.contacts
        return Rate(per_week=came.per_week * share, low=came.low * share, high=came.high * share)


def outlook(session: Session, *, alert_types: Sequence[str] = (), now: datetime) -> Outlook:
    """The outlook for alerts of these types; of all when none is named."""
    of_types = [Alert.alert_type.in_(alert_types)] if alert_types else []
    first = session.scalar(select(func.min(Alert.opened_at)).where(*of_types, Alert.opened_at <= now))
    weeks = min(max((now - first) / timedelta(weeks=1), 1.0), RATE_WEEKS) if first else 0.0
    since = now - timedelta(weeks=weeks)
    count, people = session.execute(
        select(func.count(), func.count(Alert.contact_id.distinct())).where(
            *of_types, Alert.opened_at >= since, Alert.opened_at <= now
        )
    ).one()
    numbers = _numbers(session, of_types, now=now)
    return Outlook(weeks=weeks, alerts=rate(count, weeks), contacts=rate(people, weeks), **numbers)


def above(session: Session, *, lowest: float, today: float, alert_types: Sequence[str] = ()) -> float:
    """How many times as many contacts score above `lowest` as above today's threshold, by their newest scores; at least 1."""
    of_types = [LatestScore.intent.in_(alert_types)] if alert_types else []
    over, now_over = (
        session.scalar(select(func.count()).select_from(LatestScore).where(*of_types, LatestScore.confidence >= bar))
        or 0
        for bar in (lowest, today)
    )
    return max(over / now_over, 1.0) if now_over else 1.0


def _numbers(session: Session, of_types: Sequence[ColumnElement[bool]], *, now: datetime) -> dict[str, Any]:
    old = Alert.opened_at <= now - timedelta(days=FOLLOW_UP_DAYS[Metric.CONVERSION])
    ripe = Alert.opened_at <= now - timedelta(days=FOLLOW_UP_DAYS[Metric.RIGHT_SHARE])
    hit = AlertOutcome.outcome == Outcome.TRUE_POSITIVE
    miss = AlertOutcome.outcome == Outcome.FALSE_POSITIVE
    amount = case((AlertOutcome.converted, func.coalesce(AlertOutcome.value, 0.0)), else_=0.0)
    row = session.execute(
        select(
            func.count().filter(ripe).label("ripe"),
            func.count().filter(ripe, hit).label("right"),
            func.count().filter(ripe, miss).label("wrong"),
            func.count().filter(old).label("old"),
            func.count().filter(old, AlertOutcome.converted).label("converted"),
            func.avg(amount).filter(old).label("value"),
            func.avg(amount * amount).filter(old).label("squares"),
            func.avg(Alert.probability).label("chance"),
        )
        .select_from(Alert)
        .outerjoin(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(*of_types, Alert.opened_at > now - timedelta(days=365), Alert.opened_at <= now)
    ).one()
    wait, wait_sd, waited = _waits(session, of_types, now=now)
    labelled = row.right + row.wrong
    value = float(row.value or 0.0)
    guessed = [
        metric
        for metric, seen in (
            (Metric.RIGHT_SHARE, labelled),
            (Metric.CONVERSION, row.old),
            (Metric.VALUE, row.converted),
            (Metric.RESPONSE_SECONDS, waited),
        )
        if seen < _FEW
    ]
    return {
        "labelled": max(labelled / row.ripe, 0.05) if row.ripe >= _FEW else _LABELLED,
        "baselines": {
            Metric.TRANSACTED: float(row.chance or _CHANCE),
            Metric.RIGHT_SHARE: _inside(row.right / labelled) if labelled >= _FEW else _RIGHT_GOAL,
            Metric.CONVERSION: _inside(row.converted / row.old) if row.old >= _FEW else _CONVERTED,
            Metric.VALUE: value,
            Metric.RESPONSE_SECONDS: wait,
        },
        "spreads": {
            Metric.VALUE: math.sqrt(max(float(row.squares or 0.0) - value**2, 0.0)),
            Metric.RESPONSE_SECONDS: wait_sd,
        },
        "guessed": tuple(guessed),
    }


def _waits(session: Session, of_types: Sequence[ColumnElement[bool]], *, now: datetime) -> tuple[float, float, int]:
    """Mean and standard deviation of the seconds until acknowledged, cut at the follow-up as the metric is."""
    most = timedelta(days=FOLLOW_UP_DAYS[Metric.RESPONSE_SECONDS])
    waited = func.coalesce(seconds(session, Alert.opened_at, Alert.acknowledged_at), most.total_seconds())
    cut = case((waited > most.total_seconds(), most.total_seconds()), else_=waited)
    row = session.execute(
        select(func.count().label("number"), func.avg(cut).label("mean"), func.avg(cut * cut).label("squares")).where(
            *of_types, Alert.opened_at > now - timedelta(days=365), Alert.opened_at <= now - most
        )
    ).one()
    mean = float(row.mean or 0.0)
    return mean, math.sqrt(max(float(row.squares or 0.0) - mean**2, 0.0)), row.number


def _inside(share: float) -> float:
    return min(max(share, 0.01), 0.99)
