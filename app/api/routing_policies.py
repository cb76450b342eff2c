"""Policies over HTTP: drafts, what they would change, shadow, switch and undo."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from app.api.deps import Admin, Camel, Db, Manager, Now
from app.api.routing import Id, PathId, Version
from core.routing import policies, policy_content, policy_switch, shadowing
from core.routing.policies import StoredPolicy

router = APIRouter(prefix="/alerts", tags=["routing"])


class PolicyIn(Camel):
    name: str
    note: str = ""
    content: dict[str, Any] | None = None
    """{rules, defaultStrategy, fallbacks, units, teams, agents}; a part left out is as it is at the start."""
    start_from: Id = "live"
    """`live`, or a preset of /routing/rules/presets: the house as it is, with that rule more."""


class PolicyChange(Camel):
    """What is not named stays as it is; of the content too, part by part."""

    name: str | None = None
    note: str | None = None
    content: dict[str, Any] | None = None
    version: int | None = Field(default=None, ge=0, le=2**31 - 1)
    """The version you saw; 409 when it moved on."""


class VersionIn(Camel):
    version: int | None = Field(default=None, ge=0, le=2**31 - 1)


class ShadowIn(VersionIn):
    on: bool = True
    """False ends it."""


class PolicyOut(Camel):
    id: str
    name: str
    note: str
    status: Literal["draft", "shadow", "live", "retired"]
    content: dict[str, Any]
    version: int
    created_by: str | None
    created_by_name: str | None
    created_at: datetime
    updated_at: datetime
    shadowed_at: datetime | None
    switched_at: datetime | None
    can_undo: bool
    changes: list[str] = Field(default_factory=list)
    """What switching to it would change now, in words; only where one is asked for."""


class PolicyList(Camel):
    items: list[PolicyOut]


class MovedOut(Camel):
    agent_id: str
    name: str
    real: int
    shadow: int


class ExampleOut(Camel):
    alert_id: str
    contact: str
    alert_type: str
    priority: str
    decided_at: datetime
    agent: str | None
    instead: str | None
    why: str


class SeenOut(Camel):
    since: datetime | None
    decisions: int
    agreed: int
    capped: bool
    agents: list[MovedOut]
    examples: list[ExampleOut]


@router.get("/routing/policies", summary="All policies, the newest change first")
def list_policies(viewer: Manager, db: Db) -> PolicyList:
    """Managers see of teams and agents only their own; rules and the house's strategies are everybody's."""
    with db.read() as session:
        found = policies.seen_by(session, policies.list_policies(session), viewer)
    return PolicyList(items=[PolicyOut(**asdict(one)) for one in found])


@router.post("/routing/policies", status_code=201, summary="Keep a draft to be tried")
def add_policy(body: PolicyIn, viewer: Admin, db: Db, now: Now) -> PolicyOut:
    with db.write() as session:
        return _with_changes(session, policies.add(session, body.model_dump(), viewer=viewer, now=now))


@router.get("/routing/policies/{policy_id}", summary="One policy, and what it would change")
def get_policy(policy_id: PathId, viewer: Manager, db: Db) -> PolicyOut:
    with db.read() as session:
        (found,) = policies.seen_by(session, [policies.get(session, policy_id)], viewer)
        return _with_changes(session, found)


@router.put("/routing/policies/{policy_id}", summary="Change a draft")
def change_policy(policy_id: PathId, body: PolicyChange, viewer: Admin, db: Db, now: Now) -> PolicyOut:
    raw = {name: value for name, value in body.model_dump(exclude={"version"}).items() if value is not None}
    with db.write() as session:
        found = policies.change(session, policy_id, raw, version=body.version, viewer=viewer, now=now)
        return _with_changes(session, found)


@router.delete("/routing/policies/{policy_id}", status_code=204, summary="Delete a draft")
def delete_policy(policy_id: PathId, viewer: Admin, db: Db, now: Now, version: Version = None) -> None:
    with db.write() as session:
        policies.remove(session, policy_id, version=version, viewer=viewer, now=now)


@router.post(
    "/routing/policies/{policy_id}/shadow", summary="Note what it would do beside every decision, or stop that"
)
def shadow_policy(policy_id: PathId, body: ShadowIn, viewer: Admin, db: Db, now: Now) -> PolicyOut:
    with db.write() as session:
        found = policies.shadow(session, policy_id, on=body.on, version=body.version, viewer=viewer, now=now)
        return _with_changes(session, found)


@router.post("/routing/policies/{policy_id}/switch", summary="Hand out by it from the next alert on")
def switch_policy(policy_id: PathId, body: VersionIn, viewer: Admin, db: Db, now: Now) -> PolicyOut:
    with db.write() as session:
        found = policy_switch.switch(session, policy_id, version=body.version, viewer=viewer, now=now)
        return _with_changes(session, found)


@router.post("/routing/policies/{policy_id}/undo", summary="Put back what was before the switch")
def undo_policy(policy_id: PathId, body: VersionIn, viewer: Admin, db: Db, now: Now) -> PolicyOut:
    """409 naming what somebody changed since."""
    with db.write() as session:
        found = policy_switch.undo(session, policy_id, version=body.version, viewer=viewer, now=now)
        return _with_changes(session, found)


@router.get("/routing/policies/{policy_id}/comparison", summary="How it compared while in shadow")
def compare_policy(policy_id: PathId, viewer: Manager, db: Db) -> SeenOut:
    with db.read() as session:
        found = shadowing.comparison(session, policies.get(session, policy_id), viewer)
    return SeenOut(**asdict(found))


def _with_changes(session: Session, found: StoredPolicy) -> PolicyOut:
    return PolicyOut(**asdict(found), changes=policy_content.differences(session, found.content))
