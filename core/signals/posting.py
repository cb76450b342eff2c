"""Signals other systems post: four types, of which LIFE_EVENT takes only the kinds that fair housing law leaves open."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import errors, fairness, ids
from core.db.dialect import upsert, wake
from core.db.tables.behaviour import Signal
from core.db.tables.people import Contact
from core.signals.found import DEFAULT_VALIDITY, PostedSignal
from core.signals.store import FROM_EVENTS
from core.words import SignalCategory

CATEGORIES = {
    "CREDIT_INQUIRY": SignalCategory.EXTERNAL_DATA,
    "TAX_CHANGE": SignalCategory.EXTERNAL_DATA,
    "INSURANCE_CLAIM": SignalCategory.EXTERNAL_DATA,
    "LIFE_EVENT": SignalCategory.LIFE_EVENTS,
}
LIFE_EVENTS = ("job_change", "address_change", "building_permit")
AHEAD = timedelta(minutes=5)
_LENGTHS = {"contact_id": 128, "source": 64, "external_id": 128}
_MOST_DETAILS = 50


def post(session: Session, posted: PostedSignal, *, now: datetime) -> str:
    """Store what was posted and have the line look at the contact; the signal's id. The same external_id is one signal.

    A newer one of the same type and subtype takes the place of the open one. One that is over already, or older than
    the open one, is kept closed.
    """
    check(posted, now=now)
    if posted.external_id is not None and (known := _known(session, posted.external_id)) is not None:
        return known
    _see(session, posted.contact_id, now=now)
    valid_until = posted.valid_until or posted.occurred_at + DEFAULT_VALIDITY
    counts, first_seen_at, count = _supersede(session, posted, is_over=valid_until <= now, now=now)
    signal_id = ids.new_id()
    statement = upsert(session, Signal).values(
        id=signal_id,
        contact_id=posted.contact_id,
        type=posted.type,
        subtype=posted.subtype,
        category=CATEGORIES[posted.type].value,
        source=posted.source,
        external_id=posted.external_id,
        strength=posted.strength,
        confidence=posted.confidence,
        event_count=count + 1,
        event_ids=[],
        evidence={"details": dict(posted.details)},
        window_start=posted.occurred_at,
        window_end=valid_until,
        first_seen_at=min(first_seen_at, posted.occurred_at),
        last_seen_at=now,
        closed_at=None if counts else now,
    )
    session.execute(statement.on_conflict_do_nothing(index_elements=["external_id"]))
    if posted.external_id is not None:  # a racing post of the same one may have been first
        signal_id = _known(session, posted.external_id) or signal_id
    session.execute(
        update(Contact)
        .where(Contact.id == posted.contact_id)
        .values(rescore_at=now)
        .execution_options(synchronize_session=False)
    )
    wake(session, "events")
    return signal_id


def check(posted: PostedSignal, *, now: datetime) -> None:
    """Raise Invalid, naming each wrong field."""
    fields: dict[str, str] = {}
    for name, most in _LENGTHS.items():
        value = getattr(posted, name)
        if value is None:
            continue
        if not value or len(value) > most:
            fields[name] = f"1 to {most} characters"
    if posted.source == FROM_EVENTS:
        fields["source"] = "name the system that says so"
    if posted.type not in CATEGORIES:
        fields["type"] = f"one of {', '.join(CATEGORIES)}"
    elif posted.type == "LIFE_EVENT" and posted.subtype not in LIFE_EVENTS:
        fields["subtype"] = (
            f"one of {', '.join(LIFE_EVENTS)}: other life events, such as marriage or birth, say something of familial "
            "status, and fair housing law forbids acting on it"
        )
    elif posted.type != "LIFE_EVENT" and posted.subtype:
        fields["subtype"] = "only a LIFE_EVENT has a subtype"
    for name in ("strength", "confidence"):
        if not 0 <= getattr(posted, name) <= 1:
            fields[name] = "0 to 1"
    fields.update(_times(posted, now=now))
    fields.update(_details(posted.details))
    if fields:
        raise errors.Invalid("The signal is not valid", fields=fields)


def _times(posted: PostedSignal, *, now: datetime) -> dict[str, str]:
    fields = {}
    for name in ("occurred_at", "valid_until"):
        value = getattr(posted, name)
        if value is not None and value.tzinfo is None:
            fields[name] = "a time with its zone"
    if fields:
        return fields
    if posted.occurred_at > now + AHEAD:
        fields["occurred_at"] = "lies in the future"
    if posted.valid_until is not None and posted.valid_until <= posted.occurred_at:
        fields["valid_until"] = "must be after occurred_at"
    return fields


def _details(details: Mapping[str, object]) -> dict[str, str]:
    if len(details) > _MOST_DETAILS:
        return {"details": f"at most {_MOST_DETAILS} fields"}
    for key in details:
        if word := fairness.protected_detail(key):
            return {f"details.{key}"[:200]: f"says something of {word}, which fair housing law protects"}
    return {}


def _known(session: Session, external_id: str) -> str | None:
    return session.scalar(select(Signal.id).where(Signal.external_id == external_id))


def _see(session: Session, contact_id: str, *, now: datetime) -> None:
    """Make the contact at first sight, and hold its row: two posts of one contact go one after the other."""
    session.execute(
        upsert(session, Contact)
        .values(id=contact_id, first_seen_at=now, updated_at=now, attributes={})
        .on_conflict_do_nothing(index_elements=["id"])
    )
    session.execute(select(Contact.id).where(Contact.id == contact_id).with_for_update(key_share=True))


def _supersede(session: Session, posted: PostedSignal, *, is_over: bool, now: datetime) -> tuple[bool, datetime, int]:
    """Whether the posted one counts now (the open one is closed then), since when, and how many came before it."""
    row = session.execute(
        select(Signal.id, Signal.first_seen_at, Signal.window_start, Signal.event_count).where(
            Signal.contact_id == posted.contact_id,
            Signal.type == posted.type,
            Signal.subtype == posted.subtype,
            Signal.closed_at.is_(None),
        )
    ).first()
    if is_over or row is None:
        return not is_over, posted.occurred_at, 0
    if row.window_start > posted.occurred_at:
        return False, posted.occurred_at, 0
    session.execute(
        update(Signal).where(Signal.id == row.id).values(closed_at=now).execution_options(synchronize_session=False)
    )
    return True, row.first_seen_at, row.event_count
