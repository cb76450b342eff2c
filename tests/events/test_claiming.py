import threading
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import events
from core.db import Database
from core.db.tables import Contact, Event
from tests.events.making import event


def _record(database: Database, now: datetime, *contact_ids: str, **fields: object) -> None:
    with database.write() as session:
        events.record(session, [event(now, userId=contact_id, **fields) for contact_id in contact_ids], now=now)


def test_a_claim_brings_all_waiting_events_of_its_contacts(database: Database, now: datetime) -> None:
    _record(database, now, "a", "b", "a", "b", "a")
    with database.write() as session:
        claimed = events.claim(session, limit=1)
    assert [event.contact_id for event in claimed] == ["a", "a", "a"]
    assert [event.id for event in claimed] == sorted(event.id for event in claimed)


def test_a_claim_takes_about_as_many_as_asked_for(database: Database, now: datetime) -> None:
    _record(database, now, *[f"u{number % 50}" for number in range(500)])
    with database.write() as session:
        claimed = events.claim(session, limit=35)
    assert len(claimed) == 40
    assert {event.contact_id for event in claimed} == {"u0", "u1", "u2", "u3"}


def test_what_is_finished_is_not_claimed_again(database: Database, now: datetime) -> None:
    _record(database, now, "a", "b")
    with database.write() as session:
        claimed = events.claim(session)
        events.finish(session, [event.id for event in claimed], {}, now=now)
    with database.write() as session:
        assert events.claim(session) == []
        assert events.pending(session) == 0


def test_a_claim_that_fails_gives_its_events_back(database: Database, now: datetime) -> None:
    _record(database, now, "a")
    with pytest.raises(RuntimeError, match="crash"):
        _claim_and_crash(database, now)
    with database.write() as session:
        assert len(events.claim(session)) == 1


def _claim_and_crash(database: Database, now: datetime) -> None:
    with database.write() as session:
        claimed = events.claim(session)
        events.finish(session, [event.id for event in claimed], {}, now=now)
        raise RuntimeError("crash")


def test_finish_tells_machines_from_humans(database: Database, now: datetime) -> None:
    earlier = now - timedelta(hours=1)
    _record(database, now, "a", occurredAt=earlier.isoformat())
    _record(database, now, "a", eventType="EMAIL_OPEN")
    _record(database, now, "b", eventType="EMAIL_SENT")
    with database.write() as session:
        claimed = events.claim(session)
        machine = {event.id: 0.1 for event in claimed if event.event_type == "EMAIL_OPEN"}
        events.finish(session, [event.id for event in claimed], machine, now=now)
    with database.read() as session:
        marked = session.scalars(select(Event.event_type).where(Event.is_machine)).all()
        seen = {contact.id: contact.last_human_event_at for contact in session.scalars(select(Contact))}
        assert set(session.scalars(select(Event.processed_at))) == {now}
    assert marked == ["EMAIL_OPEN"]
    assert seen == {"a": earlier, "b": None}


def test_a_late_event_does_not_turn_back_when_somebody_was_last_seen(database: Database, now: datetime) -> None:
    for when in (now, now - timedelta(days=30)):
        _record(database, now, "a", occurredAt=when.isoformat())
        with database.write() as session:
            events.finish(session, [event.id for event in events.claim(session)], {}, now=now)
    with database.read() as session:
        assert session.get_one(Contact, "a").last_human_event_at == now


def test_one_contact_can_be_claimed_by_name(database: Database, now: datetime) -> None:
    _record(database, now, "a", "b", "a")
    with database.write() as session:
        assert [event.contact_id for event in events.claim_contact(session, "a")] == ["a", "a"]
        assert events.claim_contact(session, "nobody") == []


def test_workers_never_hold_the_same_contact(database: Database, now: datetime) -> None:
    if database.is_sqlite:
        pytest.skip("a SQLite writer is alone by BEGIN IMMEDIATE")
    _record(database, now, *[f"u{number % 40}" for number in range(200)])
    with database.write() as one, database.write() as two, database.write() as three:
        claims = [events.claim(session, limit=20) for session in (one, two, three)]
        held = [{event.contact_id for event in claimed} for claimed in claims]
        assert [len(contacts) for contacts in held] == [4, 4, 4]
        assert len(set.union(*held)) == 12


def test_racing_workers_process_every_event_once(database: Database, now: datetime) -> None:
    _record(database, now, *[f"u{number % 60}" for number in range(600)])
    processed: list[int] = []

    def work() -> None:
        while True:
            with database.write() as session:
                claimed = events.claim(session, limit=25)
                events.finish(session, [event.id for event in claimed], {}, now=now)
            processed.extend(event.id for event in claimed)
            if not claimed:
                return

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(processed) == len(set(processed)) == 600


def test_events_of_a_held_contact_can_still_be_recorded(database: Database, now: datetime) -> None:
    if database.is_sqlite:
        pytest.skip("a SQLite writer is alone by BEGIN IMMEDIATE")
    _record(database, now, "a")
    with database.write() as worker:
        events.claim(worker)
        _record(database, now, "a", "a")  # would wait for ever behind a FOR UPDATE lock
    with database.write() as worker:
        assert len(events.claim(worker)) == 3
