"""An alert finds the right agent, with a decision that says why; capacity holds whoever races."""

import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from core import changes, routing, versions
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, Decision, TimeOff
from core.routing.capacity import Load
from core.words import Status
from tests import factories as make


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        make.team(session, "north", now=now)
        make.team(session, "south", now=now)
        make.territory(session, "riverside", name="Riverside")
        make.territory(session, "hilltop", name="Hilltop")
        make.agent(
            session, "ann", team_id="north", territories=["riverside"], skills={"seller": 4}, capacity=3, now=now
        )
        make.agent(session, "bob", team_id="north", territories=["riverside"], skills={"buyer": 5}, capacity=3, now=now)
        make.agent(session, "cleo", team_id="south", territories=["hilltop"], skills={"seller": 5}, now=now)
    return database


def open_alert(database: Database, now: datetime, *, territory: str | None = "riverside", **values: object) -> str:
    with database.write() as session:
        return make.alert(session, territory=territory, now=now, **values)  # type: ignore[arg-type]


def route_one(database: Database, alert_id: str, now: datetime, **values: object) -> routing.Routed:
    with database.write() as session:
        state = routing.State.load(session)
        return routing.route(session, [alert_id], state=state, trigger="opened", now=now, **values)[0]  # type: ignore[arg-type]


def test_territory_and_skill_choose_the_agent_and_say_so(house: Database, now: datetime) -> None:
    alert_id = open_alert(house, now)

    routed = route_one(house, alert_id, now)

    assert routed.agent_id == "ann"
    assert routed.reason == "You cover Riverside and know sellers; 0 of 3 open."
    with house.read() as session:
        decision = session.get_one(Decision, routed.decision_id)
        assert decision.agent_id == "ann"
        assert [one["agentId"] for one in decision.trace["candidates"]] == ["ann", "bob"]
        assert decision.trace["excluded"] == {"out_of_reach": 1}
        assert decision.trace["versions"]["routing"] == 0
        assert session.get_one(Alert, alert_id).assigned_agent_id == "ann"
        assert session.get_one(Agent, "ann").open_alerts == 1
        assert session.scalars(select(Assignment.agent_id).where(Assignment.ended_at.is_(None))).all() == ["ann"]


def test_a_full_agent_passes_it_on_and_is_counted(house: Database, now: datetime) -> None:
    for _ in range(3):
        route_one(house, open_alert(house, now), now)
    routed = route_one(house, open_alert(house, now), now)
    assert routed.agent_id == "bob"
    with house.read() as session:
        assert session.get_one(Decision, routed.decision_id).trace["excluded"]["at_capacity"] == 1


def test_overflow_only_when_everybody_on_duty_is_full(house: Database, now: datetime) -> None:
    ids = [open_alert(house, now) for _ in range(18)]
    with house.write() as session:
        routed = routing.route(session, ids, state=routing.State.load(session), trigger="opened", now=now)
    overflow = [one for one in routed if one.overflow]
    assert len(overflow) == 2
    assert all("full" in one.reason for one in overflow)
    with house.read() as session:
        loads = {agent.id: agent.open_alerts for agent in session.scalars(select(Agent))}
    assert sum(loads.values()) == 18
    assert loads["cleo"] >= 10


def test_nobody_on_duty_leaves_it_in_the_pool_with_the_reason(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.agent(session, "night", schedule={"mon": [["22:00", "24:00"]]}, now=now)
        make.agent(session, "away", available=False, now=now)
        make.agent(session, "manual", auto_assign=False, now=now)
        make.agent(session, "zero", capacity=0, now=now)
    alert_id = open_alert(database, now)
    routed = route_one(database, alert_id, now)
    assert routed.agent_id is None
    with database.read() as session:
        assert session.get_one(Alert, alert_id).unassigned_reason == "nobody_on_duty"
        assert session.get_one(Decision, routed.decision_id).trace["excluded"] == {
            "off_duty": 1,
            "unavailable": 1,
            "no_auto_assign": 1,
            "no_capacity": 1,
        }


def test_excluding_the_owner_moves_it_and_both_are_told(house: Database, now: datetime) -> None:
    alert_id = open_alert(house, now)
    route_one(house, alert_id, now)
    with house.write() as session:
        state = routing.State.load(session)
        routed = routing.route(
            session, [alert_id], state=state, trigger="escalated", exclude=frozenset({"ann"}), now=now
        )[0]
    assert routed.agent_id == "bob"
    assert routed.strategy == "stale_escalation"
    with house.read() as session:
        told = changes.since(session, 0)[-1]
        assert told.kind == "alert:assigned"
        assert told.audience.agents == ("bob",)
        assert told.audience.lost == ("ann",)
        assert session.get_one(Agent, "ann").open_alerts == 0
        assert session.get_one(Agent, "bob").open_alerts == 1


def test_an_owner_keeps_it_when_nobody_else_is_there(house: Database, now: datetime) -> None:
    alert_id = open_alert(house, now)
    route_one(house, alert_id, now)
    routed = route_one(house, alert_id, now, exclude=frozenset({"ann", "bob", "cleo"}))
    assert routed.agent_id is None
    with house.read() as session:
        assert session.get_one(Alert, alert_id).assigned_agent_id == "ann"


def test_closed_and_unknown_alerts_are_left_out(house: Database, now: datetime) -> None:
    with house.write() as session:
        closed = make.alert(session, status=Status.DISMISSED, now=now)
        state = routing.State.load(session)
        assert routing.route(session, [closed, "nothing"], state=state, trigger="manual", now=now) == []


def test_the_same_inputs_give_the_same_answer(house: Database, now: datetime) -> None:
    with house.write() as session:
        for number in range(20):
            make.agent(session, f"twin-{number:02}", territories=["riverside"], skills={"seller": 4}, now=now)
        alert_ids = [make.alert(session, territory="riverside", now=now) for _ in range(30)]
    answers = []
    for _ in range(2):
        with house.read() as session:
            state = routing.State.load(session)
            routed = routing.route(session, alert_ids, state=state, trigger="opened", seed=11, now=now)
            answers.append([(one.agent_id, one.reason) for one in routed])
    assert answers[0] == answers[1]
    assert len({agent for agent, _ in answers[0]}) > 10


def test_a_change_in_the_house_is_seen_at_once(house: Database, now: datetime) -> None:
    with house.read() as session:
        state = routing.State.load(session)
    with house.write() as session:
        session.get_one(Agent, "ann").available = False
        versions.bump(session, "routing")
    alert_id = open_alert(house, now)
    with house.write() as session:
        assert routing.route(session, [alert_id], state=state, trigger="opened", now=now)[0].agent_id == "bob"


def test_racing_routers_never_pass_a_capacity(database: Database, now: datetime) -> None:
    capacities = {"ann": 7, "bob": 5, "cleo": 11}
    with database.write() as session:
        for agent_id, capacity in capacities.items():
            make.agent(session, agent_id, capacity=capacity, territories=["riverside"], now=now)
        waiting = [make.alert(session, territory="riverside", now=now) for _ in range(21)]
    failures: list[BaseException] = []

    def work(mine: list[str]) -> None:
        try:
            with database.read() as session:
                state = routing.State.load(session)
            for alert_id in mine:
                with database.write() as session:
                    routing.route(session, [alert_id], state=state, trigger="opened", now=now)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(waiting[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with database.read() as session:
        owned = Counter(session.scalars(select(Alert.assigned_agent_id)))
        counted = {agent.id: agent.open_alerts for agent in session.scalars(select(Agent))}
        assert counted == dict(owned)
        assert all(owned[agent_id] <= capacity for agent_id, capacity in capacities.items())
        assert sum(owned.values()) == 21
        twice = session.execute(
            select(Assignment.alert_id)
            .where(Assignment.ended_at.is_(None))
            .group_by(Assignment.alert_id)
            .having(func.count() > 1)
        ).all()
        assert twice == []


def test_racing_routers_of_the_same_alert_leave_one_owner(house: Database, now: datetime) -> None:
    alert_id = open_alert(house, now)
    barrier = threading.Barrier(3)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with house.read() as session:
                state = routing.State.load(session)
            barrier.wait()
            with house.write() as session:
                routing.route(session, [alert_id], state=state, trigger="opened", now=now)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with house.read() as session:
        assert session.scalar(select(func.count()).where(Assignment.ended_at.is_(None))) == 1
        assert session.scalar(select(func.sum(Agent.open_alerts))) == 1


def test_a_place_taken_behind_the_routers_back_sends_it_to_the_next(
    house: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loads say Ann is free, but the database knows better: the atomic update refuses and the next one gets it."""
    with house.write() as session:
        session.get_one(Agent, "ann").open_alerts = 3
    stale = {"ann": Load(), "bob": Load(), "cleo": Load()}
    monkeypatch.setattr("core.routing.capacity.loads", lambda session: stale)
    routed = route_one(house, open_alert(house, now), now)
    assert routed.agent_id == "bob"
    with house.read() as session:
        assert session.get_one(Agent, "ann").open_alerts == 3


def test_time_off_with_cover_reaches_the_cover(house: Database, now: datetime) -> None:
    with house.write() as session:
        session.add(
            TimeOff(id="off", agent_id="ann", starts_at=now, ends_at=now + timedelta(days=7), cover_agent_id="cleo")
        )
        make.rule(session, actions=[{"type": "assign_to_agent", "params": {"agentId": "ann"}}], rule_id="vip", now=now)
    routed = route_one(house, open_alert(house, now), now)
    assert routed.agent_id == "cleo"
    assert routed.reason.startswith("Rule “vip”: you cover for Ann;")
