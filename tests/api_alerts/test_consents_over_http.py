"""Every yes and no over HTTP: one's own for everybody, others' for admins."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from core.clock import FakeClock
from core.db import Database
from tests.providers.phones import ANN, Phones, phones
from tests.webs import request


@pytest.fixture
def office(database: Database, clock: FakeClock) -> Iterator[Phones]:
    with phones(database, clock) as running:
        yield running


def call(office: Phones, who: str, method: str, path: str, body: Any = None) -> httpx2.Response:
    token = office.web.token(f"{who}@doorbell.test")
    return request(method, f"{office.web.url}/api/v1{path}", json=body, headers={"authorization": f"Bearer {token}"})


def test_one_sees_ones_own_and_an_admin_everybodys(office: Phones) -> None:
    phone = office.confirmed("ann", ANN)
    office.text("STOP")
    said = {"channel": "sms", "addressId": phone, "given": True, "proof": "asked Ada for it again, in person"}
    assert call(office, "mia", "POST", "/users/ann/consents", said).status_code == 403
    made = call(office, "ada", "POST", "/users/ann/consents", said)
    assert made.status_code == 201, made.text
    own = call(office, "ann", "GET", "/me/consents").json()["items"]
    assert own == made.json()["items"] == call(office, "ada", "GET", "/users/ann/consents").json()["items"]
    assert [(one["channel"], one["given"], one["source"], one["address"]) for one in own] == [
        ("sms", True, "admin", "+1 312 ... 42"),
        ("voice", False, "reply", "+1 312 ... 42"),
        ("sms", False, "reply", "+1 312 ... 42"),
    ]
    assert own[2]["proof"]["text"] == "STOP"
    assert call(office, "bob", "GET", "/me/consents").json() == {"items": []}
    assert call(office, "bob", "GET", "/users/ann/consents").status_code == 403
    assert call(office, "ada", "GET", "/users/nobody/consents").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"channel": "sms", "given": True, "proof": "in person"}, "channel"),
        ({"channel": "email", "given": True, "proof": " "}, "proof"),
        ({"channel": "email", "given": True}, "proof"),
        ({"channel": "email", "given": True, "proof": "in person", "scope": "some"}, "scope"),
    ],
)
def test_what_is_wrong_is_named(office: Phones, body: Any, field: str) -> None:
    answer = call(office, "ada", "POST", "/users/ann/consents", body)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
