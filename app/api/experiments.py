"""Experiments over HTTP: plan, draft, start, read by the stated method, stop, adopt. Managers read, admins change."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field, StringConstraints

from app.api.deps import Admin, Camel, Db, Manager, Now
from core.experiments import lifecycle
from core.experiments.definition import Experiment
from core.experiments.hindsight import hindsight
from core.experiments.outlook import Outlook, outlook
from core.thresholds import adopting

router = APIRouter(prefix="/experiments", tags=["experiments"])

_PLAIN = r"^[^\x00]*$"
Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PLAIN)]
PathId = Annotated[str, Path(min_length=1, max_length=64, pattern=_PLAIN)]
Said = Annotated[str, StringConstraints(max_length=2000, pattern=_PLAIN)]
KindName = Literal["model", "threshold", "routing", "holdout"]
MetricName = Literal["transacted", "right_share", "conversion", "response_seconds", "value"]
MethodName = Literal["fixed", "group_sequential"]


class VariantIn(Camel):
    key: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = None
    name: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=_PLAIN)]
    share: float = Field(gt=0, lt=1)
    config: dict[str, Any] = Field(default_factory=dict)
    """{} is as it is today (the first one); {"threshold"}, {"model"}, {"strategy"} or {"withhold": true} differ."""


class PlanIn(Camel):
    effect: float
    """The smallest difference worth finding: a share's points (0.1), seconds, or US dollars."""
    baseline: float | None = None
    """Where the number stands today; the team's own where left out."""
    sd: float | None = None
    """How much seconds or dollars vary; the team's own where left out."""
    power: float | None = None
    alpha: float | None = None
    method: MethodName | None = None
    looks: int | None = Field(default=None, ge=1, le=10)
    weeks: int | None = Field(default=None, ge=1, le=156)
    """How long new contacts may enter, at most."""
    exempt_critical: bool | None = None


class ExperimentIn(Camel):
    name: Annotated[str, StringConstraints(max_length=120, pattern=_PLAIN)]
    hypothesis: Said = ""
    kind: KindName
    alert_types: list[Id] = Field(default_factory=list, max_length=50)
    """Empty: every type."""
    variants: list[VariantIn] = Field(min_length=1, max_length=10)
    """The first is the control."""
    metric: MetricName
    plan: PlanIn


class ExperimentChange(Camel):
    name: Annotated[str, StringConstraints(max_length=120, pattern=_PLAIN)] | None = None
    hypothesis: Said | None = None
    kind: KindName | None = None
    alert_types: list[Id] | None = Field(default=None, max_length=50)
    variants: list[VariantIn] | None = Field(default=None, min_length=1, max_length=10)
    metric: MetricName | None = None
    plan: PlanIn | None = None


class StopIn(Camel):
    reason: Annotated[str, StringConstraints(max_length=1000, pattern=_PLAIN)] = ""


class AdoptIn(Camel):
    variant: Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=_PLAIN)]
    """The key of the variant that won."""


class VariantOut(Camel):
    key: str
    name: str
    share: float
    config: dict[str, Any]


class ExperimentOut(Camel):
    id: str
    name: str
    hypothesis: str
    kind: str
    status: str
    alert_types: list[str]
    variants: list[VariantOut]
    metric: str
    plan: dict[str, Any]
    conclusion: dict[str, Any] | None
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    ends_at: datetime | None
    stopped_at: datetime | None


class ExperimentDetail(ExperimentOut):
    standing: dict[str, Any] | None
    """What it may say by now under its stated method; null for a draft."""


class RateOut(Camel):
    expected: float
    low: float
    high: float


class OutlookOut(Camel):
    """What the team's own last half year says about experiments."""

    weeks: float
    alerts_a_year: RateOut
    contacts_a_week: RateOut
    baselines: dict[str, float]
    guessed: list[str]
    """Baselines that are guesses, for want of closed alerts."""


class ExperimentList(Camel):
    outlook: OutlookOut
    items: list[ExperimentOut]


class EstimateOut(Camel):
    value: float
    low: float
    high: float
    """A 95% interval."""
    decisions: int
    effective: float
    """How many hand-outs of that way's own would say as much."""


class HindsightOut(Camel):
    strategy: str
    metric: str
    decisions: int
    left_out: dict[str, int]
    """Why some do not count: by_rule, matched, not_kept, no_number, older."""
    actual: EstimateOut | None
    would_be: EstimateOut | None
    """null where too little is known."""
    covered: float
    """The part of its choices in which it would have taken somebody who had a chance; the figure is of those."""
    bounds: list[float] | None
    """[low, high] of a share over all of its choices."""
    sentences: list[str]


@router.get("", summary="All experiments, running ones first, and how many contacts come to experiment with")
def list_experiments(_viewer: Manager, db: Db, now: Now) -> ExperimentList:
    with db.read() as session:
        found = lifecycle.list_experiments(session)
        own = outlook(session, now=now)
    return ExperimentList(outlook=_outlook(own), items=[ExperimentOut(**_told(one)) for one in found])


@router.post("", status_code=201, summary="Keep a draft, with its plan worked out")
def create(body: ExperimentIn, viewer: Admin, db: Db, now: Now) -> ExperimentOut:
    with db.write() as session:
        made = lifecycle.create(session, body.model_dump(), actor_id=viewer.user_id or None, now=now)
    return ExperimentOut(**_told(made))


@router.post("/plan", summary="What an experiment would take; keeps nothing")
def plan(body: ExperimentIn, _viewer: Manager, db: Db, now: Now) -> dict[str, Any]:
    with db.read() as session:
        return lifecycle.plan(session, body.model_dump(), now=now)


@router.get("/hindsight", summary="What another strategy would have brought with past alerts, as far as they can tell")
def get_hindsight(
    _viewer: Manager,
    db: Db,
    now: Now,
    strategy: Annotated[str, Query(max_length=64, pattern=_PLAIN)],
    metric: Annotated[str, Query(max_length=64, pattern=_PLAIN)] = "conversion",
    days: int = 365,
    alert_type: Annotated[str | None, Query(alias="alertType", max_length=64, pattern=_PLAIN)] = None,
) -> HindsightOut:
    """Of the whole house. Keeps nothing."""
    with db.read() as session:
        found = hindsight(session, strategy=strategy, metric=metric, days=days, alert_type=alert_type, now=now)
    return HindsightOut(
        strategy=found.strategy,
        metric=found.metric,
        decisions=found.decisions,
        left_out=found.left_out,
        actual=EstimateOut(**asdict(found.actual)) if found.actual else None,
        would_be=EstimateOut(**asdict(found.would_be)) if found.would_be else None,
        covered=found.covered,
        bounds=list(found.bounds) if found.bounds else None,
        sentences=list(found.sentences),
    )


@router.get("/{experiment_id}", summary="One experiment, with what its method allows to say by now")
def get(experiment_id: PathId, _viewer: Manager, db: Db, now: Now) -> ExperimentDetail:
    with db.read() as session:
        found = lifecycle.get(session, experiment_id)
        standing = lifecycle.standing(session, found, now=now)
    return ExperimentDetail(**_told(found), standing=standing)


@router.patch("/{experiment_id}", summary="Change a draft")
def change(experiment_id: PathId, body: ExperimentChange, viewer: Admin, db: Db, now: Now) -> ExperimentOut:
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    with db.write() as session:
        changed = lifecycle.change(session, experiment_id, changes, actor_id=viewer.user_id or None, now=now)
    return ExperimentOut(**_told(changed))


@router.post("/{experiment_id}/start", summary="Freeze the plan and let contacts in")
def start(experiment_id: PathId, viewer: Admin, db: Db, now: Now) -> ExperimentOut:
    with db.write() as session:
        return ExperimentOut(**_told(lifecycle.start(session, experiment_id, actor_id=viewer.user_id or None, now=now)))


@router.post("/{experiment_id}/stop", summary="End it and keep what is known now as the conclusion")
def stop(experiment_id: PathId, viewer: Admin, db: Db, now: Now, body: StopIn | None = None) -> ExperimentOut:
    reason = body.reason if body else ""
    with db.write() as session:
        stopped = lifecycle.stop(session, experiment_id, reason=reason, actor_id=viewer.user_id or None, now=now)
    return ExperimentOut(**_told(stopped))


@router.post("/{experiment_id}/adopt", summary="Make a variant that won a stopped experiment what everybody gets")
def adopt(experiment_id: PathId, body: AdoptIn, viewer: Admin, db: Db, now: Now) -> ExperimentOut:
    with db.write() as session:
        return ExperimentOut(**_told(adopting.adopt(session, experiment_id, body.variant, viewer=viewer, now=now)))


@router.delete("/{experiment_id}", status_code=204, summary="Delete a draft")
def delete(experiment_id: PathId, viewer: Admin, db: Db, now: Now) -> Response:
    with db.write() as session:
        lifecycle.remove(session, experiment_id, actor_id=viewer.user_id or None, now=now)
    return Response(status_code=204)


def _told(one: Experiment) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "hypothesis": one.hypothesis,
        "kind": one.kind,
        "status": one.status,
        "alert_types": list(one.alert_types),
        "variants": [VariantOut(**lifecycle.variant_row(variant)) for variant in one.variants],
        "metric": one.metric,
        "plan": dict(one.plan),
        "conclusion": dict(one.conclusion) if one.conclusion is not None else None,
        "created_by": one.created_by,
        "created_at": one.created_at,
        "started_at": one.started_at,
        "ends_at": one.ends_at,
        "stopped_at": one.stopped_at,
    }


def _outlook(own: Outlook) -> OutlookOut:
    def told(rate: Any) -> RateOut:
        return RateOut(expected=round(rate.per_week, 2), low=round(rate.low, 2), high=round(rate.high, 2))

    return OutlookOut(
        weeks=round(own.weeks, 1),
        alerts_a_year=told(own.alerts_a_year),
        contacts_a_week=told(own.contacts),
        baselines={metric.value: value for metric, value in own.baselines.items()},
        guessed=[metric.value for metric in own.guessed],
    )
