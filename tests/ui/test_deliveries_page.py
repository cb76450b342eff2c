"""The Deliveries page as it is run: how it goes, dead letters sent again, channels that say what to set, the service level."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Endpoint, ProviderState
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


def table(shown: AppTest) -> pd.DataFrame:
    """The messages that are listed."""
    found: pd.DataFrame = shown.dataframe[-1].value
    return found


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
    assert sorted(table(shown)["By"]) == ["E-mail", "The inbox"], "one alert of Ann's, none of Cal's"
    assert "To" not in table(shown)


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
    assert "**2 messages given up, for 2 reasons**" in told(shown)
    shown.button(key="replay-0").click().run()
    assert [one.value for one in shown.toast] == ["1 message queued again"]
    shown.button(key="replay-all").click().run()
    assert "No message was given up" in told(shown)
    with database.read() as session:
        assert {session.get_one(Delivery, one).state for one in (first, second)} == {"queued"}


def test_channels_say_what_to_set_and_send_a_test(page: Open, database: Database) -> None:
    shown = page("ada", "channels")
    text = told(shown)
    assert "**E-mail** · set up" in text
    assert any(one.value.startswith("What an admin has to do: Set DOORBELL_TWILIO") for one in shown.text)
    assert "**Webhook** · no system yet" in text
    assert any(one.value.startswith("Add a system of the kind Webhook") for one in shown.text)
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


def test_messages_are_found_by_person_by_system_and_by_alert(page: Open, database: Database, now: datetime) -> None:
    ring(database, Sent(provider_id="m"), "ann", now=now)
    with database.write() as session:
        for name, team in (("North's CRM", "north"), ("The other's", None)):
            session.add(
                Endpoint(id=f"e-{team}", channel="webhook", name=name, team_id=team, created_at=now, updated_at=now)
            )
        session.add(
            Delivery(id="told", endpoint_id="e-north", channel="webhook", kind="alert:new", priority="HIGH", state="delivered", idempotency_key="k", due_at=now, created_at=now)
        )  # fmt: skip
    shown = page("mia")
    options = shown.selectbox(key="to").options
    assert "System: North's CRM" in options
    assert "System: The other's" not in options, "only what the viewer looks after"
    shown.selectbox(key="to").set_value("System: North's CRM").run()
    assert list(table(shown)["To"]) == ["North's CRM"]
    shown.selectbox(key="to").set_value("Ann *Lee*").run()
    assert set(table(shown)["To"]) == {"Ann *Lee*"}
    with database.read() as session:
        alert_id = session.scalars(select(Delivery.alert_id).where(Delivery.id != "told")).first()
    about = page("mia", about=alert_id)
    assert set(table(about)["To"]) == {"Ann *Lee*"}
    about.button(key="about-all").click().run()
    assert "North's CRM" in set(table(about)["To"])


def test_a_message_chosen_by_its_address_is_opened_once(page: Open, database: Database, now: datetime) -> None:
    (message,) = ring(database, DEAD, "ann", now=now)
    shown = page("mia", message=message)
    assert "Given up" in told(shown)
    shown.run()
    assert "Given up\\:" not in told(shown), "a push that draws the page again opens nothing"


def test_who_was_told_of_an_alert_is_told_by_person_with_every_channel(page: Open, database: Database, now: datetime) -> None:  # fmt: skip
    ring(database, DEAD, "ann", now=now)

    def show() -> None:
        from sqlalchemy import select  # noqa: PLC0415  the script is run by itself

        from app import runtime  # noqa: PLC0415
        from app.ui import deliveries_story  # noqa: PLC0415
        from core.db.tables.acting import Delivery  # noqa: PLC0415
        from core.viewer import SYSTEM  # noqa: PLC0415

        with runtime.current().database.read() as session:
            alert_id = session.scalars(select(Delivery.alert_id)).first()
        deliveries_story.of_alert(SYSTEM, str(alert_id))

    shown = AppTest.from_function(show, default_timeout=60).run()
    head, body = (one.value for one in shown.markdown)
    assert head == "**Ann \\*Lee\\***"
    lines = body.replace("\\", "").split("\n")
    assert sorted(line.partition(" · :gray")[0] for line in lines if line.startswith("- **")) == [
        "- **E-mail** · Given up: 550 no *such* mailbox",
        "- **The inbox** · Arrived",
    ]
    assert "- :gray[Chat and push not used: there is no address for it]" in lines
    assert not [line for line in lines if line.startswith("    ")]
    shown.toggle[0].set_value(True).run()
    assert "    - " in shown.markdown[1].value
    assert "Put into the inbox" in shown.markdown[1].value
