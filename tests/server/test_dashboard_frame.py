"""Streamlit inside our application, as `python -m app` serves it: the page, its socket, and who may open it."""

import asyncio
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.server.test_supervising import product, run
from tests.webs import request

pytestmark = pytest.mark.long

EMAIL, PASSWORD = "ann@example.com", "a long password"


def signed_in(url: str) -> dict[str, str]:
    answer = request(
        "POST", f"{url}/session/login", data={"email": EMAIL, "password": PASSWORD}, headers={"origin": url}
    )
    assert answer.status_code == 204, answer.text
    return {"cookie": f"doorbell={answer.cookies['doorbell']}"}


async def stream(url: str, *, origin: str, headers: dict[str, str], sign_out: bool) -> int | None:
    """Open Streamlit's own socket as a browser does; the close code, or the status of a refusal."""
    address = url.replace("http", "ws") + "/_stcore/stream"
    protocol = [Subprotocol("streamlit")]
    try:
        async with connect(address, origin=Origin(origin), additional_headers=headers, subprotocols=protocol) as socket:
            if sign_out:
                async with httpx2.AsyncClient(timeout=60) as client:
                    await client.post(f"{url}/session/logout", headers={**headers, "origin": url})
            await asyncio.wait_for(socket.wait_closed(), 10)
            return socket.close_code
    except InvalidStatus as refused:
        return refused.response.status_code


def test_the_page_is_served_and_its_socket_ends_with_the_session(tmp_path: Path) -> None:
    assert run(tmp_path, "create-admin", "--email", EMAIL, "--name", "Ann", stdin=PASSWORD + "\n").returncode == 0
    with product(tmp_path, "--no-jobs") as (_process, url):
        page = request("GET", f"{url}/")
        assert page.status_code == 200
        assert "<!doctype html>" in page.text.lower()
        assert request("GET", f"{url}/api/v1/auth/me").status_code == 401
        headers = signed_in(url)
        foreign = stream(url, origin="https://evil.example", headers=headers, sign_out=False)
        assert asyncio.run(foreign) == 403
        assert asyncio.run(stream(url, origin=url, headers=headers, sign_out=True)) == 4401
