"""Endpoints over HTTP, as a client sees them."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import IdempotentResponse
from jobs import work
from tests.hostile import HostileServer, answer
from tests.webs import Running, people, request, serving_web

HOOK = {"name": "Our CRM", "eventTypes": ["alert:new"], "config": {"perSecond": 5}}


@pytest.fixture
def running(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("DOORBELL_ALLOW_PRIVATE_URLS", "true")
    people(database, clock.now())
    with serving_web(database, clock) as running:
        yield running


def ask(
    running: Running, who: str, method: str, path: str = "", body: object = None, **headers: str
) -> httpx2.Response:
    headers = {"authorization": f"Bearer {running.token(f'{who}@doorbell.test')}", **headers}
    return request(method, f"{running.url}/api/v1/webhook-endpoints{path}", json=body, headers=headers)


def add(running: Running, who: str, url: str, **values: Any) -> dict[str, Any]:
    made = ask(running, who, "POST", "", {**HOOK, "url": url, **values})
    assert made.status_code == 201, made.text
    return dict(made.json())


def send(running: Running) -> None:
    runtime = running.runtime
    channels = delivery.open_channels(runtime.settings)
    work.send_once(runtime.database, channels, runtime.clock, "test", runtime.settings)


def test_an_endpoint_is_added_read_changed_rotated_and_deleted(running: Running, hostile_server: HostileServer) -> None:
    made = add(running, "ada", hostile_server.url)
    assert made | HOOK == made
    path = f"/{made['id']}"
    seen = ask(running, "ada", "GET", path)
    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in seen.text
    assert seen.json()["secrets"] == [{"hint": f"…{made['secret'][-4:]}", "since": made["createdAt"], "until": None}]
    changed = ask(running, "ada", "PATCH", f"{path}?version=1", {"eventTypes": [], "enabled": False})
    assert (changed.json()["eventTypes"], changed.json()["enabled"], changed.json()["name"]) == ([], False, "Our CRM")
    assert ask(running, "ada", "PATCH", f"{path}?version=1", {"name": "Late"}).status_code == 409
    rotated = ask(running, "ada", "POST", f"{path}/rotate")
    assert rotated.headers["cache-control"] == "no-store"
    assert rotated.json()["secret"] not in (made["secret"], None)
    assert [one["until"] is None for one in rotated.json()["secrets"]] == [True, False]
    assert ask(running, "ada", "DELETE", f"{path}?version=3").status_code == 204
    assert ask(running, "ada", "GET", path).status_code == 404


def test_what_is_wrong_is_named(running: Running) -> None:
    wrong = ask(running, "ada", "POST", "", {"name": "", "eventTypes": ["alert:old"]})
    assert wrong.status_code == 422
    assert set(wrong.json()["fields"]) == {"name", "eventTypes"}
    bad = ask(running, "ada", "POST", "", {"name": "x", "url": "https://u:p@hooks.example"})
    assert "user name" in bad.json()["fields"]["url"]
    assert ask(running, "ada", "POST", "", {"name": "x", "colour": "red"}).status_code == 422


def test_each_role_has_its_own(running: Running, hostile_server: HostileServer) -> None:
    made = add(running, "ada", hostile_server.url)
    ours = add(running, "mia", hostile_server.url, teamId="north")
    assert ask(running, "mia", "POST", "", {"name": "x", "url": hostile_server.url}).status_code == 403
    assert [one["id"] for one in ask(running, "mia", "GET").json()["items"]] == [ours["id"]]
    assert len(ask(running, "ada", "GET").json()["items"]) == 2
    for method, path in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/test")]:
        body = {} if method == "PATCH" else None
        assert ask(running, "mia", method, f"/{made['id']}{path}", body).status_code == 404
        assert ask(running, "ann", method, f"/{ours['id']}{path}", body).status_code == 403


def test_a_test_says_what_the_other_system_answered(running: Running, hostile_server: HostileServer) -> None:
    made = add(running, "ada", hostile_server.url, enabled=False)
    hostile_server.will(answer(503), answer(200))
    begun = ask(running, "ada", "POST", f"/{made['id']}/test")
    assert (begun.status_code, begun.json()["said"], begun.json()["done"]) == (202, "On its way.", False)
    again = ask(running, "ada", "POST", f"/{made['id']}/test")
    assert again.json()["id"] == begun.json()["id"], "one at a time"
    path = f"/{made['id']}/tests/{begun.json()['id']}"
    send(running)
    assert "503 Service Unavailable" in ask(running, "ada", "GET", path).json()["said"]
    clock = running.runtime.clock
    assert isinstance(clock, FakeClock)
    clock.set(clock.now().replace(minute=1))
    send(running)
    stands = ask(running, "ada", "GET", path).json()
    assert (stands["said"], stands["ok"], stands["done"], stands["attempts"]) == ("It was taken.", True, True, 2)
    assert [one.json["type"] for one in hostile_server.requests] == ["endpoint:test"] * 2
    assert ask(running, "ada", "GET", f"/{made['id']}/tests/other").status_code == 404


def test_a_repeated_request_gets_the_secret_again_and_none_lies_open(
    running: Running, hostile_server: HostileServer
) -> None:
    body = {**HOOK, "url": hostile_server.url}
    first, again = (ask(running, "ada", "POST", "", body, **{"idempotency-key": "one"}) for _ in range(2))
    assert first.json() == again.json()
    with running.runtime.database.read() as session:
        (kept,) = session.scalars(select(IdempotentResponse.body))
    assert first.json()["secret"].encode() not in kept
