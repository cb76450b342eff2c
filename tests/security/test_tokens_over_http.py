"""Signing in for a token, using it, losing it: over real HTTP."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from sqlalchemy import update

from core.clock import FakeClock
from core.db import Database
from core.db.tables import User
from tests import webs
from tests.webs import Running


@pytest.fixture
def web(database: Database, clock: FakeClock, now: datetime) -> Iterator[Running]:
    webs.people(database, now)
    with webs.serving_web(database, clock) as running:
        yield running


def me(web: Running, token: str) -> httpx2.Response:
    return webs.request("GET", f"{web.url}/api/v1/auth/me", headers={"authorization": f"Bearer {token}"})


def refreshed(web: Running, refresh_token: str) -> httpx2.Response:
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return webs.request("POST", f"{web.url}/api/v1/auth/token", data=form)


def claims_of(web: Running, token: str) -> dict[str, Any]:
    key = OctKey.import_key(web.runtime.settings.signing_key)
    return dict(jwt.decode(token, key, algorithms=["HS256"]).claims)


def test_a_token_says_who_calls(web: Running) -> None:
    answer = me(web, web.tokens("mia@doorbell.test")["access_token"])
    assert answer.json() == {"id": "mia", "name": "Mia", "email": "mia@doorbell.test", "role": "manager"}


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(web: Running) -> None:
    wrong, unknown = (
        webs.request("POST", f"{web.url}/api/v1/auth/token", data={"username": who, "password": "not the password"})
        for who in ("mia@doorbell.test", "nobody@doorbell.test")
    )
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    assert wrong.headers["content-type"] == "application/problem+json"


def test_no_token_is_refused_and_says_how_to_send_one(web: Running) -> None:
    answer = webs.request("GET", f"{web.url}/api/v1/auth/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_expires(web: Running, clock: FakeClock, now: datetime) -> None:
    token = web.tokens("ann@doorbell.test")["access_token"]
    clock.set(now + timedelta(minutes=59))
    assert me(web, token).status_code == 200
    clock.set(now + timedelta(minutes=61))
    assert me(web, token).status_code == 401


def test_a_token_signed_with_another_key_is_refused(web: Running) -> None:
    claims = claims_of(web, web.tokens("ann@doorbell.test")["access_token"])
    assert me(web, jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("x" * 40))).status_code == 401


def test_a_token_cannot_choose_its_own_algorithm(web: Running) -> None:
    header, body, _ = web.tokens("ann@doorbell.test")["access_token"].split(".")
    unsigned = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    assert me(web, f"{unsigned}.{body}.").status_code == 401
    assert me(web, f"{header}.{body}.").status_code == 401


def test_a_claimed_role_gives_nothing(web: Running) -> None:
    claims = claims_of(web, web.tokens("ann@doorbell.test")["access_token"])
    key = OctKey.import_key(web.runtime.settings.signing_key)
    answer = me(web, jwt.encode({"alg": "HS256"}, {**claims, "role": "admin"}, key))
    assert answer.json()["role"] == "agent"


def test_revoking_takes_effect_at_once(web: Running) -> None:
    token = web.tokens("ann@doorbell.test")["access_token"]
    assert me(web, token).status_code == 200
    answer = webs.request("POST", f"{web.url}/api/v1/auth/revoke", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 204
    assert me(web, token).status_code == 401


def test_switching_an_account_off_ends_its_tokens_within_seconds(
    web: Running, database: Database, clock: FakeClock, now: datetime
) -> None:
    token = web.tokens("ann@doorbell.test")["access_token"]
    assert me(web, token).status_code == 200
    with database.write() as session:
        session.execute(update(User).where(User.id == "ann").values(active=False))
    clock.set(now + timedelta(seconds=2))
    assert me(web, token).status_code == 401


def test_a_refresh_token_is_good_once(web: Running, clock: FakeClock, now: datetime) -> None:
    first = web.tokens("ann@doorbell.test")
    clock.set(now + timedelta(hours=2))
    second = refreshed(web, first["refresh_token"])
    assert second.status_code == 200
    assert me(web, second.json()["access_token"]).status_code == 200


def test_a_refresh_token_used_twice_was_stolen_and_ends_the_session(web: Running) -> None:
    first = web.tokens("ann@doorbell.test")
    second = refreshed(web, first["refresh_token"]).json()
    assert refreshed(web, first["refresh_token"]).status_code == 401
    assert me(web, second["access_token"]).status_code == 401
    assert refreshed(web, second["refresh_token"]).status_code == 401


def test_a_made_up_refresh_token_is_refused(web: Running) -> None:
    assert refreshed(web, "abc.def").status_code == 401
    assert refreshed(web, "").status_code == 401


def test_passwords_cannot_be_guessed_quickly(web: Running, clock: FakeClock, now: datetime) -> None:
    def guess(who: str = "ann@doorbell.test") -> httpx2.Response:
        return webs.request("POST", f"{web.url}/api/v1/auth/token", data={"username": who, "password": "a wrong guess"})

    answers = [guess().status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]
    assert guess().headers["retry-after"] == "30"
    assert guess("bob@doorbell.test").status_code == 401  # somebody else's account is not locked
    clock.set(now + timedelta(seconds=31))
    assert web.tokens("ann@doorbell.test")["access_token"]
