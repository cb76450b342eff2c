"""What one process changes, the very next decision of every other one uses: no copy in memory outlives a commit."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from core import routing
from core.db import Database
from core.db.tables import Alert
from core.routing import (
    holidays,
    house_settings,
    pausing,
    profiles,
    results,
    rule_book,
    snapshot,
    state,
    teams,
    territories,
    time_off,
)
from core.viewer import SYSTEM
from tests import factories as make
from tests.processes import ROOT

RULE = {"name": "To Bob", "actions": [{"type": "assign_to_agent", "params": {"agentId": "bob"}}]}
Change = Callable[[Session, datetime], object]


def _won(session: Session, now: datetime) -> object:
    """Ann wins what she gets, Bob does not; the hourly measuring finds it out."""
    for number in range(60):
        agent = ("ann", "bob")[number % 2]
        alert_id = make.alert(session, agent_id=agent, now=now - timedelta(days=30))
        status = "CONVERTED" if agent == "ann" else "DISMISSED"
        session.execute(
            update(Alert).where(Alert.id == alert_id).values(status=status, closed_at=now - timedelta(days=9))
        )
    return results.refresh(session, now=now)


CHANGES: dict[str, Change] = {
    "a rule is written": lambda session, now: rule_book.add(session, RULE, actor_id=None, now=now),
    "a rule is changed": lambda session, now: rule_book.change(
        session, "kept", {"priority": 7}, version=None, actor_id=None, now=now
    ),
    "a rule is deleted": lambda session, now: rule_book.remove(session, "kept", version=None, actor_id=None, now=now),
    "an agent is unavailable": lambda session, now: profiles.put(
        session, "ann", {"available": False}, viewer=SYSTEM, now=now
    ),
    "an agent moves to another zone": lambda session, now: profiles.put(
        session, "ann", {"timezone": "Europe/Berlin"}, viewer=SYSTEM, now=now
    ),
    "an agent goes on time off": lambda session, now: time_off.add(
        session,
        "ann",
        {"starts_at": now - timedelta(hours=1), "ends_at": now + timedelta(days=3)},
        viewer=SYSTEM,
        now=now,
    ),
    "an agent cannot be reached": lambda session, now: pausing.pause(session, "ann", "three did not arrive", now=now),
    "a team hands out in turn": lambda session, now: teams.change(
        session, "north", {"default_strategy": "round_robin"}, actor_id=None, now=now
    ),
    "a territory is drawn": lambda session, now: territories.add(session, {"name": "Old Town"}, actor_id=None, now=now),
    "a holiday is declared": lambda session, now: holidays.add(
        session, {"name": "Snow", "day": now.date()}, viewer=SYSTEM, now=now
    ),
    "the house has another strategy": lambda session, now: house_settings.put(
        session, {"default_strategy": "workload"}, viewer=SYSTEM, now=now
    ),
    "results are measured": _won,
}


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    with database.write() as session:
        make.admin(session, now=now)
        make.team(session, "north", now=now)
        make.territory(session, "riverside", name="Riverside")
        for agent_id, level in (("ann", 4), ("bob", 2)):
            make.agent(session, agent_id, team_id="north", territories=["riverside"], skills={"seller": level}, now=now)
        make.rule(
            session,
            rule_id="kept",
            conditions=[{"field": "alert.priority", "operator": "equals", "value": "LOW"}],
            actions=RULE["actions"],  # type: ignore[arg-type]
            now=now,
        )
    return database


@pytest.mark.parametrize("name", CHANGES)
def test_the_next_batch_has_the_house_as_it_is(house: Database, now: datetime, name: str) -> None:
    with house.read() as session:
        another = routing.State.load(session)
    before = snapshot.dump(another.house)[0]
    with house.write() as session:
        CHANGES[name](session, now)
    with house.write() as session:
        alert_id = make.alert(session, territory="riverside", now=now)
    with house.write() as session:
        routing.route(session, [alert_id], state=another, trigger="opened", now=now)
        as_it_is = snapshot.dump(state.read(session))[0]
    assert snapshot.dump(another.house)[0] == as_it_is != before
    assert (another.hits, another.misses) == (0, 1)


def test_every_table_that_routing_keeps_in_memory_has_its_change_here(house: Database, now: datetime) -> None:
    read: set[str] = set()
    written: set[str] = set()

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        read.update(re.findall(r"(?:FROM|JOIN) (\w+)", statement))
        written.update(re.findall(r"(?:INTO|UPDATE|DELETE FROM) (\w+)", statement))

    event.listen(house.engine, "before_cursor_execute", note)
    with house.read() as session:
        state.read(session)
    kept, written = read - {"versions"}, set()
    for change in CHANGES.values():
        with house.read() as session:  # rolled back: each starts from the same house
            change(session, now)
    event.remove(house.engine, "before_cursor_execute", note)
    assert {"agents", "rules", "users"} <= kept
    assert kept <= written, f"nothing here changes {kept - written}"


def test_a_refused_change_leaves_the_copy_alone(house: Database, now: datetime) -> None:
    with house.read() as session:
        another = routing.State.load(session)
    with house.read() as session:  # rolled back
        rule_book.add(session, RULE, actor_id=None, now=now)
    with house.write() as session:
        assert not another.refresh(session)


def test_of_a_thousand_batches_only_those_after_a_change_read_the_house(house: Database, now: datetime) -> None:
    with house.read() as session:
        another = routing.State.load(session)
    for number in range(1_000):
        if number % 250 == 100:
            with house.write() as session:
                profiles.put(session, "ann", {"max_concurrent_alerts": number}, viewer=SYSTEM, now=now)
        with house.read() as session:
            another.refresh(session)
            assert another.house.directory.by_id["ann"].capacity == (
                10 if number < 100 else 100 + (number - 100) // 250 * 250
            )
    assert another.hits / (another.hits + another.misses) > 0.99


OTHER = """
import sys
from datetime import datetime
from core import routing
from core.db import Database
database = Database(sys.argv[1])
with database.read() as session:
    state = routing.State.load(session)
print("ready", flush=True)
for line in sys.stdin:
    with database.write() as session:
        now = datetime.fromisoformat(sys.argv[2])
        found = routing.route(session, [line.strip()], state=state, trigger="opened", now=now)
    print(found[0].agent_id, flush=True)
"""


def test_a_process_of_its_own_follows_each_change_in_its_very_next_decision(house: Database, now: datetime) -> None:
    def ask() -> str:
        with house.write() as session:
            alert_id = make.alert(session, territory="riverside", now=now)
        assert other.stdin
        assert other.stdout
        other.stdin.write(f"{alert_id}\n")
        other.stdin.flush()
        return other.stdout.readline().strip()

    command = [sys.executable, "-c", OTHER, house.url, now.isoformat()]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "ready\n"
        assert ask() == "ann"
        with house.write() as session:
            rule_id = rule_book.add(session, RULE, actor_id=None, now=now).id
        assert ask() == "bob"
        with house.write() as session:
            rule_book.remove(session, rule_id, version=None, actor_id=None, now=now)
        assert ask() == "ann"
        with house.write() as session:
            profiles.put(session, "ann", {"available": False}, viewer=SYSTEM, now=now)
        assert ask() == "bob"
        other.kill()
