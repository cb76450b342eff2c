"""The phones of a person as they are shown: added, confirmed with the code, removed; every refusal in words."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

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
from tests.providers import twilio

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it does is tested on both


@pytest.fixture
def server() -> Iterator[twilio.TwilioServer]:
    with twilio.serving() as running:
        yield running


def shown(database: Database, clock: FakeClock, settings: Settings, patch: pytest.MonkeyPatch) -> AppTest:
    patch.setattr(runtime, "_installed", Runtime(settings=settings, database=database, clock=clock))
    st.cache_data.clear()
    with database.write() as session:
        factories.user(session, "ann", now=clock.now())

    def show() -> None:
        from app import runtime  # noqa: PLC0415
        from app.ui import phones  # noqa: PLC0415
        from core import viewer  # noqa: PLC0415

        with runtime.current().database.read() as session:
            found = viewer.load(session, "ann")
        assert found is not None
        phones.section(found)

    return AppTest.from_function(show, default_timeout=60).run()


@pytest.fixture
def page(database: Database, clock: FakeClock, server: twilio.TwilioServer, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    settings = Settings(secret_key="k" * 40, database_url=database.url, **server.settings())
    return shown(database, clock, settings, monkeypatch)


@pytest.fixture
def code(database: Database, clock: FakeClock, server: twilio.TwilioServer) -> Callable[[], str]:
    def newest() -> str:
        settings = runtime.current().settings
        work.send_once(database, open_channels(settings), clock, "w1", settings)
        found = re.search(r"\b\d{6}\b", server.sent[-1]["Body"])
        assert found
        return found[0]

    return newest


def enter(page: AppTest, label: str, text: str, button: str) -> None:
    next(one for one in page.text_input if one.label.startswith(label)).set_value(text)
    next(one for one in page.button if one.label == button).click().run()
    assert not page.exception


def said(page: AppTest) -> str:
    return " ".join(one.value for one in [*page.success, *page.error]).replace("\\", "")


def test_a_phone_is_added_confirmed_and_removed(page: AppTest, code: Callable[[], str], clock: FakeClock) -> None:
    assert "Critical alerts can come as a text" in page.caption[0].value
    enter(page, "Phone number", "(312) 555-0142", "Text me a code")
    assert said(page) == "A code is on its way to +1 312 ... 42."
    assert "the code works until 9:10 AM" in page.markdown[0].value.replace("\\", "")
    right = code()
    enter(page, "Code texted", f"{(int(right) + 1) % 10**6:06}", "Confirm")
    assert said(page).startswith("This is not the code.")
    enter(page, "Code texted", right, "Confirm")
    assert said(page).startswith("Confirmed")
    assert page.markdown[0].value.endswith("confirmed")
    next(one for one in page.button if one.label == "Remove it").click().run()
    assert said(page) == "Removed."
    assert not page.markdown


def test_what_is_refused_says_why(page: AppTest, clock: FakeClock) -> None:
    enter(page, "Phone number", "12", "Text me a code")
    assert said(page) == "This is not a phone number. (as in +1 512 555 0100)"
    enter(page, "Phone number", "312 555 0142", "Text me a code")
    next(one for one in page.button if one.label == "Text me a new code").click().run()
    assert said(page) == "Too many codes; try again in 60 s."
    clock.set(clock.now() + timedelta(minutes=11))
    page.run()
    assert "its code is too old" in page.markdown[0].value


def test_without_texts_set_up_nothing_can_be_added(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = shown(database, clock, Settings(database_url=database.url), monkeypatch)
    assert not page.text_input
