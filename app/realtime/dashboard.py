"""The dashboard's own socket, /live: tells an open page which alerts and notices changed, so that it looks again.

Server to page: {"type":"hello","last":N}, {"type":"changes","items":[...],"last":N}, {"type":"resync","last":N} (too
much was missed: read everything anew), {"type":"moved"} (a message did), {"type":"ping"}. Page to server:
{"type":"resume","last":N}, {"type":"watch"} and {"type":"unwatch"} (it shows what becomes of messages). The items are
hints without personal data; what the page shows it reads from the database under its own rights.
"""

import asyncio
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.realtime.tailer import Subscriber, Tailer
from app.realtime.watch import Watch
from app.runtime import Runtime
from app.security.browser import REVOKED
from app.security.recent import SignedIn
from core import changes
from core.changes import Told
from core.viewer import Viewer, just_lost, may_see
from core.words import ChangeKind

_MOST_MISSED = 200
_PING = 25.0
_MOVED = {"type": "moved"}
_SHOWN = ("alertType", "priority", "status", "assignedAgentId")


class Dashboard:
    """Every open page of one web process."""

    def __init__(self, runtime: Runtime, tailer: Tailer) -> None:
        self._runtime, self._tailer = runtime, tailer
        self._watch = Watch(runtime)
        self._pages: set[_Page] = set()

    def route(self) -> WebSocketRoute:
        return WebSocketRoute("/live", self._serve)

    def count(self) -> int:
        return len(self._pages)

    def stop(self) -> None:
        """The process ends."""
        self._watch.stop()

    async def _serve(self, socket: WebSocket) -> None:
        await socket.accept()  # a browser never sees the close code of a socket that was not accepted
        signed_in: SignedIn | None = socket.scope.get("doorbell.signed_in")
        if signed_in is None:
            await socket.close(REVOKED, "signed out")
            return
        page = _Page(socket)
        subscriber = Subscriber(signed_in.viewer, signed_in.session_id, page.deliver)
        start = subscriber.cursor = self._tailer.last
        subscriber.is_live = True
        self._tailer.add(subscriber)
        self._pages.add(page)
        page.queue({"type": "hello", "last": start})
        writing = asyncio.ensure_future(page.write())
        try:
            while True:
                asked = _parsed(await socket.receive_text())
                last = asked.get("last")
                if asked.get("type") == "watch":
                    self._watch.add(page, subscriber.viewer, page.moved)
                elif asked.get("type") == "unwatch":
                    self._watch.remove(page)
                elif asked.get("type") == "resume" and isinstance(last, int) and last < start:
                    page.queue(await run_in_threadpool(self._missed, subscriber.viewer, last, start))
        except (WebSocketDisconnect, RuntimeError):
            pass  # RuntimeError: the session was revoked, and the socket is closed under us
        finally:
            writing.cancel()
            self._pages.discard(page)
            self._watch.remove(page)
            self._tailer.remove(subscriber)

    def _missed(self, viewer: Viewer, last: int, start: int) -> dict[str, Any]:
        with self._runtime.database.read() as session:
            rows = changes.since(session, last, limit=_MOST_MISSED + 1)
        if len(rows) > _MOST_MISSED:
            return {"type": "resync", "last": start}
        seen = [
            _item(told, not may_see(viewer, told.audience))
            for told in rows
            if told.id <= start and (may_see(viewer, told.audience) or just_lost(viewer, told.audience))
        ]
        return {"type": "changes", "items": seen, "last": start}


class _Page:
    """What one page is still to be told: a burst leaves as one message."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._items: list[dict[str, Any]] = []
        self._messages: list[dict[str, Any]] = []
        self._something = asyncio.Event()

    def deliver(self, told: Told, lost: bool) -> None:
        self._items.append(_item(told, lost))
        self._something.set()

    def queue(self, message: dict[str, Any]) -> None:
        self._messages.append(message)
        self._something.set()

    def moved(self) -> None:
        if _MOVED not in self._messages:
            self.queue(_MOVED)

    async def write(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._something.wait(), _PING)
            except TimeoutError:
                self._messages.append({"type": "ping"})
            self._something.clear()
            messages, self._messages = self._messages, []
            items, self._items = self._items, []
            if items:
                messages.append({"type": "changes", "items": items, "last": items[-1]["changeId"]})
            try:
                for message in messages:
                    await self._socket.send_text(orjson.dumps(message).decode())
            except (WebSocketDisconnect, RuntimeError):
                return


def _item(told: Told, lost: bool) -> dict[str, Any]:
    kind = ChangeKind.ALERT_ASSIGNED if lost else told.kind
    item: dict[str, Any] = {"id": told.subject_id, "kind": str(kind), "changeId": told.id}
    if told.kind.startswith("alert:"):
        item["alertId"] = told.subject_id
    if lost:
        return {**item, "lost": True}
    return {**item, **{name: told.payload[name] for name in _SHOWN if name in told.payload}}


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
