"""One process's copy of the house serves many threads and outlives transactions that were rolled back."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db import Database
from core.db.tables import Decision, RoutingHouse
from core.routing import capacity, ledger
from core.routing.dispatch import route
from core.routing.state import State
from core.viewer import SYSTEM
from tests import factories as make


def test_a_house_that_was_rolled_back_is_stored_by_the_next_decision(database: Database, now: datetime) -> None:
    with database.write() as session:
        make.agent(session, "ann", now=now)
        alert_ids = [make.alert(session, now=now) for _ in range(3)]
        state = State.load(session)

    def two_batches_that_fail() -> None:
        with database.write() as session:
            for alert_id in alert_ids[:2]:
                route(session, [alert_id], state=state, trigger="opened", now=now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        two_batches_that_fail()
    with database.write() as session:
        route(session, alert_ids, state=state, trigger="opened", now=now)
    with database.read() as session:
        assert set(session.scalars(select(Decision.house_id))) == set(session.scalars(select(RoutingHouse.id)))
        assert all(ledger.recompute(session, SYSTEM, one).agrees for one in alert_ids)


def test_another_thread_that_reads_the_house_meanwhile_changes_nothing_of_a_batch(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have seen the house before a change, or with one that is not committed: then its agents have other places."""
    with database.write() as session:
        make.agent(session, "bob", now=now)
        make.agent(session, "dan", available=False, now=now)
        alert_id = make.alert(session, now=now)
        state = State.load(session)
    real: Callable[..., Any] = capacity.read
    with suppress(ZeroDivisionError), database.write() as session:
        make.agent(session, "ann", available=False, now=now)  # comes first, so that all others move on by one place
        others = State.load(session)
        raise ZeroDivisionError

    def read_while_another_refreshes(session: Session) -> Any:
        state.house = others.house
        return real(session)

    monkeypatch.setattr(capacity, "read", read_while_another_refreshes)
    with database.write() as session:
        (routed,) = route(session, [alert_id], state=state, trigger="opened", now=now)
        kept = ledger.recompute(session, SYSTEM, alert_id)
    assert (routed.agent_id, kept.agrees, kept.differences) == ("bob", True, ())
