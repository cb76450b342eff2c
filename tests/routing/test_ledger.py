"""A decision is worked out again from what was kept, with everybody in it, however the house has changed since."""

import random
import zlib
from dataclasses import fields
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import pytest
from sqlalchemy import func, select, update

from core.db import Database
from core.db.tables import Agent, Alert, Decision, RoutingHouse, Setting, User
from core.errors import NotFound
from core.load import Units
from core.routing import ledger, moves, reading, snapshot
from core.routing.directory import Agent as Person
from core.routing.directory import Directory, Result, Team
from core.routing.dispatch import route
from core.routing.rules import RuleSet, compile_rule
from core.routing.state import House, State
from core.words import Priority, Role
from tests import factories as make

TYPES = ("LIKELY_TO_SELL", "LIKELY_TO_BUY", "REFINANCE_OPPORTUNITY")
PLACES = ("riverside", "hilltop", "dockside")


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    source = random.Random(3)
    with database.write() as session:
        make.admin(session, now=now)
        make.user(session, "boss", role=Role.MANAGER, now=now)
        make.team(session, "north", manager_id="boss", default_strategy="performance", now=now)
        make.team(session, "south", default_strategy="round_robin", now=now)
        make.team(session, "west", default_strategy="optimal_batch", now=now)
        for place in PLACES:
            make.territory(session, place)
        for number in range(24):
            make.agent(
                session,
                f"agent-{number:02}",
                team_id=("north", "south", "west")[number % 3],
                territories=[PLACES[number % 3]],
                skills={"seller": 1 + number % 5},
                capacity=1 + number % 4,
                available=number % 7 != 0,
                max_units=2.5 if number % 5 == 0 else None,
                max_per_day=2 if number % 4 == 0 else None,
                weight=source.choice([0.5, 1.0, 2.0]),
                now=now,
            )
        make.rule(
            session,
            rule_id="buyers",
            conditions=[{"field": "alert.type", "operator": "equals", "value": "LIKELY_TO_BUY"}],
            actions=[{"type": "assign_by_skill", "params": {"requiredSkills": ["seller"], "minLevel": 5}}],
            now=now,
        )
        session.add(Setting(key="routing", value={"units": {"priorities": {"CRITICAL": 2}}}, updated_at=now))
    return database


def test_every_decision_comes_out_the_same_after_the_house_has_changed(house: Database, now: datetime) -> None:
    source = random.Random(9)
    with house.write() as session:
        ids = [
            make.alert(
                session,
                alert_type=source.choice(TYPES),
                territory=source.choice([*PLACES, None]),
                priority=source.choice(list(Priority)),
                now=now,
            )
            for _ in range(70)
        ]
    for start in range(0, 70, 14):
        with house.write() as session:
            some = ids[start : start + 14]
            route(session, some, state=State.load(session), trigger="opened", seed=start, now=now)
    with house.write() as session:
        session.execute(update(Agent).values(available=False, skills={}, territories=[], open_alerts=0, open_units=0))
        session.execute(update(Alert).values(confidence=0.99, territory=None))
        admin = make.viewer(session, "admin")
        strategies, overflow = set(), 0
        for alert_id in ids:
            again = ledger.recompute(session, admin, alert_id)
            assert again.agrees, (again.differences, alert_id)
            assert len(again.everybody) == 24
            assert len(again.rules) == 1
            decision = session.get_one(Decision, again.decision_id)
            strategies.add(decision.strategy)
            overflow += decision.overflow
            counts = {}
            for one in again.everybody:
                if one.outcome == "excluded":
                    counts[one.reason] = counts.get(one.reason, 0) + 1
            if not decision.overflow and decision.strategy != "optimal_batch":
                assert counts == decision.trace["excluded"]
        assert {"performance", "round_robin", "optimal_batch", "skill"} <= strategies
        assert overflow > 0
        assert session.scalar(select(func.count()).select_from(RoutingHouse)) == 1


def test_a_decision_kept_as_they_used_to_be_comes_out_the_same_too(house: Database, now: datetime) -> None:
    """A row for each load, no variants of experiments, and no chance but where `performance` decided."""
    with house.write() as session:
        ids = [make.alert(session, territory=PLACES[number % 3], now=now) for number in range(30)]
        route(session, ids, state=State.load(session), trigger="opened", now=now)
        for decision in session.scalars(select(Decision)):
            raw = decision.inputs or b""
            kept = orjson.loads(zlib.decompress(raw) if raw[:1] == b"\x78" else raw)
            of, left = kept["loads"], kept["loads"]["left"]
            columns = zip(of["of"], of["open"], of["turn"], of["units"], strict=True)
            kept["loads"] = [[at, *load, left.get(str(at))] for at, *load in columns]
            del kept["arms"]
            decision.inputs = orjson.dumps(kept)
            if decision.strategy != "performance":
                decision.trace = {name: value for name, value in decision.trace.items() if name != "propensity"}
        session.flush()
        for alert_id in ids:
            again = ledger.recompute(session, make.viewer(session, "admin"), alert_id)
            assert again.agrees, again.differences


def test_candidates_stand_in_their_order_with_what_put_the_one_before_ahead(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.admin(session, now=now)
        make.agent(session, "ann", name="Ann", territories=["riverside"], skills={"seller": 5}, now=now)
        make.agent(session, "bob", name="Bob", territories=["riverside"], skills={"seller": 3}, now=now)
        make.agent(session, "cal", name="Cal", territories=["riverside"], skills={"seller": 3}, capacity=4, now=now)
        make.agent(session, "dee", name="Dee", available=False, now=now)
        make.alert(session, agent_id="cal", now=now)
        alert_id = make.alert(session, territory="riverside", now=now)
        route(session, [alert_id], state=State.load(session), trigger="opened", now=now)
    with database.read() as session:
        again = ledger.recompute(session, make.viewer(session, "admin"), alert_id)
    told = {one.agent_id: (one.place, one.text) for one in again.everybody}
    assert told == {
        "ann": (1, "You cover Riverside and know sellers; 0 of 10 open."),
        "bob": (2, "Ann knows this kind of client better"),
        "cal": (3, "Bob has more room"),
        "dee": (None, "set to unavailable"),
    }


def test_people_see_of_it_whom_they_may_compare(house: Database, now: datetime) -> None:
    with house.write() as session:
        alert_id = make.alert(session, territory="riverside", now=now)
        route(session, [alert_id], state=State.load(session), trigger="opened", now=now)
    with house.read() as session:
        again = ledger.recompute(session, make.viewer(session, "boss"), alert_id)
        teams = dict(session.execute(select(Agent.id, Agent.team_id)).all())
        assert {teams[one.agent_id] for one in again.everybody} == {"north"}
        assert sum(again.others.values()) == 16
        stranger = next(one for one, team in teams.items() if team == "south")
        with pytest.raises(NotFound):
            ledger.recompute(session, make.viewer(session, stranger), alert_id)


def test_nobody_of_another_team_is_named_or_measured_in_it(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.admin(session, now=now)
        make.user(session, "boss", role=Role.MANAGER, now=now)
        make.team(session, "north", manager_id="boss", now=now)
        make.team(session, "south", now=now)
        for name, team, level in (("ann", "north", 5), ("zoe", "south", 4), ("bob", "north", 3)):
            make.agent(session, name, team_id=team, territories=["riverside"], skills={"seller": level}, now=now)
        alert_id = make.alert(session, territory="riverside", now=now)
        state = State.load(session)
        route(session, [alert_id], state=state, trigger="opened", now=now)
        boss, ann = make.viewer(session, "boss"), make.viewer(session, "ann")
        other = make.alert(session, territory="riverside", unassigned_reason="nobody_on_duty", now=now)
    with database.read() as session:
        for viewer in (boss, ann):
            again = ledger.recompute(session, viewer, alert_id)
            assert [one.text for one in again.everybody][1:] == [
                "Somebody of another team knows this kind of client better"
            ]
            assert again.others == {"candidate": 1}
            trace = reading.decision(session, viewer, alert_id).trace
            assert ([one["agentId"] for one in trace["candidates"]], trace["otherCandidates"]) == (["ann", "bob"], 1)
        (tried,) = reading.simulate(session, [other], state=state, viewer=boss, now=now)
        assert {one["agentId"] for one in tried.trace["candidates"]} == {"ann", "bob"}
        everybody = reading.decision(session, make.viewer(session, "admin"), alert_id).trace
        assert [one["agentId"] for one in everybody["candidates"]] == ["ann", "zoe", "bob"]


def test_what_a_person_decided_was_not_worked_out(house: Database, now: datetime) -> None:
    with house.write() as session:
        alert_id = make.alert(session, now=now)
        admin = make.viewer(session, "admin")
        moves.reassign(session, alert_id, "agent-01", viewer=admin, now=now)
        with pytest.raises(NotFound, match="worked out again"):
            ledger.recompute(session, admin, alert_id)


def test_a_house_is_the_same_after_being_kept() -> None:
    """Every field of an agent and a team set to something of its own, so that a new field that does not travel fails."""
    agent = Person(
        id="ann",
        position=0,
        name="Ann",
        active=True,
        available=False,
        auto_assign=False,
        capacity=7,
        team_id="north",
        primary_territory="riverside",
        territories=("riverside", "hilltop"),
        skills={"seller": 4},
        specializations=frozenset({"luxury"}),
        preferred=frozenset({"LIKELY_TO_SELL"}),
        week=(((540, 720), (780, 1020)), (), (), (), (), (), ()),
        zone=ZoneInfo("America/Chicago"),
        time_off=((datetime(2026, 3, 1, tzinfo=ZoneInfo("UTC")), datetime(2026, 3, 9, tzinfo=ZoneInfo("UTC")), "bob"),),
        weight=0.5,
        max_units=12.5,
        max_per_day=4,
        paused="no message got through",
        results={"": Result(1.2, 30)},
        **({"holidays": frozenset({date(2026, 12, 25)})} if "holidays" in {one.name for one in fields(Person)} else {}),
    )
    plain = {one.name: getattr(agent, one.name) for one in fields(Person)}
    unset = {one.name for one in fields(Person) if plain[one.name] == one.default}
    assert unset == set()
    team = Team(id="north", name="North", manager_id="boss", default_strategy="skill", fallbacks=("claim_pool",))
    rule = compile_rule("r", name="R", version=3, conditions=[], actions=[{"type": "escalate", "params": {}}])
    house = House(
        version=4,
        directory=Directory([agent], teams=[team], parents={"riverside": None}, names={"riverside": "Riverside"}),
        rules=RuleSet([rule]),
        default_strategy="skill",
        fallbacks=("workload",),
        units=Units(priorities={"HIGH": 2.0}, types={}),
        zone=ZoneInfo("America/New_York"),
        admin_ids=("root",),
    )
    house_id, content = snapshot.dump(house)
    back = snapshot.load(content, version=4)
    assert back.directory.agents == house.directory.agents
    assert back.directory.teams == house.directory.teams
    assert (back.directory.parents, back.directory.names) == (house.directory.parents, house.directory.names)
    for name in ("version", "default_strategy", "fallbacks", "units", "zone", "admin_ids"):
        assert getattr(back, name) == getattr(house, name)
    assert [one.written for one in back.rules.rules] == [rule.written]
    assert snapshot.dump(back)[0] == house_id


def test_the_house_is_kept_once_and_again_when_it_changes(house: Database, now: datetime) -> None:
    def routed(state: State, at: datetime) -> str:
        with house.write() as session:
            alert_id = make.alert(session, now=at)
            route(session, [alert_id], state=state, trigger="opened", now=at)
            found = session.scalar(select(Decision.house_id).where(Decision.alert_id == alert_id))
        assert found is not None
        return found

    with house.read() as session:
        state = State.load(session)
    first = routed(state, now)
    assert [routed(state, now + timedelta(minutes=n)) for n in range(3)] == [first] * 3
    with house.write() as session:
        session.execute(update(User).where(User.id == "agent-01").values(name="New Name"))
        fresh = State.load(session)
    assert routed(fresh, now) != first
    with house.read() as session:
        assert session.scalar(select(func.count()).select_from(RoutingHouse)) == 2
