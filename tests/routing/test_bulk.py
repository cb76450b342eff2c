"""Many alerts at once: to an agent, to whom routing finds, into the pool; a result each, and the way back."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from core import alerts, routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Alert, AuditRow
from core.errors import Conflict, Forbidden, NotFound
from core.routing import bulk, moves
from core.routing.bulk import Bulk, To
from core.routing.refusals import AGAIN_AFTER
from core.routing.state import State
from jobs.reconciling import reconcile_once
from tests import factories as make


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        make.team(session, "north", now=now)
        make.team(session, "south", now=now)
        make.manager(session, "mia", of=["north"], now=now)
        make.agent(session, "ann", team_id="north", territories=["riverside"], capacity=3, now=now)
        make.agent(session, "bob", team_id="north", territories=["riverside"], capacity=2, now=now)
        make.agent(session, "cal", team_id="south", available=False, now=now)
    return database


def given(house: Database, now: datetime, *owners: str | None) -> list[str]:
    with house.write() as session:
        return [
            make.alert(session, agent_id=owner, unassigned_reason=None if owner else "nobody_else", now=now)
            for owner in owners
        ]


def move(house: Database, ids: list[str], to: To, now: datetime, who: str = "mia", agent: str | None = None) -> Bulk:
    with house.write() as session:
        state, viewer = State.load(session), make.viewer(session, who)
        return bulk.move(session, ids, to=to, agent_id=agent, viewer=viewer, state=state, now=now)


def undo(house: Database, bulk_id: str, now: datetime, who: str = "mia") -> Bulk:
    with house.write() as session:
        return bulk.undo(session, bulk_id, viewer=make.viewer(session, who), now=now)


def owners(house: Database, ids: list[str]) -> list[str | None]:
    with house.read() as session:
        found = dict(session.execute(select(Alert.id, Alert.assigned_agent_id)).all())
        for agent in session.scalars(select(Agent)):
            assert agent.open_alerts == sum(owner == agent.id for owner in found.values())
    return [found[one] for one in ids]


def test_to_an_agent_as_far_as_there_is_room_and_back(house: Database, now: datetime) -> None:
    ids = given(house, now, "ann", "ann", None, "bob", "cal")
    moved = move(house, ids, To.AGENT, now, agent="bob")
    by_id = {one.alert_id: one for one in moved.results}
    assert owners(house, ids).count("bob") == 2
    errors = [by_id[one].error for one in ids]
    assert errors[3] == "They have it already."
    assert errors[4] == "There is no such alert."
    assert sorted(str(one) for one in errors[:3]) == ["Bob is at capacity (2).", "Bob is at capacity (2).", "None"]
    with house.read() as session:
        found = bulk.last(session, make.viewer(session, "mia"), now=now)
        assert found is not None
        assert (found.id, found.number, found.until) == (moved.id, 1, now + timedelta(minutes=10))
    back = undo(house, moved.id, now)
    assert [one.error for one in back.results] == [None]
    assert owners(house, ids) == ["ann", "ann", None, "bob", "cal"]
    with house.read() as session:
        assert bulk.last(session, make.viewer(session, "mia"), now=now) is None
        actions = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
        assert actions == ["alert.assign", "alerts.move", "alert.assign", "alerts.move_undone"]


def test_routing_decides_without_flooding_anybody(house: Database, now: datetime) -> None:
    ids = given(house, now, "ann", "ann", "ann", None)
    moved = move(house, ids, To.ROUTING, now)
    assert [one.error for one in moved.results].count("Nobody else has room for it.") == 2
    assert owners(house, ids).count("bob") == 2
    undo(house, moved.id, now)
    assert owners(house, ids) == ["ann", "ann", "ann", None]


def test_into_the_pool_for_whoever_claims_it_and_after_a_while_for_anybody(
    house: Database, clock: FakeClock, now: datetime
) -> None:
    ids = given(house, now, "ann", None)
    moved = move(house, ids, To.POOL, now)
    assert [one.error for one in moved.results] == [None, "It is in the pool already."]
    with house.write() as session:
        alert = session.get_one(Alert, ids[0])
        assert (alert.assigned_agent_id, alert.unassigned_reason) == (None, "put_back")
        session.execute(update(Alert).where(Alert.id == ids[1]).values(snoozed_until=now + timedelta(days=1)))
        state = State.load(session)
        assert moves.drain_pool(session, state=state, now=now) == []
    reconcile_once(house, state, clock)
    assert owners(house, ids)[0] is None
    clock.set(now + AGAIN_AFTER)
    reconcile_once(house, state, clock)
    assert owners(house, ids)[0] in ("ann", "bob")


def test_what_somebody_touched_since_stays_where_it_is(house: Database, now: datetime) -> None:
    ids = given(house, now, "ann", "ann")
    moved = move(house, ids, To.AGENT, now, agent="bob")
    with house.write() as session:
        alerts.acknowledge(session, ids[0], viewer=make.viewer(session, "bob"), now=now)
    back = undo(house, moved.id, now)
    assert {one.alert_id: one.error for one in back.results} == {
        ids[0]: "Something has happened to it since.",
        ids[1]: None,
    }
    assert owners(house, ids) == ["bob", "ann"]
    with pytest.raises(Conflict, match="already"):
        undo(house, moved.id, now)


def test_back_goes_past_a_capacity_and_to_the_pool_with_its_reason(house: Database, now: datetime) -> None:
    ids = given(house, now, "ann", "ann", "ann")
    moved = move(house, ids[:2], To.AGENT, now, agent="bob")
    given(house, now, "ann", "ann")
    undo(house, moved.id, now)
    assert owners(house, ids) == ["ann"] * 3
    (pooled,) = given(house, now, None)
    moved = move(house, [pooled], To.AGENT, now, agent="bob")
    undo(house, moved.id, now)
    with house.read() as session:
        assert session.get_one(Alert, pooled).unassigned_reason == "nobody_else"


def test_only_the_own_move_of_the_last_ten_minutes_comes_back(house: Database, now: datetime) -> None:
    with house.write() as session:
        make.admin(session, "ada", now=now)
    ids = given(house, now, "ann")
    moved = move(house, ids, To.AGENT, now, agent="bob")
    with pytest.raises(NotFound):
        undo(house, moved.id, now, who="ada")
    with pytest.raises(Conflict, match="10 minutes"):
        undo(house, moved.id, now + timedelta(minutes=10))
    with pytest.raises(Forbidden):
        move(house, ids, To.POOL, now, who="ann")


def test_a_claim_may_be_moved_and_undone_gives_no_claim_back(house: Database, now: datetime) -> None:
    (pooled,) = given(house, now, None)
    with house.write() as session:
        routing.claim(session, pooled, viewer=make.viewer(session, "ann"), now=now)
    moved = move(house, [pooled], To.AGENT, now, agent="bob")
    undo(house, moved.id, now)
    with house.read() as session:
        alert = session.get_one(Alert, pooled)
        assert (alert.assigned_agent_id, alert.claimed_until) == ("ann", None)


def test_a_move_in_parts_is_one_move_and_comes_back_in_parts(house: Database, now: datetime) -> None:
    ids = given(house, now, "ann", "ann", "ann")
    with house.write() as session:
        state, viewer = State.load(session), make.viewer(session, "mia")
        first = bulk.move(session, ids[:2], to=To.POOL, viewer=viewer, state=state, now=now)
    with house.write() as session:
        bulk.move(session, ids[2:], to=To.POOL, bulk_id=first.id, viewer=viewer, state=state, now=now)
    with house.read() as session:
        found = bulk.last(session, viewer, now=now)
        assert found is not None
        assert (found.id, found.number) == (first.id, 3)
        parts = bulk.parts(session, first.id, viewer=viewer, now=now)
        assert [number for _, number in parts] == [2, 1]
    with house.write() as session:
        assert len(bulk.undo(session, first.id, part=parts[0][0], viewer=viewer, now=now).results) == 2
    assert owners(house, ids) == ["ann", "ann", None]
    with house.read() as session:
        found = bulk.last(session, viewer, now=now)
        assert found is not None
        assert found.number == 1
    with house.write() as session, pytest.raises(Conflict, match="already"):
        bulk.undo(session, first.id, part=parts[0][0], viewer=viewer, now=now)
    undo(house, first.id, now)
    assert owners(house, ids) == ["ann", "ann", "ann"]
    with pytest.raises(Conflict, match="already"):
        undo(house, first.id, now)
