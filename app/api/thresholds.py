"""Thresholds over HTTP: what stands, what others would bring, setting them, taking a change back."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.requests import HTTPConnection

from app.api.deps import Admin, Camel, Db, Manager, Now
from core import thresholds, versions
from core.alerts import priority
from core.alerts.priority import Thresholds
from core.errors import Invalid
from core.thresholds import Known, Point, Preview
from core.words import Intent, TierMode

router = APIRouter(prefix="/thresholds", tags=["thresholds"])
_KEPT = timedelta(minutes=1)


class ThresholdsIn(Camel):
    """What is not named stays as it is; null puts it back to what is documented."""

    confidence: float | None = None
    types: dict[str, float] | None = None
    """Alert type to an opening confidence of its own; all of them at once."""
    tiers: TierMode | None = None
    cuts: dict[str, float] | None = None
    """CRITICAL, HIGH, MEDIUM to the US dollars of expected value from which they begin."""
    call_cost: float | None = None
    earned: dict[str, float] | None = None
    """Alert type to the share of a deal's value that the brokerage earns."""
    budget_share: float | None = None
    """Alerts a year as a share of active contacts."""

    def changes(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, exclude_unset=True)


class PreviewIn(ThresholdsIn):
    alerts_a_week: float | None = Field(default=None, gt=0, le=1e6)
    """Solved for `confidence`."""
    preset: str | None = None
    """origin: 10% of active contacts a year, 70% right."""


class ThresholdsOut(Camel):
    confidence: float
    types: dict[str, float]
    tiers: TierMode
    cuts: dict[str, float]
    call_cost: float
    earned: dict[str, float]
    budget_share: float
    budget_since: datetime | None
    in_force: dict[str, float]
    """Alert type to the confidence from which it opens an alert now, budget included."""
    budget_used: float


class RangeOut(Camel):
    """95 times in 100 the true value lies between low and high."""

    value: float
    low: float
    high: float


class ShareOut(Camel):
    hits: int
    total: int
    rate: float | None
    low: float
    high: float


class TypeOut(Camel):
    alert_type: str
    threshold: float
    a_week: RangeOut
    right: RangeOut | None
    value_a_month: float


class PointOut(Camel):
    threshold: float
    count: int
    a_week: RangeOut
    right: RangeOut | None
    """Expected right share."""
    found: RangeOut | None
    """Share of all who will turn out right that would be alerted."""
    seen: ShareOut
    """Of the transactions recorded in these weeks, those whose contact had been alerted for them."""
    per_agent: RangeOut | None
    value_a_month: RangeOut
    """US dollars."""
    types: list[TypeOut]


class DismissalsOut(Camel):
    alert_type: str
    priority: str
    dismissed: int
    total: int


class LessonOut(Camel):
    threshold: float
    spared: int
    lost: int


class StandingOut(Camel):
    current: ThresholdsOut
    can_undo: bool
    weeks: float
    """Looked back at."""
    contacts: int
    """Looked at; `sampled` is their share of all."""
    sampled: float
    agents: int
    budget_a_week: float
    origin_a_week: float
    now: PointOut
    """With what the budget adds at present."""
    curve: list[PointOut]
    dismissals: list[DismissalsOut]
    lesson: LessonOut | None


class PreviewOut(Camel):
    changes: dict[str, Any]
    """As PUT takes them."""
    thresholds: ThresholdsOut
    point: PointOut
    """By these thresholds alone."""
    tonight: PointOut
    """With what the budget adds at present."""
    before: PointOut


def standing(connection: HTTPConnection, db: Db, now: Now) -> Known:
    """What steering starts from, read at most once a minute and after every change."""
    state = connection.app.state
    with db.read() as session:
        version = versions.number(session, priority.SETTING)
        kept: tuple[int, Known] | None = getattr(state, "thresholds_known", None)
        if kept is None or kept[0] != version or not timedelta() <= now - kept[1].at < _KEPT:
            kept = version, thresholds.known(session, now=now)
            state.thresholds_known = kept
    return kept[1]


Standing = Annotated[Known, Depends(standing)]


# Plain functions: they compute for a second where many contacts are scored, and run beside the event loop.
@router.get("", summary="Thresholds, and what others would bring")
def read(viewer: Manager, known: Standing) -> StandingOut:
    series = known.evidence.series
    return StandingOut(
        current=_thresholds(known.thresholds, known),
        can_undo=known.can_undo,
        weeks=series.weeks,
        contacts=series.contacts,
        sampled=series.share,
        agents=known.evidence.agents,
        budget_a_week=known.budget_a_week,
        origin_a_week=known.origin_a_week,
        now=_point(thresholds.point(known, known.thresholds, with_budget=True)),
        curve=[_point(one) for one in thresholds.curve(known.evidence, known.thresholds.types)],
        dismissals=[DismissalsOut.model_validate(asdict(one)) for one in known.dismissals],
        lesson=LessonOut.model_validate(asdict(known.lesson)) if known.lesson else None,
    )


@router.post("/preview", summary="What a change would do; changes nothing")
def try_out(body: PreviewIn, viewer: Manager, known: Standing, db: Db, now: Now) -> PreviewOut:
    changes = body.changes()
    wish, preset = changes.pop("alertsAWeek", None), changes.pop("preset", None)
    if wish is not None and preset is not None:
        raise Invalid("Name alertsAWeek or a preset, not both.", fields={"preset": "not with alertsAWeek"})
    with db.read() as session:
        found: Preview = thresholds.preview(session, known, changes=changes, alerts_a_week=wish, preset=preset, now=now)
    return PreviewOut(
        changes=found.changes,
        thresholds=_thresholds(found.thresholds, known),
        point=_point(found.point),
        tonight=_point(found.tonight),
        before=_point(found.before),
    )


@router.put("", summary="Set thresholds; they count with the next batch")
def change(body: ThresholdsIn, viewer: Admin, db: Db, now: Now) -> ThresholdsOut:
    with db.write() as session:
        thresholds.save(session, body.changes(), viewer=viewer, now=now)
        return _thresholds(priority.in_force(session, now=now), None)


@router.post("/undo", summary="Take back the last change")
def undo(viewer: Admin, db: Db, now: Now) -> ThresholdsOut:
    with db.write() as session:
        thresholds.undo(session, viewer=viewer, now=now)
        return _thresholds(priority.in_force(session, now=now), None)


def _thresholds(one: Thresholds, known: Known | None) -> ThresholdsOut:
    names = dict.fromkeys((*(known.types if known else ()), *map(str, Intent), *one.types))
    return ThresholdsOut(
        confidence=one.confidence,
        types=dict(one.types),
        tiers=one.tiers,
        cuts={str(tier): value for tier, value in one.cuts.items()},
        call_cost=one.call_cost,
        earned=dict(one.earned),
        budget_share=one.budget_share,
        budget_since=one.budget_since,
        in_force={str(name): round(one.opening(name), 4) for name in names},
        budget_used=one.used,
    )


def _point(one: Point) -> PointOut:
    return PointOut.model_validate(asdict(one))
