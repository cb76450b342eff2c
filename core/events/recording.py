"""Storing events once: contacts appear on first sight, a known eventId is left as it is.

Written as driver-level SQL: per event, SQLAlchemy's own binding costs 33 µs on SQLite and 200 µs on PostgreSQL (it
must split a RETURNING insert into pages), this costs 8 and 20 µs. PostgreSQL gets the whole batch as one JSON document,
which is cheaper than an array a column.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import orjson
from sqlalchemy.orm import Session

from core.db.dialect import is_postgres
from core.events.shapes import NewEvent, Recorded


def record(session: Session, events: Sequence[NewEvent], *, now: datetime) -> Recorded:
    """Store what is new. The caller commits; only then may anybody be told that the events are kept."""
    if not events:
        return Recorded(0, 0)
    first: dict[str, NewEvent] = {}
    for event in events:  # inside a batch the first one counts
        first.setdefault(event.event_id, event)
    distinct = list(first.values())
    session.flush()
    store = _store_postgres if is_postgres(session) else _store_sqlite
    new_ids = store(session, distinct, now)
    return Recorded(len(new_ids), len(events) - len(new_ids), new_ids)


_COLUMNS = (*NewEvent._fields, "received_at", "is_machine")

_SQLITE_CONTACTS = """
    INSERT INTO contacts (id, attributes, first_seen_at, updated_at)
    SELECT value, '{}', ?, ? FROM json_each(?) WHERE true ON CONFLICT (id) DO NOTHING
"""
_SQLITE_KNOWN = "SELECT event_id FROM events WHERE event_id IN (SELECT value FROM json_each(?))"
_SQLITE_EVENTS = f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608


def _store_sqlite(session: Session, events: Collection[NewEvent], now: datetime) -> frozenset[str]:
    """A writer is alone from BEGIN IMMEDIATE on, so looking first is exact."""
    connection = session.connection()
    ids = orjson.dumps([event.event_id for event in events]).decode()
    known = {row[0] for row in connection.exec_driver_sql(_SQLITE_KNOWN, (ids,))}
    new = [event for event in events if event.event_id not in known] if known else events
    if not new:
        return frozenset()
    at = _stored(now)
    contacts = orjson.dumps(list({event.contact_id for event in new})).decode()
    connection.exec_driver_sql(_SQLITE_CONTACTS, (at, at, contacts))
    connection.exec_driver_sql(
        _SQLITE_EVENTS,
        [
            (*event[:5], _stored(event.occurred_at), *event[6:12], orjson.dumps(event.properties).decode(), at, 0)
            for event in new
        ],
    )
    return frozenset([event.event_id for event in new])


def _stored(at: datetime) -> str:
    """As the column type stores it (core.db.base.UtcDateTime)."""
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")


# One statement, because each one more is a round trip under the lock. Its foreign keys are checked at its end, when the
# contacts are there. The notice is sent by the commit, and only when something was stored.
_POSTGRES = f"""
    WITH stored AS (
        INSERT INTO events (id, {", ".join(_COLUMNS)})
        SELECT id, e->>0, e->>1, e->>2, e->>3, e->>4, (e->>5)::timestamptz, e->>6, e->>7, e->>8, e->>9, e->>10, e->>11,
               e->12, %(now)s, false
        FROM (SELECT nextval('events_id_seq') AS id, e FROM jsonb_array_elements(%(events)s::jsonb) AS e) AS numbered
        ORDER BY (e->>0) COLLATE "C"
        ON CONFLICT (event_id) DO NOTHING RETURNING event_id, contact_id
    ), seen AS (
        INSERT INTO contacts (id, attributes, first_seen_at, updated_at)
        SELECT DISTINCT contact_id COLLATE "C", '{{}}'::jsonb, %(now)s, %(now)s FROM stored ORDER BY 1
        ON CONFLICT (id) DO NOTHING
    )
    SELECT event_id, (SELECT pg_notify('doorbell', 'events')::text) FROM stored
"""  # noqa: S608


def _store_postgres(session: Session, events: Collection[NewEvent], now: datetime) -> frozenset[str]:
    """Keys are inserted in sorted order, so that two writers who meet the same new ones wait for each other and never
    in a circle; events are numbered in the order they came."""
    document = orjson.dumps([(*event,) for event in events]).decode()
    rows = session.connection().exec_driver_sql(_POSTGRES, {"now": now, "events": document})
    return frozenset(row[0] for row in rows)
