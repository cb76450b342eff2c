"""Alert types over HTTP: what there is, what a type of one's own may look at, trying one, and its life.

Static paths come before {id}; `PUT` replaces the whole text, `PATCH` the fields it names.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field, StringConstraints
from sqlalchemy.orm import Session

from app.api import deps
from app.api.deps import Admin, Caller, Camel, Db, Manager, Now
from app.runtime import Runtime
from core import scoring
from core.alert_types import book, fields
from core.alert_types.definition import TRAINED, NewType, validate
from core.alert_types.preview import preview as try_out
from core.alert_types.rules import OPERATORS
from core.alert_types.templates import TEMPLATES
from core.learning import readiness, targets
from core.viewer import Viewer
from core.views import alert_types as views

router = APIRouter(prefix="/alert-types", tags=["alert types"])

PathId = Annotated[str, Path(min_length=1, max_length=64, pattern=r"^[^\x00]*\S[^\x00]*$")]
Version = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="the version you saw; 409 when it moved on")]


class TypeIn(Camel):
    name: str
    description: str = ""
    kind: str = "rule"
    horizon_days: int = 90
    """Within how many days what the type means happens."""
    definition: dict[str, Any]
    """See docs/alert-types.md: {rule, confidence}, and {label, features} of a trained one."""


class TypeChange(Camel):
    name: str | None = None
    description: str | None = None
    horizon_days: int | None = None
    definition: dict[str, Any] | None = None


class PreviewIn(TypeIn):
    id: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]*$")] | None = None
    """Of the stored type this would change."""
    name: str = "New alert type"
    days: int = Field(default=90, ge=1, le=180)


class ShareOut(Camel):
    hits: int
    total: int
    rate: float | None
    low: float
    high: float


class TypeOut(Camel):
    id: str
    name: str
    description: str
    built_in: bool
    status: str
    kind: str
    definition: dict[str, Any]
    horizon_days: int
    version: int
    opened: int = Field(alias="openedLast30Days")
    open_now: int
    right: ShareOut
    has_model: bool
    updated_at: Any
    warnings: list[str] = Field(default_factory=list)


class TypeList(Camel):
    items: list[TypeOut]


class FieldOut(Camel):
    name: str
    label: str
    unit: str
    group: str
    type: str
    """whole, number or code."""
    least: float | None
    most: float | None
    may_be_unknown: bool
    values: list[str]
    """Of a code: the words that may be given."""


class FieldList(Camel):
    items: list[FieldOut]
    operators: dict[str, str]
    own_events: str
    """How a field over an own event name is written."""
    templates: list[dict[str, Any]]


class LearningOut(Camel):
    """How far a trained type is from being learnt (core.learning.readiness)."""

    positives: int
    waiting: int
    negatives: int | None
    needed: int
    since: datetime | None
    first_try: datetime | None
    begins: datetime | None
    shadow_days: int


class PreviewOut(Camel):
    now: int
    past: int
    past_days: int
    contacts: int
    looked_at: int
    sampled: bool
    threshold: float
    confidence: float | None
    scored_by: str
    """rule, model or nothing."""
    learning: LearningOut | None
    """Of a trained type."""
    warnings: list[str]


@router.get("", summary="The four alert types and the team's own")
def list_types(viewer: Caller, db: Db, now: Now) -> TypeList:
    with db.read() as session:
        return TypeList(items=[_out(row) for row in views.list_alert_types(session, viewer, now=now)])


@router.get("/fields", summary="What an alert type of one's own may look at")
def list_fields(_viewer: Caller) -> FieldList:
    return FieldList(
        items=[_field(one) for one in fields.known().values()],
        operators=OPERATORS,
        own_events="count:<event name>:<days>d, share:<event name>:<days>d or recency:<event name>",
        templates=[dict(one) for one in TEMPLATES],
    )


@router.post("/preview", summary="What a definition would do: alerts now, and in the last days")
def preview(
    body: PreviewIn, viewer: Manager, db: Db, now: Now, runtime: Annotated[Runtime, Depends(deps.runtime)]
) -> PreviewOut:
    new = validate(_written(body))
    with db.read() as session:
        if body.id is not None:
            book.get_type(session, body.id)
        models = scoring.Models.load(session)
        found = try_out(session, new, type_id=body.id, models=models, viewer=viewer, days=body.days, now=now)
        delay = timedelta(days=runtime.settings.transaction_delay_days)
        learning = _learning(session, new, body.id, delay=delay, now=now) if new.kind == TRAINED else None
    values = {name: value for name, value in asdict(found).items() if name != "examples"}
    return PreviewOut(**values, sampled=found.sampled, learning=learning, warnings=list(new.warnings))


@router.post("", status_code=201, summary="Add an alert type: it starts as a draft")
def create(body: TypeIn, viewer: Admin, db: Db, now: Now) -> TypeOut:
    with db.write() as session:
        stored, new = book.add(session, _written(body), actor_id=viewer.user_id, now=now)
        return _one(session, viewer, stored.id, new, now=now)


@router.get("/{type_id}", summary="One alert type")
def get(type_id: PathId, viewer: Caller, db: Db, now: Now) -> TypeOut:
    with db.read() as session:
        return _one(session, viewer, type_id, None, now=now)


@router.put("/{type_id}", summary="Replace an alert type's text")
def replace(type_id: PathId, body: TypeIn, viewer: Admin, db: Db, now: Now, version: Version = None) -> TypeOut:
    with db.write() as session:
        _, new = book.replace(session, type_id, _written(body), version=version, actor_id=viewer.user_id, now=now)
        return _one(session, viewer, type_id, new, now=now)


@router.patch("/{type_id}", summary="Change some of an alert type")
def change(type_id: PathId, body: TypeChange, viewer: Admin, db: Db, now: Now, version: Version = None) -> TypeOut:
    changes = {key: value for key, value in body.model_dump(by_alias=True).items() if value is not None}
    with db.write() as session:
        _, new = book.change(session, type_id, changes, version=version, actor_id=viewer.user_id, now=now)
        return _one(session, viewer, type_id, new, now=now)


@router.post("/{type_id}/activate", summary="Have it open alerts from now on")
def activate(type_id: PathId, viewer: Admin, db: Db, now: Now) -> TypeOut:
    with db.write() as session:
        book.activate(session, type_id, actor_id=viewer.user_id, now=now)
        return _one(session, viewer, type_id, None, now=now)


@router.post("/{type_id}/retire", summary="Have it open no more alerts; open ones live on")
def retire(type_id: PathId, viewer: Admin, db: Db, now: Now) -> TypeOut:
    with db.write() as session:
        book.retire(session, type_id, actor_id=viewer.user_id, now=now)
        return _one(session, viewer, type_id, None, now=now)


def _learning(session: Session, new: NewType, type_id: str | None, *, delay: timedelta, now: datetime) -> LearningOut:
    target = targets.own(type_id or "", new.stored, days=new.horizon_days)
    ready = readiness.look(session, target, delay=delay, now=now)
    return LearningOut(
        positives=ready.positives,
        waiting=ready.waiting,
        negatives=ready.negatives,
        needed=readiness.NEEDED,
        since=ready.since,
        first_try=ready.first_try,
        begins=ready.begins(now=now),
        shadow_days=readiness.SHADOW_DAYS,
    )


def _written(body: TypeIn) -> dict[str, Any]:
    return body.model_dump(by_alias=True, exclude={"id", "days"})


def _one(session: Session, viewer: Viewer, type_id: str, new: NewType | None, *, now: Any) -> TypeOut:
    row = views.get_alert_type(session, viewer, type_id, now=now)
    return _out(row, list(new.warnings) if new else [])


def _out(row: views.AlertTypeRow, warnings: list[str] | None = None) -> TypeOut:
    return TypeOut(**asdict(row), warnings=warnings or [])


def _field(one: fields.Field) -> FieldOut:
    return FieldOut(
        name=one.name,
        label=one.label,
        unit=one.unit,
        group=one.group,
        type="code" if one.codes else "whole" if one.whole else "number",
        least=one.least,
        most=one.most,
        may_be_unknown=one.may_be_unknown,
        values=list(one.codes or ()),
    )
