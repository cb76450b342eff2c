"""The page of rules, as it is run: what each would do is told in words, and every change of the row has a way back."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.db import Database
from core.routing import house_settings, rule_book
from tests import factories as make

PAGE = Path(__file__).parents[2] / "pages" / "rules.py"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both
SELLS = {"field": "alert.type", "operator": "equals", "value": "LIKELY_TO_SELL"}
DEAR = {"field": "property.estimatedValue", "operator": "greater_than", "value": 900_000}
LUXURY = {"type": "assign_by_skill", "params": {"requiredSkills": ["luxury"], "minLevel": 3}}
TELL = {"type": "notify", "params": {"roles": ["manager"]}}


def told(shown: AppTest) -> str:
    return "\n".join(each.value for each in (*shown.markdown, *shown.caption, *shown.info, *shown.warning))


def names(database: Database) -> list[str]:
    with database.read() as session:
        return [rule.name for rule in rule_book.list_rules(session)]


def test_rules_are_told_in_words_in_the_order_they_are_tried(
    rules_page: Callable[[], AppTest], database: Database, now: datetime
) -> None:
    with database.write() as session:
        make.agent(session, "ann", skills={"luxury": 4}, now=now)
        make.rule(session, rule_id="late", priority=1, actions=[TELL], now=now)
        make.rule(session, rule_id="dear", priority=9, conditions=[SELLS, DEAR], actions=[LUXURY, TELL], now=now)
    shown = rules_page()
    assert not shown.exception
    text = told(shown).replace("\\", "")
    assert (
        "When type is Likely to sell and home value is above $900,000 → somebody with the skill luxury at level 3 or more; "
        "tell the manager" in text
    )
    assert text.index("1. dear") < text.index("2. late")
    shown.button(key="earlier-late").click().run()
    assert names(database) == ["late", "dear"]
    shown.button(key="switch-dear").click().run()
    with database.read() as session:
        assert [rule.enabled for rule in rule_book.list_rules(session)] == [True, False]


def test_a_deleted_rule_is_taken_back(rules_page: Callable[[], AppTest], database: Database, now: datetime) -> None:
    with database.write() as session:
        make.rule(session, rule_id="dear", conditions=[SELLS], actions=[LUXURY], now=now)
    shown = rules_page()
    shown.button(key="delete-dear").click().run()
    assert names(database) == []
    shown.button(key="undo-delete").click().run()
    assert names(database) == ["dear"]


def test_the_way_of_the_house_is_told_changed_and_taken_back(
    rules_page: Callable[[], AppTest], database: Database, now: datetime
) -> None:
    with database.write() as session:
        make.team(session, "north", name="North", default_strategy="skill", now=now)
    shown = rules_page()
    shown.segmented_control(key="view").set_value("strategies").run()
    assert "**Territory, then skill, then load**; then anybody on duty with room" in told(shown)
    shown.selectbox[0].set_value("performance")
    shown.multiselect[0].set_value(["claim_pool"])
    shown.number_input(key="strategies-By priority-CRITICAL").set_value(2.0)
    shown.button[-1].click().run()
    assert not shown.exception
    with database.read() as session:
        found = house_settings.get(session)
    assert (found.default_strategy, found.fallbacks) == ("performance", ["claim_pool"])
    assert found.units == {"priorities": {"CRITICAL": 2.0}, "types": {}}
    assert "**Results** → **Left in the pool for whoever takes it**" in told(shown)
    shown.button(key="strategies-undo").click().run()
    with database.read() as session:
        assert house_settings.get(session).default_strategy == "territory"
