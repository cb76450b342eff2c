"""Escalation over HTTP: the policies, which one an alert would get, and where one alert stands."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.deps import Caller, Camel, Db, Manager, Now
from app.api.routing import PathId, Version
from core import escalation
from core.escalation import book
from core.escalation.policy import Policy

router = APIRouter(tags=["escalation"])


class StepModel(Camel):
    after: dict[str, float]
    """One of minutes, hours, workingHours, workingDays, with a number: since the step before."""
    do: str
    """remind, other_channel, cover, next, manager, everyone or webhook."""
    params: dict[str, str] = Field(default_factory=dict)
    """`agentId` for cover, `endpointId` for webhook."""


class PolicyIn(Camel):
    name: str
    description: str = ""
    team_id: str | None = None
    """Null: every team's."""
    priorities: list[str] = Field(default_factory=list, max_length=100)
    """Empty: all."""
    alert_types: list[str] = Field(default_factory=list, max_length=100)
    steps: list[StepModel] = Field(max_length=100)
    repeat: int = 0
    ack_timeout: dict[str, float] | None = None
    on_call: list[str] = Field(default_factory=list, max_length=100)
    enabled: bool = True


class PolicyPatch(Camel):
    """What is not named stays as it is."""

    name: str = ""
    description: str = ""
    team_id: str | None = None
    priorities: list[str] = Field(default_factory=list, max_length=100)
    alert_types: list[str] = Field(default_factory=list, max_length=100)
    steps: list[StepModel] = Field(default_factory=list, max_length=100)
    repeat: int = 0
    ack_timeout: dict[str, float] | None = None
    on_call: list[str] = Field(default_factory=list, max_length=100)
    enabled: bool = True


class PolicyOut(PolicyIn):
    id: str
    version: int
    """0: one of the defaults, which can be copied and not changed."""
    doubts: list[str]
    """What is odd about it, in words."""


class PolicyList(Camel):
    items: list[PolicyOut]


class DoneOut(Camel):
    at: datetime
    number: int
    do: str
    agent: str | None
    told: list[str]
    endpoint: str | None
    """The other system that the step names, by name."""


class StandingOut(Camel):
    policy_id: str
    policy_name: str
    state: str
    """running, paused (snoozed), waiting (the owner is not reached or on duty yet), answered, ended, in_pool or closed."""
    done: list[DoneOut]
    next_step: StepModel | None
    next_at: datetime | None


@router.get(
    "/escalation-policies", summary="What happens when nobody acts in time: your own policies, then the defaults"
)
def policies(viewer: Caller, db: Db) -> PolicyList:
    with db.read() as session:
        found = book.listed(session, viewer)
        return PolicyList(items=[_out(one, book.doubts(session, one)) for one in found])


@router.post("/escalation-policies", status_code=201, summary="Add a policy")
def add(body: PolicyIn, viewer: Manager, db: Db, now: Now) -> PolicyOut:
    with db.write() as session:
        made = book.add(session, _plain(body), viewer=viewer, now=now)
        return _out(made, book.doubts(session, made))


@router.get("/escalation-policies/{policy_id}", summary="One policy")
def policy(policy_id: PathId, viewer: Caller, db: Db) -> PolicyOut:
    with db.read() as session:
        found = book.get(session, viewer, policy_id)
        return _out(found, book.doubts(session, found))


@router.put("/escalation-policies/{policy_id}", summary="Replace a policy")
def replace(policy_id: PathId, body: PolicyIn, viewer: Manager, db: Db, now: Now, version: Version = None) -> PolicyOut:
    with db.write() as session:
        made = book.replace(session, policy_id, _plain(body), version=version, viewer=viewer, now=now)
        return _out(made, book.doubts(session, made))


@router.patch("/escalation-policies/{policy_id}", summary="Change fields of a policy")
def change(
    policy_id: PathId, body: PolicyPatch, viewer: Manager, db: Db, now: Now, version: Version = None
) -> PolicyOut:
    changes = body.model_dump(by_alias=True, exclude_unset=True)
    with db.write() as session:
        made = book.change(session, policy_id, changes, version=version, viewer=viewer, now=now)
        return _out(made, book.doubts(session, made))


@router.delete("/escalation-policies/{policy_id}", status_code=204, summary="Delete a policy")
def remove(policy_id: PathId, viewer: Manager, db: Db, now: Now, version: Version = None) -> Response:
    with db.write() as session:
        book.remove(session, policy_id, version=version, viewer=viewer, now=now)
    return Response(status_code=204)


@router.get(
    "/alerts/{alert_id}/escalation", summary="Where one alert stands: steps done, the next one, or why there is none"
)
def standing(alert_id: PathId, viewer: Caller, db: Db, now: Now) -> StandingOut:
    with db.read() as session:
        found = escalation.standing(session, viewer, alert_id, now=now)
    step = found.next_step
    return StandingOut(
        policy_id=found.policy.id,
        policy_name=found.policy.name,
        state=found.state,
        done=[
            DoneOut(
                at=one.at, number=one.number, do=one.deed, agent=one.agent, told=list(one.told), endpoint=one.endpoint
            )
            for one in found.done
        ],
        next_step=StepModel.model_validate(step.plain()) if step else None,
        next_at=found.next_at,
    )


def _plain(body: PolicyIn) -> dict[str, Any]:
    return body.model_dump(by_alias=True)


def _out(one: Policy, doubts: list[str]) -> PolicyOut:
    return PolicyOut.model_validate({**one.plain(), "id": one.id, "version": one.version, "doubts": doubts})
