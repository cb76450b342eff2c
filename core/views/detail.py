"""One alert in full: why, what it rests on, what happened to it, who it is about."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from core.views.card import AlertCard


@dataclass(frozen=True, kw_only=True)
class SignalRow:
    id: str
    type: str
    subtype: str
    category: str
    source: str
    strength: float
    confidence: float
    event_count: int
    evidence: dict[str, Any]
    window_start: datetime
    window_end: datetime
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    at: datetime
    kind: str
    """opened, assigned, released, delivery, action or outcome."""
    text: str
    """One plain sentence."""
    actor: str | None = None
    """Whose doing it was; None for the product itself."""


@dataclass(frozen=True, kw_only=True)
class AssignmentRow:
    id: str
    agent_id: str
    agent_name: str
    assigned_at: datetime
    ended_at: datetime | None
    reason: str
    ended_reason: str | None
    assigned_by: str | None
    """The name of the person who decided; None when routing did."""


@dataclass(frozen=True, kw_only=True)
class DecisionRow:
    id: str
    decided_at: datetime
    trigger: str
    agent_id: str | None
    agent_name: str | None
    strategy: str
    rule_id: str | None
    overflow: bool
    reason: str
    trace: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class OutcomeRow:
    outcome: str
    converted: bool
    value: float | None
    transaction_type: str | None
    reason: str | None
    notes: str | None
    contact_methods: tuple[str, ...]
    recorded_by: str | None
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True)
class ContactRow:
    id: str
    name: str | None
    email: str | None
    phone: str | None
    territory: str | None
    owner_agent_id: str | None
    owner_name: str | None
    first_seen_at: datetime
    last_human_event_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PropertyRow:
    id: str
    address: str | None
    city: str | None
    zip: str | None
    territory: str | None
    estimated_value: float | None
    mortgage_balance: float | None
    purchased_on: date | None


@dataclass(frozen=True, kw_only=True)
class EventRow:
    at: datetime
    event_type: str
    event_name: str | None
    page_url: str | None


@dataclass(frozen=True, kw_only=True)
class AlertDetail:
    card: AlertCard
    explanation: dict[str, Any]
    """{base, contributions: [{feature, label, value, contribution}], logOdds, text}; base + contributions = logOdds."""
    signals: tuple[SignalRow, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    """Newest first."""
    assignments: tuple[AssignmentRow, ...] = ()
    """Newest first; the open one has no `ended_at`."""
    decision: DecisionRow | None = None
    outcome: OutcomeRow | None = None
    contact: ContactRow
    properties: tuple[PropertyRow, ...] = ()
    events: tuple[EventRow, ...] = field(default=())
    """The contact's newest human behaviour, newest first, at most 25."""
    next_steps: tuple[str, ...] = ()
    """The statuses that may legally follow."""
