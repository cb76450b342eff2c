"""Rules and profiles go out as a file and come back as they were; what is wrong in a file is named, and takes nothing in."""

from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.clock import FakeClock
from core.db import Database
from core.errors import Forbidden, Invalid
from core.routing import profiles, rule_book, rule_files
from core.viewer import Viewer
from core.words import Role
from tests import factories as make


def viewer(user_id: str, role: Role) -> Viewer:
    return Viewer(user_id=user_id, name=user_id, email="", role=role, team_ids=frozenset(), timezone="UTC")


ADMIN = viewer("ada", Role.ADMIN)
EXAMPLE = {
    "name": "Back to who knew them",
    "priority": 90,
    "enabled": True,
    "description": "",
    "conditions": [
        {"field": "metadata.previousAgentId", "operator": "not_equals", "value": None},
        {"field": "alert.priority", "operator": "in", "value": ["CRITICAL", "HIGH"]},
    ],
    "actions": [
        {"type": "assign_to_agent", "params": {"agentId": "${metadata.previousAgentId}"}},
        {"type": "assign_by_skill", "params": {"requiredSkills": []}},
    ],
}
PROFILE = {
    "agentId": "ann",
    "maxConcurrentAlerts": 7,
    "territories": ["riverside"],
    "primaryTerritory": "riverside",
    "skills": ["luxury"],
    "specializations": ["sellers"],
    "available": False,
    "autoAssign": True,
    "preferredAlertTypes": ["LIKELY_TO_SELL"],
}
AS_YAML = """
rules:
  - name: Early birds
    conditions:
      - {field: time.clock, operator: between, value: [06:00, 09:30]}
      - {field: property.zip, operator: equals, value: 07030}
      - {field: contact.attributes.answer, operator: equals, value: no}
      - {field: time.date, operator: greater_than, value: 2026-03-02}
      - {field: alert.confidence, operator: greater_than, value: .8}
      - {field: metadata.previousAgentId, operator: equals, value: ~}
    actions:
      - type: escalate
"""


@pytest.fixture
def house(database: Database, clock: FakeClock) -> Database:
    with database.write() as session:
        make.user(session, "ada", role=Role.ADMIN, now=clock.now())
        make.agent(session, "ann", now=clock.now())
    return database


def take(house: Database, content: Any, clock: FakeClock, *, replace: bool = False) -> rule_files.Taken:
    raw = content.encode() if isinstance(content, str) else orjson.dumps(content)
    with house.write() as session:
        return rule_files.take(session, raw, replace=replace, viewer=ADMIN, now=clock.now())


def exported(house: Database) -> dict[str, Any]:
    with house.read() as session:
        return rule_files.export(session, agents=True)


def test_the_widespread_shape_comes_in_as_it_is(house: Database, clock: FakeClock) -> None:
    taken = take(house, {"rules": [EXAMPLE], "agents": [PROFILE]}, clock)
    assert (taken.added, taken.agents) == (("Back to who knew them",), ("ann",))
    found = exported(house)
    assert found["rules"] == [EXAMPLE]
    (ann,) = found["agents"]
    plain = {"maxUnits": None, "maxPerDay": None, "weight": 1.0, "schedule": {}, "timezone": "America/Chicago"}
    assert ann == PROFILE | {"skills": {"luxury": 3}} | plain


def test_yaml_means_what_people_mean(house: Database, clock: FakeClock) -> None:
    take(house, AS_YAML, clock)
    (rule,) = exported(house)["rules"]
    values = [condition["value"] for condition in rule["conditions"]]
    assert values == [["06:00", "09:30"], "07030", "no", "2026-03-02", 0.8, None]


@pytest.mark.parametrize("form", ["json", "yaml"])
def test_what_went_out_comes_back_to_the_same(house: Database, clock: FakeClock, form: str) -> None:
    second = EXAMPLE | {"name": "“x”: {a} & *b # c", "priority": -5, "conditions": [], "description": "12:30\nno"}
    take(house, [EXAMPLE, second], clock)
    full = {
        "max_units": 4.5, "max_per_day": 3, "weight": 0.5, "timezone": "Europe/Berlin", "schedule": {"mon": [["09:00", "12:00"], ["22:00", "24:00"]]},
    }  # fmt: skip
    with house.write() as session:
        profiles.put(session, "ann", full, viewer=ADMIN, now=clock.now())
    before = exported(house)
    with house.write() as session:
        profiles.put(
            session,
            "ann",
            {"max_units": None, "max_per_day": None, "weight": 2, "timezone": "UTC", "schedule": {}},
            viewer=ADMIN,
            now=clock.now(),
        )
    file = rule_files.as_yaml(before) if form == "yaml" else orjson.dumps(before).decode()
    taken = take(house, file, clock, replace=True)
    assert exported(house) == before
    assert (taken.added, taken.changed, taken.removed) == ((), (), ())
    assert set(taken.unchanged) == {EXAMPLE["name"], second["name"]}


def test_a_file_changes_by_name_and_deletes_only_when_asked(house: Database, clock: FakeClock) -> None:
    take(house, [EXAMPLE, EXAMPLE | {"name": "Other"}], clock)
    with house.read() as session:
        ids = {rule.name: rule.id for rule in rule_book.list_rules(session)}
    newer = [EXAMPLE | {"priority": 1}, EXAMPLE | {"name": "New"}]
    taken = take(house, newer, clock)
    assert (taken.added, taken.changed, taken.removed) == (("New",), (EXAMPLE["name"],), ())
    taken = take(house, newer, clock, replace=True)
    assert (taken.unchanged, taken.removed) == ((EXAMPLE["name"], "New"), ("Other",))
    with house.read() as session:
        left = {rule.name: rule.id for rule in rule_book.list_rules(session)}
    assert left[str(EXAMPLE["name"])] == ids[str(EXAMPLE["name"])]
    assert set(left) == {EXAMPLE["name"], "New"}


def test_rules_of_one_name_go_out_and_come_back_apart(house: Database, clock: FakeClock) -> None:
    with house.write() as session:
        for priority in (1, 2, 3):
            rule_book.add(session, EXAMPLE | {"priority": priority}, actor_id=None, now=clock.now())
    before = exported(house)
    name = EXAMPLE["name"]
    assert [rule["name"] for rule in before["rules"]] == [name, f"{name} (2)", f"{name} (3)"]
    taken = take(house, before, clock, replace=True)
    assert (taken.added, taken.removed, len(taken.unchanged)) == ((), (), 1)
    assert exported(house) == before


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "file"),
        ("just words", "file"),
        ("[1, 2", "file"),
        ("a: &x [1]\nrules: [*x, *x]", "file"),
        ("rules: !!python/object/apply:os.system [ls]", "file"),
        ("rules: [" + "[" * 20_000, "file"),
        ("rules:\n- name: Twice\n  conditions: [a]\n  conditions: []\n", "file"),
        ('{"rules": [{"name": "Twice", "name": "Again"}]}', "file"),
        ("x" * 1_000_001, "file"),
        ('{"rules": {}}', "rules"),
        ('{"rules": [], "colour": 1}', "colour"),
        ({"rules": [EXAMPLE, 5]}, "rules.1.rule"),
        ({"rules": [EXAMPLE, EXAMPLE]}, "rules.1.name"),
        ({"rules": [EXAMPLE | {"conditions": [{"field": "x.y", "operator": "equals"}]}]}, "rules.0.conditions.0.field"),
        ({"agents": [{"agentId": "zoe"}]}, "agents.0.agentId"),
        ({"agents": [{"available": True}]}, "agents.0.agentId"),
        ({"agents": [PROFILE | {"maxConcurrentAlerts": -1}]}, "agents.0.max_concurrent_alerts"),
        ({"agents": [PROFILE | {"openAlerts": 0}]}, "agents.0.openAlerts"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_and_nothing_of_it_is_taken(
    house: Database, clock: FakeClock, content: Any, part: str
) -> None:
    before = exported(house)
    with pytest.raises(Invalid) as refused:
        take(house, content, clock)
    assert list(refused.value.fields) == [part]
    assert exported(house) == before


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_yaml_gives_back_any_text_number_or_list(content: Any) -> None:
    written = rule_files.as_yaml({"rules": [content]})
    try:
        plain = yaml.safe_load(written) == {"rules": [content]}
    except yaml.YAMLError:
        plain = False  # characters YAML itself has no place for
    if plain:
        assert rule_files.parse(written.encode()) == {"rules": [content]}


def test_profiles_of_others_are_not_for_everybody(house: Database, clock: FakeClock) -> None:
    raw = orjson.dumps({"agents": [PROFILE]})
    with house.write() as session, pytest.raises(Forbidden):
        rule_files.take(session, raw, replace=False, viewer=viewer("bob", Role.AGENT), now=clock.now())
    with house.read() as session:
        assert profiles.get(session, "ann").available
