"""The rules of routing over HTTP: read, written, checked for what is odd about them, and taken in and out as files."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from sqlalchemy.orm import Session

from app.api.deps import Admin, Caller, Camel, Db, Manager, Now
from app.api.routing import PathId, RoutingState, Version
from core.db import Database
from core.routing import doubts, presets, rule_book, rule_files, rule_history, rule_preview, rule_words
from core.viewer import Viewer
from core.views import rules as views

router = APIRouter(prefix="/alerts", tags=["routing"])


class RuleIn(Camel):
    name: str
    priority: int = 0
    """Larger ones are tried first."""
    enabled: bool = True
    description: str = ""
    conditions: list[dict[str, Any]] | dict[str, Any] = Field(default_factory=list)
    """[{field, operator, value}], all must hold; or groups of them: {all: […]}, {any: […]}, {not: …}."""
    actions: list[dict[str, Any]]
    """[{type, params}], tried in order."""
    version: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """The version you saw; 409 when it moved on."""


class RuleChange(Camel):
    name: str | None = None
    priority: int | None = None
    enabled: bool | None = None
    description: str | None = None
    conditions: list[dict[str, Any]] | dict[str, Any] | None = None
    actions: list[dict[str, Any]] | None = None
    version: int | None = Field(default=None, ge=0, le=2**31 - 1)


class DoubtOut(Camel):
    at: str
    """The part of the rule: conditions.2, actions.0.params.agentId, priority."""
    text: str


class RuleOut(Camel):
    id: str
    name: str
    priority: int
    enabled: bool
    description: str
    conditions: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    version: int
    updated_at: datetime
    doubts: list[DoubtOut] = Field(default_factory=list)
    """What is odd about it, as it stands among the others; told on saving and by `/routing/rules/check`."""


class RuleList(Camel):
    items: list[RuleOut]


class PresetOut(Camel):
    id: str
    name: str
    priority: int
    enabled: bool
    description: str
    conditions: list[dict[str, Any]]
    actions: list[dict[str, Any]]


class PresetList(Camel):
    items: list[PresetOut]


class TakenOut(Camel):
    """What a file did, or would do: names of rules, ids of agents."""

    added: list[str]
    changed: list[str]
    unchanged: list[str]
    removed: list[str]
    agents: list[str]
    doubts: list[RuleOut]
    """The rules of the file that have something odd."""


class PreviewIn(RuleIn):
    rule_id: str | None = Field(default=None, max_length=64)
    """The stored rule it would replace; without one it is a new rule."""


class CountOut(Camel):
    alert_type: str
    priority: str
    count: int


class BeforeOut(Camel):
    rule: str
    """The name of a rule that is tried before and fits too."""
    count: int


class GoesToOut(Camel):
    agent: str | None
    """null: into the pool."""
    count: int


class ExampleOut(Camel):
    alert_id: str
    contact: str
    alert_type: str
    priority: str
    opened_at: datetime
    caught: bool
    why: str


class GoingOut(Camel):
    alert_id: str
    contact: str
    alert_type: str
    priority: str
    agent: str | None
    owner: str | None
    by_draft: bool
    why: str


class PreviewOut(Camel):
    """What a draft would have caught of the last days' alerts, and where the open ones it fits would go if handed out now."""

    days: int
    looked_at: int
    capped: bool
    """Only the newest were looked at."""
    caught: int
    counts: list[CountOut]
    taken_before: int
    before: list[BeforeOut]
    open_looked_at: int
    open_caught: int
    goes_to: list[GoesToOut]
    open: list[GoingOut]
    examples: list[ExampleOut]
    doubts: list[DoubtOut]


class EntryOut(Camel):
    id: int
    rule_id: str
    at: datetime
    actor_id: str | None
    actor_name: str | None
    action: str
    changes: list[str]
    """What changed, in words."""
    rule: dict[str, Any]
    """As it was after this change; of a deletion, before it."""


class EntryList(Camel):
    items: list[EntryOut]


class RestoreIn(Camel):
    entry_id: int = Field(ge=1, le=2**63 - 1)
    """An id of the rule's history."""
    version: int | None = Field(default=None, ge=0, le=2**31 - 1)


@router.get("/routing/rules", summary="The rules, in the order they are tried")
def rules(_viewer: Caller, db: Db) -> RuleList:
    with db.read() as session:
        return RuleList(items=[_rule(rule, ()) for rule in rule_book.list_rules(session)])


@router.get("/routing/rules/check", summary="The rules that have something odd, each with what it is")
def check_rules(_viewer: Caller, db: Db) -> RuleList:
    with db.read() as session:
        found = doubts.of_rules(session)
        return RuleList(
            items=[_rule(rule, found[rule.id]) for rule in rule_book.list_rules(session) if rule.id in found]
        )


@router.post("/routing/rules/preview", summary="What a draft of a rule would do; writes nothing")
def preview_rule(body: PreviewIn, viewer: Manager, db: Db, state: RoutingState, now: Now) -> PreviewOut:
    raw = body.model_dump(exclude={"version", "rule_id"})
    with db.read() as session:
        names = views.choices(session).names
        found = rule_preview.preview(
            session, raw, rule_id=body.rule_id, state=state, names=names, viewer=viewer, now=now
        )
    past = found.past
    return PreviewOut(
        days=found.days,
        looked_at=past.looked_at,
        capped=found.capped,
        caught=len(past.caught),
        counts=[CountOut(alert_type=kind, priority=priority, count=number) for kind, priority, number in past.counts],
        taken_before=past.taken_before,
        before=[BeforeOut(rule=name, count=number) for name, number in past.before],
        open_looked_at=found.open_looked_at,
        open_caught=found.open_caught,
        goes_to=[GoesToOut(agent=agent, count=number) for agent, number in found.goes_to],
        open=[GoingOut(**asdict(one)) for one in found.open],
        examples=[ExampleOut(**asdict(one)) for one in found.examples],
        doubts=[DoubtOut(at=one.at, text=one.text) for one in found.doubts],
    )


@router.get("/routing/rules/deleted", summary="The last change of every rule that is gone, the newest first")
def deleted_rules(_viewer: Manager, db: Db) -> EntryList:
    with db.read() as session:
        return _entries(session, rule_history.deleted(session))


@router.get("/routing/rules/{rule_id}/history", summary="Every change of a rule, the newest first")
def rule_changes(rule_id: PathId, _viewer: Manager, db: Db) -> EntryList:
    with db.read() as session:
        return _entries(session, rule_history.of_rule(session, rule_id))


@router.post("/routing/rules/{rule_id}/restore", summary="Make a rule what it was, or take its deletion back")
def restore_rule(rule_id: PathId, body: RestoreIn, viewer: Admin, db: Db, now: Now) -> RuleOut:
    with db.write() as session:
        saved = rule_history.restore(
            session, rule_id, body.entry_id, version=body.version, actor_id=viewer.user_id, now=now
        )
        return _saved(session, saved)


@router.post("/routing/rules", status_code=201, summary="Add a rule")
def add_rule(body: RuleIn, viewer: Admin, db: Db, now: Now) -> RuleOut:
    with db.write() as session:
        return _saved(session, rule_book.add(session, _written(body), actor_id=viewer.user_id, now=now))


@router.put("/routing/rules/{rule_id}", summary="Replace a rule")
def put_rule(rule_id: PathId, body: RuleIn, viewer: Admin, db: Db, now: Now) -> RuleOut:
    with db.write() as session:
        saved = rule_book.replace(
            session, rule_id, _written(body), version=body.version, actor_id=viewer.user_id, now=now
        )
        return _saved(session, saved)


@router.patch("/routing/rules/{rule_id}", summary="Change some fields of a rule")
def patch_rule(rule_id: PathId, body: RuleChange, viewer: Admin, db: Db, now: Now) -> RuleOut:
    changes = body.model_dump(exclude_unset=True, exclude={"version"})
    with db.write() as session:
        saved = rule_book.change(session, rule_id, changes, version=body.version, actor_id=viewer.user_id, now=now)
        return _saved(session, saved)


@router.delete("/routing/rules/{rule_id}", status_code=204, summary="Delete a rule")
def delete_rule(rule_id: PathId, viewer: Admin, db: Db, now: Now, version: Version = None) -> Response:
    with db.write() as session:
        rule_book.remove(session, rule_id, version=version, actor_id=viewer.user_id, now=now)
    return Response(status_code=204)


@router.get("/routing/rules/presets", summary="Rules to start from")
def list_presets(_viewer: Caller) -> PresetList:
    return PresetList(items=[PresetOut(id=one.id, **one.rule) for one in presets.PRESETS])


@router.get(
    "/routing/rules/export",
    summary="All rules (and agents' profiles) as a file",
    response_class=Response,
    responses={200: {"content": {"application/json": {}, "application/yaml": {}}, "description": "the file"}},
)
def export_rules(
    _viewer: Admin,
    db: Db,
    form: Annotated[Literal["json", "yaml"], Query(alias="format")] = "json",
    agents: bool = False,
) -> Response:
    with db.read() as session:
        found = rule_files.export(session, agents=agents)
    content = rule_files.as_yaml(found) if form == "yaml" else orjson.dumps(found, option=orjson.OPT_INDENT_2)
    name = {"content-disposition": f'attachment; filename="routing.{form}"'}
    return Response(content, media_type=f"application/{form}", headers=name)


async def import_rules(
    request: Request,
    viewer: Admin,
    db: Db,
    now: Now,
    replace: bool = False,
    dry_run: Annotated[bool, Query(alias="dryRun")] = False,
) -> TakenOut:
    """A file of JSON or YAML: {rules: [...], agents: [...]} or a list of rules. A rule of a name that exists is changed, any
    other added; `replace` deletes those the file does not have; `dryRun` only says what would happen. All or nothing."""
    raw = await request.body()
    return await run_in_threadpool(_import, db, raw, replace=replace, dry_run=dry_run, viewer=viewer, now=now)


router.post(
    "/routing/rules/import",
    summary="Take rules (and agents' profiles) in from a file",
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {}}, "application/yaml": {"schema": {"type": "string"}}},
        }
    },
)(import_rules)


def _import(db: Database, raw: bytes, *, replace: bool, dry_run: bool, viewer: Viewer, now: datetime) -> TakenOut:
    with db.write() as session:
        taken = rule_files.take(session, raw, replace=replace, viewer=viewer, now=now)
        odd = doubts.of_rules(session)
        named = {*taken.added, *taken.changed}
        told = [
            _rule(rule, odd[rule.id]) for rule in rule_book.list_rules(session) if rule.id in odd and rule.name in named
        ]
        if dry_run:
            session.rollback()
    return TakenOut(**{name: list(each) for name, each in asdict(taken).items()}, doubts=told)


def _entries(session: Session, found: Iterable[rule_history.Entry]) -> EntryList:
    names = views.choices(session).names
    return EntryList(
        items=[
            EntryOut(
                id=one.id,
                rule_id=one.rule_id,
                at=one.at,
                actor_id=one.actor_id,
                actor_name=one.actor_name,
                action=one.action,
                changes=rule_words.changes(one.before, one.after, names),
                rule=dict(one.text),
            )
            for one in found
        ]
    )


def _saved(session: Session, rule: rule_book.StoredRule) -> RuleOut:
    return _rule(rule, doubts.of_rules(session, only=rule.id).get(rule.id, ()))


def _rule(rule: rule_book.StoredRule, found: Iterable[doubts.Doubt]) -> RuleOut:
    return RuleOut(**asdict(rule), doubts=[DoubtOut(at=one.at, text=one.text) for one in found])


def _written(body: RuleIn) -> dict[str, Any]:
    return body.model_dump(exclude={"version"})
