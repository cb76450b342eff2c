"""Limits, headers, problem documents and idempotency: what holds for every endpoint, over real HTTP."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter
from sqlalchemy import func, select

from app import server
from app.api import auth
from app.api.deps import Admin, Camel, Manager
from app.security.limits import Buckets, Limits
from core.clock import FakeClock
from core.db import Database
from core.db.tables import IdempotentResponse
from core.errors import Conflict
from tests import webs
from tests.webs import Running

router = APIRouter()
done: list[str] = []


class Thing(Camel):
    what_it_is: str
    how_many: int = 1


@router.post("/things", status_code=201)
def make(thing: Thing, _caller: Manager) -> dict[str, Any]:
    done.append(thing.what_it_is)
    if thing.what_it_is == "twin":
        raise Conflict("there is one already")
    if thing.what_it_is == "bug":
        raise ZeroDivisionError("secret detail")
    return {"number": len(done)}


@router.get("/for-admins")
def for_admins(_caller: Admin) -> None:
    return None


@pytest.fixture
def web(database: Database, clock: FakeClock, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    webs.people(database, now)
    done.clear()
    monkeypatch.setattr(server, "routers", lambda: [router, auth.router])
    limits = Limits(calls=Buckets(per_second=1, burst=5), strangers=Buckets(per_second=0.5, burst=20))
    with webs.serving_web(database, clock, limits=limits) as running:
        yield running


def post(web: Running, token: str, what: str, **headers: str) -> httpx2.Response:
    sent = {"authorization": f"Bearer {token}", **headers}
    return webs.request("POST", f"{web.url}/api/v1/things", json={"whatItIs": what}, headers=sent)


def test_a_caller_is_slowed_down_and_told_for_how_long(web: Running, clock: FakeClock, now: datetime) -> None:
    mia, ada = web.token("mia@doorbell.test"), web.token("ada@doorbell.test")
    assert [post(web, mia, "x").status_code for _ in range(6)] == [201] * 5 + [429]
    refused = post(web, mia, "x")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["content-type"] == "application/problem+json"
    assert post(web, ada, "x").status_code == 201
    clock.set(now + timedelta(seconds=1))
    assert [post(web, mia, "x").status_code for _ in range(2)] == [201, 429]


def test_strangers_share_a_bucket_per_address(web: Running) -> None:
    answers = [post(web, f"made-up-{number}", "x").status_code for number in range(21)]
    assert answers == [401] * 20 + [429]


def test_each_wrong_field_is_named(web: Running) -> None:
    headers = {"authorization": f"Bearer {web.token('mia@doorbell.test')}"}
    answer = webs.request("POST", f"{web.url}/api/v1/things", json={"howMany": "many", "extra": 1}, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["fields"].keys() == {"whatItIs", "howMany", "extra"}
    snake = webs.request("POST", f"{web.url}/api/v1/things", json={"what_it_is": "x"}, headers=headers)
    assert snake.status_code == 201


def test_broken_json_is_a_problem_document(web: Running) -> None:
    headers = {"authorization": f"Bearer {web.token('mia@doorbell.test')}", "content-type": "application/json"}
    answer = webs.request("POST", f"{web.url}/api/v1/things", content=b'{"what', headers=headers)
    assert answer.status_code == 422
    assert answer.json()["title"]


def test_unknown_paths_and_methods_are_problem_documents(web: Running) -> None:
    for answer, status in (
        (webs.request("GET", f"{web.url}/api/v1/nowhere"), 404),
        (webs.request("PUT", f"{web.url}/api/v1/things"), 405),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_bug_says_nothing_of_the_inside(web: Running) -> None:
    answer = post(web, web.token("mia@doorbell.test"), "bug")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "ZeroDivision" not in answer.text


def test_roles_are_enforced(web: Running) -> None:
    assert post(web, web.token("ann@doorbell.test"), "x").status_code == 403
    headers = {"authorization": f"Bearer {web.token('mia@doorbell.test')}"}
    assert webs.request("GET", f"{web.url}/api/v1/for-admins", headers=headers).status_code == 403


def test_a_body_over_five_megabytes_is_refused(web: Running) -> None:
    headers = {"authorization": f"Bearer {web.token('mia@doorbell.test')}"}
    url = f"{web.url}/api/v1/things"
    large = b'{"whatItIs":"' + b"x" * 5_300_000 + b'"}'
    assert webs.request("POST", url, content=large, headers=headers).status_code == 413

    def chunks() -> Iterator[bytes]:
        for at in range(0, len(large), 100_000):
            yield large[at : at + 100_000]

    for more in ({}, {"idempotency-key": "k"}):
        answer = webs.request("POST", url, content=chunks(), headers={**headers, **more})
        assert answer.status_code == 413
        assert answer.headers["content-type"] == "application/problem+json"
    assert done == []


def test_every_answer_carries_the_security_headers(web: Running) -> None:
    for path in ("/health", "/api/v1/nowhere", "/api/v1/openapi.json"):
        headers = webs.request("GET", f"{web.url}{path}").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]


def test_the_same_key_gets_the_first_answer_and_does_nothing_again(web: Running) -> None:
    token = web.token("mia@doorbell.test")
    first = post(web, token, "x", **{"idempotency-key": "k1"})
    again = post(web, token, "x", **{"idempotency-key": "k1"})
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert done == ["x"]
    assert post(web, token, "x", **{"idempotency-key": "k2"}).json() == {"number": 2}


def test_a_key_belongs_to_one_caller_and_one_request(web: Running) -> None:
    mia, ada = web.token("mia@doorbell.test"), web.token("ada@doorbell.test")
    post(web, mia, "x", **{"idempotency-key": "k"})
    assert post(web, mia, "y", **{"idempotency-key": "k"}).status_code == 422
    assert post(web, ada, "z", **{"idempotency-key": "k"}).status_code == 201
    assert done == ["x", "z"]


def test_a_refusal_is_kept_too_but_a_failure_may_be_tried_again(web: Running) -> None:
    token = web.token("mia@doorbell.test")
    for _ in range(2):
        answer = post(web, token, "twin", **{"idempotency-key": "k1"})
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
        assert post(web, token, "bug", **{"idempotency-key": "k2"}).status_code == 500
    assert done.count("twin") == 1
    assert done.count("bug") == 2


def test_racing_requests_with_one_key_do_the_thing_once(web: Running) -> None:
    token = web.token("mia@doorbell.test")
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: post(web, token, "x", **{"idempotency-key": "k"}), range(4)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert done == ["x"]


def test_without_a_known_caller_no_answer_is_kept(web: Running, database: Database) -> None:
    assert post(web, "made-up", "x", **{"idempotency-key": "k"}).status_code == 401
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(IdempotentResponse)) == 0
