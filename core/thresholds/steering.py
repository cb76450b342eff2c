"""Steering: what stands now, what other thresholds would bring, and the thresholds that bring what somebody wants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.alerts.priority import SMALLEST_BUDGET, Thresholds, active_contacts, budget_used, in_force, parse
from core.alerts.worth import worths
from core.errors import Invalid
from core.thresholds import forecast, outcomes, reading, setting
from core.thresholds.forecast import Evidence, Point
from core.thresholds.outcomes import Dismissals, Lesson

ORIGIN_SHARE, ORIGIN_RIGHT = 0.10, 0.70
"""The origin's target: alerts a year as a share of active contacts, and how many of them are right."""
_WEEKS_IN_YEAR = 365 / 7


@dataclass(frozen=True, kw_only=True)
class Known:
    """What steering starts from."""

    thresholds: Thresholds
    """As they stand now, with the use of the budget."""
    can_undo: bool
    evidence: Evidence
    active: int
    """Contacts with a human event in the last 90 days."""
    types: tuple[str, ...]
    dismissals: tuple[Dismissals, ...]
    lesson: Lesson | None
    at: datetime

    @property
    def budget_a_week(self) -> float:
        """Alerts a week that use up the year's budget exactly."""
        return max(self.thresholds.budget_share * self.active, SMALLEST_BUDGET) / _WEEKS_IN_YEAR

    @property
    def origin_a_week(self) -> float:
        """Alerts a week of the origin's target."""
        return max(ORIGIN_SHARE * self.active, SMALLEST_BUDGET) / _WEEKS_IN_YEAR


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a change would do."""

    changes: dict[str, Any]
    """As `setting.save` takes them."""
    thresholds: Thresholds
    point: Point
    """By these thresholds alone."""
    tonight: Point
    """With what the budget adds to them at present."""
    before: Point
    """As things stand, with what the budget adds."""


def known(session: Session, *, now: datetime) -> Known:
    """Read everything steering starts from: bounded, whatever the number of contacts."""
    thresholds = in_force(session, now=now)
    evidence = reading.evidence(session, thresholds, now=now)
    return Known(
        thresholds=thresholds,
        can_undo="previous" in setting.stored(session),
        evidence=evidence,
        active=active_contacts(session, now=now),
        types=setting.known_types(session),
        dismissals=tuple(outcomes.dismissals(evidence.worked, now=now)),
        lesson=outcomes.lesson(evidence.worked, now=now),
        at=now,
    )


def point(of: Known, thresholds: Thresholds, *, with_budget: bool) -> Point:
    """The forecast of these thresholds, with or without what the budget adds at present."""
    types = of.evidence.series.types
    own = {name: thresholds.opening(name) if with_budget else thresholds.set_for(name) for name in types}
    common = thresholds.opening("") if with_budget else thresholds.confidence
    return forecast.forecast(of.evidence, common, own)


def preview(
    session: Session,
    of: Known,
    *,
    changes: Mapping[str, Any] | None = None,
    alerts_a_week: float | None = None,
    preset: str | None = None,
    points: Sequence[Point] | None = None,
    now: datetime,
) -> Preview:
    """What a change would do: named thresholds, a wish for alerts a week, or the preset "origin".

    Args:
        changes: as `setting.save` takes them.
        alerts_a_week: solved for the threshold of the types without one of their own.
        points: the curve for the types' own thresholds, where it is at hand.

    Raises:
        Invalid: the thresholds cannot be set, or there is no such preset.
    """
    wanted = dict(changes or {})
    if preset is not None:
        if preset != "origin":
            raise Invalid("There is no such preset.", fields={"preset": "origin"})
        wanted |= {"types": None, "budgetShare": None}
        found = forecast.for_target(forecast.curve(of.evidence, {}), at_most=of.origin_a_week, right=ORIGIN_RIGHT)
        wanted["confidence"] = found.threshold
    elif alerts_a_week is not None:
        own = parse(setting.checked(session, wanted)).types
        found = forecast.for_alerts_a_week(points or forecast.curve(of.evidence, own), alerts_a_week)
        wanted["confidence"] = found.threshold
    row = parse(setting.checked(session, wanted))
    of = _revalued(session, of, row, now=now)
    after = replace(row, used=budget_used(session, row, now=now))
    return Preview(
        changes=wanted,
        thresholds=after,
        point=point(of, after, with_budget=False),
        tonight=point(of, after, with_budget=True),
        before=point(of, of.thresholds, with_budget=True),
    )


def _revalued(session: Session, of: Known, thresholds: Thresholds, *, now: datetime) -> Known:
    """The same evidence with the dollars of these thresholds."""
    if (thresholds.call_cost, thresholds.earned) == (of.thresholds.call_cost, of.thresholds.earned):
        return of
    worth = {name: one.amount for name, one in worths(session, earned=thresholds.earned, now=now).items()}
    evidence = replace(of.evidence, worth={**of.evidence.worth, **worth}, call_cost=thresholds.call_cost)
    return replace(of, evidence=evidence)
