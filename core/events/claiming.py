"""Handing unprocessed events to DECIDE, one worker a contact at a time, and marking them done."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, func, literal, or_, select, update
from sqlalchemy.orm import Session

from core.db.dialect import is_postgres
from core.db.tables import Contact, Event
from core.events.shapes import MACHINE_BELOW, RecordedEvent, made_by_machines
from core.words import EventType

_COLUMNS = tuple(getattr(Event, name) for name in RecordedEvent._fields)
_CHUNK = 5_000
_LOOK_AHEAD = 20
"""Times the limit: how far a claim looks for contacts that others do not hold."""


def claim(session: Session, *, limit: int = 1000) -> list[RecordedEvent]:
    """All unprocessed events of the contacts who have waited longest, about `limit` events, oldest first.

    The contacts stay locked until the transaction ends; contacts that another worker holds are passed over.
    """
    waiting = _waiting(session, window=limit * _LOOK_AHEAD)
    held: list[str] = []
    room = limit
    while waiting and room > 0:
        wanted = _first(waiting, room)
        for contact_id in _lock(session, wanted):
            held.append(contact_id)
            room -= waiting[contact_id]
        for contact_id in wanted:
            del waiting[contact_id]
    return _pending_of(session, held)


def claim_contact(session: Session, contact_id: str) -> list[RecordedEvent]:
    """The unprocessed events of one contact; waits for a worker who holds the contact."""
    lock = select(Contact.id).where(Contact.id == contact_id)
    if is_postgres(session):
        lock = lock.with_for_update(key_share=True)
    return _pending_of(session, [contact_id] if session.scalar(lock) else [])


def finish(session: Session, event_ids: Sequence[int], doubts: Mapping[int, float], *, now: datetime) -> None:
    """Mark events (by RecordedEvent.id) as processed, and when each contact was last seen as a human.

    Args:
        doubts: P(human) by event id, of those that something speaks against (core.traffic.doubts).
    """
    machines = made_by_machines(doubts)
    for start in range(0, len(event_ids), _CHUNK):
        chunk = list(event_ids[start : start + _CHUNK])
        likely: dict[float | None, list[int]] = defaultdict(list)
        for id_ in chunk:
            likely[doubts.get(id_)].append(id_)
        for p_human, ids in likely.items():  # few: likelihood ratios come in a handful of combinations
            _mark(session, ids, p_human, now=now)
        _seen(session, [id_ for id_ in chunk if id_ not in machines])


def pending(session: Session) -> int:
    """How many events wait to be processed."""
    return session.scalar(select(func.count()).select_from(Event).where(Event.processed_at.is_(None))) or 0


def _waiting(session: Session, *, window: int) -> dict[str, int]:
    """Contact to its number of events among the `window` oldest that wait; who has waited longest comes first."""
    oldest = (
        select(Event.id, Event.contact_id)
        .where(Event.processed_at.is_(None))
        .order_by(Event.id)
        .limit(window)
        .subquery()
    )
    rows = session.execute(
        select(oldest.c.contact_id, func.count()).group_by(oldest.c.contact_id).order_by(func.min(oldest.c.id))
    )
    return {row[0]: row[1] for row in rows}


def _first(waiting: dict[str, int], room: int) -> list[str]:
    """The first contacts whose events fill the room."""
    chosen: list[str] = []
    for contact_id, count in waiting.items():
        chosen.append(contact_id)
        room -= count
        if room <= 0:
            break
    return chosen


def _lock(session: Session, contact_ids: list[str]) -> Sequence[str]:
    """Those of them that nobody else holds; they are ours now."""
    if not is_postgres(session):  # a SQLite writer is alone
        return contact_ids
    # NO KEY UPDATE: events of a claimed contact can still be recorded, their foreign key only shares the key.
    return session.scalars(
        select(Contact.id)
        .where(Contact.id.in_(contact_ids))
        .order_by(Contact.id)
        .with_for_update(key_share=True, skip_locked=True)
    ).all()


def _pending_of(session: Session, contact_ids: Sequence[str]) -> list[RecordedEvent]:
    """Read after the lock: what another worker finished meanwhile is no longer pending."""
    found: list[RecordedEvent] = []
    for start in range(0, len(contact_ids), _CHUNK):
        rows = session.execute(
            select(*_COLUMNS)
            .where(Event.processed_at.is_(None), Event.contact_id.in_(contact_ids[start : start + _CHUNK]))
            .order_by(Event.id)
        )
        found.extend(RecordedEvent(*row) for row in rows)
    return found


def _mark(session: Session, event_ids: list[int], p_human: float | None, *, now: datetime) -> None:
    values: dict[str, object] = {"processed_at": now}
    if p_human is not None:  # recorded as a person's and without a doubt
        values |= {"p_human": p_human, "is_machine": p_human < MACHINE_BELOW}
    session.execute(
        update(Event).where(_among(session, event_ids)).values(values).execution_options(synchronize_session=False)
    )


def _among(session: Session, event_ids: list[int]) -> ColumnElement[bool]:
    """One array is half the work for PostgreSQL of a thousand parameters."""
    if is_postgres(session):
        return Event.id == any_(literal(event_ids, ARRAY(BigInteger)))
    return Event.id.in_(event_ids)


def _seen(session: Session, event_ids: list[int]) -> None:
    """A mail we sent is not the contact's doing."""
    newest = (
        select(Event.contact_id, func.max(Event.occurred_at).label("at"))
        .where(_among(session, event_ids), Event.event_type != EventType.EMAIL_SENT)
        .group_by(Event.contact_id)
        .subquery()
    )
    later: ColumnElement[bool] = or_(Contact.last_human_event_at.is_(None), Contact.last_human_event_at < newest.c.at)
    session.execute(
        update(Contact)
        .where(Contact.id == newest.c.contact_id, later)
        .values(last_human_event_at=newest.c.at)
        .execution_options(synchronize_session=False)
    )
