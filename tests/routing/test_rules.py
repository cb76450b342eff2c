"""Rules say what they mean, refuse what they cannot mean, and cannot hurt whoever runs them."""

import contextlib
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.routing.actions import compile_action
from core.routing.conditions import OPERATORS, compile_condition
from core.routing.rules import Compiled, RuleSet, compile_rule, validate

FACTS: dict[str, Any] = {
    "alert": {"type": "LIKELY_TO_SELL", "priority": "HIGH", "confidence": 0.82, "territory": "riverside"},
    "contact": {"attributes": {"source": "zillow", "nested": {"deep": 1}}},
    "property": {"city": "Oak Park", "estimatedValue": 650_000, "count": 2},
    "signals": ["FREQUENT_VALUE_CHECKS", "COMPARABLE_RESEARCH"],
    "metadata": {"previousAgentId": "ann", "score": None, "tags": ["vip"], "flag": True},
    "time": {"hour": 9, "weekday": "mon", "isWeekend": False},
}


def holds(field: str, operator: str, value: object) -> bool:
    return compile_condition({"field": field, "operator": operator, "value": value}, at="conditions.0").test(FACTS)


@pytest.mark.parametrize(
    ("field", "operator", "value", "expected"),
    [
        ("alert.priority", "equals", "HIGH", True),
        ("priority", "equals", "HIGH", True),
        ("alertType", "equals", "LIKELY_TO_SELL", True),
        ("property.estimated_value", "greater_than", 500_000, True),
        ("alert.priority", "equals", "LOW", False),
        ("metadata.previousAgentId", "not_equals", None, True),
        ("metadata.score", "equals", None, True),
        ("metadata.unknown", "equals", None, True),
        ("metadata.unknown", "not_equals", None, False),
        ("metadata.flag", "equals", True, True),
        ("metadata.flag", "equals", 1, False),
        ("property.count", "equals", True, False),
        ("alert.confidence", "greater_than", 0.8, True),
        ("alert.confidence", "greater_than", 0.82, False),
        ("alert.confidence", "less_than", 0.9, True),
        ("metadata.unknown", "less_than", 1, False),
        ("metadata.flag", "greater_than", 0, False),
        ("alert.priority", "greater_than", 3, False),
        ("alert.priority", "in", ["CRITICAL", "HIGH"], True),
        ("alert.priority", "in", [], False),
        ("property.count", "in", [1, 2], True),
        ("signals", "in", ["COMPARABLE_RESEARCH", "X"], True),
        ("alert.priority", "not_in", ["LOW"], True),
        ("metadata.unknown", "not_in", ["LOW"], True),
        ("signals", "not_in", ["COMPARABLE_RESEARCH"], False),
        ("signals", "contains", "COMPARABLE_RESEARCH", True),
        ("property.city", "contains", "oak", True),
        ("metadata.tags", "contains", "vip", True),
        ("contact.attributes.nested", "contains", "deep", True),
        ("contact.attributes.source", "equals", "zillow", True),
        ("contact.attributes.source.x", "equals", "zillow", False),
        ("property.city", "regex", "^Oak (Park|Lawn)$", True),
        ("signals", "regex", "RESEARCH$", True),
        ("property.count", "regex", "2", False),
        ("time.hour", "less_than", 12, True),
        ("metadata.previousAgentId", "equals", "${metadata.previousAgentId}", True),
        ("metadata.previousAgentId", "in", ["bob", "${metadata.previousAgentId}"], True),
    ],
)
def test_a_condition_means_what_it_says(field: str, operator: str, value: object, expected: bool) -> None:
    assert holds(field, operator, value) is expected


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_no_operator_fails_on_a_missing_field(operator: str) -> None:
    value: object = ["x"] if operator in ("in", "not_in") else "x"
    assert holds("metadata.missing", operator, value) is operator.startswith("not_")


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        ("nonsense", "conditions.0"),
        ({"field": "alert.shoeSize", "operator": "equals", "value": 1}, "conditions.0.field"),
        ({"field": "contact.email", "operator": "equals", "value": "a@b"}, "conditions.0.field"),
        ({"field": "__class__.__mro__", "operator": "equals", "value": 1}, "conditions.0.field"),
        ({"field": "metadata", "operator": "equals", "value": 1}, "conditions.0.field"),
        ({"field": "", "operator": "equals", "value": 1}, "conditions.0.field"),
        ({"field": 5, "operator": "equals", "value": 1}, "conditions.0.field"),
        ({"field": "alert.type", "operator": "is", "value": 1}, "conditions.0.operator"),
        ({"field": "alert.type", "operator": ["equals"], "value": 1}, "conditions.0.operator"),
        ({"field": "alert.type", "operator": "in", "value": "x"}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "greater_than", "value": None}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "contains", "value": None}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "regex", "value": "("}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "regex", "value": "(?=x)"}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "regex", "value": "((a{100}){100}){100}"}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "regex", "value": "a" * 501}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "equals", "value": "a" * 1001}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "in", "value": ["a"] * 1001}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "in", "value": [["a"]]}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "equals", "value": {"a": 1}}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "equals", "value": 1e300}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "equals", "value": "a\x00"}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "equals", "value": "${os.system}"}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "equals", "value": "${"}, "conditions.0.value"),
        ({"field": "alert.type", "operator": "equals", "value": 1, "extra": 1}, "conditions.0.extra"),
    ],
)
def test_a_wrong_condition_is_refused_by_name(condition: object, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        validate({"name": "r", "conditions": [condition], "actions": [{"type": "escalate"}]})
    assert list(refused.value.fields) == [field]


@pytest.mark.parametrize(
    ("action", "field"),
    [
        ({"type": "explode"}, "actions.0.type"),
        ({"type": "assign_to_agent"}, "actions.0.params.agentId"),
        ({"type": "assign_to_agent", "params": {"agentId": ""}}, "actions.0.params.agentId"),
        ({"type": "assign_to_agent", "params": {"agentId": "${shell.rm}"}}, "actions.0.params.agentId"),
        ({"type": "assign_to_territory", "params": {"territory": 5}}, "actions.0.params.territory"),
        ({"type": "assign_by_skill", "params": {"requiredSkills": [1]}}, "actions.0.params.requiredSkills"),
        ({"type": "assign_by_skill", "params": {"requiredSkills": [], "minLevel": 9}}, "actions.0.params.minLevel"),
        ({"type": "notify"}, "actions.0.params.userIds"),
        ({"type": "notify", "params": {"roles": ["everybody"]}}, "actions.0.params.roles"),
        ({"type": "notify", "params": "x"}, "actions.0.params"),
    ],
)
def test_a_wrong_action_is_refused_by_name(action: object, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        validate({"name": "r", "actions": [action]})
    assert list(refused.value.fields) == [field]


def test_every_wrong_field_of_a_rule_is_named() -> None:
    with pytest.raises(Invalid) as refused:
        validate({"name": " ", "priority": True, "enabled": "yes", "conditions": {}, "actions": [], "colour": 1})
    assert set(refused.value.fields) == {"name", "priority", "enabled", "conditions", "actions", "colour"}


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
@pytest.mark.parametrize("field", ["name", "description"])
def test_text_that_no_database_can_hold_is_refused_by_name(field: str, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        validate({"name": "r", "actions": [{"type": "escalate"}], field: text})
    assert list(refused.value.fields) == [field]


def test_a_template_is_a_look_up_and_nothing_else() -> None:
    def wish(params: Mapping[str, Any]) -> tuple[str, ...]:
        return compile_action({"type": "assign_to_agent", "params": params}, at="a").wish(FACTS).agent_ids

    assert wish({"agentId": "${metadata.previousAgentId}"}) == ("ann",)
    assert wish({"agentId": "team-${alert.territory}"}) == ("team-riverside",)
    assert wish({"agentId": "${metadata.missing}"}) == ()
    assert wish({"agentIds": ["${metadata.tags}", "bob"]}) == ("vip", "bob")


def test_empty_required_skills_ask_for_none() -> None:
    wish = compile_action({"type": "assign_by_skill", "params": {"requiredSkills": []}}, at="a").wish(FACTS)
    assert wish.skills == ()


def test_a_regex_bomb_stays_linear() -> None:
    condition = compile_condition(
        {"field": "metadata.text", "operator": "regex", "value": "^(a+)+$"}, at="conditions.0"
    )
    facts = {"metadata": {"text": "a" * 9_999 + "b"}}
    started = time.perf_counter()
    assert condition.test(facts) is False
    assert time.perf_counter() - started < 1


def test_a_huge_list_is_found_by_hash() -> None:
    values = [f"place-{number}" for number in range(999)] + ["riverside"]
    assert holds("alert.territory", "in", values)


def rule(rule_id: str, *conditions: dict[str, Any]) -> Compiled:
    return compile_rule(rule_id, name=rule_id, version=1, conditions=conditions, actions=[{"type": "escalate"}])


TERRITORIES, KINDS = ["riverside", "hilltop", "${alert.territory}"], ["LIKELY_TO_SELL", "LIKELY_TO_BUY"]
conditions = st.one_of(
    st.builds(
        lambda value: {"field": "alert.territory", "operator": "equals", "value": value}, st.sampled_from(TERRITORIES)
    ),
    st.builds(
        lambda values: {"field": "alert.type", "operator": "in", "value": values}, st.lists(st.sampled_from(KINDS))
    ),
    st.builds(lambda value: {"field": "alert.confidence", "operator": "greater_than", "value": value}, st.floats(0, 1)),
)


@given(st.lists(st.lists(conditions, max_size=3), max_size=12))
def test_the_index_finds_exactly_the_rules_that_hold(parts: list[list[dict[str, Any]]]) -> None:
    rules = RuleSet([rule(f"r{number}", *part) for number, part in enumerate(parts)])
    indexed = [one.id for _, one, miss in rules.tried(FACTS) if miss is None]
    scanned = [one.id for one in rules.rules if one.miss(FACTS) is None]
    assert indexed == scanned


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_no_input_breaks_the_validation(raw: object) -> None:
    for value in (
        raw,
        {"name": "r", "conditions": raw, "actions": raw},
        {"name": "r", "conditions": [{"field": "metadata.x", "operator": "equals", "value": raw}], "actions": [raw]},
        {"name": "r", "actions": [{"type": "notify", "params": {"userIds": raw, "roles": raw}}]},
        {"name": "r", "actions": [{"type": "assign_by_skill", "params": {"requiredSkills": raw}}]},
    ):
        with contextlib.suppress(Invalid):
            validate(value)
