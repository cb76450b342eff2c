"""A rule is written on its page as a form or as text, tried while it is written, and loses nothing when two write at once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import yaml
from streamlit.testing.v1 import AppTest

from core.db import Database
from core.routing import rule_book
from core.routing.rule_book import StoredRule
from tests import factories as make
from tests.ui.test_rules_page import DEAR, LUXURY, SELLS, TELL, told

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


def rules(database: Database) -> list[StoredRule]:
    with database.read() as session:
        return rule_book.list_rules(session)


def press(shown: AppTest, label: str) -> AppTest:
    return next(one for one in shown.button if one.label == label).click().run()


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        make.admin(session, now=now)
        make.territory(session, "riverside", name="Riverside")
        make.agent(session, "ann", name="Ann", territories=["riverside"], skills={"luxury": 4}, now=now)
        for number in range(3):
            make.alert(session, territory="riverside", opened_at=now - timedelta(days=number), now=now)
        make.alert(session, alert_type="LIKELY_TO_BUY", opened_at=now - timedelta(days=1), now=now)
    return database


def test_a_rule_is_written_as_a_form_and_tried_before_it_is_saved(
    rules_page: Callable[[], AppTest],
    house: Database,
) -> None:
    shown = press(rules_page(), "New rule")
    assert not shown.exception
    assert any(one.label == "Save" and one.disabled for one in shown.button), "it has no name yet"
    next(one for one in shown.text_input if one.label == "Name").set_value("Sellers to Ann").run()
    shown = press(shown, "Add a condition")
    assert not shown.exception
    assert "3" in told(shown), "what it would have caught is said"
    assert "When type is Likely to sell" in told(shown)
    shown = press(shown, "Save")
    assert not shown.exception
    (made,) = rules(house)
    assert (made.name, made.conditions) == ("Sellers to Ann", [SELLS])


def test_text_and_form_are_one_rule_and_text_that_does_not_read_is_kept(
    rules_page: Callable[[], AppTest],
    house: Database,
    now: datetime,
) -> None:
    with house.write() as session:
        make.rule(session, rule_id="dear", name="Dear homes", conditions=[SELLS, DEAR], actions=[LUXURY, TELL], now=now)
    shown = press(rules_page(), "Change")
    as_text = next(one for one in shown.segmented_control if one.label == "Write it as")
    as_text.set_value("yaml").run()
    area = shown.text_area[0]
    written = yaml.safe_load(area.value)
    assert written["conditions"] == [SELLS, DEAR]
    area.set_value(area.value.replace("greater_than", "bigger")).run()
    assert not shown.exception
    assert any("conditions.1.operator" in one.value.replace("\\", "") for one in shown.warning)
    assert any(one.label == "Save" and one.disabled for one in shown.button)
    shown.text_area[0].set_value(shown.text_area[0].value.replace("bigger", "less_than")).run()
    shown = press(shown, "Save")
    assert rules(house)[0].conditions[1]["operator"] == "less_than"


def test_who_saves_second_is_told_what_the_first_did_and_loses_nothing(
    rules_page: Callable[[], AppTest],
    house: Database,
    now: datetime,
) -> None:
    with house.write() as session:
        make.rule(session, rule_id="dear", name="Dear homes", conditions=[SELLS], actions=[LUXURY], now=now)
    shown = press(rules_page(), "Change")
    with house.write() as session:
        rule_book.change(session, "dear", {"description": "Theirs"}, version=1, actor_id="admin", now=now)
    next(one for one in shown.text_input if one.label == "Name").set_value("Mine").run()
    shown = press(shown, "Save")
    assert "changed this rule" in " ".join(one.value for one in shown.error)
    assert next(one for one in shown.text_input if one.label == "Name").value == "Mine"
    shown = press(shown, "Keep mine as a new rule")
    shown = press(shown, "Save")
    assert sorted((one.name, one.description) for one in rules(house)) == [
        ("Dear homes", "Theirs"),
        ("Mine (mine)", ""),
    ]


def test_an_earlier_version_comes_back(rules_page: Callable[[], AppTest], house: Database, now: datetime) -> None:
    with house.write() as session:
        made = rule_book.add(
            session, {"name": "First", "conditions": [SELLS], "actions": [TELL]}, actor_id="admin", now=now
        )
        rule_book.change(session, made.id, {"name": "Second"}, version=1, actor_id="admin", now=now)
    shown = press(rules_page(), "History")
    assert not shown.exception
    assert "**Changed** " in told(shown)
    shown = press(shown, "Bring it back")
    assert [one.name for one in rules(house)] == ["First"]


def test_an_empty_house_is_offered_presets_to_start_from(
    rules_page: Callable[[], AppTest],
    database: Database,
) -> None:
    shown = rules_page()
    assert not shown.exception
    assert "There is no rule yet" in told(shown)
    offers = [one for one in shown.button if one.key and one.key.startswith("preset")]
    assert len(offers) == 15
    offers[0].click().run()
    assert not shown.exception
    assert next(one for one in shown.text_input if one.label == "Name").value
