"""Alerts on the wire: the bodies taken in and the resources given out (the shape itself is core.wire's)."""

from collections.abc import Mapping
from dataclasses import is_dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import Path
from pydantic import AwareDatetime, Field, StringConstraints, field_validator
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from app.api.deps import Camel
from core import wire
from core.views.card import AlertCard
from core.views.detail import AlertDetail
from core.views.intervals import Share
from core.words import Status

NO_NUL = r"^[^\x00]*$"
MOST_AT_ONCE = 5000
AlertId = Annotated[str, Path(min_length=1, max_length=64, pattern=NO_NUL)]
UserId = Annotated[str, Path(min_length=1, max_length=128, pattern=NO_NUL)]
Notes = Annotated[str, StringConstraints(max_length=5000, pattern=NO_NUL)]
Word = Annotated[str, StringConstraints(max_length=32, pattern=NO_NUL)]
OLDER_NAMES = {"PENDING": Status.NEW, "DELIVERED": Status.NEW}
StatusWord = Literal[
    "NEW", "ACKNOWLEDGED", "IN_PROGRESS", "CONTACTED", "CONVERTED", "DISMISSED", "EXPIRED", "PENDING", "DELIVERED"
]


class _Step(Camel):
    reason: Word | None = None
    """Of a dismissal: no_interest, duplicate, unreachable, wrong_person or other."""
    notes: Notes | None = None


class StatusIn(_Step):
    """The status to take; `SNOOZED` with `until` hides it and stays in its status."""

    status: StatusWord | Literal["SNOOZED"]
    until: AwareDatetime | None = None
    """Of SNOOZED: until when."""
    value: float | None = Field(default=None, ge=0, lt=1e12, allow_inf_nan=False)
    """Of CONVERTED: US dollars."""
    transaction_type: Word | None = None
    contact_methods: list[Word] = Field(default_factory=list, max_length=20)


class SnoozeIn(Camel):
    until: AwareDatetime | None
    """Until when, at most 30 days ahead; null shows it again."""


class OutcomeIn(Camel):
    outcome: Literal["TRUE_POSITIVE", "FALSE_POSITIVE", "TRUE_NEGATIVE", "FALSE_NEGATIVE", "PENDING", "EXPIRED"]
    """TRUE_NEGATIVE and FALSE_NEGATIVE are refused: they belong to scores that raised no alert."""
    converted: bool = False
    value: float | None = Field(default=None, ge=0, lt=1e12, allow_inf_nan=False)
    transaction_type: Word | None = None
    reason: Word | None = None
    notes: Notes | None = None
    contact_methods: list[Word] = Field(default_factory=list, max_length=20)


Ids = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]],
    Field(min_length=1, max_length=MOST_AT_ONCE),
]


class BulkDismissIn(Camel):
    alert_ids: Ids
    reason: Word
    notes: Notes | None = None


class BulkStatusIn(_Step):
    alert_ids: Ids
    status: StatusWord


class ScoreUserIn(Camel):
    user_id: Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=NO_NUL)]


class ProcessIn(Camel):
    user_ids: Annotated[
        list[Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=NO_NUL)]], Field(max_length=500)
    ] = Field(default_factory=list)
    """Only these contacts; empty: whatever waits."""
    limit: int = Field(default=1000, ge=1, le=5000)
    """Events at most."""

    @field_validator("user_ids")
    @classmethod
    def _once(cls, value: list[str]) -> list[str]:
        return list(dict.fromkeys(value))


class UserOut(Camel):
    id: str
    name: str | None
    email: str | None


class AlertOut(Camel):
    """One alert, as lists, Socket.IO and webhooks carry it."""

    id: str
    user_id: str
    user: UserOut
    alert_type: str
    confidence: float
    probability: float
    lift: float
    interval: tuple[float, float]
    probability_interval: tuple[float, float]
    priority: str
    status: str
    territory: str | None
    assigned_agent_id: str | None
    assigned_agent_name: str | None
    unassigned_reason: str | None
    opened_at: datetime
    scored_at: datetime
    valid_until: datetime
    snoozed_until: datetime | None
    claimed_until: datetime | None
    """Until when who claimed it must act on it."""
    acknowledged_at: datetime | None
    contacted_at: datetime | None
    closed_at: datetime | None
    model_version: str
    signal_count: int
    property_value: float | None
    top_factors: list[dict[str, Any]]
    undo_until: datetime | None
    change_id: int
    """The change feed stood here when this was read: `lastChangeId` for a socket that goes on from it."""


class AlertDetailOut(AlertOut):
    explanation: dict[str, Any]
    recount: dict[str, Any]
    signals: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    assignments: list[dict[str, Any]]
    decision: dict[str, Any] | None
    outcome: dict[str, Any] | None
    contact: dict[str, Any]
    properties: list[dict[str, Any]]
    events: list[dict[str, Any]]
    next_steps: list[str]


class AlertPage(Camel):
    items: list[AlertOut]
    next_cursor: str | None


class ScoreOut(Camel):
    intent: str
    probability: float
    probability_interval: tuple[float, float]
    confidence: float
    interval: tuple[float, float]
    lift: float
    base_rate: float
    model_version: str


class ScoredOut(Camel):
    user_id: str
    scores: list[ScoreOut]
    alerts: list[AlertOut]
    """The open ones that the caller may see."""
    opened: list[str]
    """Those of them that this call opened."""


class ProcessedOut(Camel):
    events: int
    contacts: int
    opened: int
    refreshed: int
    waiting: int
    """Events still not decided on."""
    errors: list[dict[str, str]]


class BulkResult(Camel):
    id: str
    ok: bool
    status: str | None
    error: str | None


class BulkOut(Camel):
    changed: int
    results: list[BulkResult]


def alert(card: AlertCard, *, change_id: int) -> dict[str, Any]:
    """A card in the shape of core.wire.alert, with what only REST adds."""
    return {
        "id": card.id,
        "userId": card.contact_id,
        "user": {"id": card.contact_id, "name": card.contact_name, "email": card.contact_email},
        "alertType": card.alert_type,
        "confidence": round(card.confidence, 4),
        "probability": round(card.probability, 4),
        "lift": round(card.lift, 2),
        "interval": [round(card.confidence_low, 4), round(card.confidence_high, 4)],
        "probabilityInterval": [round(card.probability_low, 4), round(card.probability_high, 4)],
        "priority": card.priority,
        "status": card.status,
        "territory": card.territory,
        "assignedAgentId": card.agent_id,
        "assignedAgentName": card.agent_name,
        "unassignedReason": card.unassigned_reason,
        "openedAt": wire.to_iso(card.opened_at),
        "scoredAt": wire.to_iso(card.scored_at),
        "validUntil": wire.to_iso(card.valid_until),
        "snoozedUntil": wire.to_iso(card.snoozed_until),
        "claimedUntil": wire.to_iso(card.claimed_until),
        "acknowledgedAt": wire.to_iso(card.acknowledged_at),
        "contactedAt": wire.to_iso(card.contacted_at),
        "closedAt": wire.to_iso(card.closed_at),
        "modelVersion": card.model_version,
        "signalCount": card.signal_count,
        "propertyValue": card.property_value,
        "topFactors": list(card.top_factors),
        "undoUntil": wire.to_iso(card.undo_until),
        "changeId": change_id,
    }


def detail(found: AlertDetail, *, change_id: int) -> dict[str, Any]:
    """An alert with everything about it."""
    rest = {
        "recount": found.recount,
        "signals": found.signals,
        "timeline": found.timeline,
        "assignments": found.assignments,
        "decision": found.decision,
        "outcome": found.outcome,
        "contact": found.contact,
        "properties": found.properties,
        "events": found.events,
        "nextSteps": found.next_steps,
    }
    plain = {name: camel(value) for name, value in rest.items()}
    return {**alert(found.card, change_id=change_id), "explanation": found.explanation, **plain}


def camel(value: Any) -> Any:
    """Frozen rows as camelCase JSON values; the keys of stored JSON are left as they are."""
    if isinstance(value, Share):
        return {
            "hits": value.hits,
            "total": value.total,
            "rate": value.rate,
            "interval": [round(value.low, 4), round(value.high, 4)],
        }
    if is_dataclass(value) and not isinstance(value, type):
        return {to_camel(name): camel(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, list | tuple):
        return [camel(one) for one in value]
    if isinstance(value, datetime):
        return wire.to_iso(value)
    return value.isoformat() if isinstance(value, date) else value


def answer(body: Mapping[str, Any], status: int = 200) -> Response:
    """JSON, quickly: the rows are already plain values."""
    return Response(orjson.dumps(body), status, media_type="application/json")
