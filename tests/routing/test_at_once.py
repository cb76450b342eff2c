"""Rules and people are changed while others are, and while alerts are handed out: nobody deadlocks, nothing old is used, nothing is lost."""

import threading
from contextlib import suppress
from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import versions
from core.db import Database
from core.db.tables import Alert
from core.errors import Conflict
from core.routing import policies, policy_switch, profiles, rule_book
from core.routing.dispatch import route
from core.routing.state import VERSION, State
from core.viewer import SYSTEM
from tests import factories as make
from tests.races import at_once

ANN = {"type": "assign_to_agent", "params": {"agentId": "ann"}}


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        for name in ("ann", "bob"):
            make.agent(session, name, territories=["riverside"], now=now)
    return database


def put(session: Session, agent_id: str, now: datetime, **changes: object) -> None:
    profiles.put(session, agent_id, changes, viewer=SYSTEM, now=now)


def test_two_who_change_the_same_people_in_another_order_both_go_through(house: Database, now: datetime) -> None:
    failures: list[BaseException] = []

    def other() -> None:
        try:
            with house.write() as session:
                put(session, "bob", now, weight=2.0)
                put(session, "ann", now, weight=2.0)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=other)
    with house.write() as session:
        put(session, "ann", now, weight=3.0)
        thread.start()
        thread.join(0.1)
        put(session, "bob", now, weight=3.0)
    thread.join()
    assert failures == []
    with house.read() as session:
        assert {profiles.get(session, name).weight for name in ("ann", "bob")} == {2.0}


def test_who_waited_for_its_turn_hands_out_in_the_house_as_it_is_then(house: Database, now: datetime) -> None:
    with house.write() as session:
        ids = [make.alert(session, territory="riverside", now=now) for _ in range(4)]
        state = State.load(session)
    told = at_once(
        house,
        lambda session: put(session, "ann", now, available=False),
        lambda session: route(session, ids, state=state, trigger="opened", now=now),
    )
    assert told == ""
    with house.read() as session:
        assert set(session.scalars(select(Alert.assigned_agent_id))) == {"bob"}


def test_a_change_that_was_rolled_back_is_not_remembered(house: Database, now: datetime) -> None:
    with house.read() as session:
        state = State.load(session)
    with suppress(ZeroDivisionError), house.write() as session:
        put(session, "ann", now, available=False)
        assert state.refresh(session)
        assert not state.house.directory.by_id["ann"].available
        raise ZeroDivisionError
    with house.write() as session:
        put(session, "bob", now, weight=2.0)
        assert versions.number(session, VERSION) == state.house.version
    with house.read() as session:
        state.refresh(session)
        assert state.house.directory.by_id["ann"].available
        assert not state.refresh(session)


def test_an_undo_does_not_write_over_what_somebody_changes_at_that_moment(house: Database, now: datetime) -> None:
    rule = {"name": "Sellers", "conditions": [], "actions": [ANN]}
    with house.write() as session:
        make.admin(session, now=now)
        kept = rule_book.add(session, rule, actor_id=None, now=now).id
        draft = policies.add(session, {"name": "Draft", "content": {"rules": []}}, viewer=SYSTEM, now=now).id
        policy_switch.switch(session, draft, version=None, viewer=SYSTEM, now=now)
    told = at_once(
        house,
        lambda session: rule_book.add(session, rule | {"name": "New"}, actor_id=None, now=now),
        lambda session: policy_switch.undo(session, draft, version=None, viewer=SYSTEM, now=now),
    )
    assert told == Conflict.__name__
    with house.read() as session:
        assert [one.name for one in rule_book.list_rules(session)] == ["New"]
        assert kept not in {one.id for one in rule_book.list_rules(session)}
