"""The step "another channel": what the owner's preferences, addresses and hours leave of it."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from core.clock import FakeClock
from core.db import Database
from core.db.tables import Delivery, DeliveryEvent
from core.delivery import addresses, consent, preferences
from core.delivery.consent import Source
from core.escalation import book
from core.settings import Settings
from core.viewer import SYSTEM
from core.words import Priority
from tests import factories as make
from tests.escalation.test_escalation import MINUTE, escalate, told

SETTINGS = Settings(secret_key="k" * 40)  # type: ignore[arg-type]
PHONE = "+13125550142"


def told_by(
    database: Database, clock: FakeClock, *, verified: bool = True, wish: Mapping[str, Any] = {}, stop: bool = False
) -> dict[str, Delivery]:
    """By channel, what the step writes for an owner with a phone whom a mail of a HIGH alert has reached."""
    now = clock.now()
    with database.write() as session:
        agent = make.agent(session, "ann", now=now)
        addresses.add(
            session,
            agent,
            kind="phone",
            value=PHONE,
            label="...42",
            verified=verified,
            actor_id=agent,
            settings=SETTINGS,
            now=now,
        )
        if wish:
            preferences.save(session, agent, wish, actor_id=agent, now=now)
        if stop:
            consent.record(session, channel="sms", address=PHONE, given=False, source=Source.REPLY, now=now)
        step = {"after": {"minutes": 5}, "do": "other_channel"}
        book.add(session, {"name": "Ours", "steps": [step]}, viewer=SYSTEM, now=now)
        told(session, agent, priority=Priority.HIGH, now=now)
        session.execute(update(Delivery).where(Delivery.channel == "email").values(state="sent"))
    clock.set(now + 5 * MINUTE)
    escalate(database, clock)
    with database.read() as session:
        rows = session.scalars(select(Delivery).where(Delivery.kind == "alert_escalated")).all()
    return {row.channel: row for row in rows}


def test_a_phone_that_is_for_critical_alerts_is_texted_and_not_called(database: Database, clock: FakeClock) -> None:
    found = told_by(database, clock)
    assert set(found) == {"sms"}, "a call is for those who switched calls on"
    assert found["sms"].due_at == clock.now()


def test_who_wants_calls_for_the_worst_is_called_too(database: Database, clock: FakeClock) -> None:
    assert set(told_by(database, clock, wish={"matrix": {"CRITICAL": {"voice": 0}}})) == {"sms", "voice"}


@pytest.mark.parametrize(
    "given",
    [{"verified": False}, {"wish": {"matrix": {"CRITICAL": {"sms": None}}}}, {"stop": True}],
    ids=["not confirmed", "switched off for every priority", "said STOP"],
)
def test_where_the_phone_is_not_to_be_used_the_owner_is_told_again_as_before(
    database: Database, clock: FakeClock, given: dict[str, Any]
) -> None:
    assert set(told_by(database, clock, **given)) == {"email", "in_app"}


def test_quiet_hours_hold_for_it(database: Database, clock: FakeClock) -> None:
    found = told_by(database, clock, wish={"quietHours": {"from": "09:00", "until": "10:00"}})
    assert found["sms"].due_at == clock.now() + timedelta(minutes=55)
    with database.read() as session:
        query = select(DeliveryEvent.rule).where(DeliveryEvent.delivery_id == found["sms"].id)
        assert session.scalars(query).all() == ["quiet_hours"]
