"""The Preferences page as it is run: what would happen now, changed and saved, and what a channel still needs."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core.clock import FakeClock
from core.db import Database
from core.delivery import preferences
from core.settings import Settings
from tests import factories
from tests.ui.test_agents_page import told

PAGE = Path(__file__).parents[2] / "pages" / "preferences.py"
Open = Callable[[], AppTest]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Open:
    settings = Settings(database_url=database.url, smtp_url="smtp://localhost:2525")  # type: ignore[arg-type]
    monkeypatch.setattr(runtime, "_installed", Runtime(settings=settings, database=database, clock=clock))
    st.cache_data.clear()
    with database.write() as session:
        factories.agent(session, "ann", now=now)
        viewer = factories.viewer(session, "ann")
    monkeypatch.setattr(identity, "me", lambda: viewer)
    return lambda: AppTest.from_file(PAGE, default_timeout=60).run()


def plain(shown: AppTest) -> str:
    return told(shown).replace("\\", "")


def test_it_says_what_would_happen_now_and_what_is_missing(page: Open) -> None:
    shown = page()
    text = plain(shown)
    assert "A critical alert now: in the app and by e-mail at once." in text
    assert "A medium alert now: in the app at once, by e-mail with other news at 10 am." in text
    assert "A low alert now: in the app at once, by e-mail with other news at 8 am tomorrow." in text
    assert "Texts** · not set up here." in text
    assert any(one.value.startswith("For an admin: Set DOORBELL_TWILIO") for one in shown.text)


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
