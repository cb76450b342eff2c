"""What may be written as an alert type, and what is refused with its reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alert_types import definition, fields, logic, rules
from core.errors import Invalid
from core.scoring import features
from core.words import Intent
from tests.alert_types.writing import CHECKED, CLAIM, a_type, when


def refused(raw: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as error:
        definition.validate(raw)
    return error.value.fields


def test_every_registered_feature_signal_and_score_may_be_asked_about() -> None:
    for name in features.NAMES:
        assert fields.field(f"feature.{name}").label
    for intent in Intent:
        assert fields.field(f"score.{intent}.lift").name
    assert {"signal.INSURANCE_CLAIM.count", "signal.FREQUENT_VALUE_CHECKS.strength"} <= set(fields.known())


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("territory", "route"),
        ("property.zip", "area"),
        ("feature.zip_code", "area"),
        ("contact.age", "age"),
        ("contact.marital_status", "marital"),
        ("feature.race", "race"),
        ("count:church_visit:30d", "religion"),
        ("recency:pregnancy_page", "familial"),
        ("contact.notes", "free text"),
        ("feature.value_check", "value_checks_30d"),
        ("signal.WEDDING.strength", "no such signal"),
        ("score.LIKELY_TO_DIE.lift", "no such score"),
        ("count:open_house:999d", "1d to 180d"),
        ("count:page_view:30d", "not counted"),
        ("count:comparable_view:30d", "count:comparable:30d"),
        ("count:<b>x</b>:30d", "letters"),
        ("metadata.anything", "no such field"),
        ("x" * 5000, "at most"),
    ],
)
def test_what_may_not_score_is_refused_with_the_reason_and_the_place(field: str, reason: str) -> None:
    fields_of_error = refused(a_type({"all": [CHECKED, when(field, "greater_than", 1)]}))
    assert list(fields_of_error) == ["definition.rule.all.1.field"]
    assert reason in fields_of_error["definition.rule.all.1.field"]


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (a_type(name=""), "name"),
        (a_type(name="x" * 81), "name"),
        (a_type(name="tab\x00here"), "name"),
        (a_type(name="Likely to  sell"), "name"),
        (a_type(kind="magic"), "kind"),
        (a_type(horizonDays=0), "horizonDays"),
        (a_type(horizonDays=True), "horizonDays"),
        (a_type(more=1), "more"),
        (a_type(confidence={"belief": 1.0}), "definition.confidence.belief"),
        (a_type(confidence={"belief": float("nan")}), "definition.confidence.belief"),
        (a_type(confidence={"belief": 0.6, "points": []}), "definition.confidence.belief"),
        (a_type(when("feature.value_checks_30d", "regex", ".*")), "definition.rule.operator"),
        (a_type(when("feature.value_checks_30d", "equals", "many")), "definition.rule.value"),
        (a_type(when("feature.value_checks_30d", "equals", 1e300)), "definition.rule.value"),
        (a_type(when("feature.value_checks_30d", "between", [5, 2])), "definition.rule.value"),
        (a_type({"all": []}), "definition.rule.all"),
        (a_type({"all": [CHECKED], "any": [CLAIM]}), "definition.rule"),
        (a_type({"all": [CHECKED] * 51}), "definition.rule.all"),
        (a_type({"any": [{"all": [CHECKED] * 30}, {"all": [CHECKED] * 30}]}), "definition.rule"),
        (a_type({"not": {"not": {"not": {"not": {"not": CHECKED}}}}}), "definition.rule.not.not.not.not"),
        (a_type(kind="trained"), "definition.label"),
    ],
)
def test_a_malformed_definition_names_what_is_wrong(raw: Any, place: str) -> None:
    assert place in refused(raw)


def test_a_rule_takes_the_words_of_a_coded_feature() -> None:
    new = definition.validate(a_type(when("feature.preferred_device", "in", ["mobile", "tablet"])))
    assert isinstance(new.definition.rule, rules.Condition)
    assert new.definition.rule.says == "Preferred device is one of mobile, tablet"


CHECKS = "feature.value_checks_30d"
EQUITY = "feature.estimated_equity"


@pytest.mark.parametrize(
    ("rule", "never", "always"),
    [
        ({"all": [when(CHECKS, "greater_than", 3), when(CHECKS, "less_than", 4)]}, True, False),
        ({"all": [when(CHECKS, "greater_than", 3), when(CHECKS, "less_than", 5)]}, False, False),
        ({"all": [when(EQUITY, "greater_than", 3), when(EQUITY, "less_than", 4)]}, False, False),
        ({"all": [when(CHECKS, "equals", 2.5)]}, True, False),
        (when(CHECKS, "less_than", 0), True, False),
        (when("feature.signal_frequent_value_checks", "greater_than", 1), True, False),
        ({"all": [when(CHECKS, "equals", 3), {"not": when(CHECKS, "between", [1, 9])}]}, True, False),
        ({"any": [when(CHECKS, "greater_than", 3), when(CHECKS, "less_than", 4)]}, False, True),
        ({"any": [when(EQUITY, "greater_than", 3), when(EQUITY, "less_than", 4)]}, False, False),
        ({"any": [when(EQUITY, "exists", True), when(EQUITY, "exists", False)]}, False, True),
        ({"all": [when(EQUITY, "exists", False), when(EQUITY, "greater_than", 1)]}, True, False),
        ({"not": {"all": [when(CHECKS, "greater_than", 3), when(CHECKS, "less_than", 2)]}}, False, True),
        (when(CHECKS, "greater_than", -1), False, True),
        ({"any": [{"all": [when(CHECKS, "equals", 1), when(CHECKS, "equals", 2)]}, CLAIM]}, False, False),
    ],
)
def test_contradictions_and_conditions_that_exclude_nobody_are_found(rule: Any, never: bool, always: bool) -> None:
    node = rules.parse(rule, at="rule")
    assert (logic.never(node), logic.always(node)) == (never, always)
    assert bool(definition.validate(a_type(rule)).warnings) is (never or always)


_conditions = st.builds(
    when,
    st.sampled_from([CHECKS, "feature.searches_30d"]),
    st.sampled_from(["equals", "greater_than", "less_than", "not_equals"]),
    st.integers(0, 4),
)
_rules = st.recursive(
    _conditions,
    lambda inner: st.one_of(
        st.builds(lambda parts: {"all": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda parts: {"any": parts}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda part: {"not": part}, inner),
    ),
    max_leaves=6,
)


@given(_rules)
def test_what_is_called_never_and_always_agrees_with_trying_every_value(raw: Any) -> None:
    try:
        node = rules.parse(raw, at="rule")
    except Invalid:  # deeper than may be
        return

    def holds(node: rules.Node, values: dict[str, float]) -> bool:
        if isinstance(node, rules.Condition):
            return node.test(values[node.field.name])
        each = [holds(member, values) for member in node.members]
        return all(each) if node.kind == "all" else any(each) if node.kind == "any" else not each[0]

    tried = [holds(node, {CHECKS: a, "feature.searches_30d": b}) for a in range(7) for b in range(7)]
    assert logic.never(node) is not any(tried)
    assert logic.always(node) is all(tried)


def test_a_belief_below_the_opening_threshold_is_told() -> None:
    assert "none would open" in definition.validate(a_type(confidence={"belief": 0.4})).warnings[0]


def test_a_name_that_singles_people_out_is_warned_about() -> None:
    assert "familial" in definition.validate(a_type(name="Divorced owners")).warnings[0]


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Insurance claim & value check", "INSURANCE_CLAIM_VALUE_CHECK"),
        ("Größe zählt", "GROE_ZAHLT"),
        ("3 visits", "OWN_3_VISITS"),
        ("Likely-to-sell", "OWN_LIKELY_TO_SELL"),
        ("開催", "OWN_TYPE"),
        ("<script>alert(1)</script>", "SCRIPT_ALERT_1_SCRIPT"),
        ("a" * 80, "A" * 40),
    ],
)
def test_an_id_is_letters_digits_and_underscores_and_never_one_of_the_four(name: str, made: str) -> None:
    assert definition.id_of(name) == made
