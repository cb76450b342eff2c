"""Queues are kept between batches, and yet every batch chooses by the loads as the database has them."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from core import alerts, routing
from core.db import Database
from core.db.tables import Agent, Alert, Decision
from core.routing import dispatch, ledger
from core.routing.capacity import Load, Reading
from core.routing.choosing import choose
from core.routing.queues import Queues
from core.routing.roster import roster
from core.routing.rules import RuleSet
from core.routing.state import House, State
from core.viewer import SYSTEM
from tests import factories as make
from tests.routing.test_strategies import NOW, case, directory, person

TODAY = date(2026, 3, 2)
_people = [
    person(
        f"a{number}",
        capacity=3 + number % 3,
        territories=(f"t{number % 2}",),
        available=number != 7,
        max_units=4.0 if number % 4 == 1 else None,
        max_per_day=2 if number % 4 == 2 else None,
    )
    for number in range(30)
]
house = House(version=1, directory=directory(*_people), rules=RuleSet([]))
people = house.directory.agents
loads = st.builds(
    Load,
    open=st.integers(0, 5),
    turn=st.sampled_from([-1.0, 0.0, 1.0, 2.5]),
    units=st.sampled_from([0.0, 1.0, 2.5, 4.0]),
    given_on=st.sampled_from([None, TODAY, date(2026, 3, 1)]),
    given=st.integers(0, 3),
)
batches = st.lists(
    st.tuples(
        st.dictionaries(st.sampled_from([agent.id for agent in people]), loads, max_size=4),
        st.integers(0, 4),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


def rows(known: dict[str, Load]) -> list[Reading]:
    return [(agent_id, *load) for agent_id, load in known.items()]


def limited(known: dict[str, Load], asked: list[str]) -> list[Reading]:
    """As core.routing.capacity reads them for a single alert."""
    return [
        (agent.id, *known[agent.id])
        for agent in people
        if known[agent.id].open >= agent.capacity or agent.max_units or agent.max_per_day or agent.id in asked
    ]


@settings(max_examples=80)
@given(batches)
def test_a_batch_in_kept_queues_chooses_as_in_new_ones(each: list[tuple[dict[str, Load], int, bool, bool]]) -> None:
    """Whatever others changed between two batches, whether the one before was committed or rolled back, and whether everybody is
    read or only those who are looked at."""
    duty = roster(house.directory, NOW)
    known = {agent.id: Load() for agent in people}
    kept = Queues(house.directory, duty, known)
    for number, (changed, handed, committed, is_few) in enumerate(each):
        known |= changed
        if is_few:
            some, now_known = limited(known, kept.full_ids()), known.copy()
            assert kept.read_as_asked(
                replace(duty), some, lambda ids, now_known=now_known: [(one, *now_known[one]) for one in ids]
            )
        else:
            assert kept.read_again(replace(duty), rows(known))
        anew = Queues(house.directory, duty, known)
        for alert in range(handed):
            one = case(alert_id=f"{number}-{alert}", territory=f"t{alert % 3}")
            choice = choose(one, house=house, queues=kept, trigger="opened")
            assert choice == choose(one, house=house, queues=anew, trigger="opened")
            assert kept.looked_at() == anew.looked_at()
            if choice.position is not None:
                for queues in (kept, anew):
                    queues.hand(choice.position)
                    if alert == 2:
                        queues.mark_full(choice.position)
        assert kept.absent() == anew.absent()
        if committed:
            for agent in people:
                was, at = known[agent.id], agent.position
                known[agent.id] = was._replace(open=anew.open[at], turn=anew.turn[at], units=anew.units[at])
        kept.rest()


def test_others_on_duty_or_many_moved_is_a_reason_to_begin_anew() -> None:
    duty = roster(house.directory, NOW)
    kept = Queues(house.directory, duty, {})
    assert not kept.read_again(replace(duty, eligible=duty.eligible - {0}), [])
    assert not kept.read_again(duty, rows({agent.id: Load(open=1) for agent in people}))


@pytest.fixture(params=[200, 1])
def two(database: Database, now: datetime, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Database:
    """As a small house, all of whose loads are read, and as if it were a large one."""
    monkeypatch.setattr(dispatch, "_LARGE", request.param)
    with database.write() as session:
        for name in ("ann", "bob"):
            make.agent(session, name, territories=["riverside"], capacity=3, now=now)
    return database


def opened(database: Database, now: datetime, number: int = 1) -> list[str]:
    with database.write() as session:
        return [make.alert(session, territory="riverside", unassigned_reason="x", now=now) for _ in range(number)]


def given_to(database: Database, ids: list[str], state: State, now: datetime) -> list[str | None]:
    with database.write() as session:
        found = [one.agent_id for one in routing.route(session, ids, state=state, trigger="opened", now=now)]
        for alert_id in ids:
            assert ledger.recompute(session, SYSTEM, alert_id).agrees
    return found


def test_what_others_gave_and_closed_meanwhile_counts_at_once(two: Database, now: datetime) -> None:
    with two.read() as session:
        mine, theirs = State.load(session), State.load(session)
    given_to(two, opened(two, now), mine, now)
    assert mine.queues, "kept for the next batch"
    given_to(two, opened(two, now, 4), theirs, now)
    with two.read() as session:
        free = session.scalars(select(Agent.id).where(Agent.open_alerts < 3)).all()
    assert len(free) == 1
    assert given_to(two, opened(two, now), mine, now) == free
    with two.write() as session:
        closed = session.scalars(select(Alert.id).where(Alert.assigned_agent_id == "ann")).all()
        for alert_id in closed:
            alerts.dismiss(session, alert_id, reason="duplicate", viewer=SYSTEM, now=now)
    assert given_to(two, opened(two, now), mine, now) == ["ann"]


def test_a_batch_that_was_rolled_back_is_forgotten(two: Database, now: datetime) -> None:
    with two.read() as session:
        state = State.load(session)
    given_to(two, opened(two, now), state, now)
    with suppress(ZeroDivisionError), two.write() as session:
        some = [make.alert(session, territory="riverside", unassigned_reason="x", now=now) for _ in range(5)]
        routing.route(session, some, state=state, trigger="opened", now=now)
        raise ZeroDivisionError
    kept = state.queues[0]
    assert sum(kept.open) == 6, "as the batch left them"
    after = given_to(two, opened(two, now, 5), state, now)
    assert set(after) == {"ann", "bob"}
    with two.read() as session:
        assert [agent.open_alerts for agent in session.scalars(select(Agent))] == [3, 3]
        assert session.scalars(select(Decision.overflow).where(Decision.overflow)).all() == []


def test_two_threads_never_share_queues(two: Database, now: datetime) -> None:
    """Whoever takes the kept ones out has them alone; the other makes its own, and the same comes of it."""
    with two.read() as session:
        state = State.load(session)
    given_to(two, opened(two, now), state, now)
    taken = state.queues.pop()
    given_to(two, opened(two, now), state, now)
    assert state.queues
    assert state.queues[0] is not taken


def test_a_day_that_ends_gives_its_number_back(two: Database, now: datetime) -> None:
    with two.write() as session:
        session.execute(update(Agent).values(max_per_day=1))
        state = State.load(session)
    assert None not in given_to(two, opened(two, now, 2), state, now)
    with two.read() as session:
        assert state.house.directory.by_day
    tomorrow = now.replace(day=now.day + 1)
    assert None not in given_to(two, opened(two, tomorrow, 2), state, tomorrow)
