"""The shapes of an event on its way through: new, recorded, refused.

They are tuples, not dataclasses: a frozen dataclass of this width costs 2.5 µs to make, a tuple 0.5 µs, and every
event is made twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, NotRequired, TypedDict

from core.words import EventCategory, EventType


class NewEvent(NamedTuple):
    """One validated event, not stored yet."""

    event_id: str
    contact_id: str
    event_type: EventType
    event_category: EventCategory
    event_name: str | None
    occurred_at: datetime
    """Aware, UTC; never more than five minutes ahead of our clock."""
    session_id: str | None = None
    device: str | None = None
    user_agent: str | None = None
    ip: str | None = None
    page_url: str | None = None
    referrer: str | None = None
    properties: dict[str, Any] = {}  # noqa: RUF012  never changed in place


class RecordedEvent(NamedTuple):
    """One stored event as DECIDE sees it."""

    id: int
    event_id: str
    contact_id: str
    event_type: str
    event_category: str
    event_name: str | None
    occurred_at: datetime
    received_at: datetime
    session_id: str | None
    device: str | None
    user_agent: str | None
    ip: str | None
    page_url: str | None
    properties: dict[str, Any]


MACHINE_BELOW = 0.5
"""An event with a P(human) below this is a machine's."""


def made_by_machines(p_human: Mapping[int, float]) -> set[int]:
    """Of doubted events (core.traffic.doubts), those that count as a machine's."""
    return {id_ for id_, p in p_human.items() if p < MACHINE_BELOW}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What `record` did. `new_ids` are the eventIds stored now; the rest had been stored before."""

    accepted: int
    duplicates: int
    new_ids: frozenset[str] = frozenset()


class Refusal(TypedDict):
    """Why one item of a batch was not taken, as told to the client."""

    index: int
    eventId: NotRequired[str]
    reason: str
    fields: dict[str, str]
