"""Trying over HTTP: open alerts as things stand, or a stream of alerts under another policy; nothing is written but the request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import Field
from pydantic.alias_generators import to_camel

from app.api.deps import Camel, Db, Manager, Now
from app.api.routing import Id, PathId, RoutedOut, RouteIn, RoutingState, routed_out
from core.errors import Invalid
from core.routing import reading
from core.routing.rehearsal import asking
from core.routing.rehearsal.asking import Asked

router = APIRouter(prefix="/alerts", tags=["routing"])


class SimulateIn(RouteIn):
    """`alertIds` tries open alerts now; `days` or `alerts` replays a stream against a policy."""

    alert_ids: list[Id] = Field(default_factory=list, max_length=1000)
    strategy: Id | None = None
    rules: list[dict[str, Any]] | None = Field(default=None, max_length=200)
    """Tried instead of the stored ones."""
    days: int | None = Field(default=None, ge=1, le=365)
    """Replay the alerts of the last days."""
    alerts: list[Any] | str | None = Field(default=None)
    """Replay these: {openedAt, type, priority, confidence, territory?, zip?, units?, closedAt?}, or a JSON or CSV file as text."""
    policy: dict[str, Any] | None = None
    """A draft (as the content of a policy); a part left out is as the house has it."""
    policy_id: Id | None = None
    seeds: int | None = Field(default=None, ge=1, le=20)
    """How many draws the ranges rest on; 5 if left out."""


class SimulatedOut(RoutedOut):
    unassigned_reason: str | None
    trace: dict[str, Any]


class SimulatedList(Camel):
    items: list[SimulatedOut]


class AskedOut(Camel):
    id: str
    state: Literal["waiting", "running", "done", "failed"]
    done: int
    total: int
    ahead: int
    asked_at: datetime
    finished_at: datetime | None
    error: str | None
    policy_id: str | None
    days: int | None
    result: dict[str, Any] | None
    """{alerts, days, seeds, whole, agents, teams, notes, sentences}; each figure {before, after, change, low, high, real}."""


@router.post(
    "/routing/simulate",
    summary="What would happen: to open alerts now, or to a stream of alerts under another policy; writes nothing",
    responses={202: {"description": "A replay is under way: ask `/routing/simulate/{id}` how far it is"}},
)
def simulate(
    body: SimulateIn, viewer: Manager, db: Db, state: RoutingState, response: Response, now: Now
) -> SimulatedList | AskedOut:
    if body.days is not None or body.alerts is not None:
        raw = body.model_dump(include={"days", "alerts", "policy", "policy_id", "seeds"})
        with db.write() as session:
            response.status_code = 202
            return asked_out(asking.ask(session, raw, viewer=viewer, now=now))
    if not body.alert_ids:
        raise Invalid("Nothing to try.", fields={"alertIds": "give open alerts, or days, or alerts to replay"})
    with db.read() as session:
        found = reading.simulate(
            session,
            body.alert_ids,
            state=state,
            viewer=viewer,
            strategy=body.strategy,
            draft_rules=body.rules,
            exclude=frozenset(body.exclude_agent_ids),
            seed=body.seed,
            now=now,
        )
    return SimulatedList(
        items=[
            SimulatedOut(
                **routed_out(one.routed).model_dump(), unassigned_reason=one.unassigned_reason, trace=one.trace
            )
            for one in found
        ]
    )


@router.get("/routing/simulate/{rehearsal_id}", summary="How far a comparison is, and what came of it")
def get_simulation(rehearsal_id: PathId, viewer: Manager, db: Db) -> AskedOut:
    """Your own; an admin's all."""
    with db.read() as session:
        return asked_out(asking.get(session, rehearsal_id, viewer=viewer))


@router.delete("/routing/simulate/{rehearsal_id}", status_code=204, summary="Stop a comparison")
def stop_simulation(rehearsal_id: PathId, viewer: Manager, db: Db, now: Now) -> Response:
    with db.write() as session:
        asking.stop(session, rehearsal_id, viewer=viewer, now=now)
    return Response(status_code=204)


def asked_out(found: Asked) -> AskedOut:
    """A comparison as it goes over the wire."""
    plain = {name: getattr(found, name) for name in AskedOut.model_fields}
    return AskedOut(**plain | {"result": _camel(found.result)})


def _camel(value: Any) -> Any:
    """Names of figures and fields in camelCase; nothing in a comparison is keyed by what people wrote."""
    if isinstance(value, Mapping):
        return {to_camel(name): _camel(one) for name, one in value.items()}
    return [_camel(one) for one in value] if isinstance(value, list) else value
