"""Other systems that are told: webhook endpoints and their kin, their secrets, and tests."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import Field, StringConstraints
from sqlalchemy.orm import Session

from app.api.alert_shapes import NO_NUL
from app.api.deps import Camel, Db, Manager, Now, RuntimeOf
from app.api.routing import Version
from core.db.tables.reaching import Endpoint
from core.delivery import endpoint_book, endpoint_preview, endpoint_testing, providers
from core.delivery.providers import FINE, Health
from core.views import detail

router = APIRouter(prefix="/webhook-endpoints", tags=["delivery"])

EndpointId = Annotated[str, Path(min_length=1, max_length=32, pattern=NO_NUL)]


class EndpointIn(Camel):
    channel: str = "webhook"
    """The kind: webhook, or a CRM or chat."""
    name: str
    team_id: str | None = None
    """Null: of every team's alerts."""
    url: str = ""
    config: dict[str, Any] = Field(default_factory=dict)
    """`perSecond`, and what the channel needs."""
    event_types: list[str] = Field(default_factory=list, max_length=100)
    """Empty: all."""
    enabled: bool = True
    secret: str | None = None
    """The other system's, where it is not made here. It is never shown."""


class EndpointPatch(Camel):
    """What is not named stays as it is."""

    name: str = ""
    team_id: str | None = None
    url: str = ""
    config: dict[str, Any] = Field(default_factory=dict)
    event_types: list[str] = Field(default_factory=list, max_length=100)
    enabled: bool = True
    secret: str | None = None


class PreviewIn(Camel):
    channel: str
    config: dict[str, Any] = Field(default_factory=dict)
    alert_id: Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=NO_NUL)]


class SecretOut(Camel):
    hint: str
    since: datetime
    until: datetime | None
    """Until then it counts beside the newest; null: without end."""


class HealthOut(Camel):
    failures: int
    """In a row."""
    paused_until: datetime | None
    last_error: str | None


class EndpointOut(Camel):
    id: str
    channel: str
    name: str
    team_id: str | None
    url: str
    config: dict[str, Any]
    event_types: list[str]
    enabled: bool
    version: int
    secrets: list[SecretOut]
    health: HealthOut
    created_at: datetime
    updated_at: datetime


class EndpointMade(EndpointOut):
    secret: str | None
    """Shown this once; null where it was entered."""


class EndpointList(Camel):
    items: list[EndpointOut]


class TestOut(Camel):
    id: str
    state: str
    said: str
    """One sentence: what the other system answered, or what is waited for."""
    done: bool
    ok: bool
    attempts: int
    created_at: datetime


@router.get("", summary="The systems that are told: an admin's all, a manager's those of their teams")
def listed(viewer: Manager, db: Db, now: Now) -> EndpointList:
    with db.read() as session:
        health = providers.health(session)
        return EndpointList(
            items=[
                EndpointOut.model_validate(_plain(one, health.get(providers.destination(one.id), FINE), now))
                for one in endpoint_book.listed(session, viewer)
            ]
        )


@router.post("", status_code=201, summary="Add one; its secret is in this answer and in no other")
def add(body: EndpointIn, viewer: Manager, runtime: RuntimeOf, db: Db, now: Now, response: Response) -> EndpointMade:
    wanted = endpoint_book.read(body.model_dump(by_alias=True), runtime.settings)
    response.headers["Cache-Control"] = "no-store"
    with db.write() as session:
        made = endpoint_book.add(session, wanted, viewer=viewer, settings=runtime.settings, now=now)
        return EndpointMade.model_validate({**_plain(made.endpoint, FINE, now), "secret": made.secret})


@router.post("/preview", summary="What a CRM would be told of an alert with this config; nothing is sent or stored")
def preview(body: PreviewIn, viewer: Manager, runtime: RuntimeOf, db: Db, now: Now) -> dict[str, dict[str, Any]]:
    with db.read() as session:
        detail.get_card(session, viewer, body.alert_id, now=now)
        shown = endpoint_preview.preview(session, body.channel, body.config, body.alert_id, settings=runtime.settings)
        return {name: dict(fields) for name, fields in shown.items()}


@router.get("/{endpoint_id}", summary="One of them")
def one(endpoint_id: EndpointId, viewer: Manager, db: Db, now: Now) -> EndpointOut:
    with db.read() as session:
        return _out(session, endpoint_book.get(session, viewer, endpoint_id), now)


@router.patch("/{endpoint_id}", summary="Change fields of it; switched on again it tells from the present on")
def change(
    endpoint_id: EndpointId,
    body: EndpointPatch,
    viewer: Manager,
    runtime: RuntimeOf,
    db: Db,
    now: Now,
    version: Version = None,
) -> EndpointOut:
    changes = body.model_dump(by_alias=True, exclude_unset=True)
    with db.read() as session:
        found = endpoint_book.get(session, viewer, endpoint_id)
        raw, seen = endpoint_book.plain(found), found.version
    wanted = endpoint_book.read(raw | changes, runtime.settings)
    with db.write() as session:
        changed = endpoint_book.change(
            session,
            endpoint_id,
            wanted,
            version=seen if version is None else version,
            viewer=viewer,
            settings=runtime.settings,
            now=now,
        )
        return _out(session, changed, now)


@router.delete("/{endpoint_id}", status_code=204, summary="Delete it; what is on its way there is not sent")
def remove(endpoint_id: EndpointId, viewer: Manager, db: Db, now: Now, version: Version = None) -> Response:
    with db.write() as session:
        endpoint_book.remove(session, endpoint_id, version=version, viewer=viewer, now=now)
    return Response(status_code=204)


@router.post("/{endpoint_id}/rotate", summary="A new secret, in this answer only; for 24 hours both sign")
def rotate(
    endpoint_id: EndpointId, viewer: Manager, runtime: RuntimeOf, db: Db, now: Now, response: Response
) -> EndpointMade:
    response.headers["Cache-Control"] = "no-store"
    with db.write() as session:
        made = endpoint_book.rotate(session, endpoint_id, viewer=viewer, settings=runtime.settings, now=now)
        return EndpointMade.model_validate({**_out(session, made.endpoint, now).model_dump(), "secret": made.secret})


@router.post("/{endpoint_id}/test", status_code=202, summary="Send a test; ask for what came of it under its id")
def test(endpoint_id: EndpointId, viewer: Manager, db: Db, now: Now) -> TestOut:
    with db.write() as session:
        test_id = endpoint_testing.send(session, viewer, endpoint_id, now=now)
        return TestOut(**asdict(endpoint_testing.standing(session, viewer, endpoint_id, test_id)))


@router.get("/{endpoint_id}/tests/{test_id}", summary="What became of a test")
def tested(endpoint_id: EndpointId, test_id: EndpointId, viewer: Manager, db: Db) -> TestOut:
    with db.read() as session:
        return TestOut(**asdict(endpoint_testing.standing(session, viewer, endpoint_id, test_id)))


def _out(session: Session, endpoint: Endpoint, now: datetime) -> EndpointOut:
    health = providers.health(session).get(providers.destination(endpoint.id), FINE)
    return EndpointOut.model_validate(_plain(endpoint, health, now))


def _plain(endpoint: Endpoint, health: Health, now: datetime) -> dict[str, Any]:
    return {
        **endpoint_book.plain(endpoint),
        "id": endpoint.id,
        "version": endpoint.version,
        "secrets": [
            SecretOut(hint=one.hint, since=one.since, until=one.until)
            for one in endpoint_book.secrets_now(endpoint, now=now)
        ],
        "health": HealthOut(
            failures=health.failures,
            paused_until=health.paused_until if health.paused(now) else None,
            last_error=health.last_error,
        ),
        "createdAt": endpoint.created_at,
        "updatedAt": endpoint.updated_at,
    }
