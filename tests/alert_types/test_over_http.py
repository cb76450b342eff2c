"""Alert types over HTTP: who may do what, and what hostile definitions come to."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx2
import pytest
from fastapi import Request
from starlette.testclient import TestClient

from app.api import alert_types, alerts, application, deps
from app.runtime import Runtime
from app.security.limits import Limits
from core.clock import FakeClock
from core.db import Database
from core.pipeline import World
from core.settings import Settings
from core.viewer import Viewer, load
from tests import factories
from tests.alert_types.conftest import claim, run, visit
from tests.alert_types.writing import CHECKED, a_type, when


@pytest.fixture
def client(database: Database, clock: FakeClock, world: World, now: datetime) -> Iterator[TestClient]:
    with database.write() as session:
        factories.manager(session, "mia", of=["north"], now=now)
    settings = Settings(secret_key="k" * 40, database_url=database.url)  # type: ignore[arg-type]
    runtime = Runtime(settings=settings, database=database, clock=clock)
    app = application.build(runtime, Limits(), [alert_types.router, alerts.router])

    def caller(request: Request) -> Viewer:
        with database.read() as session:
            found = load(session, request.headers["x-test-user"])
        assert found is not None
        return found

    app.dependency_overrides[deps.caller] = caller
    with TestClient(app) as found:
        yield found


def send(client: TestClient, who: str, method: str, path: str = "", body: Any = None) -> httpx2.Response:
    return client.request(method, f"/alert-types{path}", headers={"x-test-user": who}, json=body)


def test_an_admin_writes_a_manager_tries_and_an_agent_reads(client: TestClient) -> None:
    made = send(client, "ada", "POST", body=a_type())
    assert made.status_code == 201, made.text
    path = f"/{made.json()['id']}"
    assert send(client, "ada", "POST", f"{path}/activate").json()["status"] == "active"
    assert send(client, "ada", "PATCH", path, {"horizonDays": 45}).json()["horizonDays"] == 45
    assert send(client, "ada", "PATCH", f"{path}?version=1", {"horizonDays": 46}).status_code == 409
    assert send(client, "ada", "PUT", path, a_type(name="Claim")).json()["version"] == 4
    for who in ("mia", "ann"):
        assert [each["name"] for each in send(client, who, "GET").json()["items"]][-1] == "Claim"
        assert send(client, who, "GET", path).json()["definition"] == a_type()["definition"]
        assert send(client, who, "GET", "/NO_SUCH").status_code == 404
        for method, tail in (("POST", ""), ("PUT", path), ("PATCH", path), ("POST", f"{path}/retire")):
            assert send(client, who, method, tail, a_type()).status_code == 403
    assert send(client, "mia", "POST", "/preview", a_type()).status_code == 200
    assert send(client, "ann", "POST", "/preview", a_type()).status_code == 403
    assert send(client, "ada", "POST", f"{path}/retire").json()["status"] == "retired"
    assert len(send(client, "ann", "GET").json()["items"]) == 5


def test_fields_tell_everything_a_rule_may_ask_with_label_unit_and_type(client: TestClient) -> None:
    found = send(client, "ann", "GET", "/fields").json()
    by_name = {each["name"]: each for each in found["items"]}
    assert by_name["feature.value_checks_30d"] | {} == {
        "name": "feature.value_checks_30d",
        "label": "Value checks",
        "unit": "times",
        "group": "Behaviour and home",
        "type": "whole",
        "least": 0.0,
        "most": None,
        "mayBeUnknown": False,
        "values": [],
    }
    assert by_name["feature.preferred_device"]["values"] == ["desktop", "mobile", "tablet", "other"]
    assert "between" in found["operators"]
    for template in found["templates"]:
        assert send(client, "mia", "POST", "/preview", template).json()["warnings"] == []


def test_a_preview_counts_and_warns_and_its_own_alerts_open_in_lists(
    client: TestClient, database: Database, world: World, now: datetime
) -> None:
    with database.write() as session:
        claim(session, now=now)
        visit(session, "value_check", at=now)
    run(database, world, now=now)
    told = send(client, "mia", "POST", "/preview", a_type()).json()
    assert (told["now"], told["past"], told["contacts"], told["sampled"]) == (1, 1, 1, False)
    made = send(client, "ada", "POST", body=a_type()).json()
    send(client, "ada", "POST", f"/{made['id']}/activate")
    run(database, world, now=now)
    listed = client.get("/alerts", params={"type": made["id"]}, headers={"x-test-user": "ann"}).json()["items"]
    assert [each["alertType"] for each in listed] == [made["id"]]
    for text in ("insurance", "value check"):
        found = client.get("/alerts", params={"text": text}, headers={"x-test-user": "ann"}).json()["items"]
        assert [each["id"] for each in found] == [listed[0]["id"]]
    detail = client.get(f"/alerts/{listed[0]['id']}", headers={"x-test-user": "ann"}).json()
    assert any("Insurance claim and value check" in entry["text"] for entry in detail["timeline"])
    row = send(client, "ada", "GET", f"/{made['id']}").json()
    assert (row["openedLast30Days"], row["openNow"], row["right"]["total"]) == (1, 1, 0)


HOSTILE = "'); DROP TABLE alerts;-- <script>alert(1)</script> ${7*7} {{7*7}}"


def test_hostile_names_are_kept_as_text_and_hostile_definitions_refused(client: TestClient) -> None:
    made = send(client, "ada", "POST", body=a_type(name=HOSTILE, description=HOSTILE)).json()
    assert (made["name"], made["description"]) == (HOSTILE, HOSTILE)
    assert made["id"].replace("_", "").isalnum()
    deep: Any = CHECKED
    for _ in range(200):
        deep = {"all": [deep]}
    for definition in (
        {"rule": deep, "confidence": {"belief": 0.6}},
        {"rule": {"all": [CHECKED] * 5_000}, "confidence": {"belief": 0.6}},
        {"rule": when("feature.value_checks_30d", "in", list(range(5_000))), "confidence": {"belief": 0.6}},
        {"rule": when("count:x'); DROP TABLE alerts;--:30d", "greater_than", 1), "confidence": {"belief": 0.6}},
        {"rule": when("__class__.__init__", "exists"), "confidence": {"belief": 0.6}},
        {"rule": when("contact.territory", "equals", 1), "confidence": {"belief": 0.6}},
        {"rule": CHECKED, "confidence": {"belief": "0.6"}},
        {"rule": CHECKED, "confidence": {"points": [{"when": CHECKED, "add": 1e9}]}},
        {"rule": [CHECKED], "confidence": {"belief": 0.6}},
        {"rule": CHECKED, "confidence": {"belief": 0.6}, "sql": "SELECT 1"},
    ):
        answer = send(client, "ada", "POST", body=a_type(name="Bad", definition=definition))
        assert answer.status_code == 422, definition
        assert answer.json()["fields"]
    half = client.post(
        "/alert-types",
        content=rb'{"name": "Bad", "definition": {"\ud800": 1}}',
        headers={"x-test-user": "ada", "content-type": "application/json"},
    )
    assert (half.status_code, list(half.json()["fields"])) == (422, ["definition.\ud800"])
    for name in ("zero\x00byte", "right\u202eto left", "x" * 5_000):
        assert send(client, "ada", "POST", body=a_type(name=name)).status_code == 422
