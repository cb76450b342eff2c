"""The story of a policy: Ava tries a draft, sees the difference, shadows it, switches, and takes it back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core import routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert
from core.words import Role, Status
from jobs import rehearsing
from tests import factories as make
from tests import webs
from tests.webs import Running

OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
ALL_TO_MARIA = {
    "name": "Sellers to Maria",
    "actions": [{"type": "assign_to_agent", "params": {"agentId": "maria"}}],
}


@pytest.fixture
def office(database: Database, clock: FakeClock) -> Iterator[Running]:
    now = clock.now()
    with database.write() as session:
        make.team(session, "north", now=now)
        for name in ("maria", "tom", "uma"):
            make.agent(session, name, team_id="north", capacity=8, schedule=OFFICE, territories=["riverside"], now=now)
        make.user(session, "ava", role=Role.ADMIN, password_hash=webs.HASH, now=now)
        make.manager(session, "mia", of=["north"], password_hash=webs.HASH, now=now)
        make.rule(session, rule_id="sellers", priority=10, now=now, **{k: v for k, v in ALL_TO_MARIA.items() if k == "actions"})  # fmt: skip
        for number in range(60):
            opened = now - timedelta(hours=11 * number + 2)
            touched = opened + timedelta(minutes=20)
            make.alert(
                session,
                agent_id="maria",
                status=Status.CONVERTED if number % 3 == 0 else Status.DISMISSED,
                territory="riverside",
                opened_at=opened,
                acknowledged_at=touched,
                closed_at=touched + timedelta(days=2),
                now=now,
            )
    with webs.serving_web(database, clock) as running:
        yield running


class Ava:
    def __init__(self, running: Running, who: str = "ava") -> None:
        self._at = f"{running.url}/api/v1/alerts/routing"
        self._headers = {"authorization": f"Bearer {running.token(f'{who}@doorbell.test')}"}

    def __call__(self, method: str, path: str, body: object = None, *, status: int = 200) -> Any:
        answer = webs.request(method, self._at + path, json=body, headers=self._headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None


def owner(database: Database, clock: FakeClock, state: routing.State) -> str | None:
    """Who gets the next alert."""
    with database.write() as session:
        alert_id = make.alert(session, territory="riverside", now=clock.now())
        routing.route(session, [alert_id], state=state, trigger="opened", now=clock.now())
        return session.scalar(select(Alert.assigned_agent_id).where(Alert.id == alert_id))


def test_ava_tries_a_draft_sees_the_difference_shadows_it_switches_and_takes_it_back(
    office: Running, database: Database, clock: FakeClock
) -> None:
    ava = Ava(office)
    with database.read() as session:
        state = routing.State.load(session)

    # Maria gets every seller. Ava drafts another way: no such rule, and the lightest load first.
    draft = ava("POST", "/policies", {"name": "Share the sellers"}, status=201)
    assert (draft["status"], draft["changes"]) == ("draft", [])
    content = {"rules": [], "defaultStrategy": "workload", "agents": [{"agentId": "uma", "weight": 0.5}]}
    draft = ava("PUT", f"/policies/{draft['id']}", {"content": content, "version": 1})
    assert "Rule “sellers” is deleted" in draft["changes"]
    ava("PUT", f"/policies/{draft['id']}", {"name": "x", "version": 1}, status=409)
    wrong = ava(
        "PUT", f"/policies/{draft['id']}", {"content": {"agents": [{"agentId": "maria", "weight": 99}]}}, status=422
    )
    assert list(wrong["fields"]) == ["content.agents.0.weight"]

    # She replays the last month against it; a second question waits its turn in words.
    asked = ava("POST", "/simulate", {"days": 30, "policyId": draft["id"], "seeds": 3}, status=202)
    assert (asked["state"], asked["result"]) == ("waiting", None)
    assert "not done yet" in ava("POST", "/simulate", {"days": 30}, status=409)["detail"]
    assert rehearsing.work_once(database, clock)
    found = ava("GET", f"/simulate/{asked['id']}")
    assert (found["state"], found["done"]) == ("done", found["total"])
    whole, agents = found["result"]["whole"], {row["id"]: row["figures"] for row in found["result"]["agents"]}
    assert whole["largestShare"]["before"] > 0.9 > 0.6 > whole["largestShare"]["after"]
    assert whole["gini"]["high"] < 0
    assert agents["maria"]["alerts"]["real"] == found["result"]["alerts"]
    assert agents["tom"]["alerts"]["low"] > 0
    assert any(text.startswith("Tom would get") for text in found["result"]["sentences"])
    Ava(office, "mia")("GET", f"/simulate/{asked['id']}", status=404)  # hers, not Mia's
    Ava(office, "mia")("POST", "/policies", {"name": "Mine"}, status=403)

    # In shadow nobody notices anything but the ledger.
    ava("POST", f"/policies/{draft['id']}/shadow", {})
    assert {owner(database, clock, state) for _ in range(4)} == {"maria"}
    seen = ava("GET", f"/policies/{draft['id']}/comparison")
    assert seen["decisions"] == 4
    assert {one["instead"] for one in seen["examples"]} <= {"Tom", "Uma"}
    assert sum(one["shadow"] for one in seen["agents"]) == 4
    ava("DELETE", f"/policies/{draft['id']}", status=409)

    # She switches: the next alerts go to those with room.
    live = ava("POST", f"/policies/{draft['id']}/switch", {})
    assert (live["status"], live["changes"], live["canUndo"]) == ("live", [], True)
    assert ava("GET", "/rules")["items"] == []
    assert {owner(database, clock, state) for _ in range(2)} == {"tom", "uma"}

    # And back: the rule is there again under its id, and Maria is first.
    ava("PUT", "/agents/uma/profile", {"weight": 2})
    assert "the profile of Uma" in ava("POST", f"/policies/{draft['id']}/undo", {}, status=409)["detail"]
    ava("PUT", "/agents/uma/profile", {"weight": 0.5})
    assert ava("POST", f"/policies/{draft['id']}/undo", {})["status"] == "draft"
    assert [rule["id"] for rule in ava("GET", "/rules")["items"]] == ["sellers"]
    assert ava("GET", "/agents/uma/profile")["weight"] == 1.0
    assert owner(database, clock, state) == "maria"
    ava("DELETE", f"/policies/{draft['id']}", status=204)
    assert ava("GET", "/policies")["items"] == []
