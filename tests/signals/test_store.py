"""Signals in the database: refreshed and not doubled, closed by silence, and joined by what other systems post."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import errors, history, signals
from core.db import Database
from core.db.tables import Contact, Signal
from core.signals import OpenSignal, PostedSignal
from tests.history.behaviour import live, value_checks


def _look(session: Session, now: datetime) -> list[OpenSignal]:
    histories = history.load(session, ["contact-1"], now=now)
    found = {contact_id: signals.detect(past, now=now) for contact_id, past in histories.items()}
    return signals.refresh(session, histories, found, now=now)["contact-1"]


def _rows(database: Database) -> list[Any]:
    with database.read() as session:
        return list(session.scalars(select(Signal).order_by(Signal.first_seen_at)))


def _posted(now: datetime, **more: Any) -> PostedSignal:
    posted = PostedSignal(
        contact_id="contact-1",
        type="LIFE_EVENT",
        subtype="job_change",
        strength=0.9,
        confidence=0.8,
        occurred_at=now - timedelta(days=1),
        source="crm",
        external_id="crm-1",
    )
    return replace(posted, **more)


def test_the_same_pattern_again_refreshes_the_open_signal(database: Database, now: datetime) -> None:
    first = value_checks(5, now=now)
    with database.write() as session:
        live(session, first, now=now)
        opened = _look(session, now)
    later = now + timedelta(hours=2)
    with database.write() as session:
        live(session, value_checks(2, now=later, days_ago=0.01), now=later)
        again = _look(session, later)
    assert [each.id for each in again] == [each.id for each in opened]
    (row,) = _rows(database)
    assert (row.event_count, row.strength) == (7, 0.7)
    assert (row.first_seen_at, row.last_seen_at) == (now, later)
    assert len(row.event_ids) == 7
    assert set(row.event_ids) >= {each.event_id for each in first}


def test_a_signal_closes_when_its_window_no_longer_fits(database: Database, now: datetime) -> None:
    with database.write() as session:
        live(session, value_checks(5, now=now), now=now)
        _look(session, now)
    later = now + timedelta(days=40)
    with database.write() as session:
        assert _look(session, later) == []
    (row,) = _rows(database)
    assert row.closed_at == later
    with database.write() as session:
        live(session, value_checks(5, now=later), now=later)
        assert len(_look(session, later)) == 1
    assert len(_rows(database)) == 2, "a pattern that comes back is a new signal"


def test_an_unchanged_signal_is_not_written_again_at_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        live(session, value_checks(5, now=now), now=now)
        _look(session, now)
    with database.write() as session:
        _look(session, now + timedelta(minutes=5))
    (row,) = _rows(database)
    assert row.last_seen_at == now


def test_the_newest_fifty_events_are_named(database: Database, now: datetime) -> None:
    checks = value_checks(60, now=now)
    with database.write() as session:
        live(session, checks, now=now)
        _look(session, now)
    (row,) = _rows(database)
    newest = sorted(checks, key=lambda each: each.occurred_at, reverse=True)[:50]
    assert row.event_ids == [each.event_id for each in newest]


def test_a_posted_signal_makes_the_contact_and_asks_to_be_looked_at(database: Database, now: datetime) -> None:
    with database.write() as session:
        signal_id = signals.post(session, _posted(now), now=now)
    with database.write() as session:
        (found,) = _look(session, now)
        contact = session.get(Contact, "contact-1")
    assert (found.id, found.type, found.subtype, found.strength) == (signal_id, "LIFE_EVENT", "job_change", 0.9)
    assert contact is not None
    assert contact.rescore_at == now


def test_the_same_external_id_is_one_signal(database: Database, now: datetime) -> None:
    with database.write() as session:
        first = signals.post(session, _posted(now), now=now)
        assert signals.post(session, _posted(now, strength=0.2), now=now) == first
    assert len(_rows(database)) == 1


def test_a_newer_one_of_the_same_kind_takes_its_place(database: Database, now: datetime) -> None:
    with database.write() as session:
        signals.post(session, _posted(now), now=now)
        signals.post(session, _posted(now, external_id="crm-2", strength=0.4), now=now)
        open_now = _look(session, now)
        assert signals.post(session, _posted(now), now=now) != open_now[0].id, "the old one is still known"
    assert [(each.strength, each.event_count) for each in open_now] == [(0.4, 2)]


def test_one_that_is_over_or_older_does_not_push_out_the_open_one(database: Database, now: datetime) -> None:
    with database.write() as session:
        first = signals.post(session, _posted(now), now=now)
        older = now - timedelta(days=9)
        signals.post(session, _posted(now, external_id="crm-2", occurred_at=older), now=now)
        signals.post(session, _posted(now, external_id="crm-3", valid_until=now - timedelta(hours=1)), now=now)
        assert [each.id for each in _look(session, now)] == [first]


def test_a_posted_signal_lapses_at_its_end(database: Database, now: datetime) -> None:
    with database.write() as session:
        signals.post(session, _posted(now), now=now)
    end = now + timedelta(days=89)
    with database.write() as session:
        assert len(_look(session, end - timedelta(seconds=1))) == 1
        assert signals.close_lapsed(session, now=end) == ["contact-1"]
        assert _look(session, end) == []


@pytest.mark.parametrize("kind", ["marriage", "birth", "divorce", "", "death"])
def test_life_events_that_tell_of_familial_status_are_refused(database: Database, now: datetime, kind: str) -> None:
    with database.write() as session, pytest.raises(errors.Invalid) as refused:
        signals.post(session, _posted(now, subtype=kind), now=now)
    assert "fair housing" in refused.value.fields["subtype"]
    assert _rows(database) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("type", "FREQUENT_VALUE_CHECKS"),
        ("strength", 1.5),
        ("confidence", -0.1),
        ("confidence", float("nan")),
        ("contact_id", ""),
        ("source", "events"),
        ("external_id", "x" * 129),
        ("occurred_at", datetime(2026, 3, 1)),  # noqa: DTZ001
        ("occurred_at", datetime.fromisoformat("2030-01-01T00:00:00+00:00")),
        ("valid_until", datetime.fromisoformat("2020-01-01T00:00:00+00:00")),
    ],
)
def test_each_wrong_field_is_named(database: Database, now: datetime, field: str, value: object) -> None:
    with database.write() as session, pytest.raises(errors.Invalid) as refused:
        signals.post(session, _posted(now, **{field: value}), now=now)
    assert field in refused.value.fields


def test_details_that_tell_of_a_protected_class_are_refused(database: Database, now: datetime) -> None:
    with database.write() as session:
        signals.post(session, _posted(now, details={"address": "1 Main Street", "employer": "x"}), now=now)
        with pytest.raises(errors.Invalid) as refused:
            signals.post(session, _posted(now, details={"maritalStatus": "divorced"}), now=now)
    assert "details.maritalStatus" in refused.value.fields
