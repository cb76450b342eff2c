"""A policy's step that tells another system: told once, with the alert; where it cannot be, the manager is."""

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core import escalation
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Delivery, Endpoint
from core.delivery import endpoint_book
from core.errors import Invalid
from core.escalation import book, policy
from core.settings import Settings
from core.viewer import SYSTEM, load
from core.words import Priority
from tests import factories as make
from tests.escalation.test_escalation import MINUTE, alert_of, escalate, told

KEEPING = Settings(secret_key="k" * 40, allow_private_urls=True)  # type: ignore[arg-type]


def system(session: Session, *, team: str | None = None, now: datetime) -> str:
    raw = {"name": "Phone tree", "url": "http://127.0.0.1:9", "teamId": team, "eventTypes": ["alert:converted"]}
    wanted = endpoint_book.read(raw, KEEPING)
    return endpoint_book.add(session, wanted, viewer=SYSTEM, settings=KEEPING, now=now).endpoint.id


def tells(endpoint_id: str | None, **values: Any) -> dict[str, Any]:
    params = {"endpointId": endpoint_id} if endpoint_id else {}
    return {"name": "Ours", "steps": [{"after": {"minutes": 5}, "do": "webhook", "params": params}], **values}


@pytest.fixture
def agent(database: Database, now: datetime) -> str:
    with database.write() as session:
        make.team(session, "north", now=now)
        make.manager(session, "mia", of=["north"], now=now)
        return make.agent(session, "ann", team_id="north", now=now)


def after_five_minutes(database: Database, clock: FakeClock, agent: str) -> str:
    with database.write() as session:
        alert_id = told(session, agent, priority=Priority.HIGH, now=clock.now())
    clock.set(clock.now() + 5 * MINUTE)
    assert escalate(database, clock) in (0, 1)
    assert escalate(database, clock) == 0
    return alert_id


def test_the_system_is_told_once_with_the_alert_whatever_it_subscribes_to(
    database: Database, clock: FakeClock, agent: str, now: datetime
) -> None:
    with database.write() as session:
        endpoint_id = system(session, now=now)
        ours = book.add(session, tells(endpoint_id, repeat=1), viewer=SYSTEM, now=now)
    alert_id = after_five_minutes(database, clock, agent)
    with database.read() as session:
        (one,) = session.scalars(select(Delivery).where(Delivery.endpoint_id == endpoint_id))
        event = one.payload["event"]
        assert (event["type"], event["data"]["id"]) == ("alert:escalated", alert_id)
        assert event["data"]["escalation"] == {"policyId": ours.id, "policyName": "Ours", "step": 1}
        assert session.scalar(select(Delivery.id).where(Delivery.user_id == "mia")) is None
        assert alert_of(session, alert_id).escalate_at == clock.now() + 5 * MINUTE
        (done,) = escalation.standing(session, SYSTEM, alert_id, now=clock.now()).done
    assert (done.deed, done.told, done.endpoint) == ("webhook", (), "Phone tree")
    clock.set(clock.now() + 5 * MINUTE)
    escalate(database, clock)
    with database.read() as session:
        again = session.scalars(select(Delivery).where(Delivery.endpoint_id == endpoint_id)).all()
    assert len(again) == 2, "it began again, and is told again"


@pytest.mark.parametrize("how", ["gone", "off", "of another team"])
def test_where_the_system_cannot_be_told_the_manager_is(
    how: str, database: Database, clock: FakeClock, agent: str, now: datetime
) -> None:
    with database.write() as session:
        other = make.team(session, now=now)
        endpoint_id = system(session, team=other if how == "of another team" else None, now=now)
        ours = book.add(session, tells(endpoint_id), viewer=SYSTEM, now=now)
        if how == "gone":
            endpoint_book.remove(session, endpoint_id, version=None, viewer=SYSTEM, now=now)
        if how == "off":
            session.execute(update(Endpoint).values(enabled=False))
    with database.read() as session:
        assert any("tells the manager instead" in doubt for doubt in book.doubts(session, ours))
    after_five_minutes(database, clock, agent)
    with database.read() as session:
        assert session.scalar(select(Delivery.id).where(Delivery.endpoint_id == endpoint_id)) is None
        payload = session.scalar(
            select(Delivery.payload).where(Delivery.user_id == "mia", Delivery.channel == "in_app")
        )
    assert payload is not None
    assert "gone or switched off" in payload["text"]


def test_a_step_names_an_endpoint_that_its_writer_looks_after(database: Database, agent: str, now: datetime) -> None:
    with database.write() as session:
        everybodys, norths = system(session, now=now), system(session, team="north", now=now)
        mia = load(session, "mia")
        assert mia is not None
        book.add(session, tells(norths, teamId="north"), viewer=mia, now=now)
        for endpoint_id in (everybodys, "nowhere"):
            with pytest.raises(Invalid) as caught:
                book.add(session, tells(endpoint_id, teamId="north"), viewer=mia, now=now)
            assert "steps.0.params" in caught.value.fields
        theirs = book.add(session, tells(everybodys, teamId="north"), viewer=SYSTEM, now=now)
        endpoint_book.remove(session, everybodys, version=None, viewer=SYSTEM, now=now)
        changed = book.change(session, theirs.id, {"name": "Still ours"}, version=1, viewer=mia, now=now)
    assert changed.name == "Still ours", "what it named already stops no other change"


def test_a_webhook_step_without_its_endpoint_is_refused() -> None:
    for params in ({}, {"agentId": "ann"}, {"endpointId": ""}):
        raw = {"name": "Ours", "steps": [{"after": {"minutes": 5}, "do": "webhook", "params": params}]}
        with pytest.raises(Invalid):
            policy.read("p", raw)
    with pytest.raises(Invalid):
        policy.read("p", {"name": "Ours", "steps": [{"after": {"minutes": 5}, "do": ["webhook"]}]})


def test_the_other_channel_is_all_of_them_where_none_is_left_that_reaches_the_owner(
    database: Database, clock: FakeClock, agent: str, now: datetime
) -> None:
    with database.write() as session:
        raw = {"name": "Ours", "steps": [{"after": {"minutes": 5}, "do": "other_channel"}]}
        book.add(session, raw, viewer=SYSTEM, now=now)
        alert_id = told(session, agent, priority=Priority.HIGH, now=now)
        session.execute(update(Delivery).where(Delivery.channel == "email").values(state="sent"))
    clock.set(now + 5 * MINUTE)
    escalate(database, clock)
    with database.read() as session:
        query = select(Delivery.channel).where(Delivery.alert_id == alert_id, Delivery.kind == "alert_escalated")
        assert sorted(session.scalars(query)) == ["email", "in_app"]
