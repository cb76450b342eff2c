"""What is odd about a valid rule is told, and only where it is certain."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Territory, User
from core.routing import contradictions, doubts, rule_book
from core.routing.conditions import compile_all
from core.routing.operators import OPERATORS
from tests import factories as make


def one(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


SELLERS = one("alert.type", "equals", "LIKELY_TO_SELL")
RICH = one("property.estimatedValue", "greater_than", 900_000)
RIVERSIDE = one("alert.territory", "equals", "riverside")


@pytest.mark.parametrize(
    "conditions",
    [
        [one("alert.priority", "equals", "URGENT")],
        [one("alert.priority", "equals", "HIGH"), one("priority", "equals", "LOW")],
        [one("alert.priority", "not_in", ["CRITICAL", "HIGH", "MEDIUM", "LOW"])],
        [one("alert.confidence", "greater_than", 1)],
        [one("alert.confidence", "greater_than", "0.8")],
        [one("time.hour", "between", [9, 12]), one("time.hour", "greater_than", 12)],
        [one("time.hour", "greater_than", 8), one("time.hour", "less_than", 9)],
        [one("time.clock", "less_than", "08:00"), one("time.clock", "between", ["09:00", "17:00"])],
        [one("property.zip", "starts_with", "787"), one("property.zip", "equals", "60601")],
        [one("property.zip", "starts_with", "787"), one("property.zip", "starts_with", "60")],
        [one("property.zip", "exists", False), one("property.zip", "equals", "60601")],
        [one("contact.firstSeenAt", "exists", False)],
        [one("property.zip", "equals", 78704)],
        [one("property.equity", "greater_than", 5), one("property.equity", "less_than", 5)],
        [one("alert.type", "equals", "LIKELY_TO_RENT")],
        [one("alert.priority", "in", [])],
        [one("time.isWeekend", "equals", True), {"not": one("time.isWeekend", "equals", True)}],
        [one("signals", "contains", "X"), {"not": one("signals", "contains", "X")}],
        [{"any": [one("alert.lift", "less_than", 0), one("alert.priority", "equals", "none")]}],
    ],
)
def test_what_can_never_match_is_found(conditions: list[Any]) -> None:
    known = {**contradictions.KNOWN, ("alert", "type"): ("LIKELY_TO_SELL",)}
    assert contradictions.never(compile_all(conditions, at="c"), known=known)


@pytest.mark.parametrize(
    "conditions",
    [
        [],
        [SELLERS, RICH, RIVERSIDE],
        [one("alert.confidence", "greater_than", 0.5), one("alert.confidence", "less_than", 0.51)],
        [one("time.hour", "greater_than", 8), one("time.hour", "less_than", 10)],
        [one("time.clock", "between", ["09:00", "17:00"]), one("time.clock", "greater_than", "16:59")],
        [one("property.zip", "starts_with", "7"), one("property.zip", "starts_with", "787")],
        [one("property.zip", "not_equals", "60601"), one("property.zip", "starts_with", "606")],
        [one("signals", "contains", "A"), one("signals", "contains", "B")],
        [one("metadata.tags", "in", ["a"]), one("metadata.tags", "in", ["b"])],
        [one("property.city", "regex", "^A"), one("property.city", "contains", "b")],
        [one("alert.territory", "equals", None)],
        [one("metadata.previousAgentId", "equals", "${contact.ownerAgentId}")],
        [{"not": one("property.estimatedValue", "greater_than", 5)}, {"not": one("propertyValue", "less_than", 6)}],
    ],
)
def test_what_can_match_is_left_alone(conditions: list[Any]) -> None:
    assert not contradictions.never(compile_all(conditions, at="c"))


_NUMBERS = st.integers(0, 24)
_HOURS = st.one_of(
    st.tuples(st.sampled_from(["equals", "not_equals", "greater_than", "less_than"]), _NUMBERS),
    st.tuples(st.just("between"), st.tuples(_NUMBERS, _NUMBERS).map(lambda ends: sorted(ends))),
    st.tuples(st.sampled_from(["in", "not_in"]), st.lists(_NUMBERS, max_size=3)),
)


@given(asked=st.lists(_HOURS, max_size=4))
def test_hours_are_judged_exactly(asked: list[tuple[str, Any]]) -> None:
    nodes = compile_all([one("time.hour", operator, value) for operator, value in asked], at="c")
    possible = any(all(OPERATORS[operator](hour, value) for operator, value in asked) for hour in range(24))
    assert contradictions.never(nodes) is not possible


@given(inner=st.lists(_HOURS, max_size=3), outer=st.lists(_HOURS, max_size=3))
def test_what_one_rule_takes_of_another_is_judged_exactly(
    inner: list[tuple[str, Any]], outer: list[tuple[str, Any]]
) -> None:
    def fits(asked: list[tuple[str, Any]], hour: int) -> bool:
        return all(OPERATORS[operator](hour, value) for operator, value in asked)

    first = compile_all([one("time.hour", *each) for each in inner], at="c")
    second = compile_all([one("time.hour", *each) for each in outer], at="c")
    expected = all(fits(outer, hour) for hour in range(24) if fits(inner, hour))
    assert contradictions.covered(first, second) is expected


def test_a_rule_too_large_to_unfold_is_left_alone() -> None:
    many = [{"any": [one("time.hour", "equals", hour) for hour in range(12)]} for _ in range(4)]
    assert not contradictions.never(compile_all([*many, one("time.hour", "equals", 99)], at="c"))


def rule(name: str, conditions: list[Any], *actions: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {
        "name": name,
        "conditions": conditions,
        "actions": list(actions) or [{"type": "assign_by_skill", "params": {"requiredSkills": []}}],
        **values,
    }


@pytest.fixture
def house(database: Database, clock: FakeClock) -> Database:
    with database.write() as session:
        make.agent(session, "ann", now=clock.now(), territories=["riverside"], skills={"luxury": 2})
        make.agent(session, "bob", now=clock.now(), territories=["hills"], skills={"seniors": 5})
    return database


def told(house: Database, raw: dict[str, Any], clock: FakeClock) -> list[tuple[str, str]]:
    with house.write() as session:
        saved = rule_book.add(session, raw, actor_id=None, now=clock.now())
        return [(each.at, each.text) for each in doubts.of_rules(session, only=saved.id).get(saved.id, [])]


def test_a_rule_that_another_takes_everything_of_is_told(house: Database, clock: FakeClock) -> None:
    assert told(house, rule("All sellers", [SELLERS], priority=5), clock) == []
    ((at, text),) = told(house, rule("Rich sellers", [SELLERS, RICH], priority=1), clock)
    assert at == "priority"
    assert text.startswith("“All sellers” is tried first and fits whenever this one does")
    assert told(house, rule("Riverside", [SELLERS, RIVERSIDE], priority=9), clock) == []
    ((_, text), (_, also), (_, third)) = told(house, rule("Everybody", [], priority=99), clock)
    assert text.startswith("It is tried before “Riverside”")
    assert (also[:16], third[:16]) == ("It is tried befo", "It is tried befo")


def test_a_rule_that_only_tells_takes_nothing(house: Database, clock: FakeClock) -> None:
    notify = {"type": "notify", "params": {"roles": ["admin"]}}
    assert told(house, rule("Tell", [], notify, priority=9), clock) == []
    assert told(house, rule("Sellers", [SELLERS]), clock) == []


def test_names_that_nobody_has_are_told(house: Database, clock: FakeClock) -> None:
    found = told(
        house,
        rule(
            "r",
            [one("alert.territory", "in", ["riverside", "atlantis"]), one("contact.ownerAgentId", "equals", "zoe")],
            {"type": "assign_to_agent", "params": {"agentIds": ["ann", "zed", "${metadata.previousAgentId}"]}},
            {"type": "assign_to_territory", "params": {"territory": "mu"}},
            {"type": "assign_by_skill", "params": {"requiredSkills": ["Luxury"], "minLevel": 3}},
            {"type": "assign_by_skill", "params": {"requiredSkills": ["luxury", "seniors"]}},
            {"type": "notify", "params": {"userIds": ["ann", "nobody"]}},
        ),
        clock,
    )
    assert found == [
        ("conditions.0", "There is no territory “atlantis”."),
        ("conditions.1", "There is no agent “zoe”."),
        ("actions.0.params.agentIds", "There is no agent “zed”."),
        ("actions.1.params.territory", "There is no territory “mu”."),
        ("actions.2.params.requiredSkills", "Nobody has the skill “Luxury” at level 3 or above."),
        ("actions.3.params.requiredSkills", "Nobody has all these skills together."),
        ("actions.4.params.userIds", "There is no user “nobody”."),
    ]


def test_an_area_nobody_covers_is_told_where_the_rule_needs_somebody_there(
    house: Database, clock: FakeClock, now: datetime
) -> None:
    with house.write() as session:
        make.territory(session, "mu", name="Mu")
        make.territory(session, "lemuria")
        session.execute(update(Territory).where(Territory.id == "mu").values(parent_id="lemuria"))
    there = {"type": "assign_to_territory", "params": {"territory": "mu"}}
    own = {"type": "assign_to_territory", "params": {}}
    skill = {"type": "assign_by_skill", "params": {"requiredSkills": [], "territory": "mu"}}
    at_home = one("alert.territory", "in", ["mu", "riverside"])
    nobody = "Nobody covers Mu, nor what is around it"

    def asked(conditions: list[Any], *actions: dict[str, Any]) -> list[tuple[str, str]]:
        return [each for each in told(house, rule("r", conditions, *actions), clock) if "covers" in each[1]]

    assert asked([SELLERS], there, skill) == [
        ("actions.0.params.territory", f"{nobody}: nobody is found this way."),
        ("actions.1.params.territory", f"{nobody}: everybody is asked, near or far."),
    ]
    assert asked([at_home], own) == [("conditions.0", f"{nobody}: its alerts find nobody this way.")]
    ann = {"type": "assign_to_agent", "params": {"agentId": "ann"}}
    assert asked([at_home], ann) == [], "Ann need not be there"
    with house.write() as session:
        session.execute(update(Agent).where(Agent.id == "ann").values(territories=["lemuria"]))
    assert asked([SELLERS], there) == []
    with house.write() as session:
        session.execute(update(User).where(User.id == "ann").values(active=False))
    assert len(asked([SELLERS], there)) == 1, "who has left covers nothing"


def test_a_rule_that_never_applies_is_told_by_its_part_and_a_disabled_one_is_looked_at_too(
    house: Database, clock: FakeClock
) -> None:
    wrong = one("alert.priority", "equals", "URGENT")
    ((at, text),) = told(house, rule("r", [SELLERS, wrong], enabled=False), clock)
    assert (at, text) == ("conditions.1", "This can never be true: alert.priority is URGENT.")
    hours = [one("time.hour", "less_than", 9), one("time.hour", "greater_than", 17)]
    ((at, text),) = told(house, rule("r", hours), clock)
    assert (at, text) == ("conditions", "These conditions can never all be true at once, so the rule never applies.")
