"""The Inbox as it is run: ticked, read, put away, snoozed, and paged."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity, inbox
from core.clock import FakeClock
from core.db import Database
from core.settings import Settings
from tests import factories
from tests.ui.test_agents_page import told

PAGE = Path(__file__).parents[2] / "pages" / "inbox.py"
Open = Callable[[], AppTest]
shown_once = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Open:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    monkeypatch.setattr(st, "page_link", lambda *_args, **_values: None)  # one page alone has no menu to link to
    with database.write() as session:
        factories.agent(session, "ann", now=now)
        viewer = factories.viewer(session, "ann")
    monkeypatch.setattr(identity, "me", lambda: viewer)
    return lambda: AppTest.from_file(PAGE, default_timeout=60).run()


@pytest.fixture
def three(database: Database, page: Open, now: datetime) -> list[str]:
    with database.write() as session:
        return [
            factories.notification(session, "ann", title=f"**Notice** {n}", at=now - timedelta(minutes=n))
            for n in range(3)
        ]


def listed(shown: AppTest) -> list[str]:
    return [box.key.removeprefix("pick-") for box in shown.checkbox]


@shown_once
def test_it_is_useful_when_empty(page: Open) -> None:
    assert "When an alert comes to you" in told(page())


@shown_once
def test_names_are_never_formatting(page: Open, three: list[str]) -> None:
    assert page().checkbox[0].label == "**\\*\\*Notice\\*\\* 0** :green-badge[New]"


@shown_once
def test_what_is_ticked_is_read_put_away_and_snoozed(page: Open, three: list[str], clock: FakeClock) -> None:
    shown = page()
    assert listed(shown) == three
    assert shown.button(key="inbox-read").disabled
    shown.checkbox(key=f"pick-{three[0]}").check().run()
    shown.button(key="inbox-read").click().run()
    assert "2 unread notices" in told(shown)
    assert not shown.checkbox(key=f"pick-{three[0]}").value

    shown.checkbox(key=f"pick-{three[1]}").check().run()
    shown.button(key="inbox-archive").click().run()
    assert listed(shown) == [three[0], three[2]]
    shown.segmented_control(key="inbox-which").set_value("archived").run()
    assert listed(shown) == [three[1]]

    shown.segmented_control(key="inbox-which").set_value("all").run()
    shown.button(key="inbox-all").click().run()
    shown.button(key="snooze-For an hour").click().run()
    assert listed(shown) == []
    shown.segmented_control(key="inbox-which").set_value("snoozed").run()
    assert listed(shown) == [three[0], three[2]]
    assert "back 10:00" in told(shown).replace("\\", "")
    clock.set(clock.now() + timedelta(hours=1))
    shown.segmented_control(key="inbox-which").set_value("unread").run()
    assert sorted(listed(shown)) == sorted([three[0], three[2]])
    assert "Back since 10:00 · first told 08:58" in told(shown).replace("\\", "")


@shown_once
def test_it_is_paged_by_key(page: Open, database: Database, now: datetime) -> None:
    with database.write() as session:
        ids = [factories.notification(session, "ann", at=now - timedelta(minutes=n)) for n in range(25)]
    shown = page()
    assert listed(shown) == ids[:20]
    shown.button(key="inbox-older").click().run()
    assert listed(shown) == ids[20:]
    shown.button(key="inbox-newer").click().run()
    assert listed(shown) == ids[:20]


def test_an_afternoon_that_has_come_is_not_offered(now: datetime) -> None:
    def labels(hours: float) -> list[str]:
        return [label.split(" (")[0] for label, _ in inbox.choices("America/Chicago", now=now + timedelta(hours=hours))]

    assert labels(0) == ["For an hour", "Until this afternoon", "Until tomorrow morning"]
    assert labels(5.5) == ["For an hour", "Until tomorrow morning"]
    assert inbox.choices("America/Chicago", now=now)[2][1] == now + timedelta(days=1)
