"""No version of a rule is ever lost: each change says who and what, any earlier one comes back, a deleted one under its own id."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.db import Database
from core.errors import Conflict, NotFound
from core.routing import rule_book, rule_history, rule_words
from core.routing.rule_words import Names
from tests import factories as make

SELLS = {"field": "alert.type", "operator": "equals", "value": "LIKELY_TO_SELL"}
DEAR = {"field": "property.estimatedValue", "operator": "greater_than", "value": 900_000}
EARLY = {"not": {"field": "time.clock", "operator": "between", "value": ["08:00", "18:00"]}}
LUXURY = {"type": "assign_by_skill", "params": {"requiredSkills": ["luxury"], "minLevel": 3}}
TELL = {"type": "notify", "params": {"roles": ["manager"]}}
RULE: dict[str, Any] = {"name": "Dear homes", "priority": 5, "conditions": [SELLS, DEAR], "actions": [LUXURY]}


def test_every_version_is_told_and_any_comes_back(database: Database, now: datetime) -> None:
    later = now + timedelta(hours=1)
    cheaper = {**DEAR, "value": 700_000}
    with database.write() as session:
        make.admin(session, "ada", name="Ada Fair", now=now)
        rule = rule_book.add(session, RULE, actor_id="ada", now=now)
        changed = {**RULE, "conditions": [SELLS, cheaper], "enabled": False, "actions": [LUXURY, TELL]}
        rule_book.replace(session, rule.id, changed, version=1, actor_id=None, now=later)
        second, first = rule_history.of_rule(session, rule.id)
        assert (first.action, first.actor_name, first.at) == ("rule.create", "Ada Fair", now)
        assert (second.action, second.actor_name) == ("rule.change", None)
        assert rule_words.changes(second.before, second.after, Names()) == [
            "Switched off.",
            "Condition “home value is above $900,000” became “home value is above $700,000”.",
            "Action added: tell the manager.",
        ]
        with pytest.raises(Conflict):
            rule_history.restore(session, rule.id, first.id, version=1, actor_id="ada", now=later)
        back = rule_history.restore(session, rule.id, first.id, version=2, actor_id="ada", now=later)
        assert (back.version, back.enabled, back.conditions) == (3, True, [SELLS, DEAR])
        with pytest.raises(NotFound):
            rule_history.restore(session, "another", first.id, version=None, actor_id="ada", now=later)


def test_a_deleted_rule_comes_back_as_itself(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.admin(session, "ada", now=now)
        rule = rule_book.add(session, RULE, actor_id="ada", now=now)
        kept = rule_book.add(session, RULE, actor_id="ada", now=now)
        rule_book.remove(session, rule.id, version=1, actor_id="ada", now=now)
        (gone,) = rule_history.deleted(session)
        assert (gone.rule_id, gone.action, gone.text["name"]) == (rule.id, "rule.delete", "Dear homes")
        back = rule_history.restore(session, rule.id, gone.id, version=None, actor_id="ada", now=now)
        assert rule_book.text(back) == rule_book.text(rule)
        assert back.version > rule.version  # whoever still holds the old one is told, not obeyed
        assert rule_history.deleted(session) == []
        assert {one.id for one in rule_book.list_rules(session)} == {rule.id, kept.id}


ORDERS = st.lists(st.integers(-3, 3), min_size=1, max_size=8)


@given(ORDERS, st.data())
def test_a_rule_changes_places_with_its_neighbour_and_nobody_else_does(
    priorities: list[int], data: st.DataObject
) -> None:
    order = sorted(((f"r{n}", priority) for n, priority in enumerate(priorities)), key=lambda one: (-one[1], one[0]))
    ids = [each for each, _ in order]
    place, earlier = data.draw(st.integers(0, len(ids) - 1)), data.draw(st.booleans())
    other = place - 1 if earlier else place + 1
    wanted = dict(order) | rule_book.earlier_by_one(order, ids[place], earlier=earlier)
    if 0 <= other < len(ids):
        ids[place], ids[other] = ids[other], ids[place]
    assert sorted(ids, key=lambda each: (-wanted[each], each)) == ids


@pytest.mark.parametrize(
    ("conditions", "actions", "told"),
    [
        ([], [TELL], "Always → tell the manager"),
        (
            [SELLS, {"any": [DEAR, EARLY]}],
            [LUXURY, TELL],
            "When type is Likely to sell and (home value is above $900,000 or not (time of day is between 08:00 and 18:00)) → "
            "somebody with the skill luxury at level 3 or more; tell the manager",
        ),
        (
            [
                {"field": "type", "operator": "in", "value": ["LIKELY_TO_SELL", "OWN"]},
                {"field": "metadata.previousAgentId", "operator": "exists", "value": True},
                {"field": "alert.confidence", "operator": "less_than", "value": 0.655},
                {"field": "time.isWeekend", "operator": "equals", "value": False},
                {"field": "contact.attributes.source", "operator": "equals", "value": None},
            ],
            [
                {"type": "assign_to_agent", "params": {"agentId": "${metadata.previousAgentId}"}},
                {"type": "assign_to_territory", "params": {"territory": "oak-park"}},
                {"type": "notify", "params": {"userIds": ["mia"], "roles": ["admin"]}},
            ],
            "When type is one of Likely to sell or Own and agent who has or had the contact is known and confidence is below "
            "65.5% and it is not the weekend and contact's attribute “source” is empty → the agent who has or had the contact, "
            "else whoever covers Oak Park; tell every admin and Mia Stone",
        ),
    ],
)
def test_a_rule_is_one_sentence(conditions: list[Any], actions: list[Any], told: str) -> None:
    names = Names(
        types={"LIKELY_TO_SELL": "Likely to sell"}, territories={"oak-park": "Oak Park"}, users={"mia": "Mia Stone"}
    )
    assert rule_words.sentence({"conditions": conditions, "actions": actions}, names) == told
