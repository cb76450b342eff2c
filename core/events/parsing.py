"""One item of input into a NewEvent, or a refusal that names every wrong field."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from core import loose_json
from core.errors import Invalid
from core.events.shapes import NewEvent, Refusal
from core.words import EventCategory, EventType

FUTURE_TOLERANCE = timedelta(minutes=5)
OLDEST = timedelta(days=3653)  # ten years: an older time is a broken clock, not history

Id = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"\S")]
Short = Annotated[str, StringConstraints(max_length=128)]
Url = Annotated[str, StringConstraints(max_length=2048)]


class WireEvent(BaseModel):
    """An event as clients send it: camelCase or snake_case; what it does not know is kept as a property."""

    model_config = ConfigDict(extra="allow", alias_generator=to_camel, populate_by_name=True)

    event_id: Id
    user_id: Id = Field(validation_alias=AliasChoices("userId", "contactId", "contact_id"))
    event_type: EventType
    event_category: EventCategory | None = None
    event_name: Short | None = None
    occurred_at: AwareDatetime = Field(validation_alias=AliasChoices("occurredAt", "timestamp"))
    session_id: Short | None = None
    device: Annotated[str, StringConstraints(max_length=32)] | None = None
    user_agent: Annotated[str, StringConstraints(max_length=512)] | None = None
    ip: Annotated[str, StringConstraints(max_length=64)] | None = None
    page_url: Url | None = None
    referrer: Url | None = None
    properties: dict[str, Any] | None = None


def parse(raw: object, *, now: datetime) -> NewEvent:
    """One event from decoded JSON.

    Raises:
        Invalid: with every wrong field named.
    """
    try:
        wire = WireEvent.model_validate(raw)
    except ValidationError as error:
        raise refused(error) from None
    return accepted(wire, now=now)


def parse_many(raw: Sequence[object], *, now: datetime) -> tuple[list[NewEvent], list[Refusal]]:
    """The good ones, and for each bad one its index and why."""
    good: list[NewEvent] = []
    bad: list[Refusal] = []
    for index, item in enumerate(raw):
        try:
            good.append(parse(item, now=now))
        except Invalid as error:
            bad.append(refusal(index, item, error))
    return good, bad


def accepted(wire: WireEvent, *, now: datetime) -> NewEvent:
    """The last checks, and the defaults: category, place of unknown fields, a clock that runs ahead."""
    properties = wire.properties or {}
    if wire.model_extra:
        properties = {**wire.model_extra, **properties}
    occurred_at = wire.occurred_at
    if occurred_at > now:
        if occurred_at - now > FUTURE_TOLERANCE:
            properties = {**properties, "claimedAt": occurred_at.isoformat()}
            occurred_at = now
    elif now - occurred_at > OLDEST:
        raise _wrong("occurredAt", "is more than ten years ago")
    if properties:
        loose_json.check(properties, name="properties")
    texts = (
        wire.event_id,
        wire.user_id,
        wire.event_name,
        wire.session_id,
        wire.device,
        wire.user_agent,
        wire.ip,
        wire.page_url,
        wire.referrer,
    )
    for text in texts:
        if text is not None and "\0" in text:
            raise _wrong(_NAMES[texts.index(text)], "holds a NUL character")
    return NewEvent(
        wire.event_id,
        wire.user_id,
        wire.event_type,
        wire.event_category or category_of(wire.event_type, wire.event_name),
        wire.event_name,
        occurred_at.astimezone(UTC),
        wire.session_id,
        wire.device,
        wire.user_agent,
        wire.ip,
        wire.page_url,
        wire.referrer,
        properties,
    )


_NAMES = ("eventId", "userId", "eventName", "sessionId", "device", "userAgent", "ip", "pageUrl", "referrer")

_BY_TYPE = {
    EventType.DOCUMENT_ACCESS: EventCategory.DOCUMENT_ACTIVITY,
    EventType.DOCUMENT_DOWNLOAD: EventCategory.DOCUMENT_ACTIVITY,
    EventType.DOCUMENT_SHARE: EventCategory.DOCUMENT_ACTIVITY,
    EventType.EMAIL_SENT: EventCategory.EMAIL_ENGAGEMENT,
    EventType.EMAIL_OPEN: EventCategory.EMAIL_ENGAGEMENT,
    EventType.EMAIL_CLICK: EventCategory.EMAIL_ENGAGEMENT,
    EventType.CALCULATOR_USE: EventCategory.FINANCIAL_TOOLS,
    EventType.PROPERTY_VIEW: EventCategory.PROPERTY_RESEARCH,
    EventType.SEARCH: EventCategory.PROPERTY_RESEARCH,
}
_BY_NAME = {
    "profile_update": EventCategory.ACCOUNT_MANAGEMENT,
    "comparable_view": EventCategory.PROPERTY_RESEARCH,
    "value_check": EventCategory.PLATFORM_BEHAVIOR,
}


def category_of(event_type: EventType, event_name: str | None) -> EventCategory:
    """The category where the client names none: by the event's name where that is telling, else by its type."""
    named = _BY_NAME.get(event_name) if event_name is not None else None
    return named or _BY_TYPE.get(event_type, EventCategory.PLATFORM_BEHAVIOR)


def refused(error: ValidationError) -> Invalid:
    """pydantic's findings in our words."""
    fields: dict[str, str] = {}
    for found in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in found["loc"]) or "event"
        why = _PLAIN.get(found["type"], found["msg"])
        if name == "eventId" and found["type"] == "missing":
            why = "is required, chosen by the client: the same eventId sent twice is one event"
        fields.setdefault(name[:200], why)
    return Invalid("; ".join(f"{name}: {why}" for name, why in list(fields.items())[:5]), fields=fields)


_PLAIN = {
    "missing": "is required",
    "timezone_aware": "needs a time zone, for example 2026-03-02T15:00:00Z",
    "string_type": "must be a string",
    "string_pattern_mismatch": "must not be blank",
    "string_unicode": "holds half of a surrogate pair, which is not text",
    "model_type": "an event is a JSON object",
    "model_attributes_type": "an event is a JSON object",
    "dict_type": "must be an object",
    "recursion_loop": "is nested too deeply",
}


def refusal(index: int, item: object, error: Invalid) -> Refusal:
    told = Refusal(index=index, reason=error.detail, fields=error.fields)
    event_id = (item.get("eventId") or item.get("event_id")) if isinstance(item, dict) else None
    if isinstance(event_id, str) and len(event_id) <= 128 and event_id.isprintable():
        told["eventId"] = event_id
    return told


def _wrong(name: str, why: str) -> Invalid:
    return Invalid(f"{name}: {why}", fields={name: why})
