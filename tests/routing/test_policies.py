"""Policies: drafts checked field by field, shadowed without moving an alert, switched in one go and taken back exactly."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, AuditRow, Decision
from core.errors import Conflict, Forbidden, Invalid
from core.routing import house_settings, policies, policy_content, policy_switch, profiles, rule_book, shadowing
from core.routing.dispatch import route
from core.routing.rehearsal import asking
from core.routing.state import State
from core.viewer import SYSTEM
from core.words import Priority, Status
from jobs import rehearsing
from tests import factories as make

TO_ANN = [{"type": "assign_to_agent", "params": {"agentId": "ann"}}]
TO_BOB = [{"type": "assign_to_agent", "params": {"agentId": "bob"}}]


@pytest.fixture
def house(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.team(session, "north", now=now)
        for name in ("ann", "bob"):
            make.agent(session, name, team_id="north", capacity=50, now=now)
        make.admin(session, now=now)
        make.rule(session, rule_id="first", actions=TO_ANN, now=now)
        make.rule(session, rule_id="late", priority=1, actions=TO_BOB, now=now)


def draft(database: Database, now: datetime, **content: Any) -> str:
    with database.write() as session:
        return policies.add(session, {"name": "Another way", "content": content}, viewer=SYSTEM, now=now).id


def everything(database: Database) -> Any:
    """All that routing reads, without versions."""
    with database.read() as session:
        return (
            {rule.id: rule_book.text(rule) for rule in rule_book.list_rules(session)},
            house_settings.get(session),
            policy_content.live(session),
            [profiles._shown(profiles.get(session, one)) for one in ("ann", "bob")],
        )


def test_a_draft_starts_from_what_is_live_and_wrong_fields_are_named(
    house: None, database: Database, now: datetime
) -> None:
    with database.write() as session:
        found = policies.add(session, {"name": "As it is"}, viewer=SYSTEM, now=now)
        assert [rule["id"] for rule in found.content["rules"]] == ["first", "late"]
        assert policy_content.differences(session, found.content) == []
        more = policies.add(session, {"name": "With luxury", "start_from": "luxury"}, viewer=SYSTEM, now=now)
        assert policy_content.differences(session, more.content) == ["New rule “Luxury homes to the luxury desk”"]
        content = {
            "rules": [{"name": "", "actions": TO_ANN}, {"name": "x", "actions": TO_ANN, "conditions": [{"field": "?"}]}],
            "defaultStrategy": ["luck"],
            "fallbacks": ["claim_pool", "skill"],
            "units": {"priorities": {"HIGH": 0.3}},
            "teams": [{"teamId": "south"}, {"teamId": "north", "defaultStrategy": "luck"}],
            "agents": [{"agentId": "ann", "weight": 99, "teamId": "north"}, {"agentId": "zoe"}],
            "colour": 1,
        }  # fmt: skip
        with pytest.raises(Invalid) as refused:
            policies.add(session, {"name": " ", "content": content}, viewer=SYSTEM, now=now)
        assert set(refused.value.fields) == {"name"} | {
            f"content.{name}"
            for name in (
                "rules.0.name",
                "rules.1.conditions.0.field",
                "defaultStrategy",
                "fallbacks",
                "units.priorities.HIGH",
                "teams.0.teamId",
                "teams.1.defaultStrategy",
                "agents.0.weight",
                "agents.0.teamId",
                "agents.1.agentId",
                "colour",
            )
        }
        ann = make.viewer(session, "ann")
        with pytest.raises(Forbidden):
            policies.add(session, {"name": "Mine"}, viewer=ann, now=now)


def test_a_switch_changes_all_at_once_and_undo_puts_it_back_exactly(
    house: None, database: Database, now: datetime
) -> None:
    before = everything(database)
    policy_id = draft(
        database,
        now,
        rules=[
            {"id": "late", "name": "Bob is first", "priority": 9, "actions": TO_BOB},
            {"name": "New", "actions": TO_ANN},
        ],
        defaultStrategy="workload",
        fallbacks=["claim_pool"],
        units={"priorities": {"CRITICAL": 2}},
        teams=[{"teamId": "north", "defaultStrategy": "skill", "fallbacks": ["workload"]}],
        agents=[{"agentId": "ann", "available": False, "weight": 0.5}, {"agentId": "bob", "maxConcurrentAlerts": 7}],
    )
    with database.read() as session:
        told = policy_content.differences(session, policies.get(session, policy_id).content)
    assert told == [
        "Rule “late” is changed",
        "New rule “New”",
        "Rule “first” is deleted",
        "The whole house: Workload → Left in the pool for whoever takes it; until now Territory, then skill, then load",
        "What alerts weigh is changed",
        "Team North: Skill, then territory, then load → Workload; until now Territory, then skill, then load",
        "Ann: away, share of turns 0.5",
        "Bob: capacity 7",
    ]
    with database.write() as session:
        state = State.load(session)
        alert_id = make.alert(session, priority=Priority.CRITICAL, now=now)
        policy_switch.switch(session, policy_id, version=1, viewer=make.viewer(session, "admin"), now=now)
    with database.write() as session:
        assert route(session, [alert_id], state=state, trigger="opened", now=now)[0].agent_id == "bob"
        assert state.house.units.of("CRITICAL", "X") == 2
        actions = set(session.scalars(select(AuditRow.action).where(AuditRow.actor_id == "admin")))
        assert {
            "policy.switch",
            "rule.delete",
            "rule.create",
            "routing.settings",
            "team.change",
            "agent.profile",
        } <= actions
        assert policies.get(session, policy_id).status == "live"
    with database.write() as session:
        policy_switch.undo(session, policy_id, version=None, viewer=SYSTEM, now=now)
    assert everything(database) == before
    with database.write() as session:
        assert policies.get(session, policy_id).status == "draft"
        with pytest.raises(Conflict):
            policy_switch.undo(session, policy_id, version=None, viewer=SYSTEM, now=now)


def test_undo_says_what_somebody_changed_since(house: None, database: Database, now: datetime) -> None:
    policy_id = draft(database, now, defaultStrategy="workload", agents=[{"agentId": "ann", "weight": 2}])
    with database.write() as session:
        policy_switch.switch(session, policy_id, version=None, viewer=SYSTEM, now=now)
        rule_book.change(session, "late", {"priority": 77}, version=None, actor_id=None, now=now)
        profiles.put(session, "ann", {"weight": 3}, viewer=SYSTEM, now=now)
        profiles.put(session, "bob", {"weight": 3}, viewer=SYSTEM, now=now)  # not the policy's
    with database.write() as session, pytest.raises(Conflict) as refused:
        policy_switch.undo(session, policy_id, version=None, viewer=SYSTEM, now=now)
    assert "the rule “late” is another" in refused.value.detail
    assert "the profile of Ann" in refused.value.detail
    assert "Bob" not in refused.value.detail
    with database.write() as session:
        with pytest.raises(Conflict):
            policies.change(session, policy_id, {"name": "x"}, version=None, viewer=SYSTEM, now=now)
        second = policies.add(session, {"name": "Second"}, viewer=SYSTEM, now=now)
        policy_switch.switch(session, second.id, version=None, viewer=SYSTEM, now=now)
        assert [policies.get(session, one).status for one in (policy_id, second.id)] == ["retired", "live"]
        policy_switch.undo(session, second.id, version=None, viewer=SYSTEM, now=now)
        assert policies.get(session, policy_id).status == "live"


def test_a_shadow_notes_what_it_would_have_done_and_moves_nothing(
    house: None, database: Database, now: datetime
) -> None:
    policy_id = draft(database, now, rules=[{"name": "All to Bob", "actions": TO_BOB}])
    with database.write() as session:
        state = State.load(session)
        plain = make.alert(session, now=now)
        route(session, [plain], state=state, trigger="opened", now=now)
        other = policies.add(session, {"name": "Other"}, viewer=SYSTEM, now=now)
        policies.shadow(session, other.id, version=None, viewer=SYSTEM, now=now)
        policies.shadow(session, policy_id, version=None, viewer=SYSTEM, now=now)
        assert policies.get(session, other.id).status == "draft"  # one at a time
    with database.write() as session:
        shadowed = [make.alert(session, now=now) for _ in range(3)]
        assert {one.agent_id for one in route(session, shadowed, state=state, trigger="opened", now=now)} == {"ann"}
    with database.read() as session:
        kept = dict(session.execute(select(Decision.alert_id, Decision.shadow)).all())
        assert kept[plain] is None
        assert {kept[one]["agentId"] for one in shadowed if kept[one]} == {"bob"}  # type: ignore[index]
        seen = shadowing.comparison(session, policies.get(session, policy_id), SYSTEM)
    assert (seen.decisions, seen.agreed) == (3, 0)
    assert {(one.name, one.real, one.shadow) for one in seen.agents} == {("Ann", 3, 0), ("Bob", 0, 3)}
    assert {(one.agent, one.instead) for one in seen.examples} == {("Ann", "Bob")}
    with database.write() as session:
        policies.shadow(session, policy_id, on=False, version=None, viewer=SYSTEM, now=now)
        after = make.alert(session, now=now)
        route(session, [after], state=state, trigger="opened", now=now)
        assert session.scalar(select(Decision.shadow).where(Decision.alert_id == after)) is None


def test_a_row_with_a_zip_alone_is_placed_as_the_line_places_it(house: None, database: Database, now: datetime) -> None:
    row = {"openedAt": now.isoformat(), "type": "LIKELY_TO_SELL", "priority": "HIGH", "confidence": 0.7}
    rows = [row | {"zip": "07030-1234"}, row | {"zip": "07030", "territory": "hilltop"}, row | {"zip": "99999"}, row]
    with database.write() as session:
        make.territory(session, "riverside", zips=["0703*"])
        asked = asking.ask(session, {"alerts": rows}, viewer=SYSTEM, now=now)
        alerts = asking.prepare(session, asked.id, now=now).alerts
    assert [one.case.territory for one in alerts] == ["riverside", "hilltop", None, None]
    assert alerts[0].case.facts["contact"]["territory"] == "riverside"


def test_the_last_days_are_replayed_beside_what_really_happened(
    house: None, database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        for number in range(40):
            opened = now - timedelta(hours=5 * number + 3)
            times = {"acknowledged_at": opened + timedelta(minutes=10), "closed_at": opened + timedelta(hours=2)}
            status = Status.CONVERTED if number % 2 else Status.DISMISSED
            make.alert(session, agent_id="ann", opened_at=opened, status=status, now=now, **times)
    policy_id = draft(database, now, rules=[{"name": "All to Bob", "actions": TO_BOB}])
    with database.write() as session:
        admin = make.viewer(session, "admin")
        asked = asking.ask(session, {"days": 7, "policy_id": policy_id, "seeds": 2}, viewer=admin, now=now)
        assert asked.state == "waiting"
        with pytest.raises(Conflict, match="not done yet"):
            asking.ask(session, {"days": 7}, viewer=admin, now=now)
    assert rehearsing.work_once(database, clock)
    assert not rehearsing.work_once(database, clock)
    with database.read() as session:
        found = asking.get(session, asked.id, viewer=make.viewer(session, "admin"))
    assert found.state == "done", found.error
    assert found.result is not None
    assert found.result["alerts"] == 33
    ann, bob = (row["figures"]["alerts"] for row in found.result["agents"])
    assert (ann["before"], ann["after"], ann["real"]) == (33, 0, 33)
    assert (bob["before"], bob["after"], bob["change"]) == (0, 33, 33)
    assert found.result["whole"]["median_minutes"]["before"] == pytest.approx(10, rel=0.2)
    assert found.result["whole"]["median_minutes"]["real"] == pytest.approx(10)
    assert any(text.startswith("Bob would get 33 more alerts in these days") for text in found.result["sentences"])
    with database.read() as session:
        assert len(session.scalars(select(Alert.id).where(Alert.assigned_agent_id == "bob")).all()) == 0


def test_every_wrong_row_of_a_file_is_named(house: None, database: Database, now: datetime) -> None:
    good = {"openedAt": "2026-02-02T15:00:00Z", "type": "LIKELY_TO_SELL", "priority": "HIGH", "confidence": 0.7}
    rows = [
        good,
        good | {"openedAt": "yesterday"},
        good | {"openedAt": "2026-02-02T15:00:00", "priority": "URGENT", "confidence": 2},
        {"type": "X"},
        good | {"units": 0.3, "colour": "red", "closedAt": "2026-02-01T15:00:00Z"},
        "alert",
    ]
    with database.write() as session:
        with pytest.raises(Invalid) as refused:
            asking.ask(session, {"alerts": rows}, viewer=SYSTEM, now=now)
        assert set(refused.value.fields) == {
            f"alerts.{name}"
            for name in (
                "1.openedAt", "2.openedAt", "2.priority", "2.confidence", "3.openedAt", "3.priority", "3.confidence",
                "4.units", "4.colour", "4.closedAt", "5",
            )
        }  # fmt: skip
        for raw in ({}, {"days": 400}, {"days": 7, "alerts": [good]}, {"days": 7, "seeds": 99}):
            with pytest.raises(Invalid):
                asking.ask(session, raw, viewer=SYSTEM, now=now)
        for text in ("openedAt\n" + "x" * 200_000, "{", "", "openedAt;type\n1;2", '"' + "a\n" * 100):
            with pytest.raises(Invalid) as unread:
                asking.ask(session, {"alerts": text}, viewer=SYSTEM, now=now)
            assert set(unread.value.fields) == {"alerts"}
        text = "\ufeffopenedAt,type,priority,confidence,territory,zip\n2026-02-02T15:00:00Z,LIKELY_TO_SELL,HIGH,0.7,,60302\n"
        asked = asking.ask(session, {"alerts": text, "seeds": 1}, viewer=SYSTEM, now=now)
    assert rehearsing.work_once(database, FakeClock(now))
    with database.read() as session:
        found = asking.get(session, asked.id, viewer=SYSTEM)
    assert found.result is not None
    assert found.result["whole"]["alerts"]["change"] == 0
    assert found.result["sentences"] == ["Nothing differs by more than luck."]


def test_one_that_broke_off_is_told_and_one_that_is_stopped_ends(
    house: None, database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        gone = asking.ask(session, {"days": 7}, viewer=SYSTEM, now=now).id
        assert asking.claim(session, "elsewhere/1/x", is_dead=lambda _by: False, now=now) == gone
        assert asking.claim(session, "here/2/y", is_dead=lambda _by: False, now=now) is None
        assert asking.claim(session, "here/2/y", is_dead=lambda _by: True, now=now) is None
        assert "broke off" in (asking.get(session, gone, viewer=SYSTEM).error or "")
        stopped = asking.ask(session, {"days": 7}, viewer=SYSTEM, now=now).id
        asking.stop(session, stopped, viewer=SYSTEM, now=now)
        empty = asking.ask(session, {"days": 7}, viewer=SYSTEM, now=now).id
    assert rehearsing.work_once(database, clock)
    with database.read() as session:
        assert asking.get(session, stopped, viewer=SYSTEM).error == "It was stopped."
        assert "nothing to replay" in (asking.get(session, empty, viewer=SYSTEM).error or "")


def test_a_policy_that_somebody_puts_in_shadow_at_that_instant_is_not_deleted(
    house: None, database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy_id, real = draft(database, now), policies.get

    def get_and_be_late(session: Session, wanted: str) -> policies.StoredPolicy:
        found = real(session, wanted)
        monkeypatch.undo()
        policies.shadow(session, wanted, version=None, viewer=SYSTEM, now=now)
        return found

    with database.write() as session:
        monkeypatch.setattr(policies, "get", get_and_be_late)
        with pytest.raises(Conflict, match="Somebody changed this policy in between"):
            policies.remove(session, policy_id, version=None, viewer=SYSTEM, now=now)
    with database.read() as session:
        assert policies.get(session, policy_id).status == policies.SHADOW
