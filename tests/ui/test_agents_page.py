"""The Agents page, as it is run: an admin, a manager and an agent on their own."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
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
from core.db.tables import Agent, Holiday, Team, Territory, TimeOff
from core.settings import Settings
from tests import factories

PAGE = Path(__file__).parents[2] / "pages" / "agents.py"
Open = Callable[..., AppTest]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Open:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    st.cache_data.clear()
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", name="North", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        hours = {"mon": [["09:00", "12:30"], ["13:30", "18:00"]]}
        factories.agent(session, "ann", team_id="north", schedule=hours, skills={"seller": 4}, now=now)
        factories.agent(session, "bob", team_id="north", name="**Bob** <b>", now=now)
        factories.agent(session, "cal", now=now)

    def open_as(who: str, view: str = "people") -> AppTest:
        with database.read() as session:
            viewer = factories.viewer(session, who)
        monkeypatch.setattr(identity, "me", lambda: viewer)
        shown = AppTest.from_file(PAGE, default_timeout=60)
        shown.session_state["view"] = view
        return shown.run()

    return open_as


def told(shown: AppTest) -> str:
    assert not shown.exception
    kinds = (shown.markdown, shown.caption, shown.info, shown.success, shown.warning, shown.error)
    return "\n".join(each.value for kind in kinds for each in kind)


def field(shown: AppTest, kind: str, label: str):  # type: ignore[no-untyped-def]
    return next(each for each in getattr(shown, kind) if each.label == label)


def test_a_manager_sees_their_people_and_gives_time_off_with_cover(page: Open, database: Database) -> None:
    shown = page("mia")
    assert "**2 of 2 agents** on duty now" in told(shown)
    table = shown.dataframe[0].value
    assert list(table["Now"]) == ["On duty at any hour", "On duty until 12:30"]
    shown.selectbox(key="agent").select("ann").run()
    field(shown, "date_input", "First day").set_value(date(2026, 3, 9))
    field(shown, "date_input", "Last day").set_value(date(2026, 3, 13)).run()
    field(shown, "selectbox", "Who covers").select("bob").run()
    shown.button(key="save-new-ann").click().run()
    assert "Time off saved: 9 Mar to 13 Mar 2026" in told(shown).replace("\\", "")
    with database.read() as session:
        assert session.scalars(select(TimeOff.cover_agent_id)).one() == "bob"
    shown = shown.run()
    assert "\\*\\*Bob\\*\\* \\<b\\> covers" in told(shown)
    shown.button(key="agents-undo").click().run()
    with database.read() as session:
        assert session.scalars(select(TimeOff.id)).all() == []


def test_a_manager_changes_hours_and_what_somebody_takes(page: Open, database: Database) -> None:
    shown = page("mia")
    shown.selectbox(key="agent").select("ann").run()
    shown.text_input(key="hours-ann-tue").input("9am-5pm, 6-8").run()
    assert "“6-8” ends" not in told(shown)
    assert shown.text_input(key="hours-ann-mon").value == "09:00-12:30, 13:30-18:00"
    shown.text_input(key="hours-ann-tue").input("5pm to 9am").run()
    assert "Tuesday: “5pm to 9am” ends before it starts" in told(shown).replace("\\", "")
    assert shown.button(key="save-hours-ann").disabled
    shown.text_input(key="hours-ann-tue").input("9am-5pm").run()
    shown.button(key="save-hours-ann").click().run()
    assert not shown.exception
    shown = page("mia")
    shown.selectbox(key="agent").select("ann").run()
    shown.number_input(key="most-ann").set_value(3)
    shown.number_input(key="day-ann").set_value(2)
    field(shown, "button", "Save profile").click().run()
    assert not shown.exception
    with database.read() as session:
        ann = session.get_one(Agent, "ann")
        assert (ann.max_concurrent_alerts, ann.max_per_day, ann.skills) == (3, 2, {"seller": 4})
        assert ann.schedule["tue"] == [["09:00", "17:00"]]


def test_an_agent_sees_their_own_profile_switches_off_and_says_i_am_here(
    page: Open, database: Database, now: datetime
) -> None:
    with database.write() as session:
        session.execute(
            update(Agent).where(Agent.id == "ann").values(paused_at=now - timedelta(hours=1), paused_reason="Mail.")
        )
    shown = page("ann")
    assert shown.title[0].value == "My profile"
    assert "No new alerts since 08:00" in told(shown).replace("\\", "")
    assert "Your manager changes these." in told(shown)
    shown.button(key="here-ann").click().run()
    field(shown, "toggle", "I take new alerts").set_value(False).run()
    with database.read() as session:
        ann = session.get_one(Agent, "ann")
        assert (ann.paused_at, ann.available) == (None, False)
    shown = shown.run()
    shown.button(key="agents-undo").click().run()
    with database.read() as session:
        assert session.get_one(Agent, "ann").available
    assert "Cal" not in told(shown)


def test_an_admin_adds_a_years_holidays_territories_and_a_team(page: Open, database: Database) -> None:
    shown = page("ada", "holidays")
    assert "No holiday is to come" in told(shown)
    shown.button(key="federal-0").click().run()
    assert "12 holidays of 2026 added" in told(shown)
    with database.read() as session:
        assert len(session.scalars(select(Holiday.id)).all()) == 12
    shown = page("ada", "territories")
    assert "There are no territories yet" in told(shown)
    field(shown, "text_input", "Name").input("Austin")
    field(shown, "text_area", "ZIPs").input("787*, 78610")
    field(shown, "button", "Save").click().run()
    with database.read() as session:
        assert session.get_one(Territory, "austin").zips == ["787*", "78610"]
    shown = page("ada", "teams")
    field(shown, "text_input", "Name").input("West")
    field(shown, "multiselect", "Agents").set_value(["cal"])
    field(shown, "button", "Save").click().run()
    assert not shown.exception
    with database.read() as session:
        team = session.scalars(select(Team).where(Team.name == "West")).one()
        assert session.get_one(Agent, "cal").team_id == team.id


def test_a_manager_only_looks_at_territories_and_teams(page: Open, database: Database) -> None:
    with database.write() as session:
        factories.territory(session, "austin", name="Austin", zips=["787*"])
        factories.territory(session, "east", name="East", zips=["78701"])
    shown = page("mia", "territories")
    assert "78701 is in Austin and in East; East gets it." in told(shown).replace("\\", "")
    assert not shown.text_input
    assert not page("mia", "teams").text_input
