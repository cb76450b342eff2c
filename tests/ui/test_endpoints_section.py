"""Other systems on their tab: added with a secret shown once, tried, rotated, switched off, deleted; each role its own."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Endpoint
from core.delivery import endpoints, providers
from core.settings import Settings
from core.viewer import SYSTEM, Viewer, load
from jobs import work
from tests import factories as make
from tests.hostile import HostileServer, answer, hostile_server

__all__ = ["hostile_server"]

PAGE = Path(__file__).parent / "endpoints_page.py"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(database_url=database.url, data_dir=tmp_path, allow_private_urls=True)


@pytest.fixture
def page(
    database: Database, clock: FakeClock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AppTest]:
    monkeypatch.setattr(runtime, "_installed", Runtime(settings=settings, database=database, clock=clock))
    st.cache_data.clear()

    def run(viewer: Viewer = SYSTEM) -> AppTest:
        monkeypatch.setattr(identity, "me", lambda: viewer)
        return AppTest.from_file(PAGE, default_timeout=60).run()

    return run


def told(shown: AppTest) -> str:
    parts = (*shown.markdown, *shown.caption, *shown.info, *shown.warning, *shown.error, *shown.success)
    return "\n".join(each.value for each in parts).replace("\\", "")


def stored(database: Database) -> list[Endpoint]:
    with database.read() as session:
        return list(session.scalars(select(Endpoint)))


def added(page: Callable[..., AppTest], url: str, viewer: Viewer = SYSTEM) -> AppTest:
    shown = page(viewer)
    shown.button(key="endpoint-new").click().run()
    shown.selectbox(key="endpoint-1-kind").set_value("webhook").run()
    shown.text_input(key="endpoint-1-name").set_value("Our CRM")
    shown.text_input(key="endpoint-1-url").set_value(url)
    return shown.button(key="endpoint-1-save").click().run()


def test_one_is_added_with_its_secret_shown_once(
    page: Callable[..., AppTest], database: Database, settings: Settings, now: datetime
) -> None:
    shown = page()
    assert "None yet" in told(shown)
    shown = added(page, "http://127.0.0.1:9/in")
    assert not shown.exception
    (one,) = stored(database)
    secret = endpoints.reveal(one, settings).valid(now)[0]
    assert [each.value for each in shown.code] == [secret]
    shown.button(key="endpoint-kept").click().run()
    assert not shown.code
    assert "everything · every team" in told(shown)


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    page: Callable[..., AppTest], database: Database
) -> None:
    shown = added(page, "https://user:secret@hooks.example/")
    assert any("Address: this address is not called" in error.value for error in shown.error)
    assert shown.text_input(key="endpoint-1-name").value == "Our CRM"
    assert stored(database) == []


def test_a_teams_chat_is_asked_in_its_services_words(
    page: Callable[..., AppTest], database: Database, settings: Settings, now: datetime
) -> None:
    shown = page()
    shown.button(key="endpoint-new").click().run()
    shown.selectbox(key="endpoint-1-kind").set_value("team_chat").run()
    shown.selectbox(key="endpoint-1-chat-service").set_value("telegram").run()
    labels = [one.label for one in shown.text_input]
    assert labels == ["Name", "Bot token", "Chat ID"]
    assert not shown.text_area
    shown.text_input(key="endpoint-1-name").set_value("North's room")
    token = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0"
    shown.text_input(key="endpoint-1-chat-telegram-token").set_value(token)
    shown.button(key="endpoint-1-save").click().run()
    assert [one.value for one in shown.error] == ["Chat ID: enter the chat ID"]
    shown.text_input(key="endpoint-1-chat-telegram-chat").set_value("-1001234")
    shown.button(key="endpoint-1-save").click().run()
    assert not shown.exception
    (one,) = stored(database)
    assert endpoints.reveal(one, settings).valid(now) == [f"tgram://{token}/-1001234"]
    assert "Team chat · Telegram" in told(shown)
    shown.button(key=f"endpoint-edit-{one.id}").click().run()
    assert shown.selectbox(key="endpoint-2-chat-service").value == "telegram"
    shown.text_input(key="endpoint-2-name").set_value("The north")
    shown.button(key="endpoint-2-save").click().run()
    (one,) = stored(database)
    assert (one.name, len(one.secrets)) == ("The north", 1)


def test_a_test_says_what_was_answered(
    page: Callable[..., AppTest],
    database: Database,
    clock: FakeClock,
    settings: Settings,
    hostile_server: HostileServer,
) -> None:
    hostile_server.will(answer(404), answer(200))
    shown = added(page, hostile_server.url)
    (one,) = stored(database)
    for said in ("404 Not Found", "the test was taken"):
        shown.button(key=f"endpoint-test-{one.id}").click().run()
        assert "On its way" in told(shown)
        channels = delivery.open_channels(settings)
        assert work.send_once(database, channels, clock, "test", settings) == 1
        shown.run()
        assert said in told(shown)


def test_it_is_rotated_switched_off_edited_and_deleted(
    page: Callable[..., AppTest], database: Database, settings: Settings, now: datetime
) -> None:
    shown = added(page, "http://127.0.0.1:9/in")
    (one,) = stored(database)
    shown.button(key=f"endpoint-rotate-really-{one.id}").click().run()
    fresh, before = endpoints.reveal(stored(database)[0], settings).valid(now)
    assert [each.value for each in shown.code] == [fresh]
    assert f"The secret before it (…{before[-4:]}) signs too until" in told(shown)
    shown.button(key=f"endpoint-switch-{one.id}").click().run()
    assert not stored(database)[0].enabled
    assert "switched off" in told(shown)
    shown.button(key=f"endpoint-edit-{one.id}").click().run()
    shown.multiselect(key="endpoint-2-types").set_value(["alert:converted"])
    shown.number_input(key="endpoint-2-pace").set_value(2.0)
    shown.button(key="endpoint-2-save").click().run()
    assert not shown.exception
    (one,) = stored(database)
    assert (one.event_types, one.config, one.enabled) == (["alert:converted"], {"perSecond": 2.0}, False)
    shown.button(key=f"endpoint-really-{one.id}").click().run()
    assert stored(database) == []


def test_one_that_fails_says_so(page: Callable[..., AppTest], database: Database, now: datetime) -> None:
    added(page, "http://127.0.0.1:9/in")
    (one,) = stored(database)
    with database.write() as session:
        for _ in range(5):
            name = providers.destination(one.id)
            providers.failed(session, name, error="127.0.0.1 answered 503 Service Unavailable", since=now, now=now)
    text = told(page())
    assert "It failed 5 times in a row: 127.0.0.1 answered 503 Service Unavailable" in text
    assert "left alone until" in text


def test_each_role_sees_its_own(page: Callable[..., AppTest], database: Database, now: datetime) -> None:
    with database.write() as session:
        make.team(session, "north", name="North", now=now)
        make.team(session, "south", name="South", now=now)
        mia, ann = make.manager(session, "mia", of=["north"], now=now), make.agent(session, team_id="north", now=now)
        manager, agent = load(session, mia), load(session, ann)
    assert manager is not None
    assert agent is not None
    added(page, "http://127.0.0.1:9/all")
    assert "Our CRM" not in told(page(manager))
    shown = added(page, "http://127.0.0.1:9/north", manager)
    assert not shown.exception
    assert {one.team_id for one in stored(database)} == {None, "north"}
    shown = page(agent)
    assert not shown.button
    assert "Admins and managers look after" in told(shown)
