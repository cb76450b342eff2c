"""Policies over HTTP, as a client sees them."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx2
import pytest

from core.clock import FakeClock
from core.db import Database
from core.words import Priority
from tests.escalation.test_escalation import told
from tests.webs import Running, people, request, serving_web

POLICY = {
    "name": "Fast for sellers",
    "alertTypes": ["LIKELY_TO_SELL"],
    "steps": [
        {"after": {"minutes": 2}, "do": "remind", "params": {}},
        {"after": {"minutes": 3}, "do": "next", "params": {}},
    ],
    "ackTimeout": {"workingHours": 4},
}


@pytest.fixture
def running(database: Database, clock: FakeClock) -> Iterator[Running]:
    people(database, clock.now())
    with serving_web(database, clock) as running:
        yield running


def ask(running: Running, who: str, method: str, path: str, body: object = None) -> httpx2.Response:
    headers = {"authorization": f"Bearer {running.token(f'{who}@doorbell.test')}"}
    return request(method, f"{running.url}/api/v1{path}", json=body, headers=headers)


def test_a_policy_is_written_read_changed_and_used(running: Running, now: datetime) -> None:
    made = ask(running, "ada", "POST", "/escalation-policies", POLICY)
    assert made.status_code == 201, made.text
    policy_id = made.json()["id"]
    assert made.json() | POLICY == made.json()
    assert ask(running, "ada", "POST", "/escalation-policies", POLICY | {"steps": []}).status_code == 422
    assert ask(running, "mia", "POST", "/escalation-policies", POLICY).status_code == 403
    listed = ask(running, "mia", "GET", "/escalation-policies").json()["items"]
    assert [one["id"] for one in listed] == [policy_id, *(f"default-{one.lower()}" for one in Priority)]
    changed = ask(running, "ada", "PATCH", f"/escalation-policies/{policy_id}?version=1", {"repeat": 1})
    assert (changed.json()["repeat"], changed.json()["version"]) == (1, 2)
    assert ask(running, "ada", "PUT", f"/escalation-policies/{policy_id}?version=1", POLICY).status_code == 409

    with running.runtime.database.write() as session:
        alert_id = told(session, "ann", priority=Priority.HIGH, now=now)
    stands = ask(running, "ada", "GET", f"/alerts/{alert_id}/escalation").json()
    assert stands == {
        "policyId": policy_id,
        "policyName": "Fast for sellers",
        "state": "running",
        "done": [],
        "nextStep": POLICY["steps"][0],  # type: ignore[index]
        "nextAt": (now + timedelta(minutes=2)).isoformat().replace("+00:00", "Z"),
    }
    assert ask(running, "ada", "DELETE", f"/escalation-policies/{policy_id}").status_code == 204
    assert ask(running, "ada", "GET", f"/escalation-policies/{policy_id}").status_code == 404
    assert ask(running, "ada", "DELETE", "/escalation-policies/default-low").status_code == 409
    assert ask(running, "ada", "GET", f"/alerts/{alert_id}/escalation").json()["policyId"] == "default-high"
