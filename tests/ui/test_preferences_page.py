"""The Preferences page as it is run: what would happen now, changed and saved, and what a channel still needs."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, AuditRow
from core.delivery import house, preferences
from core.settings import Settings
from tests import factories
from tests.ui.test_agents_page import told

PAGE = Path(__file__).parents[2] / "pages" / "preferences.py"
Open = Callable[..., AppTest]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Open:
    settings = Settings(database_url=database.url, smtp_url="smtp://localhost:2525")  # type: ignore[arg-type]
    monkeypatch.setattr(runtime, "_installed", Runtime(settings=settings, database=database, clock=clock))
    st.cache_data.clear()
    with database.write() as session:
        factories.team(session, "north", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        factories.admin(session, "ada", now=now)
        factories.agent(session, "ann", team_id="north", name="Ann Lee", now=now)
        factories.agent(session, "cal", name="Cal Day", now=now)

    def open_as(who: str = "ann", whose: str = "mine") -> AppTest:
        with database.read() as session:
            viewer = factories.viewer(session, who)
        monkeypatch.setattr(identity, "me", lambda: viewer)
        shown = AppTest.from_file(PAGE, default_timeout=60)
        shown.session_state["whose"] = whose
        return shown.run()

    return open_as


def plain(shown: AppTest) -> str:
    return told(shown).replace("\\", "")


def test_it_says_what_would_happen_now_and_what_is_missing(page: Open) -> None:
    shown = page()
    text = plain(shown)
    assert "A critical alert now: in the app and by e-mail at once." in text
    assert "A medium alert now: in the app at once, by e-mail with other news at 10 am." in text
    assert "A low alert now: in the app at once, by e-mail with other news at 8 am tomorrow." in text
    assert "Texts and calls** · not set up here." in text
    steps = [one.value for one in shown.text if "TWILIO" in one.value]
    assert len(steps) == 2
    assert steps[0].startswith("For an admin: Set DOORBELL_TWILIO_ACCOUNT_SID")
    assert "ACCOUNT_SID" not in steps[1] + text, "what texts need is told once"


def test_what_is_half_set_is_named_beside_its_channels(page: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    half = Settings(twilio_from="+15125550100", database_url=runtime.current().settings.database_url)
    installed = replace(runtime.current(), settings=half)
    monkeypatch.setattr(runtime, "_installed", installed)
    steps = [one.value for one in page().text if "missing" in one.value]
    assert len(steps) == 1
    assert steps[0].startswith("For an admin: DOORBELL_TWILIO_ACCOUNT_SID and DOORBELL_TWILIO_AUTH_TOKEN: missing")


def test_a_digest_stands_in_the_matrix_for_what_it_is(page: Open, database: Database) -> None:
    shown = page()
    cell = shown.selectbox(key="in-hourly-MEDIUM-email")
    assert (cell.value, cell.disabled) == ("Hourly digest", True)
    assert shown.selectbox(key="in-daily-LOW-email").value == "Daily digest"
    shown.selectbox(key="digest-MEDIUM").set_value("off").run()
    shown.selectbox(key="step-MEDIUM-email").set_value(0)
    shown.selectbox(key="step-CRITICAL-email").set_value(-1)
    shown.button(key="preferences-save").click().run()
    with database.read() as session:
        chosen = preferences.load(session, ["ann"])["ann"]
    assert (chosen.after("MEDIUM", "email"), chosen.after("CRITICAL", "email")) == (0, None)
    assert chosen.after("LOW", "email") is None, "what the digest covers stays as it was"


def test_how_messages_look_is_shown_in_the_language_they_come_in(page: Open, database: Database, now: datetime) -> None:
    with database.write() as session:
        preferences.save(session, "ann", {"language": "es"}, actor_id="ann", now=now)
    shown = page()
    shown.session_state["looks"] = True
    shown.run()
    assert "probablemente venda" in told(shown)


def test_what_is_chosen_is_previewed_and_saved(page: Open, database: Database) -> None:
    shown = page()
    shown.toggle(key="quiet").set_value(True).run()
    assert "Tonight from 9 pm until 7 am only what is critical." in plain(shown)
    shown.selectbox(key="step-CRITICAL-email").set_value(120)
    shown.selectbox(key="digest-LOW").set_value("hourly")
    shown.run()
    shown.button(key="preferences-save").click().run()
    assert "by e-mail after 2 min unless you read it before" in plain(shown)
    with database.read() as session:
        chosen = preferences.load(session, ["ann"])["ann"]
    assert (chosen.after("CRITICAL", "email"), chosen.digests["LOW"], chosen.version) == (120, "hourly", 1)
    assert chosen.quiet == preferences.QuietHours()


def test_what_somebody_else_changed_meanwhile_is_not_lost(page: Open, database: Database, now: datetime) -> None:
    shown = page()
    with database.write() as session:
        preferences.save(session, "ann", {"language": "es"}, actor_id="ada", now=now)
    shown.button(key="preferences-save").click().run()
    assert "changed meanwhile" in told(shown)
    with database.read() as session:
        assert preferences.load(session, ["ann"])["ann"].language == "es"


def test_a_manager_changes_what_an_agent_of_the_team_chose_and_it_is_audited(page: Open, database: Database) -> None:
    shown = page("mia", "others")
    assert shown.selectbox(key="person").options == ["Ann Lee"]
    shown.toggle(key="ann-quiet").set_value(True).run()
    assert "only what is critical" in plain(shown)
    shown.toggle(key="ann-working").set_value(True).run()
    assert "Outside their working hours" in plain(shown)
    shown.button(key="ann-preferences-save").click().run()
    assert "Saved." in told(shown)
    with database.read() as session:
        assert preferences.load(session, ["ann"])["ann"].quiet is not None
        row = session.scalars(select(AuditRow).where(AuditRow.action == "preferences.change")).one()
    assert (row.actor_id, row.subject_id) == ("mia", "ann")


def test_one_persons_choices_never_stand_in_anothers_form(page: Open, database: Database) -> None:
    shown = page("ada", "others")
    shown.selectbox(key="person").set_value("Ann Lee").run()
    shown.toggle(key="ann-quiet").set_value(True).run()
    shown.selectbox(key="person").set_value("Cal Day").run()
    assert not shown.toggle(key="cal-quiet").value
    assert "confirms each of them" in told(shown)


def test_who_left_the_team_is_out_of_reach(page: Open, database: Database) -> None:
    shown = page("mia", "others")
    with database.write() as session:
        session.get_one(Agent, "ann").team_id = None
    shown.button(key="ann-preferences-save").click().run()
    assert "nobody yet whose preferences" in told(shown)
    with database.read() as session:
        assert preferences.load(session, ["ann"])["ann"].version == 0


def test_the_house_is_seen_by_managers_and_changed_by_admins(page: Open, database: Database) -> None:
    assert "It is **5 minutes** here" in told(page("mia", "house"))
    shown = page("ada", "house")
    shown.number_input(key="house-oldest").set_value(9)
    shown.button(key="house-save").click().run()
    assert "told after 9 minutes" in told(shown)
    with database.read() as session:
        assert house.get(session).oldest_minutes == 9
        assert session.scalars(select(AuditRow.actor_id).where(AuditRow.action == "delivery.settings")).one() == "ada"


def test_an_agent_is_offered_nobody_elses(page: Open) -> None:
    shown = page("ann", "others")
    assert "person" not in [one.key for one in shown.selectbox]
    assert "A critical alert now" in told(shown)


def test_two_of_the_same_name_are_told_apart_by_their_address(page: Open, database: Database, now: datetime) -> None:
    with database.write() as session:
        for user_id in ("lee1", "lee2"):
            factories.agent(session, user_id, team_id="north", name="Sam Lee", now=now)
    options = page("mia", "others").selectbox(key="person").options
    assert options[0] == "Ann Lee"
    assert len(set(options)) == 3
    assert all("@" in one for one in options[1:])
