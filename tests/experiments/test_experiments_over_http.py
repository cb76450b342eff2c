"""Experiments over HTTP: who may do what, what is refused and how, and one that is planned, started and stopped."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx2
import pytest
from fastapi import Request
from starlette.testclient import TestClient

from app.api import application, deps, experiments
from app.runtime import Runtime
from app.security.limits import Limits
from core.alerts.priority import in_force
from core.clock import FakeClock
from core.db import Database
from core.settings import Settings
from core.viewer import Viewer, load
from tests.experiments.making import won
from tests.views.brokerage import open_brokerage

HALVES = [
    {"name": "As today", "share": 0.5},
    {"name": "Stricter", "share": 0.5, "config": {"threshold": 0.7}},
]
BODY: dict[str, Any] = {
    "name": "Stricter",
    "kind": "threshold",
    "alertTypes": ["LIKELY_TO_SELL"],
    "variants": HALVES,
    "metric": "right_share",
    "plan": {"baseline": 0.6, "effect": 0.1, "method": "group_sequential", "looks": 4},
}


class Client:
    def __init__(self, client: TestClient) -> None:
        self._client = client

    def __call__(self, who: str, method: str, path: str = "", body: object = None) -> httpx2.Response:
        return self._client.request(method, f"/experiments{path}", json=body, headers={"x-test-user": who})


@pytest.fixture
def call(database: Database, clock: FakeClock, now: datetime) -> Iterator[Client]:
    """`call("ada", "GET", "/id")`: Ada is the admin, Mia a manager, Ann an agent."""
    with database.write() as session:
        open_brokerage(session, now=now)
    settings = Settings(secret_key="k" * 40, database_url=database.url)  # type: ignore[arg-type]
    runtime = Runtime(settings=settings, database=database, clock=clock)
    app = application.build(runtime, Limits(), [experiments.router])

    def caller(request: Request) -> Viewer:
        with database.read() as session:
            found = load(session, request.headers["x-test-user"])
        assert found is not None
        return found

    app.dependency_overrides[deps.caller] = caller
    with TestClient(app) as client:
        yield Client(client)


def test_from_plan_to_conclusion(call: Client) -> None:
    plan = call("mia", "POST", "/plan", BODY)
    assert plan.status_code == 200, plan.text
    assert plan.json()["looks"] == 4
    assert plan.json()["expected"]["weeks"] is None
    assert call("mia", "GET").json()["items"] == []

    made = call("ada", "POST", "", BODY).json()
    assert (made["status"], made["plan"]["total"]) == ("draft", plan.json()["total"])
    assert [one["key"] for one in made["variants"]] == ["control", "b"]
    path = f"/{made['id']}"
    assert call("mia", "GET", path).json()["standing"] is None
    changed = call("ada", "PATCH", path, {"plan": {"baseline": 0.6, "effect": 0.2}}).json()
    assert changed["plan"]["method"] == "fixed"
    assert changed["plan"]["total"] < made["plan"]["total"]

    started = call("ada", "POST", f"{path}/start").json()
    assert started["status"] == "running"
    standing = call("mia", "GET", path).json()["standing"]
    assert (standing["state"], standing["results"]) == ("not_yet", [])
    assert "Fixed horizon" in standing["method"]
    assert [one["entered"] for one in standing["variants"]] == [0, 0]
    for refused in (call("ada", "PATCH", path, {"name": "Late"}), call("ada", "DELETE", path)):
        assert refused.status_code == 409
    other = call("ada", "POST", "", BODY).json()["id"]
    assert call("ada", "POST", f"/{other}/start").status_code == 409
    assert call("ada", "DELETE", f"/{other}").status_code == 204

    stopped = call("ada", "POST", f"{path}/stop", {"reason": "Too slow."}).json()
    assert (stopped["status"], stopped["conclusion"]["state"]) == ("stopped", "stopped_early")
    assert stopped["conclusion"]["reason"] == "Too slow."
    assert call("mia", "GET").json()["items"][0]["id"] == made["id"]


def test_a_winner_is_adopted_over_http_by_an_admin(call: Client, database: Database, now: datetime) -> None:
    with database.write() as session:
        path = f"/{won(session, 'threshold', now=now)}/adopt"
    assert call("mia", "POST", path, {"variant": "b"}).status_code == 403
    assert call("ada", "POST", path, {"variant": "control"}).status_code == 409
    assert call("ada", "POST", "/none/adopt", {"variant": "b"}).status_code == 404
    adopted = call("ada", "POST", path, {"variant": "b"})
    assert adopted.json()["conclusion"]["adopted"]["variant"] == "b"
    with database.read() as session:
        assert in_force(session, now=now).set_for("LIKELY_TO_SELL") == 0.7


def test_managers_read_admins_change_and_agents_do_neither(call: Client) -> None:
    made = call("ada", "POST", "", BODY).json()["id"]
    for method, path, body in (
        ("POST", "", BODY),
        ("PATCH", f"/{made}", {"name": "Mine"}),
        ("POST", f"/{made}/start", None),
        ("POST", f"/{made}/stop", None),
        ("DELETE", f"/{made}", None),
    ):
        assert call("mia", method, path, body).status_code == 403
        assert call("ann", method, path, body).status_code == 403
    for path in ("", f"/{made}"):
        assert call("mia", "GET", path).status_code == 200
        assert call("ann", "GET", path).status_code == 403
    assert call("ann", "POST", "/plan", BODY).status_code == 403


def test_refusals_name_the_field_and_what_is_not_there_is_404(call: Client) -> None:
    wrong = call("ada", "POST", "", BODY | {"metric": "response_seconds"})
    assert wrong.status_code == 422
    assert "metric" in wrong.json()["fields"]
    wrong = call("ada", "POST", "", BODY | {"variants": [HALVES[0], HALVES[1] | {"share": 0.4}]})
    assert wrong.json()["fields"] == {"variants": "their shares add up to 1"}
    assert call("ada", "POST", "", BODY | {"salt": "mine"}).status_code == 422
    for method, path in (("GET", "/none"), ("PATCH", "/none"), ("POST", "/none/start"), ("DELETE", "/none")):
        body = {} if method == "PATCH" else None
        assert call("ada", method, path, body).status_code == 404


def test_what_another_strategy_would_have_brought(call: Client) -> None:
    asked = call("mia", "GET", "/hindsight?strategy=performance")
    assert asked.status_code == 200, asked.text
    assert asked.json()["wouldBe"] is None
    assert asked.json()["sentences"] == [
        "No hand-out of these days says anything about it: rules decided, or it is too early to know what came of them."
    ]
    wrong = call("mia", "GET", "/hindsight?strategy=nothing&metric=luck&days=0")
    assert (wrong.status_code, sorted(wrong.json()["fields"])) == (422, ["days", "metric", "strategy"])
    assert call("ann", "GET", "/hindsight?strategy=performance").status_code == 403
