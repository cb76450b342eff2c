"""Ingest: events and the signals that other systems post. 202 means committed to disk."""

from datetime import datetime
from typing import Annotated, Any

import orjson
from fastapi import APIRouter
from pydantic import AliasChoices, AwareDatetime, Field, StringConstraints
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from app.api import deps, errors, group_commit
from app.api.deps import Camel, Db, Manager, Now
from app.api.group_commit import NotStored, Stored
from app.runtime import Runtime
from app.security.protect import LARGEST_BODY, bearer
from core import audit, events, loose_json, signals
from core.errors import Invalid, TooLarge
from core.events import Body, Refusal
from core.signals import PostedSignal
from core.words import EventCategory, EventType

router = APIRouter(tags=["ingest"])

_SMALL = 16_384
"""Bytes: a body up to this is read on the event loop and shares a commit; a larger one goes to a thread of its own."""

_EVENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["eventId", "userId", "eventType", "occurredAt"],
    "properties": {
        "eventId": {"type": "string", "minLength": 1, "maxLength": 128},
        "userId": {"type": "string", "minLength": 1, "maxLength": 128},
        "eventType": {"type": "string", "enum": [kind.value for kind in EventType]},
        "eventCategory": {"type": "string", "enum": [kind.value for kind in EventCategory]},
        "eventName": {"type": "string", "maxLength": 128},
        "occurredAt": {"type": "string", "format": "date-time"},
        "sessionId": {"type": "string", "maxLength": 128},
        "device": {"type": "string", "maxLength": 32},
        "userAgent": {"type": "string", "maxLength": 512},
        "ip": {"type": "string", "maxLength": 64},
        "pageUrl": {"type": "string", "maxLength": 2048},
        "referrer": {"type": "string", "maxLength": 2048},
        "properties": {"type": "object"},
    },
    "additionalProperties": True,
}
_LIST_SCHEMA = {"type": "array", "items": _EVENT_SCHEMA, "maxItems": 5000}
_REFUSAL_SCHEMA = {
    "type": "object",
    "required": ["index", "reason", "fields"],
    "properties": {
        "index": {"type": "integer"},
        "eventId": {"type": "string"},
        "reason": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
_ANSWER_SCHEMA = {
    "type": "object",
    "required": ["accepted", "duplicates", "errors"],
    "properties": {
        "accepted": {"type": "integer"},
        "duplicates": {"type": "integer"},
        "errors": {"type": "array", "items": _REFUSAL_SCHEMA},
    },
}


async def post_events(request: Request) -> Response:
    """An event object, an array of them, or `{"events": [...]}`. The same `eventId` twice is one event.

    In a list the good ones are kept and the bad ones named, by index, in `errors`.
    """
    # The dependencies by hand: FastAPI takes 120 µs to resolve these five, half of what the whole post costs.
    runtime: Runtime = request.app.state.runtime
    await deps.manager(await deps.caller(await deps.signed_in(runtime, bearer(request.scope))))
    now = runtime.clock.now()
    raw = await request.body()
    if len(raw) > LARGEST_BODY:
        raise TooLarge("a body may have 5 MB")
    try:
        if len(raw) <= _SMALL:
            body = events.read_body(raw, now=now)
            stored = await group_commit.of(runtime).record(body.events) if body.events else Stored()
        else:
            body, stored = await run_in_threadpool(_read_and_store, runtime, raw, now)
    except NotStored as error:
        return errors.problem(error.status, error.title, error.detail, headers={"Retry-After": "1"})
    return _answer(body, stored)


# Twice: the plain route answers (FastAPI's own wrapping costs 50 µs more, a quarter of the whole post), the other one
# stands in the OpenAPI document.
router.add_route("/events", post_events, methods=["POST"], include_in_schema=False)
router.post(
    "/events",
    status_code=202,
    summary="Record one event or up to 5,000",
    response_class=Response,
    responses={202: {"description": "Committed", "content": {"application/json": {"schema": _ANSWER_SCHEMA}}}},
    openapi_extra={
        "security": [{"token": []}],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            _EVENT_SCHEMA,
                            _LIST_SCHEMA,
                            {"type": "object", "required": ["events"], "properties": {"events": _LIST_SCHEMA}},
                        ]
                    }
                }
            },
        },
    },
)(post_events)


def _read_and_store(runtime: Runtime, raw: bytes, now: datetime) -> tuple[Body, Stored]:
    body = events.read_body(raw, now=now)
    if not body.events:
        return body, Stored()
    return body, group_commit.store(runtime.database, [body.events], runtime.clock)[0]


def _answer(body: Body, stored: Stored) -> Response:
    refusals = body.refusals
    if stored.refused:
        refusals = [*refusals, *_late(body, stored)]
    if refusals and not stored.accepted and not stored.duplicates:
        return _all_bad(body, refusals)
    answer = {"accepted": stored.accepted, "duplicates": stored.duplicates, "errors": refusals}
    return Response(orjson.dumps(answer), 202, media_type="application/json")


def _late(body: Body, stored: Stored) -> list[Refusal]:
    """What only the database refused, with the index each had in the request."""
    gone = {refusal["index"] for refusal in body.refusals}
    indexes = (index for index in range(len(body.events) + len(gone)) if index not in gone)
    return [
        Refusal(index=index, eventId=event.event_id, reason=stored.refused[event.event_id], fields={})
        for index, event in zip(indexes, body.events, strict=True)
        if event.event_id in stored.refused
    ]


def _all_bad(body: Body, refusals: list[Refusal]) -> Response:
    if body.single:
        return errors.of(Invalid(refusals[0]["reason"], fields=refusals[0]["fields"]))
    answer = {
        "type": "about:blank",
        "title": Invalid.title,
        "status": 422,
        "detail": "none of these events can be kept",
        "errors": refusals,
    }
    return Response(orjson.dumps(answer), 422, media_type="application/problem+json")


class SignalIn(Camel):
    """A fact about a contact that another system found."""

    user_id: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")] = (
        Field(validation_alias=AliasChoices("userId", "contactId", "contact_id"))
    )
    type: str = Field(max_length=48)
    subtype: str = Field(default="", max_length=48)
    strength: float = Field(ge=0, le=1)
    confidence: float = Field(default=0.8, ge=0, le=1)
    occurred_at: AwareDatetime
    valid_until: AwareDatetime | None = None
    source: Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00]+$")]
    external_id: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]+$")] | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class SignalOut(Camel):
    id: str


@router.post("/signals", status_code=202, summary="Post a signal found by another system")
def post_signal(body: SignalIn, db: Db, caller: Manager, now: Now) -> SignalOut:
    """CREDIT_INQUIRY, TAX_CHANGE, INSURANCE_CLAIM, or LIFE_EVENT of subtype job_change, address_change or
    building_permit. Other life events are refused: marriage and birth are familial status, which fair housing protects.
    The same `externalId` twice is one signal. The contact is scored again at once.
    """
    _check_signal(body, now)
    posted = PostedSignal(
        contact_id=body.user_id,
        type=body.type,
        subtype=body.subtype,
        strength=body.strength,
        confidence=body.confidence,
        occurred_at=body.occurred_at,
        valid_until=body.valid_until,
        source=body.source,
        external_id=body.external_id,
        details=body.details,
    )
    with db.write() as session:
        signal_id = signals.post(session, posted, now=now)
        audit.record(
            session,
            "signal.posted",
            subject_type="contact",
            subject_id=body.user_id,
            actor_id=caller.user_id or None,
            after={"signalId": signal_id, "type": body.type, "subtype": body.subtype, "source": body.source},
            now=now,
        )
    return SignalOut(id=signal_id)


def _check_signal(body: SignalIn, now: datetime) -> None:
    loose_json.check(body.details, name="details")
    if now - body.occurred_at > events.OLDEST:
        raise Invalid("occurredAt: is more than ten years ago", fields={"occurredAt": "is more than ten years ago"})
    if body.valid_until is not None and body.valid_until - now > events.OLDEST:
        raise Invalid("validUntil: is more than ten years ahead", fields={"validUntil": "is more than ten years ahead"})
