"""Storing events once: contacts appear on first sight, a known eventId is left as it is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from core.db.dialect import is_postgres, upsert, wake
from core.db.tables import Contact, Event
from core.events.shapes import NewEvent, Recorded


def record(session: Session, events: Sequence[NewEvent], *, now: datetime) -> Recorded:
    """Store what is new. The caller commits; only then may anybody be told that the events are kept."""
    if not events:
        return Recorded(0, 0)
    distinct = {event.event_id: event for event in reversed(events)}  # inside a batch the first one counts
    _first_sight(session, {event.contact_id for event in distinct.values()}, now=now)
    new_ids = _store(session, distinct, now=now)
    if new_ids:
        wake(session, "events")
    return Recorded(len(new_ids), len(events) - len(new_ids), new_ids)


def _first_sight(session: Session, contact_ids: set[str], *, now: datetime) -> None:
    """Sorted, so that two writers who meet the same new contacts wait for each other and never in a circle."""
    known = set(session.scalars(select(Contact.id).where(Contact.id.in_(contact_ids))))
    unknown = sorted(contact_ids - known)
    if unknown:
        statement = upsert(session, Contact).on_conflict_do_nothing(index_elements=["id"])
        session.execute(
            statement,
            [{"id": id_, "attributes": {}, "first_seen_at": now, "updated_at": now} for id_ in unknown],
        )


def _store(session: Session, distinct: dict[str, NewEvent], *, now: datetime) -> frozenset[str]:
    known = set(session.scalars(select(Event.event_id).where(Event.event_id.in_(distinct))))
    rows = [_row(event, now) for event_id, event in sorted(distinct.items()) if event_id not in known]
    if not rows:
        return frozenset()
    if is_postgres(session):
        statement = upsert(session, Event).on_conflict_do_nothing(index_elements=["event_id"])
        return frozenset(session.scalars(statement.returning(Event.event_id), rows))
    session.execute(insert(Event), rows)
    return frozenset(row["event_id"] for row in rows)


def _row(event: NewEvent, now: datetime) -> dict[str, Any]:
    return {**event._asdict(), "received_at": now, "is_machine": False}
