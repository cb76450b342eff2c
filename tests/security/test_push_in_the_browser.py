"""A signed-in browser's subscription: by its cookie and from our own pages, and the same by token."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from core.clock import FakeClock
from core.db import Database
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Address
from core.delivery import vapid
from tests import webs
from tests.push_service import Browser, base64url
from tests.webs import Running

KEY = base64url(b"\x07" * 32)
BROWSER = Browser(endpoint="https://push.example/abc", server_key=vapid.public_key(KEY))
SUBSCRIPTION = {"endpoint": BROWSER.endpoint, "expirationTime": None, "keys": BROWSER.keys}


@pytest.fixture
def web(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("DOORBELL_VAPID_PRIVATE_KEY", KEY)
    webs.people(database, clock.now())
    with webs.serving_web(database, clock) as running:
        yield running


@pytest.fixture
def cookie(web: Running) -> str:
    return web.cookie("ann@doorbell.test")


def call(web: Running, method: str, path: str, cookie: str = "", **more: Any) -> httpx2.Response:
    headers = {"origin": web.url, "cookie": f"doorbell={cookie}", **more.pop("headers", {})}
    return webs.request(method, web.url + path, headers=headers, **more)


def owners(web: Running) -> list[str]:
    with web.runtime.database.read() as session:
        return list(session.scalars(select(Address.user_id).where(Address.channel == "push")))


def test_the_worker_serves_the_whole_site(web: Running) -> None:
    answer = webs.request("GET", f"{web.url}/doorbell-sw.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["service-worker-allowed"] == "/"
    assert answer.headers["cache-control"] == "no-cache"
    assert "notificationclick" in answer.text


def test_a_signed_in_browser_subscribes_and_takes_it_back(web: Running, cookie: str) -> None:
    assert call(web, "GET", "/session/push", cookie).json() == {"key": BROWSER.server_key}
    assert call(web, "POST", "/session/push", cookie, json=SUBSCRIPTION).status_code == 201
    assert call(web, "POST", "/session/push", cookie, json=SUBSCRIPTION).status_code == 201
    assert owners(web) == ["ann"]
    for _ in range(2):
        assert call(web, "DELETE", "/session/push", cookie, json={"endpoint": BROWSER.endpoint}).status_code == 204
    assert owners(web) == []


def test_nobody_subscribes_without_a_session_or_from_another_site(web: Running, cookie: str) -> None:
    assert call(web, "GET", "/session/push").status_code == 401
    assert call(web, "POST", "/session/push", json=SUBSCRIPTION).status_code == 401
    for headers in ({"origin": "https://evil.example"}, {"origin": "null"}):
        assert call(web, "POST", "/session/push", cookie, json=SUBSCRIPTION, headers=headers).status_code == 403
    assert owners(web) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"{", "body"),
        (b'{"endpoint": "https://push.example/a"}', "keys"),
        (b'{"endpoint": "https://push.example/a", "keys": {"p256dh": "a", "auth": "b"}}', "keys.p256dh"),
        (b'{"endpoint": "\\u0000", "keys": {"p256dh": "a", "auth": "b"}}', "endpoint"),
        (b"x" * 9000, None),
    ],
)
def test_what_is_no_subscription_is_refused(web: Running, cookie: str, body: bytes, field: str | None) -> None:
    answer = call(web, "POST", "/session/push", cookie, content=body)
    assert answer.status_code == 422
    assert field is None or field in answer.json()["fields"]


def test_a_browser_sends_itself_a_test_and_sees_how_it_stands(web: Running, cookie: str) -> None:
    mine = {"endpoint": BROWSER.endpoint}
    assert call(web, "POST", "/session/push/test", cookie, json=mine).status_code == 404
    call(web, "POST", "/session/push", cookie, json=SUBSCRIPTION)
    asked = call(web, "POST", "/session/push/test", cookie, json=mine)
    assert asked.status_code == 202
    path = f"/session/push/test/{asked.json()['id']}"
    assert call(web, "GET", path, cookie).json()["said"] == "On its way."
    assert call(web, "GET", path, web.cookie("bob@doorbell.test")).status_code == 404


def test_the_same_by_token(web: Running) -> None:
    headers = {"authorization": f"Bearer {web.token('ann@doorbell.test')}"}
    api = f"{web.url}/api/v1"
    assert webs.request("GET", f"{api}/push/key").json() == {"key": BROWSER.server_key}
    assert webs.request("POST", f"{api}/me/push", json=SUBSCRIPTION).status_code == 401
    made = webs.request("POST", f"{api}/me/push", json=SUBSCRIPTION, headers=headers)
    assert made.status_code == 201
    test = webs.request("POST", f"{api}/deliveries/test", json={"channel": "push"}, headers=headers)
    assert test.status_code == 202, test.text
    with web.runtime.database.read() as session:
        assert session.get_one(Delivery, test.json()["id"]).address_id == made.json()["id"]
    read = webs.request("GET", f"{api}/deliveries/test/{test.json()['id']}", headers=headers)
    assert read.json()["state"] == "queued"
    assert webs.request("GET", f"{api}/deliveries/test/none", headers=headers).status_code == 404
    wrong = webs.request("POST", f"{api}/deliveries/test", json={"channel": "in_app"}, headers=headers)
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["channel"])
    gone = webs.request("POST", f"{api}/me/push/remove", json={"endpoint": BROWSER.endpoint}, headers=headers)
    assert gone.status_code == 204
    assert owners(web) == []


def test_push_is_refused_where_browsers_would_not_trust_us(database: Database, clock: FakeClock) -> None:
    with webs.serving_web(database, clock, public_url="http://doorbell.example") as web:
        assert webs.request("GET", f"{web.url}/api/v1/push/key").status_code == 409
