"""How long from an event's POST to the agent's socket, with both real processes, against a client that polls each second."""

import asyncio
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = 60
WARM_UP = 8
POLLED = 10
_EMAIL, _PASSWORD = "bench@doorbell.test", "a password for the bench"


def run(scratch: Path, postgres_url: str) -> dict[str, Any]:
    """Milliseconds from POST to `alert:new` (p50, p95) on both databases, and the same seen by polling each second."""
    results: dict[str, Any] = {}
    for name, url in _databases(scratch, postgres_url):
        folder = scratch / name
        folder.mkdir()
        with _product(folder, url) as address:
            results[name] = asyncio.run(_measure(address))
    return results


async def _measure(address: str) -> dict[str, float]:
    async with httpx2.AsyncClient(base_url=f"{address}/api/v1", timeout=30) as http:
        answer = await http.post("/auth/token", data={"username": _EMAIL, "password": _PASSWORD})
        token = answer.json()["access_token"]
        http.headers["authorization"] = f"Bearer {token}"
        pushed = await _pushed(http, address, token)
        polled = await _polled(http)
    p50, p95 = _percentiles(pushed)
    slow50, slow95 = _percentiles(polled)
    return {
        "event_to_socket_p50_ms": p50,
        "event_to_socket_p95_ms": p95,
        "polling_each_second_p50_ms": slow50,
        "polling_each_second_p95_ms": slow95,
        "times_faster_p50": round(slow50 / p50, 1),
    }


async def _pushed(http: httpx2.AsyncClient, address: str, token: str) -> list[float]:
    """Engine.IO spoken by hand: no client library's own time is in the figure."""
    url = address.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    taken = []
    async with connect(url, compression=None) as ws:
        await ws.recv()
        await ws.send("40" + json.dumps({"token": token}))
        while not str(await ws.recv()).startswith('42["connected"'):
            pass
        for number in range(WARM_UP + SAMPLES):
            contact = f"pushed-{number}"
            body = _behaviour(contact)
            started = time.perf_counter()
            posting = asyncio.ensure_future(http.post("/events", content=body))
            await _rings(ws, contact)
            taken.append((time.perf_counter() - started) * 1000)
            assert (await posting).status_code == 202
    return taken[WARM_UP:]


async def _rings(ws: Any, contact: str) -> None:
    while True:
        frame = str(await asyncio.wait_for(ws.recv(), 30))
        if frame == "2":
            await ws.send("3")
        elif frame.startswith('42["alert:new"') and json.loads(frame[2:])[1]["userId"] == contact:
            return


async def _polled(http: httpx2.AsyncClient) -> list[float]:
    """The ordinary way: look each second. Posts fall anywhere between two looks."""
    taken = []
    phase = random.Random(7)
    for number in range(POLLED):
        contact = f"polled-{number}"
        next_look = time.perf_counter() + phase.random()
        started = time.perf_counter()
        await http.post("/events", content=_behaviour(contact))
        while True:
            await asyncio.sleep(max(0.0, next_look - time.perf_counter()))
            found = (await http.get(f"/alerts/user/{contact}")).json()
            if found.get("items"):
                break
            next_look += 1
        taken.append((time.perf_counter() - started) * 1000)
    return taken


def _behaviour(contact: str) -> bytes:
    """Ten value checks and two comparable views: enough to ring."""
    at = datetime.now(UTC) - timedelta(hours=1)
    return json.dumps(
        [
            {
                "eventId": f"{contact}-{number}",
                "userId": contact,
                "eventType": "PAGE_VIEW",
                "eventName": "value_check" if number < 10 else "comparable_view",
                "occurredAt": (at + timedelta(minutes=3 * number)).isoformat(),
                "sessionId": f"{contact}-visit",
            }
            for number in range(12)
        ]
    ).encode()


def _percentiles(taken: list[float]) -> tuple[float, float]:
    """p50 and p95, in the unit given."""
    cuts = statistics.quantiles(taken, n=20, method="inclusive")
    return round(cuts[9], 2), round(cuts[18], 2)


@contextmanager
def _product(folder: Path, database_url: str) -> Iterator[str]:
    """`python -m app --role api` with its jobs process, and an admin; its address."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORBELL_")}
    environment = {
        **kept,
        "DOORBELL_DATA_DIR": str(folder),
        "DOORBELL_DATABASE_URL": database_url,
        "DOORBELL_PORT": str(port),
        "DOORBELL_LOG_LEVEL": "error",
    }
    command = [sys.executable, "-m", "app"]
    admin = [*command, "create-admin", "--email", _EMAIL, "--name", "Bench"]
    subprocess.run(admin, cwd=ROOT, env=environment, input=_PASSWORD, text=True, check=True, capture_output=True)
    process = subprocess.Popen(
        [*command, "--role", "api"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline(), "the product did not start"
        address = f"http://127.0.0.1:{port}"
        _wait_for_jobs(address)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


def _wait_for_jobs(address: str) -> None:
    until = time.monotonic() + 60
    while httpx2.get(f"{address}/ready").json()["checks"]["jobs"] != "ok":
        if time.monotonic() > until:
            raise TimeoutError("the jobs process did not start")
        time.sleep(0.1)


def _databases(scratch: Path, postgres_url: str) -> Iterator[tuple[str, str]]:
    yield "sqlite", f"sqlite:///{scratch / 'realtime.db'}"
    server = make_url(postgres_url)
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS bench_realtime WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE bench_realtime"))
    yield "postgresql", server.set(database="bench_realtime").render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE bench_realtime WITH (FORCE)"))
    admin.dispose()
