"""Escalation on its page: the defaults in words, a policy written, changed, deleted and brought back."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.db import Database
from core.delivery import endpoint_book
from core.escalation import book
from core.escalation.policy import Policy
from core.settings import Settings
from core.viewer import SYSTEM
from tests import factories as make

PAGE = Path(__file__).parents[2] / "pages" / "rules.py"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(rules_page: Callable[[], AppTest]) -> Callable[[], AppTest]:
    return lambda: rules_page().segmented_control(key="view").set_value("escalation").run()


def told(shown: AppTest) -> str:
    return "\n".join(each.value for each in (*shown.markdown, *shown.caption, *shown.info, *shown.warning)).replace(
        "\\", ""
    )


def own(database: Database) -> list[Policy]:
    with database.read() as session:
        return book.load(session)


def labelled(shown: AppTest, label: str) -> int:
    return next(number for number, button in enumerate(shown.button) if button.label == label)


def test_the_defaults_are_told_in_words(page: Callable[[], AppTest]) -> None:
    shown = page()
    assert not shown.exception
    text = told(shown)
    assert "No policy of your own yet" in text
    assert "1. After 5 minutes, 4 times: give it to the next agent" in text
    assert "2. After 3 working days: tell the manager" in text


def test_a_policy_is_written_deleted_and_brought_back(
    page: Callable[[], AppTest], database: Database, now: datetime
) -> None:
    with database.write() as session:
        make.team(session, "north", name="North", now=now)
        make.agent(session, "ann", name="Ann", team_id="north", now=now)
        make.user(session, "boss", name="Bo", role="manager", now=now)  # type: ignore[arg-type]
    shown = page()
    shown.button(key="escalation-new").click().run()
    shown.button(key="policy-1-save").click().run()
    assert "Name: give a name of 1 to 120 characters" in [error.value for error in shown.error]
    shown.text_input(key="policy-1-name").set_value("Hurry")
    shown.multiselect(key="policy-1-priorities").set_value(["CRITICAL"])
    shown.number_input(key="policy-1-wait-0").set_value(2.0)
    shown.button(key="policy-1-add").click().run()
    shown.selectbox(key="policy-1-deed-1").set_value("cover").run()
    shown.selectbox(key="policy-1-agent-1").set_value("ann")
    shown.selectbox(key="policy-1-unit-1").set_value("workingHours")
    shown.number_input(key="policy-1-ack").set_value(4.0)
    shown.multiselect(key="policy-1-call").set_value(["boss"])
    shown.button(key="policy-1-save").click().run()
    assert not shown.exception
    (made,) = own(database)
    assert made.plain() == {
        "name": "Hurry",
        "description": "",
        "teamId": None,
        "priorities": ["CRITICAL"],
        "alertTypes": [],
        "steps": [
            {"after": {"minutes": 2}, "do": "next", "params": {}},
            {"after": {"workingHours": 5}, "do": "cover", "params": {"agentId": "ann"}},
        ],
        "repeat": 0,
        "ackTimeout": {"workingHours": 4},
        "onCall": ["boss"],
        "enabled": True,
    }
    text = told(shown)
    assert "Critical · all types · every team" in text
    assert "2. After 5 working hours: give it to whoever stands in for the owner, else to Ann" in text
    assert "Acknowledged and nothing done for 4 working hours: it goes on." in text
    assert "On call when nobody is on duty: Bo." in text
    shown.button(key=f"escalation-switch-{made.id}").click().run()
    assert not own(database)[0].enabled
    shown.button(key=f"escalation-really-{made.id}").click().run()
    assert own(database) == []
    shown.button(key="escalation-back").click().run()
    assert [one.name for one in own(database)] == ["Hurry"]


def test_of_two_who_change_a_policy_the_second_is_told(
    page: Callable[[], AppTest], database: Database, now: datetime
) -> None:
    step = {"after": {"minutes": 1}, "do": "next"}
    with database.write() as session:
        made = book.add(session, {"name": "Ours", "steps": [step]}, viewer=SYSTEM, now=now)
    shown = page()
    shown.button(key=f"escalation-edit-{made.id}").click().run()
    with database.write() as session:
        book.change(session, made.id, {"repeat": 3}, version=1, viewer=SYSTEM, now=now)
    shown.text_input(key="policy-1-name").set_value("Mine")
    shown.button(key="policy-1-save").click().run()
    assert "Somebody else changed it meanwhile" in told(shown)
    shown.button(key="policy-1-save").click().run()
    assert [(one.name, one.repeat, one.version) for one in own(database)] == [("Mine", 0, 3)]


def test_a_step_tells_another_system_by_name(page: Callable[[], AppTest], database: Database, now: datetime) -> None:
    shown = page()
    shown.button(key="escalation-new").click().run()
    shown.text_input(key="policy-1-name").set_value("Phone tree")
    shown.selectbox(key="policy-1-deed-0").set_value("webhook").run()
    assert "There is no other system yet" in told(shown)
    keeping = Settings(secret_key="k" * 40, allow_private_urls=True)  # type: ignore[arg-type]
    wanted = endpoint_book.read({"name": "Call centre", "url": "http://127.0.0.1:9"}, keeping)
    with database.write() as session:
        hook = endpoint_book.add(session, wanted, viewer=SYSTEM, settings=keeping, now=now).endpoint.id
    shown.run()
    shown.selectbox(key="policy-1-endpoint-0").set_value(hook)
    shown.button(key="policy-1-save").click().run()
    assert not shown.exception
    (made,) = own(database)
    assert made.steps[0].endpoint_id == hook
    assert "After 5 minutes: tell Call centre" in told(shown)
