"""The browser's cookie: set by a sign-in from our own page, believed only when verified, gone at once on sign-out."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx2
import orjson
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.server import Lifespan
from core.clock import FakeClock
from core.db import Database
from tests import webs
from tests.webs import PASSWORD, Running


def with_mirror(routes: list[BaseRoute], middleware: list[Middleware], lifespan: Lifespan) -> Starlette:
    """A page that shows the identity headers it was handed, in the place of Streamlit."""

    async def mirror(request: Request) -> JSONResponse:
        return JSONResponse({name: value for name, value in request.headers.items() if name.startswith("x-doorbell")})

    return Starlette(routes=[*routes, Route("/session/mirror", mirror)], middleware=middleware, lifespan=lifespan)


@pytest.fixture
def web(database: Database, clock: FakeClock, now: datetime) -> Iterator[Running]:
    webs.people(database, now)
    with webs.serving_web(database, clock, frame=with_mirror) as running:
        yield running


def login(web: Running, *, origin: str | None = None, **more: Any) -> httpx2.Response:
    headers = {"origin": origin or web.url, **more.pop("headers", {})}
    body = {"email": "ann@doorbell.test", "password": PASSWORD, **more}
    return webs.request("POST", f"{web.url}/session/login", data=body, headers=headers)


def mirrored(web: Running, cookie: str | None = None, **headers: str) -> dict[str, str]:
    cookies = {"cookie": f"doorbell={cookie}"} if cookie else {}
    return dict(webs.request("GET", f"{web.url}/session/mirror", headers={**headers, **cookies}).json())


def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(web: Running) -> None:
    cookie = login(web).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Secure" not in cookie


def test_the_cookie_is_secure_where_the_site_is(database: Database, clock: FakeClock, now: datetime) -> None:
    webs.people(database, now)
    with webs.serving_web(database, clock, public_url="https://doorbell.example", frame=with_mirror) as web:
        answer = login(web, origin="https://doorbell.example")
    assert "Secure" in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"]


def test_a_signed_in_browser_is_known(web: Running) -> None:
    assert mirrored(web, web.cookie("ann@doorbell.test"))["x-doorbell-user"] == "ann"


def test_forged_identity_headers_are_dropped(web: Running) -> None:
    assert mirrored(web, **{"x-doorbell-user": "ada", "X-Doorbell-Session": "s"}) == {}
    known = mirrored(web, web.cookie("ann@doorbell.test"), **{"x-doorbell-user": "ada"})
    assert known["x-doorbell-user"] == "ann"


def test_a_made_up_cookie_is_nobody(web: Running) -> None:
    assert mirrored(web, "made-up") == {}


def test_a_foreign_page_cannot_sign_anybody_in(web: Running) -> None:
    answer = login(web, origin="https://evil.example")
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_a_foreign_page_cannot_sign_anybody_out(web: Running) -> None:
    cookie = web.cookie("ann@doorbell.test")
    headers = {"cookie": f"doorbell={cookie}", "origin": "https://evil.example"}
    assert webs.request("POST", f"{web.url}/session/logout", headers=headers).status_code == 403
    assert mirrored(web, cookie)["x-doorbell-user"] == "ann"


def test_signing_out_ends_the_session_and_not_only_the_cookie(web: Running) -> None:
    cookie = web.cookie("ann@doorbell.test")
    assert mirrored(web, cookie)
    headers = {"cookie": f"doorbell={cookie}", "origin": web.url}
    assert webs.request("POST", f"{web.url}/session/logout", headers=headers).status_code == 204
    assert mirrored(web, cookie) == {}


def test_signing_in_again_ends_the_session_before(web: Running) -> None:
    first = web.cookie("ann@doorbell.test")
    assert login(web, headers={"cookie": f"doorbell={first}"}).status_code == 204
    assert mirrored(web, first) == {}


def test_a_session_expires(web: Running, clock: FakeClock, now: datetime) -> None:
    cookie = web.cookie("ann@doorbell.test")
    clock.set(now + timedelta(hours=13))
    assert mirrored(web, cookie) == {}


def test_a_plain_form_is_sent_on_to_our_own_pages_only(web: Running) -> None:
    html = {"accept": "text/html"}
    assert login(web, headers=html, next="/feed?alert=7").headers["location"] == "/feed?alert=7"
    for foreign in ("//evil.example", "https://evil.example", "/\\evil.example"):
        assert login(web, headers=html, next=foreign).headers["location"] == "/"
    assert login(web, headers=html, password="wrong").headers["location"] == "/?signin=failed"


def test_wrong_passwords_are_counted(web: Running) -> None:
    answers = [login(web, password="wrong guess").status_code for _ in range(11)]
    assert answers == [401] * 10 + [429]


def live(web: Running) -> str:
    return web.url.replace("http", "ws") + "/live"


def test_a_foreign_page_cannot_open_the_dashboards_socket(web: Running) -> None:
    cookie = {"cookie": f"doorbell={web.cookie('ann@doorbell.test')}"}

    async def foreign() -> int:
        try:
            async with connect(live(web), origin="https://evil.example", additional_headers=cookie):  # type: ignore[arg-type]
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    assert asyncio.run(foreign()) == 403


def test_a_socket_without_a_session_is_closed_with_a_code_the_page_can_read(web: Running) -> None:
    async def stranger() -> int | None:
        async with connect(live(web), origin=web.url) as socket:  # type: ignore[arg-type]
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
            return closed.value.rcvd.code if closed.value.rcvd else None

    assert asyncio.run(stranger()) == 4401


def test_signing_out_closes_the_open_pages_socket(web: Running) -> None:
    cookie = web.cookie("ann@doorbell.test")
    headers = {"cookie": f"doorbell={cookie}"}

    async def open_and_sign_out() -> int | None:
        async with connect(live(web), origin=web.url, additional_headers=headers) as socket:  # type: ignore[arg-type]
            assert orjson.loads(await socket.recv())["type"] == "hello"
            async with httpx2.AsyncClient(timeout=60) as client:
                await client.post(f"{web.url}/session/logout", headers={**headers, "origin": web.url})
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 5)
            return closed.value.rcvd.code if closed.value.rcvd else None

    assert asyncio.run(open_and_sign_out()) == 4401
