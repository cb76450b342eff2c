import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from core import events
from core.db import Database
from core.db.tables import Contact, Event
from tests.events.making import event, wire


def test_an_event_is_stored_as_it_came(database: Database, now: datetime) -> None:
    new = event(
        now,
        eventId="e-1",
        userId="user-ü",
        eventType="EMAIL_CLICK",
        eventName="refi_mail",
        occurredAt=(now - timedelta(seconds=1.5)).isoformat(),
        sessionId="s",
        device="mobile",
        userAgent="Agent/1",
        ip="::1",
        pageUrl="https://a.test/?q=1",
        referrer="https://b.test",
        properties={"campaignId": "refinance-1", "nested": {"a": [1, 2.5, None, True, "é"]}},
    )
    with database.write() as session:
        events.record(session, [new], now=now)
    with database.read() as session:
        stored = session.scalars(select(Event)).one()
        contact = session.get_one(Contact, "user-ü")
    kept = tuple(getattr(stored, name) for name in events.NewEvent._fields)
    assert kept == tuple(new)
    assert (stored.received_at, stored.is_machine, stored.processed_at) == (now, False, None)
    assert (contact.first_seen_at, contact.attributes, contact.last_human_event_at) == (now, {}, None)


def test_the_same_event_id_twice_is_one_event(database: Database, now: datetime) -> None:
    first, second = event(now, eventId="same", eventName="first"), event(now, eventId="same", eventName="second")
    with database.write() as session:
        assert events.record(session, [first, second, event(now)], now=now).accepted == 2
    with database.write() as session:
        again = events.record(session, [second, event(now, eventId="other")], now=now)
    assert (again.accepted, again.duplicates, again.new_ids) == (1, 1, {"other"})
    with database.read() as session:
        names = session.scalars(select(Event.event_name).where(Event.event_id == "same")).all()
    assert names == ["first"]


def test_a_duplicate_alone_wakes_nobody_and_changes_nothing(database: Database, now: datetime) -> None:
    one = event(now, eventId="same")
    with database.write() as session:
        events.record(session, [one], now=now)
    with database.write() as session:
        recorded = events.record(session, [one._replace(contact_id="user-2")], now=now)
    assert (recorded.accepted, recorded.duplicates) == (0, 1)
    with database.read() as session:
        assert session.scalars(select(Event.contact_id)).all() == ["user-1"]
        assert session.scalars(select(Contact.id)).all() == ["user-1"]


def test_nothing_is_kept_of_a_transaction_that_fails(database: Database, now: datetime) -> None:
    with pytest.raises(RuntimeError, match="power cut"):
        _record_and_fail(database, now)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Event)) == 0
        assert session.scalar(select(func.count()).select_from(Contact)) == 0


def _record_and_fail(database: Database, now: datetime) -> None:
    with database.write() as session:
        events.record(session, [event(now)], now=now)
        raise RuntimeError("power cut")


@pytest.mark.parametrize("hostile", ["'; DROP TABLE events; --", "<script>alert(1)</script>", "%s %(x)s ? :now", "\\"])
def test_hostile_text_is_only_text(hostile: str, database: Database, now: datetime) -> None:
    new = event(now, eventId=hostile, userId=hostile, eventName=hostile, properties={hostile: hostile})
    with database.write() as session:
        events.record(session, [new], now=now)
        events.record(session, [new], now=now)
    with database.write() as session:
        claimed = events.claim(session)
    assert [(e.event_id, e.contact_id, e.event_name, e.properties) for e in claimed] == [
        (hostile, hostile, hostile, {hostile: hostile})
    ]


def test_racing_writers_of_the_same_events_store_each_once(database: Database, now: datetime) -> None:
    batch = [event(now, eventId=f"e{number}", userId=f"u{number % 7}") for number in range(200)]
    start = threading.Barrier(4)
    accepted: list[int] = []

    def write(backwards: bool) -> None:
        start.wait()
        for piece in range(0, 200, 20):
            some = batch[piece : piece + 20]
            with database.write() as session:
                accepted.append(events.record(session, some[::-1] if backwards else some, now=now).accepted)

    threads = [threading.Thread(target=write, args=(number % 2 == 0,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(accepted) == 40
    assert sum(accepted) == 200
    with database.read() as session:
        assert events.pending(session) == 200


def test_five_thousand_at_once(database: Database, now: datetime) -> None:
    batch = [event(now, userId=f"u{number % 900}") for number in range(5000)]
    with database.write() as session:
        assert events.record(session, batch, now=now).accepted == 5000
    with database.write() as session:
        assert len(events.claim(session, limit=10_000)) == 5000


def test_the_columns_written_by_hand_are_the_tables_own() -> None:
    assert set(events.NewEvent._fields) | {"id", "received_at", "is_machine", "p_human", "processed_at"} == set(
        Event.__table__.columns.keys()
    )


def test_real_values_survive_the_wire_and_both_stores(database: Database, now: datetime) -> None:
    raw = wire(now, properties={"big": 2**62, "small": -(2**62), "pi": 3.141592653589793, "text": "naïve ☃ 🏠"})
    with database.write() as session:
        events.record(session, [events.parse(raw, now=now)], now=now)
        assert events.claim(session)[0].properties == raw["properties"]
