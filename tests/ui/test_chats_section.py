"""The chats of a person as they are shown: added, confirmed with the code said there, tried by nobody else, removed."""

import re

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from core.clock import FakeClock
from core.db import Database
from core.delivery import open_channels
from core.settings import Settings
from jobs import work
from tests import factories
from tests.hostile import Resolver, resolver, serving
from tests.providers import chats

__all__ = ["resolver"]

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it does is tested on both


def shown(database: Database, clock: FakeClock, settings: Settings, patch: pytest.MonkeyPatch) -> AppTest:
    patch.setattr(runtime, "_installed", Runtime(settings=settings, database=database, clock=clock))
    st.cache_data.clear()
    with database.write() as session:
        factories.user(session, "ann", now=clock.now())

    def show() -> None:
        from app import runtime  # noqa: PLC0415
        from app.ui import chats  # noqa: PLC0415
        from core import viewer  # noqa: PLC0415

        with runtime.current().database.read() as session:
            found = viewer.load(session, "ann")
        assert found is not None
        chats.section(found)

    return AppTest.from_function(show, default_timeout=60).run()


def enter(page: AppTest, label: str, text: str, button: str) -> str:
    next(one for one in page.text_input if one.label.startswith(label)).set_value(text)
    next(one for one in page.button if one.label == button).click().run()
    assert not page.exception
    return " ".join(one.value for one in [*page.success, *page.error]).replace("\\", "")


def test_a_chat_is_added_confirmed_and_removed(
    database: Database, clock: FakeClock, resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(secret_key="k" * 40, database_url=database.url)  # type: ignore[arg-type]
    page = shown(database, clock, settings, monkeypatch)
    assert "Slack" in page.caption[0].value
    assert "of no chat that is known here" in enter(page, "Incoming", "file:///etc/passwd", "Send a code there")
    assert (
        enter(page, "Incoming webhook URL", chats.SLACK, "Send a code there")
        == "A code is on its way to Slack ...i7FQ."
    )
    with serving() as server:
        rooms = chats.lead_here(server, resolver, monkeypatch)
        channels = {"chat": open_channels(settings)["chat"]}
        work.send_once(database, channels, clock, "w1", settings)
    found = re.search(r"\b\d{6}\b", rooms.said[0])
    assert found
    assert enter(page, "Code said in", found[0], "Confirm").startswith("Confirmed")
    assert "TIiajkdnlazkcOXrIdevi" not in str([one.value for one in page.markdown])
    next(one for one in page.button if one.label == "Remove it").click().run()
    assert not page.markdown


def test_each_service_is_asked_in_its_own_words(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shown(database, clock, Settings(secret_key="k" * 40, database_url=database.url), monkeypatch)
    page.selectbox(key="chats-service").set_value("telegram").run()
    assert [one.label for one in page.text_input] == ["Bot token", "Chat ID"]
    assert "enter the chat ID" in enter(page, "Bot token", "123456789:AAHdqTcv", "Send a code there")


def test_a_house_without_chats_has_nothing_to_add(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(secret_key="k" * 40, database_url=database.url, chat_services="")  # type: ignore[arg-type]
    page = shown(database, clock, settings, monkeypatch)
    assert not page.text_input
