"""The tab "Try before use", as it is run: a draft is changed, compared with a progress bar, shadowed, switched and taken back."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity, rehearsal_results
from core.clock import FakeClock
from core.db import Database
from core.routing import house_settings, policies
from core.routing.rehearsal import asking
from core.routing.rehearsal.measuring import ONE
from core.settings import Settings
from core.viewer import SYSTEM
from core.words import Status
from jobs import rehearsing
from tests import factories as make

PAGE = Path(__file__).parents[2] / "pages" / "rules.py"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def tab(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    monkeypatch.setattr(identity, "me", lambda: SYSTEM)
    st.cache_data.clear()

    def run() -> AppTest:
        shown = AppTest.from_file(PAGE, default_timeout=60).run()
        shown.segmented_control(key="view").set_value("try").run()
        assert not shown.exception
        return shown

    return run


def told(shown: AppTest) -> str:
    assert not shown.exception
    found = (*shown.markdown, *shown.caption, *shown.info, *shown.warning, *shown.error)
    return "\n".join(each.value for each in found).replace("\\", "")


def submit(shown: AppTest, part: str) -> None:
    """Press the button of the form whose widgets these are."""
    next(one for one in shown.button if one.form_id.startswith(f"rehearsal-{part}")).click().run()


@on_sqlite
def test_a_draft_is_changed_compared_shadowed_switched_and_taken_back(
    tab: Callable[[], AppTest], database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        make.team(session, "north", name="North", now=now)
        for name in ("ann", "bob"):
            make.agent(session, name, team_id="north", now=now)
        for number in range(30):
            opened = now - timedelta(hours=9 * number + 1)
            done = {"acknowledged_at": opened + timedelta(minutes=8), "closed_at": opened + timedelta(days=1)}
            make.alert(session, agent_id="ann", status=Status.DISMISSED, opened_at=opened, now=now, **done)
    shown = tab()
    shown.text_input[0].set_value("Bob is away")
    submit(shown, "start")
    assert "It is how things are now" in told(shown)

    shown.selectbox(key="rehearsal-first-house").set_value("workload")
    submit(shown, "strategies")
    assert "The whole house: Workload; until now Territory" in told(shown)
    with database.read() as session:
        draft = policies.list_policies(session)[0]
    shown.selectbox(key=f"rehearsal-whom-{draft.id}").set_value("bob").run()
    shown.checkbox(key="rehearsal-available").uncheck()
    submit(shown, "person")
    assert "Bob: away" in told(shown)

    shown.button(key="rehearsal-compare").click().run()
    assert shown.button(key="rehearsal-stop")
    with database.write() as session:  # its process is killed
        asking.claim(session, "here/1/x", is_dead=lambda _by: False, now=now)
        asking.give_up(session, is_dead=lambda _by: True, now=now)
    shown = tab()
    assert asking.BROKE_OFF in told(shown)
    shown.button(key="rehearsal-compare").click().run()
    assert shown.button(key="rehearsal-stop")
    assert rehearsing.work_once(database, clock)
    shown = tab()
    text = told(shown)
    assert "Bob would get" in text
    assert "30 alerts of the last 30 days, replayed 5 times each way" in text
    assert shown.dataframe[0].value["Draft"].tolist() == ["30", "0"]

    shown.button(key="rehearsal-shadow").click().run()
    assert "No alert was handed out since" in told(shown)
    shown.button(key="rehearsal-unshadow").click().run()
    shown.button(key="rehearsal-switch").click().run()
    assert "Bob is away** is live" in told(shown)
    with database.read() as session:
        assert house_settings.get(session).default_strategy == "workload"
    with database.write() as session:
        house_settings.put(session, {"fallbacks": ["skill"]}, viewer=SYSTEM, now=now)
    shown.button(key="rehearsal-undo").click().run()
    assert "Somebody changed something since: the house's strategies" in told(shown)
    with database.write() as session:
        house_settings.put(session, {"fallbacks": []}, viewer=SYSTEM, now=now)
    shown.button(key="rehearsal-undo").click().run()
    with database.read() as session:
        assert house_settings.get(session).default_strategy == "territory"
    shown.button(key="rehearsal-delete").click().run()
    assert "Start a draft" in told(shown)


@on_sqlite
def test_wrong_rules_as_text_are_refused_in_words(
    tab: Callable[[], AppTest], database: Database, now: datetime
) -> None:
    with database.write() as session:
        policies.add(session, {"name": "Another"}, viewer=SYSTEM, now=now)
    shown = tab()
    shown.text_area(key="rehearsal-text").set_value("rules:\n  - {name: Odd, actions: [{type: fly}]}")
    submit(shown, "text")
    assert "rules.0.actions.0.type" in told(shown)


def test_values_are_told_with_their_units() -> None:
    alerts, minutes = (
        next(one for one in ONE if one.id == "alerts"),
        next(one for one in ONE if one.id == "median_minutes"),
    )
    assert rehearsal_results.said(alerts, 31.0, signed=True) == "+31"
    assert rehearsal_results.said(minutes, -12.0, signed=True) == "−12 minutes"
    assert rehearsal_results.said(minutes, 150.0) == "2.5 hours"
    assert rehearsal_results.said(minutes, None) == "not known"
