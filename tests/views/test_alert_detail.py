"""One alert in full, for those who may see it."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from core import alerts
from core.db import Database
from core.db.tables import Decision, Delivery
from core.errors import NotFound
from core.views import feed
from core.words import Status
from tests import factories as make
from tests.views.brokerage import open_brokerage


def test_it_holds_all_there_is_to_know(database: Database, now: datetime) -> None:
    hour = timedelta(hours=1)
    with database.write() as session:
        people = open_brokerage(session, now=now)
        make.contact(session, "rosa", name="Rosa Diaz", owner_agent_id="ann", now=now)
        make.home(session, "rosa", value=300_000, now=now)
        make.home(session, "rosa", value=500_000, now=now)
        make.signal(session, "rosa", type="CALCULATOR_USAGE", strength=0.4, now=now)
        make.signal(session, "rosa", strength=0.9, now=now)
        make.signal(session, "rosa", type="PROFILE_UPDATES", closed_at=now, now=now)
        make.event(session, "rosa", event_name="value_check", at=now - hour)
        make.event(session, "rosa", is_machine=True, at=now)
        make.event(session, "rosa", event_type="EMAIL_SENT", at=now)
        alert_id = make.alert(session, contact_id="rosa", agent_id="ann", opened_at=now - hour, now=now)
        session.execute(
            insert(Decision).values(
                id="d1",
                alert_id=alert_id,
                decided_at=now - hour,
                trigger="opened",
                agent_id="ann",
                strategy="territory",
                reason="works 60302",
                trace={"candidates": []},
            )
        )
        session.execute(
            insert(Delivery).values(
                id="m1",
                alert_id=alert_id,
                user_id="ann",
                channel="in_app",
                kind="alert_new",
                priority="HIGH",
                state="delivered",
                idempotency_key="k",
                payload={},
                due_at=now,
                attempts=1,
                created_at=now - hour,
                sent_at=now - hour,
            )
        )
    with database.write() as session:
        alerts.acknowledge(session, alert_id, viewer=people.ann, now=now)
    with database.read() as session:
        found = feed.get_alert(session, people.ann, alert_id, now=now)

    assert found.card.id == alert_id
    assert found.card.undo_until == now + timedelta(minutes=10)
    assert found.explanation["text"].startswith("Checked the value")
    assert [signal.type for signal in found.signals] == ["FREQUENT_VALUE_CHECKS", "CALCULATOR_USAGE"]
    assert [(row.agent_name, row.ended_at) for row in found.assignments] == [("Ann", None)]
    assert found.decision is not None
    assert (found.decision.agent_name, found.decision.reason) == ("Ann", "works 60302")
    assert found.outcome is None
    assert found.contact.owner_name == "Ann"
    assert [home.estimated_value for home in found.properties] == [500_000, 300_000]
    assert [event.event_name for event in found.events] == ["value_check"]
    assert found.next_steps == ("IN_PROGRESS", "CONTACTED", "CONVERTED", "DISMISSED")
    assert [entry.kind for entry in found.timeline] == ["action", "opened", "assigned"]
    assert found.timeline[0].actor == "Ann"
    assert "In app" not in str(found.timeline), "who was told stands in one place: core.views.deliveries.of_alert"


def test_the_outcome_is_shown_with_who_recorded_it(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        alert_id = make.alert(session, agent_id="ann", now=now)
    with database.write() as session:
        alerts.convert(session, alert_id, viewer=people.ann, value=9000.0, contact_methods=["phone"], now=now)
    with database.read() as session:
        found = feed.get_alert(session, people.mia, alert_id, now=now)

    assert found.outcome is not None
    assert (found.outcome.outcome, found.outcome.value, found.outcome.recorded_by) == ("TRUE_POSITIVE", 9000.0, "Ann")
    assert found.outcome.contact_methods == ("phone",)
    assert found.next_steps == ()
    assert found.assignments[0].ended_at == now


def test_a_stranger_is_told_the_same_as_of_no_alert_at_all(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        bobs = make.alert(session, agent_id="bob", now=now)
        pool = make.alert(session, status=Status.NEW, now=now)

    with database.read() as session:
        for stranger in (people.ann, people.cal, people.max):
            with pytest.raises(NotFound) as hidden:
                feed.get_alert(session, stranger, bobs, now=now)
            with pytest.raises(NotFound) as absent:
                feed.get_alert(session, stranger, "no-such-alert", now=now)
            with pytest.raises(NotFound):
                feed.get_card(session, stranger, bobs, now=now)
            assert hidden.value.detail == absent.value.detail
            assert feed.get_alert(session, stranger, pool, now=now).card.id == pool
        for insider in (people.bob, people.mia, people.ada):
            assert feed.get_card(session, insider, bobs, now=now).id == bobs


@pytest.mark.parametrize("alert_id", ["", "\x00", "\ud800", "x" * 5000, "' OR 1=1 --"])
def test_a_hostile_id_is_no_alert(database: Database, now: datetime, alert_id: str) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        with pytest.raises(NotFound):
            feed.get_alert(session, ada, alert_id, now=now)
