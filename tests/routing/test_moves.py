"""What people do by hand: give, take from the pool, in bulk, move stale ones on; and profiles and rules, audited."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import changes, routing, versions
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, AuditRow, Decision
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.routing import moves, profiles, reading, rule_book
from core.viewer import SYSTEM, Viewer
from core.words import Priority, Status
from tests import factories as make


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        make.admin(session, "ada", now=now)
        make.team(session, "north", now=now)
        make.team(session, "south", now=now)
        make.manager(session, "mia", of=["north"], now=now)
        make.agent(session, "ann", team_id="north", territories=["riverside"], capacity=2, now=now)
        make.agent(session, "bob", team_id="north", territories=["riverside"], now=now)
        make.agent(session, "cal", team_id="south", now=now)
    return database


def as_(database: Database, user_id: str) -> Viewer:
    with database.read() as session:
        return make.viewer(session, user_id)


def give(database: Database, alert_id: str, agent_id: str, by: str, now: datetime, **values: object) -> routing.Routed:
    with database.write() as session:
        return routing.reassign(session, alert_id, agent_id, viewer=make.viewer(session, by), now=now, **values)  # type: ignore[arg-type]


def an_alert(database: Database, now: datetime, **values: object) -> str:
    with database.write() as session:
        return make.alert(session, now=now, **values)  # type: ignore[arg-type]


def test_a_manager_gives_an_alert_within_the_team_and_everybody_concerned_hears(house: Database, now: datetime) -> None:
    alert_id = an_alert(house, now, agent_id="ann")

    routed = give(house, alert_id, "bob", "mia", now, reason="Bob knows the family.")

    assert (routed.agent_id, routed.reason, routed.user_ids) == ("bob", "Bob knows the family.", ("bob",))
    with house.read() as session:
        loads = {agent.id: agent.open_alerts for agent in session.scalars(select(Agent))}
        assert loads == {"ann": 0, "bob": 1, "cal": 0}
        told = changes.since(session, 0)[-1]
        assert (told.audience.agents, told.audience.lost) == (("bob",), ("ann",))
        row = session.scalars(select(AuditRow).where(AuditRow.subject_id == alert_id)).one()
        assert (row.actor_id, row.before, row.after and row.after["agentId"]) == ("mia", {"agentId": "ann"}, "bob")
        ended = session.scalars(select(Assignment).where(Assignment.ended_at.is_not(None))).one()
        assert (ended.agent_id, ended.ended_reason) == ("ann", "reassigned")
        assert session.get_one(Decision, routed.decision_id).trigger == "manual"


def test_an_agent_gives_to_nobody_and_claims_from_the_pool(house: Database, now: datetime) -> None:
    pooled = an_alert(house, now)
    for other in ("bob", "ann"):
        with pytest.raises(Forbidden, match="You can claim"):
            give(house, pooled, other, "ann", now)
    with house.write() as session:
        routed = routing.claim(session, pooled, viewer=make.viewer(session, "ann"), now=now)
    assert (routed.agent_id, routed.reason) == ("ann", "You took it from the pool.")


def test_a_manager_reaches_neither_other_teams_people_nor_their_alerts(house: Database, now: datetime) -> None:
    with pytest.raises(Forbidden):
        give(house, an_alert(house, now, agent_id="ann"), "cal", "mia", now)
    with pytest.raises(NotFound):
        give(house, an_alert(house, now, agent_id="cal"), "ann", "mia", now)


def test_a_full_agent_is_only_passed_when_it_is_said(house: Database, now: datetime) -> None:
    for _ in range(2):
        an_alert(house, now, agent_id="ann")
    alert_id = an_alert(house, now)
    with pytest.raises(Conflict, match="at capacity"):
        give(house, alert_id, "ann", "ada", now)
    with pytest.raises(Forbidden):
        give(house, alert_id, "ann", "ann", now, overflow=True)
    assert give(house, alert_id, "ann", "ada", now, overflow=True).overflow
    with house.read() as session:
        assert session.get_one(Agent, "ann").open_alerts == 3


def test_closed_alerts_and_unknown_agents_are_refused(house: Database, now: datetime) -> None:
    with pytest.raises(Conflict):
        give(house, an_alert(house, now, status=Status.DISMISSED), "ann", "ada", now)
    with pytest.raises(Invalid):
        give(house, an_alert(house, now), "nobody", "ada", now)
    with pytest.raises(NotFound):
        give(house, "nothing", "ann", "ada", now)


def test_bulk_answers_for_each_and_fills_what_there_is(house: Database, now: datetime) -> None:
    ids = [an_alert(house, now) for _ in range(4)]
    closed = an_alert(house, now, status=Status.EXPIRED)
    with house.write() as session:
        results = routing.bulk_reassign(
            session,
            [*((alert_id, "ann") for alert_id in ids[:3]), (ids[3], "bob"), (closed, "bob"), ("nothing", "bob")],
            viewer=make.viewer(session, "ada"),
            now=now,
        )
    assert [one.error.status if one.error else None for one in results] == [None, None, 409, None, 409, 404]
    with house.read() as session:
        assert session.get_one(Agent, "ann").open_alerts == 2
        assert session.get_one(Alert, ids[3]).assigned_agent_id == "bob"


def test_stale_alerts_move_on_and_fresh_or_worked_ones_stay(house: Database, now: datetime) -> None:
    long_ago = now - timedelta(hours=30)
    stale = an_alert(house, now, agent_id="ann", opened_at=long_ago)
    an_alert(house, now, agent_id="ann")
    an_alert(house, now, agent_id="bob", opened_at=long_ago, status=Status.ACKNOWLEDGED, acknowledged_at=now)
    an_alert(house, now, agent_id="bob", opened_at=long_ago, snoozed_until=now + timedelta(hours=1))
    with house.write() as session:
        routed = routing.handle_stale(session, state=routing.State.load(session), hours=24, now=now)
    assert [(one.alert_id, one.agent_id, one.strategy) for one in routed] == [(stale, "bob", "stale_escalation")]


def test_the_pool_drains_oldest_first_into_free_places_without_overflow(house: Database, now: datetime) -> None:
    with house.write() as session:
        for agent_id in ("bob", "cal"):
            session.get_one(Agent, agent_id).available = False
    ids = [an_alert(house, now, opened_at=now - timedelta(hours=9 - n), priority=Priority.HIGH) for n in range(4)]
    with house.write() as session:
        routed = routing.drain_pool(session, state=routing.State.load(session), limit=2, now=now)
    assert {one.alert_id for one in routed} == set(ids[:2])
    with house.write() as session:
        assert routing.drain_pool(session, state=routing.State.load(session), now=now) == []


def test_a_dry_run_says_everything_and_writes_nothing(house: Database, now: datetime) -> None:
    alert_id = an_alert(house, now, territory="riverside")
    draft = {"name": "To Cal", "actions": [{"type": "assign_to_agent", "params": {"agentId": "cal"}}]}
    with house.read() as session:
        state, viewer = routing.State.load(session), make.viewer(session, "ada")
        plain = routing.simulate(session, [alert_id], state=state, viewer=viewer, now=now)[0]
        tried = routing.simulate(session, [alert_id], state=state, viewer=viewer, draft_rules=[draft], now=now)[0]
    assert plain.routed.agent_id in ("ann", "bob")
    assert tried.routed.agent_id == "cal"
    assert tried.trace["rules"][0]["outcome"] == "assigned"
    with house.read() as session:
        assert session.scalars(select(Decision)).all() == []
        assert session.get_one(Alert, alert_id).assigned_agent_id is None


def test_who_is_free_and_why_the_others_are_not(house: Database, now: datetime) -> None:
    with house.write() as session:
        session.get_one(Agent, "cal").available = False
    alert_id = an_alert(house, now, territory="riverside")
    with house.read() as session:
        state, ann = routing.State.load(session), make.viewer(session, "ann")
        found = routing.available_agents(session, state, alert_id=alert_id, viewer=SYSTEM, now=now)
        ours = routing.available_agents(session, state, territory="riverside", viewer=SYSTEM, now=now)
        anns = routing.available_agents(session, state, viewer=ann, now=now)
    assert {one.id: (one.free, one.rank, one.reason) for one in found if one.id == "cal"} == {
        "cal": (False, None, "unavailable")
    }
    assert sorted(one.rank or 0 for one in found) == [0, 1, 2]
    assert {one.id for one in ours} == {"ann", "bob"}
    assert {one.team_id for one in anns} == set(ann.team_ids)


def test_a_workload_counts_what_is_open(house: Database, now: datetime) -> None:
    an_alert(house, now, agent_id="ann", priority=Priority.CRITICAL)
    an_alert(house, now, agent_id="ann", status=Status.CONVERTED)
    with house.read() as session:
        load = routing.workload(session, "ann", now=now)
    assert (load.open_alerts, load.capacity, load.share, load.by_priority["CRITICAL"]) == (1, 2, 0.5, 1)


def test_a_profile_change_is_checked_audited_and_seen_by_routing(house: Database, now: datetime) -> None:
    mia = as_(house, "mia")
    with house.write() as session:
        before = versions.number(session, "routing")
        after = profiles.put(
            session,
            "ann",
            {"max_concurrent_alerts": 5, "skills": ["seller"], "schedule": {"mon": [["09:00", "12:00"]]}},
            viewer=mia,
            now=now,
        )
        assert (after.max_concurrent_alerts, after.skills) == (5, {"seller": 3})
        assert versions.number(session, "routing") == before + 1
        row = session.scalars(select(AuditRow).where(AuditRow.action == "agent.profile")).one()
        assert row.before is not None
        assert row.before["max_concurrent_alerts"] == 2
    with house.write() as session:
        with pytest.raises(NotFound):
            profiles.put(session, "cal", {"available": False}, viewer=mia, now=now)
        with pytest.raises(Forbidden):
            profiles.put(session, "ann", {"team_id": "south"}, viewer=mia, now=now)
        with pytest.raises(Invalid) as refused:
            profiles.put(
                session,
                "ann",
                {"max_concurrent_alerts": -1, "skills": {"x": 9}, "schedule": {"mon": 1}, "open_alerts": 0},
                viewer=mia,
                now=now,
            )
        assert set(refused.value.fields) == {"max_concurrent_alerts", "skills", "schedule.mon", "open_alerts"}


def test_an_agent_changes_only_whether_they_are_available(house: Database, now: datetime) -> None:
    ann = as_(house, "ann")
    with house.write() as session:
        assert not profiles.put(session, "ann", {"available": False}, viewer=ann, now=now).available
        with pytest.raises(Forbidden):
            profiles.put(session, "ann", {"max_concurrent_alerts": 99}, viewer=ann, now=now)
        with pytest.raises(Forbidden):
            profiles.put(session, "bob", {"available": False}, viewer=ann, now=now)


def test_rules_are_versioned_audited_and_used_at_once(house: Database, now: datetime) -> None:
    raw = {"name": "To Cal", "actions": [{"type": "assign_to_agent", "params": {"agentId": "cal"}}]}
    with house.read() as session:
        state = routing.State.load(session)
    with house.write() as session:
        rule = rule_book.add(session, raw, actor_id="ada", now=now)
    alert_id = an_alert(house, now, territory="riverside")
    with house.write() as session:
        routed = routing.route(session, [alert_id], state=state, trigger="opened", now=now)[0]
        assert (routed.agent_id, routed.rule_id) == ("cal", rule.id)
    with house.write() as session:
        changed = rule_book.change(session, rule.id, {"enabled": False}, version=1, actor_id="ada", now=now)
        assert (changed.version, changed.enabled, changed.name) == (2, False, "To Cal")
        with pytest.raises(Conflict):
            rule_book.change(session, rule.id, {"name": "x"}, version=1, actor_id="ada", now=now)
        with pytest.raises(Conflict):
            rule_book.remove(session, rule.id, version=1, actor_id="ada", now=now)
        rule_book.remove(session, rule.id, version=2, actor_id="ada", now=now)
        with pytest.raises(NotFound):
            rule_book.get_rule(session, rule.id)
        actions = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
    assert actions == ["rule.create", "rule.change", "rule.delete"]


def test_a_rule_that_no_longer_reads_does_not_stop_the_others(house: Database, now: datetime) -> None:
    with house.write() as session:
        make.rule(
            session,
            conditions=[{"field": "alert.gone", "operator": "equals", "value": 1}],
            actions=[{"type": "escalate"}],
            rule_id="old",
            now=now,
        )
        make.rule(session, actions=[{"type": "assign_to_agent", "params": {"agentId": "cal"}}], priority=1, now=now)
    alert_id = an_alert(house, now, territory="riverside")
    with house.write() as session:
        state = routing.State.load(session)
        assert list(state.house.broken_rules) == ["old"]
        assert routing.route(session, [alert_id], state=state, trigger="opened", now=now)[0].agent_id == "cal"


def test_a_rule_may_name_somebody_to_tell_who_does_not_exist(house: Database, now: datetime) -> None:
    with house.write() as session:
        make.rule(session, actions=[{"type": "notify", "params": {"userIds": ["ghost", "mia"]}}], now=now)
        alert_id = make.alert(session, now=now)
        routed = routing.route(session, [alert_id], state=routing.State.load(session), trigger="opened", now=now)[0]
    assert routed.notify_user_ids == ("mia",)


def test_lists_and_decisions_show_only_what_the_viewer_may_see(house: Database, now: datetime) -> None:
    mine = an_alert(house, now, agent_id="ann")
    other = an_alert(house, now, agent_id="cal")
    with house.read() as session:
        ann, mia = make.viewer(session, "ann"), make.viewer(session, "mia")
        assert [row.alert_id for row in reading.assignments(session, ann)] == [mine]
        assert [row.alert_id for row in reading.assignments(session, mia)] == [mine]
        with pytest.raises(NotFound):
            reading.assignments_of(session, ann, other)
        with pytest.raises(NotFound):
            reading.decision(session, mia, other)
        assert moves.STALE_HOURS == 24
