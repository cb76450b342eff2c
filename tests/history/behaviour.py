"""Makes events for tests of history, signals and scoring: in memory, and in the database through the real line."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from core import events, history, traffic
from core.events import NewEvent, RecordedEvent
from core.words import EventCategory, EventType

_ids = itertools.count(1)


def event(
    event_type: str = "PAGE_VIEW",
    event_name: str | None = None,
    *,
    at: datetime,
    contact_id: str = "contact-1",
    received_at: datetime | None = None,
    session_id: str | None = None,
    device: str | None = None,
    user_agent: str | None = None,
    page_url: str | None = None,
    **properties: Any,
) -> RecordedEvent:
    number = next(_ids)
    return RecordedEvent(
        id=number,
        event_id=f"event-{number}",
        contact_id=contact_id,
        event_type=event_type,
        event_category=EventCategory.PLATFORM_BEHAVIOR.value,
        event_name=event_name,
        occurred_at=at,
        received_at=received_at or at,
        session_id=session_id,
        device=device,
        user_agent=user_agent,
        ip=None,
        page_url=page_url,
        properties=properties,
    )


def times(
    count: int,
    event_type: str = "PAGE_VIEW",
    event_name: str | None = None,
    *,
    now: datetime,
    days_ago: float = 1,
    **more: Any,
) -> list[RecordedEvent]:
    """`count` events a minute apart, that many days ago."""
    start = now - timedelta(days=days_ago)
    return [event(event_type, event_name, at=start - timedelta(minutes=each), **more) for each in range(count)]


def value_checks(count: int, *, now: datetime, **more: Any) -> list[RecordedEvent]:
    return times(count, "BUTTON_CLICK", "value_check", now=now, **more)


def live(session: Session, happened: Sequence[RecordedEvent], *, now: datetime) -> list[RecordedEvent]:
    """Record, claim, tell machines apart, absorb and finish: what DECIDE does before it looks."""
    new = [
        NewEvent(
            event_id=each.event_id,
            contact_id=each.contact_id,
            event_type=EventType(each.event_type),
            event_category=EventCategory(each.event_category),
            event_name=each.event_name,
            occurred_at=each.occurred_at,
            session_id=each.session_id,
            device=each.device,
            user_agent=each.user_agent,
            page_url=each.page_url,
            properties=each.properties,
        )
        for each in happened
    ]
    events.record(session, new, now=now)
    claimed = events.claim(session, limit=100_000)
    doubts = traffic.doubts(claimed, session)
    history.absorb(session, claimed, doubts)
    events.finish(session, [each.id for each in claimed], doubts, now=now)
    return claimed
