"""Evening out the work: what may move and to whom, a plan approved in part, overtaken by events, and taken back."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from core import alerts, changes, delivery, escalation, versions
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, AuditRow, Contact, Decision, Delivery, Rebalance, TimeOff
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing import moves, rebalancing
from core.routing.rebalancing import Kept, Options, Result
from core.routing.state import State
from core.words import Priority, Status
from tests import factories as make
from tests.races import at_once

LIMITS = Options(spread=None)


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    """Ann has 4 of 3; Bob and Cal have room; Dee is of another team."""
    with database.write() as session:
        make.admin(session, "ada", now=now)
        make.team(session, "north", now=now)
        make.team(session, "south", now=now)
        make.manager(session, "mia", of=["north"], now=now)
        make.manager(session, "sam", of=["south"], now=now)
        make.territory(session, "riverside", name="Riverside")
        make.agent(session, "ann", team_id="north", name="Ann", territories=["riverside"], capacity=3, now=now)
        make.agent(session, "bob", team_id="north", name="Bob", territories=["riverside"], now=now)
        make.agent(session, "cal", team_id="north", name="Cal", now=now)
        make.agent(session, "dee", team_id="south", name="Dee", now=now)
        for number in range(4):
            held(session, f"a{number}", "ann", now=now - timedelta(hours=4 - number))
    return database


def held(session: Any, alert_id: str, agent_id: str, *, now: datetime, **values: Any) -> str:
    return make.alert(session, alert_id=alert_id, agent_id=agent_id, territory="riverside", now=now, **values)


def plan(house: Database, now: datetime, options: Options = LIMITS, who: str = "mia") -> Kept:
    with house.read() as session:
        viewer, state = make.viewer(session, who), State.load(session)
        standing = rebalancing.standing(session, options, state=state, viewer=viewer, now=now)
    made = rebalancing.plan(standing, options)
    with house.write() as session:
        return rebalancing.keep(session, made, options, viewer=viewer, now=now)


def moved(kept: Kept) -> list[tuple[str, str]]:
    return [(one.alert_id, one.to_id) for one in kept.plan.moves]


def apply(
    house: Database,
    kept: Kept,
    now: datetime,
    *,
    who: str = "mia",
    alert_ids: Collection[str] | None = None,
    **values: Any,
) -> list[Result]:
    with house.write() as session:
        viewer, state = make.viewer(session, who), State.load(session)
        results = rebalancing.apply(
            session, kept.id, state=state, viewer=viewer, alert_ids=alert_ids, now=now, **values
        )
        routed = [one.routed for one in results if one.routed is not None]
        escalation.ring_together(session, routed, occasion=kept.id, by=who, now=now)
        return results


def undo(house: Database, kept: Kept, now: datetime, who: str = "mia") -> list[Result]:
    with house.write() as session:
        return rebalancing.undo(session, kept.id, viewer=make.viewer(session, who), now=now)


def said(results: list[Result]) -> list[str]:
    return [one.error.detail if one.error is not None else "" for one in results]


def change(house: Database, table: type[Any], row_id: str, **values: Any) -> None:
    with house.write() as session:
        session.execute(update(table).where(table.id == row_id).values(**values))
        versions.bump(session, "routing")


def owners(house: Database) -> dict[str, str | None]:
    with house.read() as session:
        return dict(session.execute(select(Alert.id, Alert.assigned_agent_id)).all())


def loads(house: Database) -> dict[str, int]:
    with house.read() as session:
        return dict(session.execute(select(Agent.id, Agent.open_alerts)).all())


def test_the_plan_says_who_gets_what_and_why_and_moves_nothing(house: Database, now: datetime) -> None:
    kept = plan(house, now)
    (move,) = kept.plan.moves
    assert (move.alert_id, move.from_id, move.to_id) == ("a0", "ann", "bob")  # the one that has waited longest
    assert move.why == "Ann has 4 of 3, Bob covers Riverside and has 0 of 10."
    assert move.told == "Ann had more to do: you cover Riverside and have 0 of 10 open."
    assert [(one.name, one.open, one.open_after) for one in kept.plan.loads] == [
        ("Ann", 4, 3),
        ("Bob", 0, 1),
        ("Cal", 0, 0),
    ]
    assert (kept.plan.proven, kept.plan.notes, kept.state) == (True, (), "planned")
    assert set(owners(house).values()) == {"ann"}


def test_within_a_spread_more_moves(house: Database, now: datetime) -> None:
    kept = plan(house, now, Options(spread=0.4))
    after = {one.agent_id: one.share_after for one in kept.plan.loads}
    assert max(after.values()) - min(after.values()) <= 0.4  # type: ignore[type-var, operator]
    assert len(kept.plan.moves) == 3  # 2 would leave Ann at 67% and one of the others at 0 or all at 10%


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"status": Status.ACKNOWLEDGED, "acknowledged_at": datetime(2026, 3, 2, 14, 0).astimezone()}, "acknowledged"),
        ({"status": Status.IN_PROGRESS}, "being worked on"),
        ({"snoozed_until": datetime(2026, 3, 3, 14, 0).astimezone()}, "snoozed"),
    ],
)
def test_what_was_touched_stays(house: Database, now: datetime, values: dict[str, Any], word: str) -> None:
    with house.write() as session:
        session.execute(update(Alert).values(**values))
    kept = plan(house, now)
    assert kept.plan.moves == ()
    assert kept.plan.notes == (f"Ann stays at 4 of 3: the rest may not move (4 {word}).",)


def test_acknowledged_long_ago_moves_where_it_is_asked_for(house: Database, now: datetime) -> None:
    at = now - timedelta(hours=5)
    with house.write() as session:
        session.execute(update(Alert).values(status=Status.ACKNOWLEDGED, acknowledged_at=at))
    assert plan(house, now, Options(spread=None, acknowledged_hours=6)).plan.moves == ()
    kept = plan(house, now, Options(spread=None, acknowledged_hours=4))
    assert len(kept.plan.moves) == 1
    assert said(apply(house, kept, now)) == [""]
    assert said(undo(house, kept, now)) == [""]


def test_own_clients_gifts_by_hand_and_rules_by_name_stay(house: Database, now: datetime) -> None:
    with house.write() as session:
        session.execute(
            update(Contact)
            .where(Contact.id == select(Alert.contact_id).where(Alert.id == "a0").scalar_subquery())
            .values(owner_agent_id="ann")
        )
        session.execute(update(Assignment).where(Assignment.alert_id == "a1").values(assigned_by="mia"))
        for alert_id in ("a2", "a3"):
            decision = Decision(
                id=new_id(),
                alert_id=alert_id,
                decided_at=now,
                trigger="opened",
                agent_id="ann",
                strategy="assign_to_agent",
                reason="You are named in it.",
                trace={},
            )
            session.add(decision)
            session.flush()
            session.execute(update(Assignment).where(Assignment.alert_id == alert_id).values(decision_id=decision.id))
    (note,) = plan(house, now).plan.notes
    assert "1 of their own clients, 1 given or taken by hand, 2 given to them by name by a rule" in note


def test_who_is_away_full_paused_or_had_it_gets_nothing(house: Database, now: datetime) -> None:
    with house.write() as session:
        for number in range(4):
            session.add(
                Assignment(
                    id=new_id(),
                    alert_id=f"a{number}",
                    agent_id="bob",
                    reason="first",
                    assigned_at=now - timedelta(days=1),
                    ended_at=now - timedelta(hours=20),
                    ended_reason="declined",
                )
            )
    assert {to for _, to in moved(plan(house, now))} == {"cal"}
    for values, words in (
        ({"available": False}, "nobody else here is on duty with room"),
        ({"paused_at": now}, "nobody else here is on duty with room"),
        ({"max_concurrent_alerts": 0}, "nobody else here is on duty with room"),
        ({"max_per_day": 1, "given_on": now.date(), "given_today": 1}, "nobody else here is on duty with room"),
    ):
        change(house, Agent, "bob", **values)
        change(house, Agent, "cal", **values)
        kept = plan(house, now)
        assert kept.plan.moves == (), values
        assert words in kept.plan.notes[0]
        for agent in ("bob", "cal"):
            change(house, Agent, agent, available=True, paused_at=None, max_concurrent_alerts=10, max_per_day=None)
    change(house, Agent, "cal", available=False)
    assert "or had them before" in plan(house, now).plan.notes[0]


def test_a_clients_own_agent_comes_first(house: Database, now: datetime) -> None:
    with house.write() as session:
        session.execute(update(Contact).values(owner_agent_id="cal"))
    (move,) = plan(house, now).plan.moves
    assert (move.to_id, move.why) == ("cal", "Ann has 4 of 3, Cal is this client's own agent and has 0 of 10.")


def test_units_count_and_are_told(house: Database, now: datetime) -> None:
    change(house, Agent, "ann", max_concurrent_alerts=10, max_units=2.0)
    (first, second) = plan(house, now).plan.moves
    assert first.why.startswith("Ann has 4 of 2 units, ")
    assert {first.from_id, second.from_id} == {"ann"}


def test_everybody_concerned_hears_once_and_the_ledger_tells_it(house: Database, now: datetime) -> None:
    change(house, Agent, "ann", max_concurrent_alerts=1)
    change(house, Agent, "cal", available=False)
    kept = plan(house, now)
    assert said(apply(house, kept, now)) == ["", "", ""]
    assert loads(house) == {"ann": 1, "bob": 3, "cal": 0, "dee": 0}
    with house.read() as session:
        decisions = session.scalars(select(Decision)).all()
        assert {(one.trigger, one.strategy, one.overflow) for one in decisions} == {("rebalanced", "rebalanced", False)}
        assert {one.reason for one in decisions} == {"Ann had more to do: you cover Riverside and have 0 of 10 open."}
        told = changes.since(session, 0)
        assert sum(one.audience.lost == ("ann",) for one in told) == 3
        audited = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
        assert audited == ["rebalance.plan", *["alert.assign"] * 3, "rebalance.apply"]
        clocks = session.execute(select(Alert.notified_at, Alert.escalate_at).where(Alert.assigned_agent_id == "bob"))
        assert all(notified == now and due is not None for notified, due in clocks)
        written = session.scalars(select(Delivery.channel).order_by(Delivery.channel)).all()
        assert written == [*["email"] * 3, *["in_app"] * 3]
    with house.write() as session:
        (mail,) = delivery.claim(session, worker="w", limit=9, lease=timedelta(minutes=2), now=now)
        assert len(mail.payload["items"]) == 3, "all that came to Bob, in one mail"
        assert session.scalar(select(func.count()).where(Delivery.merged_into == mail.id)) == 2


def test_a_part_of_it_is_done_and_only_once(house: Database, now: datetime) -> None:
    change(house, Agent, "ann", max_concurrent_alerts=1)
    kept = plan(house, now)
    some = [one.alert_id for one in kept.plan.moves][:2]
    with pytest.raises(Invalid):
        apply(house, kept, now, alert_ids=["unknown"])
    assert len(apply(house, kept, now, alert_ids=some, fingerprint=kept.fingerprint)) == 2
    assert loads(house)["ann"] == 2
    with pytest.raises(Conflict, match="done already"):
        apply(house, kept, now)


def test_what_changed_meanwhile_stays_and_the_rest_is_done(house: Database, now: datetime) -> None:
    change(house, Agent, "ann", max_concurrent_alerts=0)
    kept = plan(house, now, Options(spread=None, team_id="north"))
    assert len(kept.plan.moves) == 4
    with house.write() as session:
        alerts.acknowledge(session, "a0", viewer=make.viewer(session, "ann"), now=now)
        alerts.dismiss(session, "a1", viewer=make.viewer(session, "ann"), reason="no_interest", now=now)
        moves.reassign(session, "a2", "cal", viewer=make.viewer(session, "mia"), now=now)
    with pytest.raises(Conflict, match="nothing was moved") as refused:
        apply(house, kept, now, whole=True)
    assert sorted(refused.value.fields) == ["a0", "a1", "a2"]
    results = {one.alert_id: one for one in apply(house, kept, now)}
    assert said([results[f"a{number}"] for number in range(4)]) == [
        "It is acknowledged by now.",
        "It was closed or given to somebody else meanwhile.",
        "It was closed or given to somebody else meanwhile.",
        "",
    ]
    assert owners(house)["a3"] == results["a3"].agent_id


def test_whoever_should_get_it_must_still_be_there_with_room(house: Database, now: datetime) -> None:
    kept = plan(house, now)
    change(house, Agent, "bob", available=False)
    assert said(apply(house, kept, now)) == ["Bob is set to unavailable by now."]
    change(house, Agent, "bob", available=True, max_concurrent_alerts=1)
    with house.write() as session:
        held(session, "b0", "bob", now=now)
    assert said(apply(house, kept, now)) == ["Bob is at capacity (1)."]
    change(house, Agent, "bob", max_concurrent_alerts=2)
    assert said(apply(house, kept, now)) == [""]  # nothing was moved before, so the plan still stands


def test_a_plan_grows_old_and_another_is_not_taken_for_it(house: Database, now: datetime) -> None:
    kept = plan(house, now)
    with pytest.raises(Conflict, match="not the plan"):
        apply(house, kept, now, fingerprint="x")
    with pytest.raises(Conflict, match="too old"):
        apply(house, kept, now + timedelta(minutes=15))
    plan(house, now + timedelta(days=2))
    with house.read() as session:
        assert kept.id not in session.scalars(select(Rebalance.id)).all()


def test_managers_reach_their_own_teams_and_agents_none(house: Database, now: datetime) -> None:
    everybody = plan(house, now, who="ada")
    assert {one.agent_id for one in everybody.plan.loads} == {"ann", "bob", "cal", "dee"}
    mine = plan(house, now)
    for options, who, error in (
        (Options(team_id="north"), "sam", NotFound),
        (LIMITS, "ann", Forbidden),
        (Options(spread=2.0), "ada", Invalid),
        (Options(acknowledged_hours=0), "ada", Invalid),
    ):
        with pytest.raises(error):
            plan(house, now, options, who=who)
    for kept, who in ((everybody, "mia"), (mine, "sam")):
        with pytest.raises(NotFound):
            apply(house, kept, now, who=who)
    assert said(apply(house, mine, now, who="ada")) == [""]
    with house.read() as session:
        assert rebalancing.current(session, make.viewer(session, "sam"), now=now) == (None, None)
        waiting, found = rebalancing.current(session, make.viewer(session, "mia"), now=now)
        assert waiting is None
        assert found is not None
        assert (found.id, found.applied_by_name) == (mine.id, "Ada")
        later = now + timedelta(minutes=10)
        assert rebalancing.current(session, make.viewer(session, "mia"), now=later) == (None, None)
    again = plan(house, now + timedelta(seconds=1))
    with house.read() as session:
        waiting, found = rebalancing.current(session, make.viewer(session, "ada"), now=now)
        assert [one and one.id for one in (waiting, found)] == [again.id, mine.id]


def test_it_is_taken_back_past_the_limit_and_says_so(house: Database, now: datetime) -> None:
    change(house, Agent, "ann", max_per_day=9, given_on=now.date(), given_today=4)
    kept = plan(house, now)
    apply(house, kept, now)
    later = now + timedelta(minutes=9)
    assert said(undo(house, kept, later)) == [""]
    assert owners(house)["a0"] == "ann"
    with house.read() as session:
        newest = session.scalars(select(Decision).order_by(Decision.id.desc()).limit(1)).one()
        assert (newest.trigger, newest.overflow) == ("rebalance_undone", True)
        assert newest.reason == "Back from Bob: the move was taken back."
        ann, bob = session.get_one(Agent, "ann"), session.get_one(Agent, "bob")
        assert (ann.open_alerts, ann.given_today, bob.open_alerts, bob.given_today) == (4, 4, 0, 0)
        assert (ann.round_robin_at, bob.round_robin_at) == (0, 0)
    with pytest.raises(Conflict, match="taken back already"):
        undo(house, kept, later)


def test_nobody_of_another_team_is_named_to_an_agent(house: Database, now: datetime) -> None:
    for agent in ("bob", "cal"):
        change(house, Agent, agent, available=False)
    kept = plan(house, now, who="ada")
    (move,) = kept.plan.moves
    assert (move.to_id, move.why) == ("dee", "Ann has 4 of 3, Dee has 0 of 10.")
    assert move.told == "A colleague had more to do: you have 0 of 10 open."
    apply(house, kept, now, who="ada")
    (back,) = undo(house, kept, now, who="ada")
    assert back.routed is not None
    assert back.routed.reason == "Back from a colleague: the move was taken back."


def test_what_its_new_owner_is_at_is_not_taken_back(house: Database, now: datetime) -> None:
    change(house, Agent, "ann", max_concurrent_alerts=1)
    change(house, Agent, "cal", available=False)
    kept = plan(house, now)
    apply(house, kept, now)
    with house.write() as session:
        alerts.acknowledge(session, "a0", viewer=make.viewer(session, "bob"), now=now)
        moves.reassign(session, "a1", "cal", viewer=make.viewer(session, "mia"), now=now)
    results = {one.alert_id: one for one in undo(house, kept, now)}
    assert said([results[f"a{number}"] for number in range(3)]) == [
        "Its new owner is at it already.",
        "It was closed or given to somebody else since.",
        "",
    ]


def test_nothing_is_brought_back_to_who_is_away_or_after_ten_minutes(house: Database, now: datetime) -> None:
    kept = plan(house, now)
    with pytest.raises(Conflict, match="was not done"):
        undo(house, kept, now)
    apply(house, kept, now)
    with pytest.raises(Conflict, match="more than ten minutes"):
        undo(house, kept, now + timedelta(minutes=10))
    with house.write() as session:
        session.add(TimeOff(id=new_id(), agent_id="ann", starts_at=now, ends_at=now + timedelta(days=1), reason=""))
    assert said(undo(house, kept, now))[0].startswith("Ann is on time off until")


def test_of_two_who_approve_at_once_one_does(house: Database, now: datetime) -> None:
    kept = plan(house, now)

    def approve(session: Any) -> None:
        state = State.load(session)
        rebalancing.apply(session, kept.id, state=state, viewer=make.viewer(session, "mia"), now=now)

    assert at_once(house, approve, approve) == "Conflict"
    assert loads(house) == {"ann": 3, "bob": 1, "cal": 0, "dee": 0}


def test_a_router_that_was_faster_leaves_no_room_and_nobody_is_overfull(house: Database, now: datetime) -> None:
    change(house, Agent, "ann", max_concurrent_alerts=0)
    change(house, Agent, "bob", max_concurrent_alerts=2)
    change(house, Agent, "cal", available=False)
    kept = plan(house, now)
    assert len(kept.plan.moves) == 2
    with house.write() as session:
        make.alert(session, alert_id="new", territory="riverside", priority=Priority.CRITICAL, now=now)

    def route(session: Any) -> None:
        moves.drain_pool(session, state=State.load(session), now=now)

    def approve(session: Any) -> None:
        state = State.load(session)
        rebalancing.apply(session, kept.id, state=state, viewer=make.viewer(session, "mia"), now=now)

    assert at_once(house, route, approve) == ""
    assert owners(house)["new"] == "bob"  # who covers Riverside
    assert loads(house) == {"ann": 3, "bob": 2, "cal": 0, "dee": 0}
