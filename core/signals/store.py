"""Open signals in the database: the same pattern refreshes its row, one that no longer fits closes, posted ones lapse."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, or_, select, text, update
from sqlalchemy.orm import Session

from core import ids
from core.db.dialect import upsert
from core.db.tables.behaviour import Event, Signal
from core.history import CARRIERS, History, kinds
from core.signals import registry
from core.signals.found import Found, OpenSignal
from core.words import EventType

NEWEST_EVENTS = 50
FROM_EVENTS = "events"
SETTLED = timedelta(hours=1)
"""An unchanged signal is written again at most this often: its last_seen_at is that exact and no more."""

_COLUMNS = (
    Signal.id,
    Signal.contact_id,
    Signal.type,
    Signal.subtype,
    Signal.category,
    Signal.strength,
    Signal.confidence,
    Signal.event_count,
    Signal.evidence,
    Signal.first_seen_at,
    Signal.last_seen_at,
)
"""In the order of `OpenSignal`."""


def refresh(
    session: Session, histories: Mapping[str, History], found: Mapping[str, list[Found]], *, now: datetime
) -> dict[str, list[OpenSignal]]:
    """Make the stored signals of these contacts those that fit now; returns all that are open, posted ones too."""
    result: dict[str, list[OpenSignal]] = {contact_id: [] for contact_id in histories}
    lapsed: list[str] = []
    writes: list[tuple[OpenSignal, Found]] = []
    stored = _open(session, list(histories))
    for contact_id, signals in result.items():
        fitting = {each.type: each for each in found.get(contact_id, ())}
        for row in stored.get(contact_id, ()):
            signal = OpenSignal(*row[: len(_COLUMNS)])
            if row.source != FROM_EVENTS:
                if row.window_end <= now:
                    lapsed.append(signal.id)
                elif signal.first_seen_at <= now:
                    signals.append(signal)
            elif (match := fitting.pop(signal.type, None)) is None:
                lapsed.append(signal.id)
            else:
                signals.append(_seen_again(signal, match, writes, now=now))
        for match in fitting.values():
            signal = _opened(contact_id, match, now=now)
            signals.append(signal)
            writes.append((signal, match))
    _close(session, lapsed, now=now)
    _write(session, writes, now=now)
    return result


def close_lapsed(session: Session, *, now: datetime, limit: int = 1000) -> list[str]:
    """Close posted signals whose time is over; the ids of the contacts to look at again."""
    rows = session.execute(
        select(Signal.id, Signal.contact_id)
        .where(Signal.closed_at.is_(None), Signal.source != FROM_EVENTS, Signal.window_end <= now)
        .limit(limit)
    ).all()
    _close(session, [row.id for row in rows], now=now)
    return sorted({row.contact_id for row in rows})


def open_signals(session: Session, contact_ids: Sequence[str], *, now: datetime) -> dict[str, list[OpenSignal]]:
    """What counts now, without looking again."""
    stored = _open(session, contact_ids)
    return {
        contact_id: [
            OpenSignal(*row[: len(_COLUMNS)])
            for row in stored.get(contact_id, ())
            if row.source == FROM_EVENTS or row.first_seen_at <= now < row.window_end
        ]
        for contact_id in contact_ids
    }


def posted_then(session: Session, contact_id: str, *, at: datetime) -> list[OpenSignal]:
    """The signals of other systems that counted at an instant of the past."""
    rows = session.execute(
        select(*_COLUMNS).where(
            Signal.contact_id == contact_id,
            Signal.source != FROM_EVENTS,
            Signal.first_seen_at <= at,
            Signal.window_end > at,
            or_(Signal.closed_at.is_(None), Signal.closed_at > at),
        )
    )
    return [OpenSignal(*row) for row in rows]


def _open(session: Session, contact_ids: Sequence[str]) -> dict[str, list[Any]]:
    rows: dict[str, list[Any]] = defaultdict(list)
    if contact_ids:
        for row in session.connection().execute(
            select(*_COLUMNS, Signal.source, Signal.window_end)
            .where(Signal.contact_id.in_(contact_ids), Signal.closed_at.is_(None))
            .order_by(Signal.type, Signal.subtype)
        ):
            rows[row.contact_id].append(row)
    return rows


def _opened(contact_id: str, match: Found, *, now: datetime) -> OpenSignal:
    return OpenSignal(
        ids.new_id(),
        contact_id,
        match.type,
        "",
        match.category,
        match.strength,
        match.confidence,
        match.event_count,
        match.evidence,
        now,
        now,
    )


def _seen_again(
    signal: OpenSignal, match: Found, writes: list[tuple[OpenSignal, Found]], *, now: datetime
) -> OpenSignal:
    unchanged = (
        signal.strength == match.strength
        and signal.confidence == match.confidence
        and signal.event_count == match.event_count
        and signal.evidence == match.evidence
        and now - signal.last_seen_at < SETTLED
    )
    if unchanged:
        return signal
    again = signal._replace(
        strength=match.strength,
        confidence=match.confidence,
        event_count=match.event_count,
        evidence=match.evidence,
        last_seen_at=now,
    )
    writes.append((again, match))
    return again


def _close(session: Session, signal_ids: list[str], *, now: datetime) -> None:
    if signal_ids:
        session.execute(
            update(Signal)
            .where(Signal.id.in_(signal_ids), Signal.closed_at.is_(None))
            .values(closed_at=now)
            .execution_options(synchronize_session=False)
        )


def _write(session: Session, writes: list[tuple[OpenSignal, Found]], *, now: datetime) -> None:
    if not writes:
        return
    contributing = _contributing(session, writes, now=now)
    statement = upsert(session, Signal)
    new = statement.excluded
    names = ("strength", "confidence", "event_count", "event_ids", "evidence", "window_start", "window_end")
    session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["contact_id", "type", "subtype"],
            index_where=text("closed_at IS NULL"),
            set_={name: new[name] for name in (*names, "last_seen_at")},
        ),
        [
            {
                "id": signal.id,
                "contact_id": signal.contact_id,
                "type": signal.type,
                "subtype": signal.subtype,
                "category": signal.category,
                "source": FROM_EVENTS,
                "strength": signal.strength,
                "confidence": signal.confidence,
                "event_count": signal.event_count,
                "event_ids": contributing.get((signal.contact_id, signal.type), []),
                "evidence": dict(signal.evidence),
                "window_start": match.window_start,
                "window_end": match.window_end,
                "first_seen_at": signal.first_seen_at,
                "last_seen_at": signal.last_seen_at,
            }
            for signal, match in writes
        ],
    )


def _contributing(
    session: Session, writes: list[tuple[OpenSignal, Found]], *, now: datetime
) -> dict[tuple[str, str], list[str]]:
    """(contact, signal type) to the eventIds of the newest human events that make it, at most 50."""
    wanted: dict[str, list[tuple[str, frozenset[str], int]]] = defaultdict(list)
    bands = sorted({now - match.window_start for _, match in writes})
    for signal, match in writes:
        kinds_of = frozenset(registry.by_type()[signal.type].kinds)
        wanted[signal.contact_id].append((signal.type, kinds_of, bands.index(now - match.window_start)))
    # The band says in which windows an event lies: a small number, where reading every time back costs more than the rest.
    band = case(*((Event.occurred_at > now - length, at) for at, length in enumerate(bands)), else_=len(bands))
    result: dict[tuple[str, str], list[str]] = defaultdict(list)
    rows = session.connection().execute(
        select(
            Event.contact_id, Event.event_id, Event.event_type, Event.event_name, Event.properties, band.label("band")
        )
        .where(
            Event.contact_id.in_(list(wanted)),
            Event.occurred_at > now - bands[-1],
            Event.is_machine.is_(False),
            Event.event_type.in_(_types(signal.type for signal, _ in writes)),
            or_(Event.occurred_at <= now, Event.received_at <= now),
        )
        .order_by(Event.contact_id, Event.occurred_at.desc())
    )
    for row in rows:
        of_event = kinds(row)  # type: ignore[arg-type]
        for signal_type, kinds_of, reach in wanted[row.contact_id]:
            if row.band <= reach and not kinds_of.isdisjoint(of_event):
                event_ids = result[row.contact_id, signal_type]
                if len(event_ids) < NEWEST_EVENTS:
                    event_ids.append(row.event_id)
    return result


def _types(signal_types: Iterable[str]) -> list[str]:
    """The event types that can make these signals: any, when one is known by a name that every type may carry."""
    found: set[str] = set()
    for signal_type in set(signal_types):
        for kind in registry.by_type()[signal_type].kinds:
            found.update(CARRIERS.get(kind, EventType))
    return sorted(found)
