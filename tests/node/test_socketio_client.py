"""The JavaScript socket.io-client against a real web process: told what it may see, once, in order, also after a gap."""

import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.changes import Audience
from core.clock import FakeClock
from core.db import Database
from core.words import ChangeKind
from tests import webs
from tests.webs import Running, request

HERE = Path(__file__).parent
NODE = shutil.which("node")
pytestmark = pytest.mark.node


class Client:
    """One node process; `next(event)` waits for that event and fails when another alert event comes before it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.heard: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.heard.put(json.loads(line))

    def next(self, event: str) -> Any:
        heard = self.heard.get(timeout=60)
        assert heard["event"] == event, heard
        return heard["body"]

    def emit(self, *what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def ask(self) -> Any:
        """A ping, answered in order: what should not have come would have come before its pong."""
        self.emit("ping")
        return self.next("pong")


@contextmanager
def client(url: str, token: str, last: int | str = "", transport: str = "") -> Iterator[Client]:
    assert NODE is not None
    process = subprocess.Popen(
        [NODE, str(HERE / "listen.mjs"), url, token, str(last), transport],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Client(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(60)
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def connected(web: Running, email: str, last: int | str = "", transport: str = "") -> Iterator[Client]:
    with client(web.url, web.token(email), last, transport) as one:
        one.next("connect")
        one.next("connected")
        yield one


@pytest.fixture(autouse=True, scope="module")
def socketio_client() -> None:
    if NODE is None or not (HERE / "node_modules" / "socket.io-client").is_dir():
        missing = "NODE.JS OR socket.io-client IS MISSING (npm install --prefix tests/node): Socket.IO is NOT tested"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)


@pytest.fixture
def web(database: Database, clock: FakeClock, now: datetime) -> Iterator[Running]:
    webs.people(database, now)
    with webs.serving_web(database, clock) as running:
        yield running


@pytest.mark.parametrize("transport", ["websocket", "polling", ""])
def test_an_agent_hears_of_an_alert(web: Running, database: Database, now: datetime, transport: str) -> None:
    with connected(web, "ann@doorbell.test", transport=transport) as ann:
        webs.ring(database, "a1", Audience(agents=("ann",), teams=("north",)), now=now)
        heard = ann.next("alert:new")
        assert heard["id"] == "a1"
        assert heard["alertType"] == "LIKELY_TO_SELL"
        assert heard["changeId"] == 1


def test_a_wrong_an_expired_and_a_missing_token_are_connect_errors(
    web: Running, clock: FakeClock, now: datetime
) -> None:
    old = web.token("ann@doorbell.test")
    clock.set(now + timedelta(hours=2))
    for token in (old, "forged", ""):
        with client(web.url, token) as one:
            refused = one.next("connect_error")
            assert refused["message"] == "unauthorized"
            assert refused["data"]["status"] == 401


def test_everybody_hears_what_their_role_allows_and_nothing_else(
    web: Running, database: Database, now: datetime
) -> None:
    with (
        connected(web, "ann@doorbell.test") as ann,
        connected(web, "cal@doorbell.test") as cal,
        connected(web, "mia@doorbell.test") as mia,
        connected(web, "ada@doorbell.test") as ada,
    ):
        webs.ring(database, "anns", Audience(agents=("ann",), teams=("north",)), now=now)
        webs.ring(database, "cals", Audience(agents=("cal",), teams=("south",)), now=now)
        webs.ring(database, "pool", Audience(pool=True), now=now)
        assert [ann.next("alert:new")["id"] for _ in range(2)] == ["anns", "pool"]
        assert [cal.next("alert:new")["id"] for _ in range(2)] == ["cals", "pool"]
        assert [mia.next("alert:new")["id"] for _ in range(2)] == ["anns", "pool"]
        assert [ada.next("alert:new")["id"] for _ in range(3)] == ["anns", "cals", "pool"]
        for one in (ann, cal, mia, ada):
            one.ask()


def test_an_inbox_notice_is_for_its_owner_alone(web: Running, database: Database, now: datetime) -> None:
    with connected(web, "ann@doorbell.test") as ann, connected(web, "ada@doorbell.test") as ada:
        webs.ring(database, "n1", Audience(users=("ann",)), now=now, kind=ChangeKind.NOTIFICATION_NEW)
        ann.next("notification:new")
        ada.ask()


def test_who_loses_an_alert_hears_its_id_and_nothing_more(web: Running, database: Database, now: datetime) -> None:
    with connected(web, "ann@doorbell.test") as ann, connected(web, "bob@doorbell.test") as bob:
        audience = Audience(agents=("bob",), teams=("north",), lost=("ann",))
        webs.ring(database, "a1", audience, now=now, kind=ChangeKind.ALERT_ASSIGNED)
        assert ann.next("alert:assigned") == {"id": "a1", "changeId": 1}
        assert bob.next("alert:assigned")["priority"] == "HIGH"


def test_a_reconnect_replays_exactly_what_was_missed(web: Running, database: Database, now: datetime) -> None:
    mine = Audience(agents=("ann",), teams=("north",))
    with connected(web, "ann@doorbell.test") as ann:
        webs.ring(database, "before", mine, now=now)
        last = ann.next("alert:new")["changeId"]
    for number in range(1200):  # more than one page, and with others' alerts between
        webs.ring(database, f"missed-{number}", mine if number % 2 else Audience(agents=("cal",)), now=now)
    with connected(web, "ann@doorbell.test", last) as ann:
        webs.ring(database, "after", mine, now=now)
        heard = [ann.next("alert:new")["id"] for _ in range(601)]
        assert heard == [f"missed-{number}" for number in range(1, 1200, 2)] + ["after"]
        ann.ask()


def test_without_a_last_id_nothing_of_the_past_is_told(web: Running, database: Database, now: datetime) -> None:
    webs.ring(database, "past", Audience(pool=True), now=now)
    with connected(web, "ann@doorbell.test") as ann:
        webs.ring(database, "new", Audience(pool=True), now=now)
        assert ann.next("alert:new")["id"] == "new"


def test_alerts_can_be_unsubscribed_and_subscribed(web: Running, database: Database, now: datetime) -> None:
    with connected(web, "ann@doorbell.test") as ann:
        ann.emit("unsubscribe:alerts")
        ann.ask()
        webs.ring(database, "unheard", Audience(pool=True), now=now)
        while ann.ask()["changeId"] < 1:
            pass
        ann.emit("subscribe:alerts")
        ann.ask()
        webs.ring(database, "heard", Audience(pool=True), now=now)
        assert ann.next("alert:new")["id"] == "heard"


def test_stats_come_when_asked_for_and_after_changes(web: Running, database: Database, now: datetime) -> None:
    with connected(web, "ann@doorbell.test") as ann:
        ann.emit("subscribe:stats")
        assert ann.next("stats:updated")["open"] == 0
        webs.ring(database, "a1", Audience(pool=True), now=now)
        ann.next("alert:new")
        assert ann.next("stats:updated")["byPriority"]["HIGH"] == 0  # the feed told of it; no alert is in the table


def test_a_revoked_session_is_disconnected(web: Running) -> None:
    token = web.token("ann@doorbell.test")
    with client(web.url, token) as one:
        one.next("connect")
        one.next("connected")
        request("POST", f"{web.url}/api/v1/auth/revoke", headers={"authorization": f"Bearer {token}"})
        assert one.next("disconnect")["reason"] == "io server disconnect"
    with client(web.url, token) as again:
        again.next("connect_error")


def test_a_stopping_server_says_so_first(database: Database, clock: FakeClock, now: datetime) -> None:
    webs.people(database, now)
    with webs.serving_web(database, clock) as web, client(web.url, web.token("ann@doorbell.test")) as ann:
        ann.next("connect")
        ann.next("connected")
        ended = ann
        web.stop()
        ended.next("server:shutdown")
        ended.next("disconnect")
