"""The Assignments page, as it is run: a manager moves alerts and takes it back, an agent claims from the pool."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import board_moves, identity
from core import routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert
from core.settings import Settings
from core.views import assignments
from tests import factories

PAGE = Path(__file__).parents[2] / "pages" / "assignments.py"
Open = Callable[[str], AppTest]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Open:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    st.cache_data.clear()
    with database.write() as session:
        factories.team(session, "north", name="North", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        factories.agent(session, "ann", team_id="north", capacity=60, now=now)
        factories.agent(session, "bob", team_id="north", name="**Bob** <b>", capacity=60, now=now)

    def open_as(who: str) -> AppTest:
        with database.read() as session:
            viewer = factories.viewer(session, who)
        monkeypatch.setattr(identity, "me", lambda: viewer)
        return AppTest.from_file(PAGE, default_timeout=60).run()

    return open_as


def ring(database: Database, now: datetime, name: str, **values: object) -> str:
    with database.write() as session:
        contact_id = factories.contact(session, name=name, now=now)
        return factories.alert(session, contact_id=contact_id, now=now, **values)  # type: ignore[arg-type]


def told(shown: AppTest) -> str:
    assert not shown.exception
    kinds = (shown.markdown, shown.caption, shown.info, shown.success, shown.warning, shown.error)
    texts = [each.value for kind in kinds for each in kind] + [each.label for each in shown.checkbox]
    return "\n".join(texts).replace("\\", "")


def button(shown: AppTest, label: str):  # type: ignore[no-untyped-def]
    return next(each for each in shown.button if each.label.startswith(label))


def owner(database: Database, alert_id: str) -> str | None:
    with database.read() as session:
        return session.scalar(select(Alert.assigned_agent_id).where(Alert.id == alert_id))


def test_a_manager_sees_the_overdue_first_and_what_waits_with_its_reason(
    page: Open, database: Database, now: datetime
) -> None:
    ring(database, now, "Calm Person", agent_id="ann")
    ring(database, now, "Late Person", agent_id="bob", escalate_at=now - timedelta(minutes=12))
    ring(database, now - timedelta(hours=3), "Free Person", unassigned_reason="left_to_claim")
    shown = page("mia")
    text = told(shown)
    assert "**2 open alerts** with 2 agents · **1** free to take · **1** overdue" in text
    assert text.index("Late Person") < text.index("Calm Person")
    assert "with **Bob** <b> since 09:00 · New · :red-badge[overdue 12 min]" in text
    assert "waits 3 h · it is meant to be taken from the pool" in text
    shown.segmented_control[0].set_value("Overdue").run()
    assert "Calm Person" not in told(shown)


def test_ticked_alerts_are_moved_after_saying_what_happens_and_come_back(
    page: Open, database: Database, now: datetime
) -> None:
    first, second = (ring(database, now, name, agent_id="ann") for name in ("Ada One", "Ben Two"))
    shown = page("mia")
    assert button(shown, "Tick alerts to move").disabled
    shown.checkbox(key=f"tick-{first}").check().run()
    shown.checkbox(key=f"tick-{second}").check().run()
    button(shown, "Move 2 alerts …").click().run()
    assert "2 alerts leave Ann (2). **Bob** <b> then has up to 2 of 60 and is told" in told(shown)
    next(each for each in shown.button if each.label == "Move 2 alerts").click()
    shown.session_state["board-move"] = {first: ("Ada One", "Ann"), second: ("Ben Two", "Ann")}
    shown.run()
    assert (owner(database, first), owner(database, second)) == ("bob", "bob")


def test_whoever_declined_one_of_them_is_named_before_the_move(page: Open, database: Database, now: datetime) -> None:
    first, second = (ring(database, now, name, agent_id="bob") for name in ("Ada One", "Ben Two"))
    with database.write() as session:
        bob = factories.viewer(session, "bob")
        state = routing.State.load(session)
        for alert_id in (first, second):
            routing.decline(session, alert_id, reason="too_busy", viewer=bob, state=state, now=now)
    shown = page("mia")
    shown.session_state["board-move"] = {first: ("Ada One", "Ann"), second: ("Ben Two", "Ann")}
    assert "**Bob** <b> has declined 2 of them before." in told(shown.run())


def test_a_move_says_what_became_of_each_and_is_undone(page: Open, database: Database, now: datetime) -> None:
    ring(database, now, "Ada One", agent_id="ann")
    pooled = ring(database, now, "Pat Pool", unassigned_reason="nobody_else")
    with database.read() as session:
        mia = factories.viewer(session, "mia")
    shown = page("mia")
    done = board_moves.commands.move(mia, [pooled], to=board_moves.To.AGENT, agent_id="bob", reason="", overflow=False)
    shown.session_state["board-outcome"] = (done, {pooled: "Pat Pool"})
    shown.run()
    assert "**1 alert moved**" in told(shown)
    assert "Pat Pool: with **Bob** <b>" in told(shown)
    button(shown, "Undo the last move (1 alert, until 09:10)").click().run()
    assert "**1 alert given back**" in told(shown)
    assert owner(database, pooled) is None
    assert not [each for each in shown.button if each.label.startswith("Undo")]


def test_a_long_board_is_turned_and_says_what_part_it_shows(page: Open, database: Database, now: datetime) -> None:
    for number in range(assignments.PER_PAGE + 3):
        ring(database, now, f"Person {number}", agent_id="ann", opened_at=now - timedelta(hours=number))
    shown = page("mia")
    assert "1–50 of 53, the overdue and most urgent first" in told(shown)
    assert button(shown, "← Back").disabled
    button(shown, "Next →").click().run()
    assert "51–53 of 53" in told(shown)
    assert len(shown.checkbox) == 3


def test_an_agent_claims_up_to_the_limit_and_sees_the_time_left(page: Open, database: Database, now: datetime) -> None:
    ids = [ring(database, now, f"Pool {number}", unassigned_reason="nobody_else") for number in range(4)]
    ring(database, now, "Bobs Client", agent_id="bob")
    shown = page("ann")
    assert "Bobs Client" not in told(shown)
    assert not shown.checkbox
    for alert_id in ids[:3]:
        shown.button(key=f"claim-{alert_id}").click().run()
    assert [owner(database, one) for one in ids] == ["ann", "ann", "ann", None]
    text = told(shown)
    assert text.count(":orange-badge[claimed, 30 min left]") == 3
    assert "You have 3 claims you have not acted on: act on one of them first." in text
    assert shown.button(key=f"claim-{ids[3]}").disabled
    shown.button(key=f"ack-{ids[0]}").click().run()
    assert not shown.button(key=f"claim-{ids[3]}").disabled


def test_empty_is_said_in_words(page: Open) -> None:
    assert "Nobody has an open alert." in told(page("mia"))
    assert "You have no open alert." in told(page("ann"))
