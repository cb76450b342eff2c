"""Rules say what they mean, refuse what they cannot mean, and cannot hurt whoever runs them."""

import contextlib
import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Invalid
from core.routing.actions import compile_action
from core.routing.conditions import compile_node
from core.routing.operators import OPERATORS
from core.routing.rules import Compiled, RuleSet, compile_rule, validate

FACTS: dict[str, Any] = {
    "alert": {"type": "LIKELY_TO_SELL", "priority": "HIGH", "confidence": 0.82, "territory": "riverside"},
    "contact": {"attributes": {"source": "zillow", "nested": {"deep": 1}}},
    "property": {"city": "Oak Park", "zip": "78704", "estimatedValue": 650_000, "count": 2},
    "signals": ["FREQUENT_VALUE_CHECKS", "COMPARABLE_RESEARCH"],
    "metadata": {"previousAgentId": "ann", "score": None, "tags": ["vip"], "flag": True, "empty": []},
    "time": {"hour": 9, "clock": "09:15", "weekday": "mon", "isWeekend": False},
}


def holds(field: str, operator: str, value: object) -> bool:
    return compile_node({"field": field, "operator": operator, "value": value}, at="conditions.0").test(FACTS)


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
        ("metadata.unknown", "in", [None, "x"], False),
        ("metadata.unknown", "in", ["${metadata.score}"], False),
        ("metadata.unknown", "not_in", [None], True),
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
        ("time.clock", "between", ["09:00", "17:30"], True),
        ("time.clock", "between", ["09:16", "17:30"], False),
        ("property.estimatedValue", "between", [500_000, 650_000], True),
        ("property.estimatedValue", "between", [650_001, 1e6], False),
        ("metadata.unknown", "between", [0, 1], False),
        ("alert.priority", "between", [0, 1], False),
        ("property.zip", "starts_with", "787", True),
        ("property.zip", "starts_with", "78704-12345", False),
        ("property.city", "starts_with", "oak", True),
        ("metadata.tags", "starts_with", "VI", True),
        ("property.count", "starts_with", "2", False),
        ("metadata.previousAgentId", "starts_with", "${metadata.previousAgentId}", True),
        ("metadata.score", "exists", False, True),
        ("metadata.flag", "exists", True, True),
        ("metadata.empty", "exists", True, False),
        ("signals", "exists", True, True),
        ("metadata.previousAgentId", "equals", "${metadata.previousAgentId}", True),
        ("metadata.previousAgentId", "in", ["bob", "${metadata.previousAgentId}"], True),
    ],
)
def test_a_condition_means_what_it_says(field: str, operator: str, value: object, expected: bool) -> None:
    assert holds(field, operator, value) is expected


@pytest.mark.parametrize("operator", sorted(OPERATORS))
def test_no_operator_fails_on_a_missing_field(operator: str) -> None:
    values: dict[str, object] = {"in": ["x"], "not_in": ["x"], "between": ["x", "y"], "exists": True}
    assert holds("metadata.missing", operator, values.get(operator, "x")) is operator.startswith("not_")


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
        ({"field": "alert.type", "operator": "regex", "value": "^${metadata.previousAgentId}$"}, "conditions.0.value"),
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
        ({"field": "alert.lift", "operator": "between", "value": [2, 1]}, "conditions.0.value"),
        ({"field": "alert.lift", "operator": "between", "value": [1]}, "conditions.0.value"),
        ({"field": "alert.lift", "operator": "between", "value": [1, "b"]}, "conditions.0.value"),
        ({"field": "alert.lift", "operator": "between", "value": [True, 2]}, "conditions.0.value"),
        ({"field": "alert.lift", "operator": "between"}, "conditions.0.value"),
        ({"field": "property.zip", "operator": "starts_with", "value": ""}, "conditions.0.value"),
        ({"field": "property.zip", "operator": "starts_with", "value": 787}, "conditions.0.value"),
        ({"field": "property.zip", "operator": "exists", "value": "yes"}, "conditions.0.value"),
        ({"any": []}, "conditions.0.any"),
        ({"all": {}}, "conditions.0.all"),
        ({"not": []}, "conditions.0.not"),
        ({"any": [{"field": "alert.shoeSize", "operator": "exists"}]}, "conditions.0.any.0.field"),
        ({"any": [], "all": []}, "conditions.0"),
        (
            {"not": {"not": {"not": {"not": {"not": {"field": "signals", "operator": "exists"}}}}}},
            "conditions.0.not.not.not.not",
        ),
        ({"any": [{"field": "alert.lift", "operator": "exists"}] * 51}, "conditions.0.any"),
        ({"any": [{"all": [{"field": "alert.lift", "operator": "exists"}] * 26}] * 2}, "conditions"),
    ],
)
def test_a_wrong_condition_is_refused_by_name(condition: object, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        validate({"name": "r", "conditions": [condition], "actions": [{"type": "escalate"}]})
    assert list(refused.value.fields) == [field]


HIGH = {"field": "alert.priority", "operator": "equals", "value": "HIGH"}
LOW = {"field": "alert.priority", "operator": "equals", "value": "LOW"}
HERE = {"field": "alert.territory", "operator": "in", "value": ["riverside", "hills"]}


@pytest.mark.parametrize(
    ("group", "expected", "words"),
    [
        ({"all": [HIGH, HERE]}, True, "(alert.priority is HIGH and alert.territory is one of riverside, hills)"),
        ({"all": [HIGH, LOW]}, False, "(alert.priority is HIGH and alert.priority is LOW)"),
        ({"any": [LOW, HIGH]}, True, "(alert.priority is LOW or alert.priority is HIGH)"),
        ({"any": [LOW]}, False, "alert.priority is LOW"),
        ({"not": LOW}, True, "not (alert.priority is LOW)"),
        ({"not": {"any": [LOW, {"not": HERE}]}}, True, None),
        ({"any": [{"all": [LOW, HERE]}, {"all": [HIGH, {"not": HERE}]}]}, False, None),
    ],
)
def test_groups_hold_as_their_words_say(group: Mapping[str, Any], expected: bool, words: str | None) -> None:
    node = compile_node(group, at="c")
    assert node.test(FACTS) is expected
    assert words in (None, node.says)


def test_a_rule_may_be_one_group_and_is_kept_as_a_list_with_every_value_written_out() -> None:
    written = {"any": [HIGH, {"not": {"field": "property.zip", "operator": "exists"}}]}
    rule = validate({"name": "r", "conditions": written, "actions": [{"type": "escalate"}]})
    exists = {"field": "property.zip", "operator": "exists", "value": True}
    assert rule.conditions == ({"any": [HIGH, {"not": exists}]},)


_LEAVES = st.sampled_from(
    [
        {"field": f"alert.{name}", "operator": operator, "value": value}
        for name, values in (("priority", ["HIGH", "LOW"]), ("territory", ["riverside", "hills"]))
        for operator, value in (
            *(("equals", value) for value in values),
            ("in", values),
            ("not_in", values[:1]),
            ("exists", True),
        )
    ]
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda found: {"all": found}),
        st.lists(inner, min_size=1, max_size=3).map(lambda found: {"any": found}),
        inner.map(lambda found: {"not": found}),
    ),
    max_leaves=6,
).filter(lambda tree: _depth(tree) <= 4)


def _depth(tree: Mapping[str, Any]) -> int:
    inner = [one for kind in ("all", "any") for one in tree.get(kind, ())] + ([tree["not"]] if "not" in tree else [])
    return 1 + max(map(_depth, inner)) if inner else 0


@given(
    trees=st.lists(st.lists(_TREES, max_size=3), max_size=6),
    priority=st.sampled_from(["HIGH", "LOW", "MEDIUM"]),
    territory=st.sampled_from(["riverside", "hills", "elsewhere", None]),
)
def test_the_index_passes_over_no_rule_that_holds(
    trees: list[list[dict[str, Any]]], priority: str, territory: str | None
) -> None:
    facts = {"alert": {"type": "LIKELY_TO_SELL", "priority": priority, "territory": territory}}
    rules = RuleSet(
        [
            compile_rule(str(number), name="r", version=1, conditions=conditions, actions=[{"type": "escalate"}])
            for number, conditions in enumerate(trees)
        ]
    )
    held = {rule.id for rule in rules.rules if rule.miss(facts) is None}
    assert {rule.id for _, rule, miss in rules.tried(facts) if miss is None} == held


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
    condition = compile_node({"field": "metadata.text", "operator": "regex", "value": "^(a+)+$"}, at="conditions.0")
    facts = {"metadata": {"text": "a" * 9_999 + "b"}}
    started = time.perf_counter()
    assert condition.test(facts) is False
    assert time.perf_counter() - started < 1


def test_a_huge_list_is_found_by_hash() -> None:
    values = [f"place-{number}" for number in range(999)] + ["riverside"]
    assert holds("alert.territory", "in", values)


def rule(rule_id: str, *conditions: dict[str, Any]) -> Compiled:
    return compile_rule(rule_id, name=rule_id, version=1, conditions=conditions, actions=[{"type": "escalate"}])


VALUES: list[Any] = [None, True, False, 0, 1, 0.5, "", "a", "riverside", "2026-03-02", [], [None], ["a", None], ["riverside", "b"], [0, 1], ["a", "b"], "${metadata.y}", ["${metadata.y}", "b"]]  # fmt: skip
FOUND: list[Any] = [
    None,
    None,
    None,
    None,
    True,
    0,
    0.7,
    "",
    "a",
    "riverside",
    "2026-03-03",
    [],
    [None, 1],
    ["a"],
    {"a": 1},
]
FIELDS = [
    "metadata.x",
    "metadata.y",
    "alert.territory",
    "alert.priority",
    "property.zip",
    "contact.attributes.x",
    "signals",
]


def reads(condition: object) -> bool:
    try:
        compile_node(condition, at="conditions.0")
    except Invalid:
        return False
    return True


TAKES = {
    operator: [one for one in VALUES if reads({"field": "metadata.x", "operator": operator, "value": one})]
    for operator in sorted(OPERATORS)
}
conditions = st.sampled_from(sorted(OPERATORS)).flatmap(
    lambda operator: st.builds(
        lambda field, value: {"field": field, "operator": operator, "value": value},
        st.sampled_from(FIELDS),
        st.sampled_from(TAKES[operator]),
    )
)
groups = st.recursive(
    conditions,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(
            lambda kind, some: {kind: some}, st.sampled_from(["all", "any"]), st.lists(inner, min_size=1, max_size=3)
        ),
    ),
    max_leaves=4,
)
facts = st.builds(
    lambda found: {
        "alert": {"territory": found[0] if isinstance(found[0], str) else None, "priority": "HIGH"},
        "metadata": {"x": found[1], "y": found[2]},
        "property": {"zip": found[3]},
        "contact": {"attributes": {"x": found[4]}},
        "signals": found[5] if isinstance(found[5], list) else [],
        "time": {},
    },
    st.lists(st.sampled_from(FOUND), min_size=6, max_size=6),
)


@settings(max_examples=120)
@given(st.lists(st.lists(groups, max_size=2).filter(lambda some: all(map(reads, some))), min_size=4, max_size=8), facts)
def test_the_index_finds_exactly_the_rules_that_hold(parts: list[list[dict[str, Any]]], facts: dict[str, Any]) -> None:
    """Whatever is missing, and however deep: no operator raises, and none answers otherwise when its rule is looked up."""
    rules = RuleSet([rule(f"r{number}", *part) for number, part in enumerate(parts)])
    indexed = [one.id for _, one, miss in rules.tried(facts) if miss is None]
    scanned = [one.id for one in rules.rules if one.miss(facts) is None]
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
