"""The page's own socket: hello, hints of what changed, and what was missed."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect

from app.server import bare
from core import delivery
from core.changes import Audience
from core.clock import FakeClock
from core.db import Database
from core.delivery.callbacks import Said, Word
from core.delivery.notices import Notice
from core.delivery.outbox import Sent
from core.words import ChangeKind
from tests import factories, webs
from tests.webs import Running

MINE = Audience(agents=("ann",), teams=("north",))


@pytest.fixture
def web(database: Database, clock: FakeClock, now: datetime) -> Iterator[Running]:
    webs.people(database, now)
    with webs.serving_web(database, clock, frame=bare) as running:
        yield running


@asynccontextmanager
async def page(web: Running, cookie: str) -> AsyncIterator[ClientConnection]:
    url = web.url.replace("http", "ws") + "/live"
    headers = {"cookie": f"doorbell={cookie}"}
    async with connect(url, origin=web.url, additional_headers=headers) as socket:  # type: ignore[arg-type]
        yield socket


async def next_of(socket: ClientConnection) -> dict[str, Any]:
    return dict(orjson.loads(await asyncio.wait_for(socket.recv(), 10)))


async def items(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        message = await next_of(socket)
        assert message["type"] == "changes"
        found += message["items"]
    return found


def test_an_open_page_is_told_what_changed_without_personal_data(
    web: Running, database: Database, now: datetime
) -> None:
    cookie = web.cookie("ann@doorbell.test")

    async def look() -> None:
        async with page(web, cookie) as socket:
            assert await next_of(socket) == {"type": "hello", "last": 0}
            await asyncio.to_thread(webs.ring, database, "a1", MINE, now=now)
            [item] = await items(socket, 1)
            assert item == {
                "id": "a1",
                "alertId": "a1",
                "kind": "alert:new",
                "changeId": 1,
                "alertType": "LIKELY_TO_SELL",
                "priority": "HIGH",
                "status": "NEW",
            }

    asyncio.run(look())


def test_a_page_hears_of_its_own_alerts_only(web: Running, database: Database, now: datetime) -> None:
    cookie = web.cookie("ann@doorbell.test")

    async def look() -> None:
        async with page(web, cookie) as socket:
            await next_of(socket)
            await asyncio.to_thread(webs.ring, database, "cals", Audience(agents=("cal",)), now=now)
            lost = Audience(agents=("bob",), teams=("north",), lost=("ann",))
            kind = ChangeKind.ALERT_ASSIGNED
            await asyncio.to_thread(webs.ring, database, "gone", lost, now=now, kind=kind)
            [item] = await items(socket, 1)
            assert item == {"id": "gone", "alertId": "gone", "kind": "alert:assigned", "changeId": 2, "lost": True}

    asyncio.run(look())


def test_a_page_that_was_away_catches_up(web: Running, database: Database, now: datetime) -> None:
    cookie = web.cookie("ann@doorbell.test")
    for number in range(3):
        webs.ring(database, f"a{number}", MINE, now=now)
        webs.ring(database, f"c{number}", Audience(agents=("cal",)), now=now)

    async def look() -> None:
        async with page(web, cookie) as socket:
            while (await next_of(socket))["last"] < 6:  # the tailer may still be reading
                await socket.close()
                return await look()
            await socket.send('{"type":"resume","last":1}')
            assert [item["id"] for item in await items(socket, 2)] == ["a1", "a2"]
            await asyncio.to_thread(webs.ring, database, "live", MINE, now=now)
            assert [item["id"] for item in await items(socket, 1)] == ["live"]
        return None

    asyncio.run(look())


def test_a_page_that_missed_too_much_is_told_to_read_anew(web: Running, database: Database, now: datetime) -> None:
    cookie = web.cookie("ann@doorbell.test")
    for number in range(201):
        webs.ring(database, f"a{number}", MINE, now=now)

    async def look() -> None:
        async with page(web, cookie) as socket:
            if (await next_of(socket))["last"] < 201:
                await socket.close()
                return await look()
            await socket.send('{"type":"resume","last":0}')
            assert await next_of(socket) == {"type": "resync", "last": 201}
        return None

    asyncio.run(look())


MOVED = {"type": "moved"}


async def moves(socket: ClientConnection) -> None:
    """Waits for the next word that a message moved; what the feed tells beside it does not count."""
    while (await next_of(socket)) != MOVED:
        pass


async def silent(socket: ClientConnection) -> bool:
    """Whether two looks go by without a word."""
    try:
        await asyncio.wait_for(moves(socket), 1.2)
    except TimeoutError:
        return True
    return False


def test_a_page_that_follows_messages_hears_when_one_it_may_see_moves(
    web: Running, database: Database, now: datetime
) -> None:
    cookie = web.cookie("ann@doorbell.test")
    with database.write() as session:
        alerts = {who: factories.alert(session, agent_id=who, now=now) for who in ("ann", "cal")}

    def tell(who: str) -> None:
        notice = Notice(alert_id=alerts[who], user_id=who, kind="alert_new", priority="HIGH")
        with database.write() as session:
            delivery.enqueue(session, [notice], now=now)

    def send() -> None:
        with database.write() as session:
            for claimed in delivery.claim(session, worker="w", limit=9, lease=timedelta(minutes=2), now=now):
                delivery.record(session, [(claimed, Sent(provider_id=f"to {claimed.user_id}"))], now=now)

    def opened() -> None:
        with database.write() as session:
            assert delivery.heard(session, Word(provider_id="to ann", said=Said.OPENED, at=now), now=now)

    async def look() -> None:
        async with page(web, cookie) as socket:
            await next_of(socket)
            await asyncio.to_thread(tell, "ann")
            assert await silent(socket), "who does not follow hears nothing"
            await socket.send('{"type":"watch"}')
            await moves(socket)  # once at the beginning: the page was read before it followed
            assert await silent(socket)
            await asyncio.to_thread(tell, "cal")
            assert await silent(socket), "another's message is none of theirs"
            for step in (send, opened):
                await asyncio.to_thread(step)
                await moves(socket)
            assert await silent(socket)
            await socket.send('{"type":"unwatch"}')
            await asyncio.to_thread(tell, "ann")
            assert await silent(socket)

    asyncio.run(look())


def test_nonsense_from_a_page_is_ignored(web: Running, database: Database, now: datetime) -> None:
    cookie = web.cookie("ann@doorbell.test")

    async def look() -> None:
        async with page(web, cookie) as socket:
            await next_of(socket)
            for nonsense in ("", "{", "[]", '{"type":"resume"}', '{"type":"resume","last":"x"}'):
                await socket.send(nonsense)
            await asyncio.to_thread(webs.ring, database, "a1", MINE, now=now)
            assert [item["id"] for item in await items(socket, 1)] == ["a1"]

    asyncio.run(look())
