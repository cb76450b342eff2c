"""The Deliveries page as it is run: how it goes, dead letters sent again, channels that say what to set, the service level."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables.acting import Delivery
from core.db.tables.reaching import ProviderState
from core.delivery import Notice
from core.delivery.outbox import Failed, Sent
from core.settings import Settings
from tests import factories
from tests.ui.test_agents_page import told

PAGE = Path(__file__).parents[2] / "pages" / "deliveries.py"
Open = Callable[..., AppTest]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Open:
    settings = Settings(database_url=database.url, smtp_url="smtp://localhost:2525")  # type: ignore[arg-type]
    monkeypatch.setattr(runtime, "_installed", Runtime(settings=settings, database=database, clock=clock))
    st.cache_data.clear()
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", name="North", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        factories.agent(session, "ann", team_id="north", name="Ann *Lee*", now=now)
        factories.agent(session, "cal", now=now)

    def open_as(who: str, view: str = "messages", **query: str) -> AppTest:
        with database.read() as session:
            viewer = factories.viewer(session, who)
        monkeypatch.setattr(identity, "me", lambda: viewer)
        shown = AppTest.from_file(PAGE, default_timeout=60)
        shown.session_state["view"] = view
        for name, value in query.items():
            shown.query_params[name] = value
        return shown.run()

    return open_as


def ring(database: Database, result: Sent | Failed, *people: str, now: datetime) -> list[str]:
    """Each is told of an alert, and their mails come to this end."""
    with database.write() as session:
        for person in people:
            alert_id = factories.alert(session, agent_id=person, now=now)
            delivery.enqueue(
                session, [Notice(alert_id=alert_id, user_id=person, kind="alert_new", priority="HIGH")], now=now
            )
        claimed = delivery.claim(session, worker="w", limit=50, lease=timedelta(minutes=2), now=now)
        for one in claimed:
            delivery.record(session, [(one, result)], now=now)
    return [one.id for one in claimed]


DEAD = Failed(reason="550 no *such* mailbox", retryable=False)


def test_it_is_useful_when_empty(page: Open) -> None:
    for view, words in (
        ("messages", "No message"),
        ("dead", "No message was given up"),
        ("endpoints", "Other systems are told"),
        ("level", "No message went out this way"),
    ):
        assert words in told(page("mia", view))


def test_a_manager_sees_how_it_goes_and_who_is_paused(page: Open, database: Database, now: datetime) -> None:
    ring(database, Sent(provider_id="m1"), "ann", now=now)
    with database.write() as session:
        session.add(ProviderState(name="email", next_at=0, failures=6, paused_until=now + timedelta(minutes=1), last_error="421 busy", failed_at=now))  # fmt: skip
    shown = page("mia")
    text = told(shown)
    assert "**0 messages** to send now, none is late" in text
    assert "E\\-mail is paused until 09:01 after 6 failures in a row" in text
    assert "421 busy" in text
    rows = shown.dataframe[1].value
    assert set(rows["By"]) == {"E-mail", "The inbox"}
    assert set(rows["State"]) == {"Sent", "Arrived"}


def test_an_agent_sees_their_own_and_no_dead_letters_of_others(page: Open, database: Database, now: datetime) -> None:
    ring(database, DEAD, "ann", "cal", now=now)
    shown = page("ann", "dead")
    assert shown.title[0].value == "My messages"
    assert set(shown.dataframe[0].value["To"]) == {"Ann *Lee*"}


def test_a_message_is_told_step_by_step_and_sent_again(page: Open, database: Database, now: datetime) -> None:
    (message,) = ring(database, DEAD, "ann", now=now)
    shown = page("mia", message=message)
    text = told(shown)
    assert "E\\-mail to Ann \\*Lee\\*" in text.replace("E-mail", "E\\-mail")
    assert "Given up\\: 550 no \\*such\\* mailbox" in text
    shown.button(key="replay-one").click().run()
    with database.read() as session:
        assert session.get_one(Delivery, message).state == "queued"
    assert "is not here" in told(page("cal", message=message))


def test_dead_letters_are_sent_again_by_their_reason_or_all(page: Open, database: Database, now: datetime) -> None:
    first, second = ring(database, DEAD, "ann", "cal", now=now)
    with database.write() as session:
        session.execute(update(Delivery).where(Delivery.id == first).values(reason="another"))
    shown = page("ada", "dead")
    assert "**2 messages** given up, for 2 reasons" in told(shown)
    shown.button(key="replay-0").click().run()
    assert "1 message queued again" in told(shown)
    shown.button(key="replay-all").click().run()
    assert "No message was given up" in told(shown)
    with database.read() as session:
        assert {session.get_one(Delivery, one).state for one in (first, second)} == {"queued"}


def test_channels_say_what_to_set_and_send_a_test(page: Open, database: Database) -> None:
    shown = page("ada", "channels")
    text = told(shown)
    assert "**E-mail** · set up" in text
    assert any(one.value.startswith("What an admin has to do: Set DOORBELL_TWILIO") for one in shown.text)
    shown.button(key="test-email").click().run()
    assert "On its way" in told(shown)
    with database.write() as session:
        session.execute(update(Delivery).values(state="dead", reason="535 wrong password"))
    shown.run()
    assert "It was not sent\\: 535 wrong password" in told(shown)


def test_the_service_level_says_how_sure_it_is(page: Open, database: Database, clock: FakeClock, now: datetime) -> None:
    ring(database, Sent(provider_id="m"), *["ann"] * 8, now=now)
    shown = page("mia", "level")
    text = told(shown)
    assert "**100%** (68–100%) of 8 messages" in text
    assert shown.dataframe[-1].value.iloc[0]["Half within"] == "0.0 s (0.0 s to 0.0 s)"
