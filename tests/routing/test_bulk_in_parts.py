"""Two thousand alerts given at once: in parts, told as it goes, beside a router; no capacity is passed, every alert has one owner."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from app.api import in_parts
from app.api.bulk_moves import BulkAssignIn, _assign_in_parts
from app.api.deps import Camel
from app.api.in_parts import LINES, Progress
from bench.routing import _store_alerts
from core import routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, Decision
from core.errors import Conflict
from core.routing.choosing import REROUTED
from core.routing.moves import PART, Moved
from core.routing.state import State
from core.viewer import SYSTEM
from tests import factories as make
from tests.webs import people, serving_web

AGENTS, CAPACITY = 40, 60
GIVEN, ROUTED = 2_000, 600
"""More in all than there are places."""


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    people(database, now)
    with database.write() as session:
        for number in range(AGENTS):
            make.agent(session, f"agent-{number}", capacity=CAPACITY, now=now)
    return database


def in_pool(database: Database, number: int) -> list[str]:
    return _store_alerts(database, number)


def route_all(database: Database, ids: list[str], now: datetime, failed: list[BaseException]) -> None:
    try:
        with database.read() as session:
            state = State.load(session)
        for start in range(0, len(ids), 20):
            with database.write() as session:
                routing.route(session, ids[start : start + 20], state=state, trigger=REROUTED, now=now)
    except BaseException as error:
        failed.append(error)


def test_two_thousand_are_given_while_a_router_works(house: Database, clock: FakeClock, now: datetime) -> None:
    ids, others = in_pool(house, GIVEN), in_pool(house, ROUTED)
    items = [{"alertId": one, "agentId": f"agent-{number % AGENTS}"} for number, one in enumerate(ids)]
    failed: list[BaseException] = []
    with serving_web(house, clock) as running:
        router = threading.Thread(target=route_all, args=(house, others, now, failed))
        router.start()
        headers = {"authorization": f"Bearer {running.token('ada@doorbell.test')}", "accept": LINES}
        with httpx2.stream(
            "POST",
            f"{running.url}/api/v1/alerts/routing/bulk-assign",
            json={"items": items},
            headers=headers,
            timeout=300,
        ) as answer:
            assert answer.status_code == 200
            lines = [json.loads(line) for line in answer.iter_lines()]
        router.join()
    assert failed == []
    *told, whole = lines
    assert [one["done"] + one["failed"] for one in told] == list(range(PART, GIVEN + 1, PART))
    assert {one["total"] for one in told} == {GIVEN}
    assert [one["alertId"] for one in whole["items"]] == ids
    assert (told[-1]["done"], told[-1]["failed"]) == (whole["done"], whole["failed"])
    with house.read() as session:
        owners = dict(session.execute(select(Alert.id, Alert.assigned_agent_id)).all())
        open_rows = session.scalars(select(Assignment.alert_id).where(Assignment.ended_at.is_(None))).all()
        has = {agent.id: agent.open_alerts for agent in session.scalars(select(Agent).where(Agent.id.like("agent-%")))}
    assert all(owners[one["alertId"]] == (one["agentId"] if one["ok"] else None) for one in whole["items"])
    assert {one["status"] for one in whole["items"]} <= {200, 409}
    held = Counter(owner for owner in owners.values() if owner in has)
    assert held == Counter(has)
    assert max(has.values()) == CAPACITY
    assert sorted(open_rows) == sorted(alert for alert, owner in owners.items() if owner)


def test_everybody_else_works_between_two_parts(house: Database, now: datetime) -> None:
    ids = in_pool(house, 2 * PART + 1)
    (other,) = in_pool(house, 1)
    with house.read() as session:
        state = State.load(session)
    found: dict[str, Moved] = {}
    wanted = [(one, f"agent-{number % AGENTS}") for number, one in enumerate(ids)]
    parts = _assign_in_parts(BulkAssignIn(), wanted, found, SYSTEM, house, now)
    assert next(parts) == Progress(done=PART, failed=0, total=2 * PART + 1)
    elsewhere = Database(house.url)
    with elsewhere.write() as session:
        routing.route(session, [other], state=state, trigger="opened", now=now)
        assert session.scalar(select(func.count()).select_from(Decision)) == PART + 1
    elsewhere.dispose()
    assert [one.done for one in parts] == [2 * PART, 2 * PART + 1]


class Whole(Camel):
    number: int


def test_what_breaks_off_is_no_success() -> None:
    done: list[int] = []

    def parts() -> Iterator[Progress]:
        for number in (1, 2):
            done.append(number)
            yield Progress(done=number, failed=0, total=3)
        raise Conflict("The door is shut.")

    answer: Any = in_parts.answer(parts(), lambda: Whole(number=len(done)), accept=LINES)

    async def read() -> list[Any]:
        return [json.loads(line) async for line in answer.body_iterator]

    lines = asyncio.run(read())
    assert lines[1:] == [{"done": 2, "failed": 0, "total": 3}, {"error": "The door is shut."}, {"number": 2}]
    with pytest.raises(Conflict):
        in_parts.answer(parts(), lambda: Whole(number=0), accept=None)
