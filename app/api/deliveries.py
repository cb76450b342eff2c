"""Messages over HTTP: what became of each, dead letters queued again, and how delivery does."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, Field, StringConstraints
from starlette.responses import Response

from app.api import alert_shapes as shapes
from app.api.alert_shapes import NO_NUL
from app.api.deps import Admin, Caller, Camel, Db, Manager, Now
from app.api.routing import PathId
from core.delivery import house, replaying
from core.delivery.registry import CHANNELS
from core.errors import Invalid
from core.views import deliveries, delivery_health, delivery_slo
from core.views.deliveries import Filters
from core.words import DeliveryState

router = APIRouter(tags=["delivery"])

Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]
_Text = Annotated[str, StringConstraints(max_length=300, pattern=NO_NUL)]


class Which(Camel):
    """Dead letters, narrowed."""

    channel: Id | None = None
    user_id: Id | None = None
    endpoint_id: Id | None = None
    alert_id: Id | None = None
    reason: _Text | None = None
    """Exactly what they died of, as `GET /deliveries/dead` tells it."""
    since: AwareDatetime | None = None


class ReplayIn(Camel):
    ids: Annotated[list[Id], Field(min_length=1, max_length=replaying.MOST)] | None = None
    filter: Which | None = None
    """Instead of ids; `{}` is every dead letter the caller may see."""


class ReplayedOut(Camel):
    id: str
    replayed: bool
    reason: str | None
    """Why not."""


class ReplayOut(Camel):
    replayed: int
    results: list[ReplayedOut]


class HouseIn(Camel):
    oldest_minutes: int = Field(default=5, ge=1, le=1440)


@router.get("/deliveries", summary="Messages, newest first")
def list_deliveries(
    viewer: Caller,
    db: Db,
    state: Annotated[list[DeliveryState], Query(max_length=10)] = [],  # noqa: B006  FastAPI copies it
    channel: Annotated[list[Id], Query(max_length=50)] = [],  # noqa: B006
    user_id: Annotated[Id | None, Query(alias="userId")] = None,
    endpoint_id: Annotated[Id | None, Query(alias="endpointId")] = None,
    alert_id: Annotated[Id | None, Query(alias="alertId")] = None,
    since: Annotated[AwareDatetime | None, Query()] = None,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 25,
) -> Response:
    """An agent's own, a manager's teams' (and their endpoints'), an admin's all."""
    filters = Filters(
        states=tuple(str(one) for one in state),
        channels=tuple(channel),
        user_id=user_id,
        endpoint_id=endpoint_id,
        alert_id=alert_id,
        since=since,
    )
    with db.read() as session:
        page = deliveries.list_deliveries(session, viewer, filters, cursor=cursor, limit=limit)
    return shapes.answer({"items": shapes.camel(page.items), "nextCursor": page.next_cursor})


@router.get("/deliveries/dead", summary="Dead letters by what they died of, the most first")
def dead(viewer: Caller, db: Db) -> Response:
    with db.read() as session:
        return shapes.answer({"items": shapes.camel(deliveries.dead_reasons(session, viewer))})


@router.get("/deliveries/health", summary="What waits and since when, what today brought, who is paused")
def health(viewer: Manager, db: Db, now: Now) -> Response:
    with db.read() as session:
        found = delivery_health.health(session, viewer, now=now)
    return shapes.answer(shapes.camel(found) | {"oldestDueAt": shapes.camel(found.oldest_due_at)})


@router.get("/deliveries/service-level", summary="Accepted within a minute of their due time, over 30 days")
def service_level(viewer: Manager, db: Db, now: Now, channel: Annotated[Id, Query()] = "email") -> Response:
    if channel not in CHANNELS:
        raise Invalid("There is no such channel.", fields={"channel": f"use {', '.join(CHANNELS)}"})
    with db.read() as session:
        found = delivery_slo.service_level(session, channel=channel, timezone=viewer.timezone, now=now)
    target = {"target": delivery_slo.TARGET, "withinSeconds": delivery_slo.WITHIN.total_seconds()}
    return shapes.answer(shapes.camel(found) | target | {"broken": delivery_slo.is_broken(found.together)})


@router.post("/deliveries/replay", summary="Queue dead letters again, by id or by filter")
def replay_many(body: ReplayIn, viewer: Caller, db: Db, now: Now) -> ReplayOut:
    """An answer for each. By filter the oldest 10,000; ask again for more."""
    if (body.ids is None) == (body.filter is None):
        raise Invalid("Name ids or a filter, one of the two.", fields={"ids": "or filter", "filter": "or ids"})
    with db.write() as session:
        if body.ids is not None:
            done = replaying.replay_some(session, body.ids, viewer=viewer, now=now)
        else:
            assert body.filter is not None
            done = replaying.replay_where(session, _filters(body.filter).conditions(), viewer=viewer, now=now)
    return ReplayOut(
        replayed=sum(one.ok for one in done),
        results=[ReplayedOut(id=one.id, replayed=one.ok, reason=one.reason) for one in done],
    )


@router.get("/deliveries/{delivery_id}", summary="One message with everything that happened to it")
def get_delivery(delivery_id: PathId, viewer: Caller, db: Db) -> Response:
    with db.read() as session:
        return shapes.answer(_detail(deliveries.get_delivery(session, viewer, delivery_id)))


@router.post("/deliveries/{delivery_id}/replay", summary="Queue a dead letter again")
def replay(delivery_id: PathId, viewer: Caller, db: Db, now: Now) -> Response:
    with db.write() as session:
        replaying.replay_one(session, delivery_id, viewer=viewer, now=now)
        return shapes.answer(_detail(deliveries.get_delivery(session, viewer, delivery_id)))


@router.get("/alerts/{alert_id}/deliveries", summary="What was sent about an alert, and what was not and why")
def of_alert(alert_id: PathId, viewer: Caller, db: Db) -> Response:
    with db.read() as session:
        found = deliveries.of_alert(session, viewer, alert_id)
    return shapes.answer({"items": [_detail(one) for one in found.messages], "skipped": shapes.camel(found.skipped)})


@router.get("/house/delivery", summary="What the house sets for delivery")
def house_delivery(_viewer: Manager, db: Db) -> HouseIn:
    with db.read() as session:
        return HouseIn(**asdict(house.get(session)))


@router.put("/house/delivery", summary="Change what the house sets for delivery")
def put_house_delivery(body: HouseIn, viewer: Admin, db: Db, now: Now) -> HouseIn:
    with db.write() as session:
        changes = body.model_dump(exclude_unset=True)
        return HouseIn(**asdict(house.put(session, changes, viewer=viewer, now=now)))


def _filters(which: Which) -> Filters:
    return Filters(
        channels=(which.channel,) if which.channel else (),
        user_id=which.user_id,
        endpoint_id=which.endpoint_id,
        alert_id=which.alert_id,
        reason=which.reason,
        since=which.since,
    )


def _detail(found: deliveries.DeliveryDetail) -> dict[str, Any]:
    shown: dict[str, Any] = shapes.camel(found.delivery)
    return shown | {"timeline": shapes.camel(found.steps)}
