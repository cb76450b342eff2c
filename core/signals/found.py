"""The shapes of a signal on its way: found in a history, open in the store, and posted by another system."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

DEFAULT_VALIDITY = timedelta(days=90)
"""How long a posted signal counts when its sender does not say."""


class Found(NamedTuple):
    """A pattern that fits at this instant."""

    type: str
    category: str
    strength: float
    confidence: float
    event_count: int
    evidence: Mapping[str, Any]
    window_start: datetime
    window_end: datetime


class OpenSignal(NamedTuple):
    """A signal that counts now, found in events or posted."""

    id: str
    contact_id: str
    type: str
    subtype: str
    category: str
    strength: float
    confidence: float
    event_count: int
    evidence: Mapping[str, Any]
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class PostedSignal:
    """What another system says of a contact."""

    contact_id: str
    type: str
    """CREDIT_INQUIRY, LIFE_EVENT, TAX_CHANGE or INSURANCE_CLAIM."""
    subtype: str = ""
    """For a LIFE_EVENT: job_change, address_change or building_permit; empty for the rest."""
    strength: float
    confidence: float
    occurred_at: datetime
    valid_until: datetime | None = None
    """90 days after occurred_at when None."""
    source: str
    external_id: str | None = None
    """The sender's own id: the same one twice is one signal."""
    details: Mapping[str, Any] = field(default_factory=dict)


def as_open(contact_id: str, found: Found) -> OpenSignal:
    """A found signal as if stored: for training and previews, where nothing is written."""
    return OpenSignal(
        "",
        contact_id,
        found.type,
        "",
        found.category,
        found.strength,
        found.confidence,
        found.event_count,
        found.evidence,
        found.window_end,
        found.window_end,
    )
