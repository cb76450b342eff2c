"""Evening out the work on the Assignments page: a hint, a plan with ticks, done, and taken back."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import select, update
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Alert
from core.settings import Settings
from core.viewer import SYSTEM
from core.words import Status
from tests import factories as make

PAGE = Path(__file__).parents[2] / "pages" / "assignments.py"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    """Ann has 4 of 2, Bob 0 of 10."""
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    monkeypatch.setattr(identity, "me", lambda: SYSTEM)
    st.cache_data.clear()
    now = clock.now()
    with database.write() as session:
        make.team(session, "north", name="North", now=now)
        make.agent(session, "ann", name="Ann", team_id="north", capacity=2, now=now)
        make.agent(session, "bob", name="Bob", team_id="north", now=now)
        for number in range(4):
            make.alert(session, alert_id=f"a{number}", agent_id="ann", now=now)
    return lambda: AppTest.from_file(PAGE, default_timeout=60).run()


def told(shown: AppTest) -> str:
    parts = (*shown.markdown, *shown.caption, *shown.info, *shown.success, *shown.warning, *shown.error)
    return "\n".join(each.value for each in parts).replace("\\", "")


def ask(shown: AppTest, spread: str = "Only the limits") -> AppTest:
    shown.selectbox(key="rebalance-spread").set_value(spread)
    return shown.button(key="rebalance-plan").click().run()


def owners(database: Database) -> list[str | None]:
    with database.read() as session:
        return list(session.scalars(select(Alert.assigned_agent_id).order_by(Alert.id)))


def test_too_much_is_hinted_planned_moved_in_part_and_taken_back(
    page: Callable[[], AppTest], database: Database
) -> None:
    shown = page()
    assert not shown.exception
    assert "Ann has 4 of 2, while others have room for 10." in told(shown)

    shown = ask(shown)
    assert not shown.exception
    assert "**2 moves**, the fewest that do it." in told(shown)
    assert "Ann has 4 of 2, Bob has 0 of 10." in told(shown)
    ticks = [one for one in shown.checkbox if one.key and one.key.startswith("rebalance-")]
    assert [one.label for one in ticks] == ["Rosa Diaz · Likely to sell · High: Ann → Bob"] * 2
    assert set(owners(database)) == {"ann"}

    shown = ticks[1].uncheck().run()
    shown = shown.button(key="rebalance-really").click().run()
    assert not shown.exception
    assert owners(database) == ["bob", "ann", "ann", "ann"]
    assert [each.value for each in shown.toast] == ["1 alert moved\\."]
    assert "moved 1 alert to even out the work" in told(shown)

    shown = shown.button(key="rebalance-undo").click().run()
    assert owners(database) == ["ann"] * 4
    assert [each.value for each in shown.toast] == ["1 alert given back\\."]
    assert "rebalance-undo" not in {one.key for one in shown.button}


def test_everybody_within_limits_is_said(page: Callable[[], AppTest], database: Database) -> None:
    with database.write() as session:
        session.execute(update(Agent).values(max_concurrent_alerts=20))
    shown = ask(page(), "Within 30 points")
    assert "Nothing needs to move." in told(shown)
    assert "a plan" not in told(shown).lower()


def test_what_cannot_be_had_is_said(page: Callable[[], AppTest], database: Database) -> None:
    with database.write() as session:
        session.execute(update(Alert).values(status=Status.IN_PROGRESS))
    assert "Ann stays at 4 of 2: the rest may not move (4 being worked on)." in told(ask(page()))


def test_what_was_touched_meanwhile_is_told(page: Callable[[], AppTest], database: Database, now: datetime) -> None:
    shown = ask(page())
    with database.write() as session:
        session.execute(update(Alert).where(Alert.id == "a0").values(status=Status.IN_PROGRESS))
    shown = shown.button(key="rebalance-really").click().run()
    assert "1 alert moved. 1 stays where it was: It is being worked on by now." in told(shown)
    assert owners(database) == ["ann", "bob", "ann", "ann"]
