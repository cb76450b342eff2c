"""Ingest over real HTTP on both databases: single posts against one commit each, and batches of 500.

Run as `python -m bench.ingest URL (group|each)` it is the server: the product's own API, or the same API with the group
commit taken out.
"""

import asyncio
import itertools
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import uvloop
from sqlalchemy import create_engine, func, insert, select, text
from sqlalchemy.engine import make_url
from starlette.concurrency import run_in_threadpool

from app import runtime as runtimes
from app.api import group_commit
from app.api.group_commit import Stored
from app.runtime import Runtime
from app.security import sessions, tokens
from app.security.limits import Buckets, Limits
from app.server import Web
from app.serving import Server, bind
from core import events
from core.clock import SystemClock
from core.db import Database
from core.db.migrate import upgrade
from core.db.tables import Event, User
from core.events import NewEvent
from core.settings import Settings

CONNECTIONS = 64
SECONDS = 4.0
WARM_UP = 1.0
BATCHES = 100
BATCH = 500
_KEY = "b" * 64
_SENDERS = 4
_numbers = itertools.count()


def run(scratch: Path, postgres_url: str) -> dict[str, Any]:
    """Per database: posts a second and milliseconds (p50, p99) of single posts; events a second in batches of 500."""
    results: dict[str, Any] = {}
    for name in ("sqlite", "postgresql"):
        figures: dict[str, float] = {}
        for way in ("each", "group"):
            with _server(_fresh(name, way, scratch, postgres_url), scratch, way) as (port, token):
                posts, waits = uvloop.run(_singles(port, token))
                figures |= {
                    f"single_{way}_posts_per_second": posts,
                    f"single_{way}_p50_ms": statistics.median(waits),
                    f"single_{way}_p99_ms": statistics.quantiles(waits, n=100)[98],
                }
                if way == "group":
                    figures["batch_500_http_events_per_second"] = uvloop.run(_batches(port, token))
        figures["times_commit_each"] = round(
            figures["single_group_posts_per_second"] / figures["single_each_posts_per_second"], 2
        )
        figures |= _in_process(_fresh(name, "inside", scratch, postgres_url))
        results[name] = figures
    return results


def _fresh(name: str, use: str, scratch: Path, postgres_url: str) -> str:
    """The URL of a new, migrated database."""
    if name == "sqlite":
        url = f"sqlite:///{scratch / f'{use}.db'}"
    else:
        engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE bench_ingest_{use}"))
        engine.dispose()
        url = make_url(postgres_url).set(database=f"bench_ingest_{use}").render_as_string(hide_password=False)
    database = Database(url)
    upgrade(database)
    database.dispose()
    return url


# --- in this process: what reading and storing cost without HTTP


def _in_process(url: str) -> dict[str, float]:
    """Events a second read and committed in batches of 500, and the same by the ordinary ORM way."""
    database, now = Database(url), datetime.now(UTC)
    bodies = [_batch_body(now) for _ in range(BATCHES)]
    _store_all(database, bodies[:5], _by_core, now)
    ours = _store_all(database, bodies[5:], _by_core, now)
    ordinary = _store_all(database, [_batch_body(now) for _ in range(8)], _by_orm, now)
    database.dispose()
    return {
        "batch_500_recorded_per_second": ours,
        "batch_500_orm_per_second": ordinary,
        "times_orm": round(ours / ordinary, 1),
    }


def _store_all(
    database: Database, bodies: Sequence[bytes], how: Callable[[Database, bytes, datetime], None], now: datetime
) -> float:
    started = time.perf_counter()
    for body in bodies:
        how(database, body, now)
    return len(bodies) * BATCH / (time.perf_counter() - started)


def _by_core(database: Database, body: bytes, now: datetime) -> None:
    read = events.read_body(body, now=now)
    with database.write() as session:
        events.record(session, read.events, now=now)


def _by_orm(database: Database, body: bytes, now: datetime) -> None:
    """json.loads, one SELECT an event, add_all."""
    good, _ = events.parse_many(json.loads(body), now=now)
    with database.write() as session:
        new = [
            event
            for event in good
            if session.scalar(select(func.count()).select_from(Event).where(Event.event_id == event.event_id)) == 0
        ]
        session.add_all([Event(**event._asdict(), received_at=now) for event in new])


# --- the client: HTTP by hand, so that its own cost stays small


class _Client(asyncio.Protocol):
    """One keep-alive connection with at most one request on its way."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[bytes] | None = None
        self._transport: Any = None
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        if not found or self._answer is None:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) >= length:
            self._answer.set_result(self._read)
            self._read = b""

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server hung up"))

    async def post(self, head: bytes, body: bytes) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(head + b"%d\r\n\r\n" % len(body) + body)
        answer = await self._answer
        assert answer.startswith(b"HTTP/1.1 202"), answer


def _head(port: int, token: str) -> bytes:
    return (
        f"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: "
    ).encode()


async def _connect(port: int) -> _Client:
    _, client = await asyncio.get_running_loop().create_connection(_Client, "127.0.0.1", port)
    return client


async def _singles(port: int, token: str) -> tuple[float, list[float]]:
    """Posts a second over all connections, and how long each waited in milliseconds."""
    head, at = _head(port, token), datetime.now(UTC).isoformat()
    waits: list[float] = []
    started = time.perf_counter()
    begin, end = started + WARM_UP, started + WARM_UP + SECONDS

    async def keep_posting(client: _Client) -> None:
        while (sent := time.perf_counter()) < end:
            await client.post(head, _event(at))
            if sent >= begin:
                waits.append((time.perf_counter() - sent) * 1000)

    clients = [await _connect(port) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(keep_posting(client) for client in clients))
    return len(waits) / SECONDS, waits


async def _batches(port: int, token: str) -> float:
    """Events a second, posted in batches of 500 by a few clients at once."""
    head = _head(port, token)
    bodies = [_batch_body(datetime.now(UTC)) for _ in range(BATCHES)]

    async def keep_posting(client: _Client) -> None:
        while bodies:
            await client.post(head, bodies.pop())

    clients = [await _connect(port) for _ in range(_SENDERS)]
    started = time.perf_counter()
    await asyncio.gather(*(keep_posting(client) for client in clients))
    return BATCHES * BATCH / (time.perf_counter() - started)


def _event(at: str) -> bytes:
    number = next(_numbers)
    return (
        f'{{"eventId":"bench-{number}","userId":"user-{number % 5000}","eventType":"PAGE_VIEW",'
        f'"eventName":"value_check","occurredAt":"{at}","sessionId":"s-{number % 900}","device":"mobile",'
        f'"userAgent":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0)","pageUrl":"https://home.test/value",'
        f'"properties":{{"propertyId":"p-{number % 5000}","rooms":4}}}}'
    ).encode()


def _batch_body(now: datetime) -> bytes:
    at = now.isoformat()
    return b"[" + b",".join(_event(at) for _ in range(BATCH)) + b"]"


# --- the server


@contextmanager
def _server(url: str, scratch: Path, way: str) -> Iterator[tuple[int, str]]:
    """A server process of its own; its port, and a manager's token."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.ingest", url, way, str(scratch)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        port, token = process.stdout.readline().split()
        _wait_for(int(port))
        yield int(port), token
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def _wait_for(port: int) -> None:
    """The socket listens before the application is ready: the first request waits for it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")


class _CommitEach:
    """The ordinary way: each post its own transaction, in a thread of the pool."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def record(self, new: Sequence[NewEvent]) -> Stored:
        store = group_commit.store
        return (await run_in_threadpool(store, self._runtime.database, [new], self._runtime.clock))[0]


def serve(url: str, way: Literal["group", "each"], scratch: Path) -> None:
    settings = Settings(data_dir=scratch, database_url=url, secret_key=_KEY)
    runtime = Runtime(settings=settings, database=Database(url), clock=SystemClock())
    now = runtime.clock.now()
    with runtime.database.write() as session:
        session.execute(
            insert(User).values(id="bench", email="bench@doorbell.test", name="B", role="manager", created_at=now)
        )
        sid, _ = sessions.open_token(session, "bench", user_agent=None, now=now)
    token = tokens.issue("bench", sid, role="manager", key=_KEY, minutes=60, now=now)
    if way == "each":
        each = _CommitEach(runtime)
        group_commit.of = lambda runtime: each  # type: ignore[assignment,return-value]
    unlimited = Limits(ingest=Buckets(per_second=1e9, burst=1e9))
    web = Web(runtimes.install(runtime), role="api", limits=unlimited)
    bound = bind("127.0.0.1", 0)
    print(bound.getsockname()[1], token, flush=True)
    Server(web.app).serve_on(bound)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2], Path(sys.argv[3]))  # type: ignore[arg-type]
