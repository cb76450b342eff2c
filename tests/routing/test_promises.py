"""Whatever happens, in whatever order and at once: capacities hold, every alert has one owner or a reason, turns are fair."""

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import alerts, routing, versions
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, Base, Decision, Setting, Team
from core.errors import DoorbellError
from core.routing import capacity, claims, handing_on, ledger, moves, rebalancing, time_off
from core.routing.dispatch import route
from core.routing.rebalancing import Options
from core.routing.state import State
from core.viewer import SYSTEM
from core.words import PoolReason, Priority, Status
from tests import factories as make

PLACES = ("riverside", "hilltop", None)
AGENTS = tuple(f"agent-{number}" for number in range(6))
UNITS = {"CRITICAL": 2.0, "HIGH": 1.5, "MEDIUM": 1.0, "LOW": 0.5}


class _House(RuleBasedStateMachine):
    """Alerts open and close, people come and go, limits change, and three routers work at once."""

    database: Database
    at: datetime

    @initialize(
        ways=st.lists(
            st.sampled_from(["round_robin", "workload", "territory", "performance", "optimal_batch"]),
            min_size=2,
            max_size=2,
        ),
        leave=st.booleans(),
    )
    def begin(self, ways: list[str], leave: bool) -> None:
        self.now = self.at
        with self.database.write() as session:
            for table in reversed(Base.metadata.sorted_tables):
                session.execute(table.delete())
            for number, way in enumerate(ways):
                make.team(session, f"team-{number}", default_strategy=way, now=self.now)
            session.execute(update(Team).values(fallbacks=["skill", "workload"]))
            if leave:
                make.team(session, "team-2", default_strategy="territory", now=self.now)
            for number, agent_id in enumerate(AGENTS):
                make.agent(
                    session,
                    agent_id,
                    team_id=f"team-{number % 2}",
                    territories=[PLACES[number % 2] or ""],
                    capacity=2 + number % 3,
                    max_units=3.0 if number % 3 == 0 else None,
                    max_per_day=3 if number % 3 == 1 else None,
                    now=self.now,
                )
            named = {"agentIds": ["${metadata.previousAgentId}", *AGENTS[:2]]}
            make.rule(
                session,
                conditions=[{"field": "alert.priority", "operator": "equals", "value": "CRITICAL"}],
                actions=[{"type": "assign_to_agent", "params": named}],
                now=self.now,
            )
            session.add(Setting(key="routing", value={"units": {"priorities": UNITS}}, updated_at=self.now))
        with self.database.read() as session:
            self.states = [State.load(session) for _ in range(3)]

    @rule(
        batches=st.lists(
            st.lists(st.tuples(st.sampled_from(list(Priority)), st.sampled_from(PLACES)), min_size=1, max_size=3),
            min_size=1,
            max_size=3,
        )
    )
    def open_and_route_at_once(self, batches: list[list[tuple[Priority, str | None]]]) -> None:
        with self.database.write() as session:
            waiting = [
                [make.alert(session, priority=priority, territory=place, now=self.now) for priority, place in batch]
                for batch in batches
            ]
        self._at_once(
            [
                lambda session, some=some, state=state: route(  # type: ignore[misc]
                    session, some, state=state, trigger="opened", now=self.now
                )
                for some, state in zip(waiting, self.states, strict=False)
            ]
        )

    @rule(agent=st.sampled_from(AGENTS), number=st.integers(1, 4))
    def two_people_give_the_same_alerts_while_one_is_routed_on(self, agent: str, number: int) -> None:
        ids = self._open()[:number]
        if ids:
            other = AGENTS[(AGENTS.index(agent) + 1) % len(AGENTS)]
            self._at_once(
                [
                    lambda session: moves.bulk_reassign(
                        session, [(one, agent) for one in ids], viewer=SYSTEM, now=self.now
                    ),
                    lambda session: moves.bulk_reassign(
                        session, [(one, other) for one in ids], viewer=SYSTEM, now=self.now
                    ),
                    lambda session: route(session, ids, state=self.states[0], trigger="escalated", now=self.now),
                ]
            )

    @rule(spread=st.sampled_from([None, 0.2]), back=st.booleans())
    def the_work_is_evened_out_while_the_pool_drains(self, spread: float | None, back: bool) -> None:
        options = Options(spread=spread)
        with self.database.read() as session:
            standing = rebalancing.standing(session, options, state=self.states[0], viewer=SYSTEM, now=self.now)
        plan = rebalancing.plan(standing, options)
        with self.database.write() as session:
            kept = rebalancing.keep(session, plan, options, viewer=SYSTEM, now=self.now)
        self._at_once(
            [
                lambda session: rebalancing.apply(session, kept.id, state=self.states[0], viewer=SYSTEM, now=self.now),
                lambda session: moves.drain_pool(session, state=self.states[1], now=self.now),
            ]
        )
        if back:
            self._at_once(
                [
                    lambda session: rebalancing.undo(session, kept.id, viewer=SYSTEM, now=self.now),
                    lambda session: moves.drain_pool(session, state=self.states[1], now=self.now),
                ]
            )

    @rule(number=st.integers(1, 3))
    def close_some_while_the_pool_drains(self, number: int) -> None:
        ids = self._open()[-number:]
        self._at_once(
            [
                lambda session: [
                    alerts.dismiss(session, one, viewer=SYSTEM, reason="no_interest", now=self.now) for one in ids
                ],
                lambda session: moves.drain_pool(session, state=self.states[1], now=self.now),
            ]
        )

    @rule(agent=st.sampled_from(AGENTS))
    def somebody_takes_from_the_pool_while_it_drains(self, agent: str) -> None:
        with self.database.write() as session:
            pool = [
                make.alert(session, priority=priority, unassigned_reason="nobody_on_duty", now=self.now)
                for priority in (Priority.CRITICAL, Priority.MEDIUM, Priority.LOW)
            ]
            viewer = make.viewer(session, agent)
        self._at_once(
            [
                *(
                    lambda session, one=one: alerts.acknowledge(session, one, viewer=viewer, now=self.now)  # type: ignore[misc]
                    for one in pool
                ),
                lambda session: moves.drain_pool(session, state=self.states[2], now=self.now),
            ]
        )

    @rule(agents=st.lists(st.sampled_from(AGENTS), min_size=2, max_size=3), number=st.integers(1, 5))
    def some_claim_the_same_alerts_while_the_pool_drains(self, agents: list[str], number: int) -> None:
        with self.database.write() as session:
            for _ in range(2):
                make.alert(session, unassigned_reason="left_to_claim", now=self.now)
            viewers = [make.viewer(session, agent) for agent in agents]
            pool = session.scalars(
                select(Alert.id).where(Alert.closed_at.is_(None), Alert.assigned_agent_id.is_(None))
            ).all()[:number]
        self._at_once(
            [
                *(
                    lambda session, one=one, viewer=viewer: claims.claim(session, one, viewer=viewer, now=self.now)  # type: ignore[misc]
                    for one in pool
                    for viewer in viewers
                ),
                lambda session: moves.drain_pool(session, state=self.states[0], now=self.now),
            ]
        )

    @rule(number=st.integers(1, 4), also=st.booleans())
    def owners_decline_while_somebody_routes_or_claims_run_out(self, number: int, also: bool) -> None:
        with self.database.read() as session:
            owned = session.execute(
                select(Alert.id, Alert.assigned_agent_id)
                .where(Alert.closed_at.is_(None), Alert.assigned_agent_id.is_not(None))
                .order_by(Alert.id)
                .limit(number)
            ).all()
            viewers = {agent: make.viewer(session, agent) for agent in AGENTS}
            due = claims.due(session, now=self.now)
        if also:
            self._at_once([lambda session, one=one: claims.expire(session, one, now=self.now) for one in due])  # type: ignore[misc]
            due = []
        self._at_once(
            [
                *(
                    lambda session, one=one, agent=agent: routing.decline(  # type: ignore[misc]
                        session, one, reason="too_busy", viewer=viewers[agent], state=self.states[1], now=self.now
                    )
                    for one, agent in owned
                ),
                *(lambda session, one=one: claims.expire(session, one, now=self.now) for one in due),  # type: ignore[misc]
                lambda session: route(
                    session, [one for one, _ in owned], state=self.states[2], trigger="escalated", now=self.now
                ),
            ]
        )

    @rule(agent=st.sampled_from(AGENTS), values=st.sampled_from([{"available": False}, {"available": True}]))
    def somebody_comes_or_goes(self, agent: str, values: dict[str, bool]) -> None:
        with self.database.write() as session:
            session.execute(update(Agent).where(Agent.id == agent).values(**values))
            versions.bump(session, "routing")

    @rule(number=st.integers(1, 3))
    def alerts_come_while_nobody_is_there(self, number: int) -> None:
        with self.database.write() as session:
            session.execute(update(Agent).values(available=False))
            versions.bump(session, "routing")
            reason = PoolReason.NOT_ROUTED_YET
            waiting = [make.alert(session, unassigned_reason=reason, now=self.now) for _ in range(number)]
        self._at_once([lambda session: route(session, waiting, state=self.states[0], trigger="opened", now=self.now)])
        with self.database.read() as session:
            reasons = session.scalars(select(Alert.unassigned_reason).where(Alert.id.in_(waiting)))
            assert set(reasons) == {PoolReason.NOBODY_ON_DUTY}
        with self.database.write() as session:
            session.execute(update(Agent).values(available=True))
            versions.bump(session, "routing")

    @rule(agent=st.sampled_from(AGENTS))
    def somebody_goes_on_time_off_with_a_cover(self, agent: str) -> None:
        cover = AGENTS[(AGENTS.index(agent) + 1) % len(AGENTS)]
        raw = {"starts_at": self.now, "ends_at": self.now + timedelta(hours=20), "cover_agent_id": cover}
        self._at_once([lambda session: time_off.add(session, agent, raw, viewer=SYSTEM, now=self.now)])

    @rule()
    def what_was_left_goes_on(self) -> None:
        def hand_on(session: Session) -> None:
            left = session.scalars(handing_on.untouched(self.now, limit=20)).all()
            handing_on.hand_on(session, left, state=self.states[1], now=self.now)

        self._at_once(
            [
                lambda session: moves.handle_stale(session, state=self.states[0], hours=2, now=self.now),
                hand_on,
            ]
        )

    def teardown(self) -> None:
        """Every decision of the history comes out the same, whatever made it: rules, chains, matching, stale, covers, drained."""
        if not hasattr(self, "now"):
            return
        with self.database.read() as session:
            decided = session.execute(select(Decision.alert_id, Decision.id).where(Decision.inputs.is_not(None))).all()
            for alert_id, decision_id in decided:
                again = ledger.recompute(session, SYSTEM, alert_id, decision_id=decision_id)
                assert again.agrees, again.differences

    @rule(hours=st.sampled_from([0.2, 1, 26]))
    def time_passes(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @invariant()
    def every_open_alert_has_one_owner_or_a_reason(self) -> None:
        with self.database.read() as session:
            held = session.execute(
                select(Assignment.alert_id, Assignment.agent_id).where(Assignment.ended_at.is_(None))
            ).all()
            owners = {
                row.id: row.assigned_agent_id
                for row in session.execute(
                    select(Alert.id, Alert.assigned_agent_id, Alert.unassigned_reason).where(Alert.closed_at.is_(None))
                )
                if row.assigned_agent_id or row.unassigned_reason
            }
            number = session.scalar(select(func.count()).select_from(Alert).where(Alert.closed_at.is_(None)))
        assert number == len(owners)
        assert dict(held) == {alert_id: agent_id for alert_id, agent_id in owners.items() if agent_id}

    @invariant()
    def limits_hold_but_where_overflow_is_said(self) -> None:
        with self.database.read() as session:
            rows = session.execute(
                select(Assignment.agent_id, Assignment.units, Decision.overflow)
                .outerjoin(Decision, Decision.id == Assignment.decision_id)
                .where(Assignment.ended_at.is_(None))
            ).all()
            for agent in session.scalars(select(Agent)):
                mine = [(units, over) for agent_id, units, over in rows if agent_id == agent.id]
                assert (agent.open_alerts, agent.open_units) == (len(mine), sum(units for units, _ in mine))
                if not any(over for _, over in mine):
                    assert agent.open_alerts <= agent.max_concurrent_alerts
                    assert agent.max_units is None or agent.open_units <= agent.max_units
                taken_back = (Decision.trigger == moves.EVENED) & Assignment.ended_at.is_not(None)
                given = Counter(
                    session.scalars(
                        select(Decision.overflow)
                        .join(Assignment, Assignment.decision_id == Decision.id)
                        .where(Assignment.agent_id == agent.id, Assignment.assigned_at == self.now)
                        .where(~taken_back, Decision.trigger != moves.EVENED_BACK)  # what was undone was never given
                    )
                )
                assert agent.max_per_day is None or given[False] <= agent.max_per_day

    @invariant()
    def claims_are_owned_and_few(self) -> None:
        with self.database.read() as session:
            rows = session.execute(
                select(Alert.assigned_agent_id, Alert.closed_at, Alert.status).where(Alert.claimed_until.is_not(None))
            ).all()
        assert all(owner and closed is None and status == Status.NEW for owner, closed, status in rows)
        assert all(number <= 3 for number in Counter(owner for owner, *_ in rows).values())

    @invariant()
    def nobody_is_given_what_they_declined(self) -> None:
        with self.database.read() as session:
            declined = session.execute(
                select(Assignment.alert_id, Assignment.agent_id, Assignment.ended_at).where(
                    Assignment.ended_reason == "declined"
                )
            ).all()
            for alert_id, agent_id, at in declined:
                again = session.scalars(
                    select(Decision.trigger)
                    .join(Assignment, Assignment.decision_id == Decision.id)
                    .where(
                        Assignment.alert_id == alert_id, Assignment.agent_id == agent_id, Assignment.assigned_at > at
                    )
                ).all()
                assert set(again) <= {"manual", "claim"}

    @invariant()
    def the_newest_decisions_come_out_the_same_again(self) -> None:
        with self.database.read() as session:
            newest = session.scalars(
                select(Decision.alert_id)
                .where(Decision.inputs.is_not(None))
                .order_by(Decision.decided_at.desc(), Decision.id.desc())
                .limit(3)
            ).all()
            for alert_id in newest:
                assert ledger.recompute(session, SYSTEM, alert_id).agrees

    def _open(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(Alert.id).where(Alert.closed_at.is_(None)).order_by(Alert.id)))

    def _at_once(self, works: list[Callable[[Session], object]]) -> None:
        failures: list[BaseException] = []

        def run(work: Callable[[Session], object]) -> None:
            try:
                with suppress(DoorbellError), self.database.write() as session:
                    work(session)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []


def test_no_order_of_things_breaks_a_promise(database: Database, now: datetime) -> None:
    machine = type("House", (_House,), {"database": database, "at": now})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=10,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("limit", ["capacity", "max_units", "max_per_day"])
def test_the_statement_that_takes_a_place_refuses_one_too_many(database: Database, now: datetime, limit: str) -> None:
    """Whatever a router read before: only the database's own condition stands between two of them and a limit passed."""
    today = now.date()
    with database.write() as session:
        values: Any = {"capacity": 9, limit: 2}
        make.agent(session, "ann", **values, now=now)
        took = [capacity.reserve(session, {"ann": [1.0]}, today=lambda _: today)["ann"] for _ in range(3)]
        assert took == [[True], [True], [False]]
        assert capacity.reserve(session, {"ann": [1.0, 1.0]}, today=lambda _: today, overflow=True)["ann"] == [True] * 2
        assert session.scalar(select(Agent.open_alerts)) == 4


def test_three_routers_at_once_are_as_fair_as_one(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.team(session, "team", default_strategy="round_robin", now=now)
        for agent_id in AGENTS:
            make.agent(session, agent_id, team_id="team", territories=["riverside"], capacity=1000, now=now)
        waiting = [make.alert(session, territory="riverside", now=now) for _ in range(63)]

    def work(mine: list[str]) -> None:
        with database.read() as session:
            state = State.load(session)
        for start in range(0, len(mine), 3):
            with database.write() as session:
                route(session, mine[start : start + 3], state=state, trigger="opened", now=now)

    threads = [threading.Thread(target=work, args=(waiting[number::3],)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        got = Counter(session.scalars(select(Alert.assigned_agent_id)))
    assert sum(got.values()) == 63
    assert max(got.values()) - min(got.values()) <= 1


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_a_share_of_turns_holds_in_the_database_too(database: Database, now: datetime, weight: float) -> None:
    with database.write() as session:
        make.team(session, "team", default_strategy="round_robin", now=now)
        make.agent(session, "odd", team_id="team", territories=["riverside"], weight=weight, capacity=1000, now=now)
        make.agent(session, "plain", team_id="team", territories=["riverside"], capacity=1000, now=now)
        state = State.load(session)
    for _ in range(12):
        with database.write() as session:
            route(
                session,
                [make.alert(session, territory="riverside", now=now) for _ in range(2)],
                state=state,
                trigger="opened",
                now=now,
            )
    with database.read() as session:
        got = Counter(session.scalars(select(Alert.assigned_agent_id)))
    assert got["odd"] / got["plain"] == pytest.approx(weight, rel=0.15)
