"""Behind a decision everybody is found who was considered, with why not them."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent
from core.routing.dispatch import route
from core.routing.state import State
from core.settings import Settings
from tests import factories as make

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def shown(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], AppTest]:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)

    def show(alert_id: str, decision_id: str) -> None:
        from app.ui import considered  # noqa: PLC0415
        from core.viewer import SYSTEM  # noqa: PLC0415

        considered.render(SYSTEM, alert_id, decision_id)

    return lambda alert_id, decision_id: AppTest.from_function(
        show, args=(alert_id, decision_id), default_timeout=30
    ).run()


def test_the_list_is_worked_out_when_asked_for(
    shown: Callable[[str, str], AppTest], database: Database, now: datetime
) -> None:
    with database.write() as session:
        make.agent(session, "ann", name="Ann", territories=["riverside"], skills={"seller": 5}, now=now)
        make.agent(session, "bob", name="Bob", territories=["riverside"], now=now)
        make.agent(session, "dee", name="Dee", available=False, now=now)
        make.agent(session, "eve", name="Eve *Poe*", available=False, now=now)
        make.agent(session, "fay", name="Fay", capacity=0, now=now)
        make.rule(session, rule_id="buyers", conditions=[BUYS], actions=[TELL], now=now)
        alert_id = make.alert(session, territory="riverside", now=now)
        decided = route(session, [alert_id], state=State.load(session), trigger="opened", now=now)[0]
        session.execute(update(Agent).values(skills={}))
    page = shown(alert_id, decided.decision_id)
    assert not page.table
    page.toggle[0].set_value(True).run()
    assert not page.exception
    assert not page.warning
    assert page.table[0].value.reset_index().to_dict("records") == [
        {
            "Place": "1.",
            "Agent": "Ann",
            "Open": "0 of 10",
            "Why": "You cover Riverside and know sellers; 0 of 10 open.",
        },
        {"Place": "2.", "Agent": "Bob", "Open": "0 of 10", "Why": "Ann knows this kind of client better"},
    ]
    assert page.markdown[0].value == "- **Set to unavailable:** Dee, Eve \\*Poe\\*\n- **Take no alerts:** Fay"
    assert page.table[1].value.iloc[0, 0].startswith("does not fit: not: alert.type is LIKELY_TO_BUY")


BUYS = {"field": "alert.type", "operator": "equals", "value": "LIKELY_TO_BUY"}
TELL = {"type": "notify", "params": {"roles": ["manager"]}}


def test_what_a_person_gave_has_no_list(
    shown: Callable[[str, str], AppTest], database: Database, now: datetime
) -> None:
    with database.write() as session:
        alert_id = make.alert(session, now=now)
    page = shown(alert_id, "nothing")
    page.toggle[0].set_value(True).run()
    assert "no list to show" in page.caption[0].value
