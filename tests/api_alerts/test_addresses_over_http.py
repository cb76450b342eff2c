"""One's own phones over HTTP: added, confirmed with the code, removed."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from core.clock import FakeClock
from core.db import Database
from core.delivery import open_channels
from core.settings import Settings
from jobs import work
from tests.providers import twilio
from tests.webs import Running, people, request, serving_web


def later(clock: FakeClock, wait: timedelta) -> None:
    clock.set(clock.now() + wait)


@pytest.fixture
def server() -> Iterator[twilio.TwilioServer]:
    with twilio.serving() as running:
        yield running


@pytest.fixture
def web(database: Database, clock: FakeClock, server: twilio.TwilioServer) -> Iterator[Running]:
    people(database, clock.now())
    with serving_web(database, clock, **server.settings()) as running:
        yield running


def call(web: Running, who: str, method: str, path: str = "", body: Any = None) -> httpx2.Response:
    return request(
        method,
        f"{web.url}/api/v1/me/addresses{path}",
        json=body,
        headers={"authorization": f"Bearer {web.token(f'{who}@doorbell.test')}"},
    )


def code(web: Running, server: twilio.TwilioServer) -> str:
    settings: Settings = web.runtime.settings
    channels = open_channels(settings)
    work.send_once(web.runtime.database, channels, web.runtime.clock, "w1", settings)
    channels["sms"].close()
    found = re.search(r"\b\d{6}\b", server.sent[-1]["Body"])
    assert found
    return found[0]


def test_a_phone_is_added_confirmed_and_removed(web: Running, server: twilio.TwilioServer, clock: FakeClock) -> None:
    made = call(web, "ann", "POST", body={"phone": "(312) 555-0142"})
    assert made.status_code == 201, made.text
    assert (made.json()["label"], made.json()["confirmed"]) == ("+1 312 ... 42", False)
    path = f"/{made.json()['id']}"
    right = code(web, server)
    wrong = call(web, "ann", "POST", f"{path}/confirm", {"code": f"{(int(right) + 1) % 10**6:06}"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["code"])
    soon = call(web, "ann", "POST", f"{path}/resend")
    assert (soon.status_code, soon.headers["retry-after"]) == (429, "60")
    assert call(web, "bob", "POST", f"{path}/confirm", {"code": right}).status_code == 404
    assert call(web, "ann", "POST", f"{path}/confirm", {"code": right}).json()["confirmed"]
    assert [one["label"] for one in call(web, "ann", "GET").json()["items"]] == ["+1 312 ... 42"]
    assert call(web, "bob", "GET").json() == {"items": []}
    later(clock, timedelta(minutes=2))
    assert call(web, "ann", "POST", f"{path}/resend").status_code == 409
    assert call(web, "bob", "DELETE", path).status_code == 404
    assert call(web, "ann", "DELETE", path).status_code == 204
    assert call(web, "ann", "GET").json() == {"items": []}


def test_five_wrong_codes_over_http_spend_it(web: Running, server: twilio.TwilioServer) -> None:
    path = f"/{call(web, 'ann', 'POST', body={'phone': '312 555 0142'}).json()['id']}/confirm"
    right = code(web, server)
    wrong = {"code": f"{(int(right) + 1) % 10**6:06}"}
    assert [call(web, "ann", "POST", path, wrong).status_code for _ in range(6)] == [422] * 5 + [429]
    assert call(web, "ann", "POST", path, {"code": right}).status_code == 429


@pytest.mark.parametrize("phone", ["12", "hello", "+1 900 555 0199"])
def test_what_is_no_phone_is_refused_with_its_field(web: Running, phone: str) -> None:
    answer = call(web, "ann", "POST", body={"phone": phone})
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["phone"])


def test_without_texts_set_up_it_says_what_to_set(database: Database, clock: FakeClock) -> None:
    people(database, clock.now())
    with serving_web(database, clock) as web:
        answer = call(web, "ann", "POST", body={"phone": "312 555 0142"})
        assert answer.status_code == 409
        assert "DOORBELL_TWILIO_ACCOUNT_SID" in answer.json()["detail"]


def test_a_chat_is_added_under_a_label_that_holds_no_secret(web: Running) -> None:
    hook = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
    made = call(web, "ann", "POST", body={"chat": hook})
    assert made.status_code == 201, made.text
    assert (made.json()["kind"], made.json()["label"], made.json()["confirmed"]) == ("chat", "Slack ...i7FQ", False)
    assert made.json()["codeUntil"]
    for body in ({}, {"chat": hook, "phone": "(312) 555-0142"}, {"chat": "file:///etc/passwd"}):
        refused = call(web, "ann", "POST", body=body)
        assert refused.status_code == 422
        assert "chat" in refused.json()["fields"]
