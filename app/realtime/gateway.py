"""Socket.IO for programs and phones: who may connect, what they are told, and how they catch up."""

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
import socketio
from engineio.packet import MESSAGE, Packet
from socketio.exceptions import ConnectionRefusedError as Refused
from starlette.concurrency import run_in_threadpool

from app.realtime.stats import Stats
from app.realtime.tailer import Subscriber, Tailer
from app.runtime import Runtime
from app.security import callers
from core import log
from core.changes import Told
from core.errors import Unauthorized
from core.settings import Settings
from core.viewer import Viewer
from core.words import ChangeKind

_log = log.get(__name__)
_MOST_WAITING = 5_000
"""Frames a client may leave unread before it is dropped; it comes back with its lastChangeId and misses nothing."""


class Client:
    """One Socket.IO connection."""

    def __init__(self, sid: str, eio_sid: str, subscriber: Subscriber) -> None:
        self.sid, self.eio_sid, self.subscriber = sid, eio_sid, subscriber
        self.wants_alerts = True
        self.wants_stats = False


class Gateway:
    """The Socket.IO server of one web process."""

    def __init__(self, runtime: Runtime, tailer: Tailer) -> None:
        self._runtime, self._tailer = runtime, tailer
        self._clients: dict[str, Client] = {}
        self._encoded: tuple[tuple[int, bool], Packet] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.server = socketio.AsyncServer(
            async_mode="asgi",
            cors_allowed_origins=_origins(runtime.settings),
            max_http_buffer_size=100_000,
            # Compression costs 37 MB per thousand sockets and a millisecond per frame, and frames are small.
            http_compression=False,
        )
        self._stats = Stats(runtime, tailer, self._stats_viewers, self._tell_stats)
        self._listen()

    def asgi(self) -> Any:
        """The ASGI application to mount at /socket.io."""
        return socketio.ASGIApp(self.server, socketio_path="")

    def session_ids(self) -> list[str]:
        return [one.subscriber.session_id for one in self._clients.values()]

    def count(self) -> int:
        return len(self._clients)

    async def end_session(self, session_id: str) -> None:
        """Disconnect every client of a session that was revoked."""
        for client in [one for one in self._clients.values() if one.subscriber.session_id == session_id]:
            await self.server.disconnect(client.sid)

    async def shut_down(self) -> None:
        """Tell every client that the server goes away; clients come back by themselves and catch up."""
        self._stats.stop()
        if not self._clients:
            return
        for client in list(self._clients.values()):
            self._send(client, _packet("server:shutdown", {"changeId": client.subscriber.cursor}))
        await asyncio.sleep(0.05)  # one turn for the writers, before the connections are closed

    def _listen(self) -> None:
        on = self.server.on
        on("connect", self._connect)
        on("disconnect", self._disconnect)
        on("subscribe:alerts", self._subscribe_alerts)
        on("unsubscribe:alerts", self._unsubscribe_alerts)
        on("subscribe:stats", self._subscribe_stats)
        on("unsubscribe:stats", self._unsubscribe_stats)
        on("ping", self._ping)

    async def _connect(self, sid: str, _environ: Mapping[str, Any], auth: Any = None) -> None:
        given = auth if isinstance(auth, dict) else {}
        token, since = given.get("token"), _change_id(given.get("lastChangeId"))
        try:
            if not isinstance(token, str) or not token:
                raise Unauthorized("send auth: {token}")
            found = await callers.by_token(self._runtime, token.removeprefix("Bearer "))
        except Unauthorized as error:
            raise Refused("unauthorized", {"status": 401, "detail": error.detail}) from error
        eio_sid = self.server.manager.eio_sid_from_sid(sid, "/")
        subscriber = Subscriber(found.viewer, found.session_id, lambda told, lost: self._deliver(client, told, lost))
        client = Client(sid, eio_sid, subscriber)
        self._clients[sid] = client
        self._tailer.add(subscriber)
        self._start(self._welcome(client, since))

    async def _welcome(self, client: Client, since: int | None) -> None:
        while self.server.manager.is_pre_connected(client.sid, "/"):  # noqa: ASYNC110  it has no event to wait for
            # The acknowledgement goes first: a frame before it would break the client's handshake.
            await asyncio.sleep(0)
        if client.sid not in self._clients:
            return
        viewer = client.subscriber.viewer
        known = self._tailer.last if since is None else since
        hello = {"userId": viewer.user_id, "role": viewer.role.value, "sid": client.sid, "changeId": known}
        self._send(client, _packet("connected", hello))
        await self._tailer.catch_up(client.subscriber, since=since)

    async def _disconnect(self, sid: str, _reason: str | None = None) -> None:
        client = self._clients.pop(sid, None)
        if client is not None:
            self._tailer.remove(client.subscriber)

    async def _subscribe_alerts(self, sid: str, _what: Any = None) -> None:
        self._clients[sid].wants_alerts = True

    async def _unsubscribe_alerts(self, sid: str, _what: Any = None) -> None:
        self._clients[sid].wants_alerts = False

    async def _subscribe_stats(self, sid: str, _what: Any = None) -> None:
        client = self._clients[sid]
        client.wants_stats = True
        numbers = await run_in_threadpool(self._stats.numbers, client.subscriber.viewer)
        self._send(client, _packet(ChangeKind.STATS_UPDATED, {**numbers, "changeId": client.subscriber.cursor}))

    async def _unsubscribe_stats(self, sid: str, _what: Any = None) -> None:
        self._clients[sid].wants_stats = False

    async def _ping(self, sid: str, what: Any = None) -> None:
        client = self._clients[sid]
        body: dict[str, Any] = {"changeId": client.subscriber.cursor}
        if isinstance(what, dict):
            body["echo"] = what
        self._send(client, _packet("pong", body))

    def _deliver(self, client: Client, told: Told, lost: bool) -> None:
        if told.kind.startswith("alert:") and not client.wants_alerts:
            return
        key = (told.id, lost)
        if self._encoded is None or self._encoded[0] != key:  # encoded once, however many clients hear it
            body = {"id": told.subject_id} if lost else dict(told.payload)
            kind = ChangeKind.ALERT_ASSIGNED if lost else told.kind
            self._encoded = (key, _packet(kind, {**body, "changeId": told.id}))
        self._send(client, self._encoded[1])

    def _stats_viewers(self) -> list[Viewer]:
        return [one.subscriber.viewer for one in self._clients.values() if one.wants_stats]

    def _tell_stats(self, numbers: Mapping[str, Mapping[str, Any]]) -> None:
        for client in list(self._clients.values()):
            mine = numbers.get(client.subscriber.viewer.user_id)
            if client.wants_stats and mine is not None:
                self._send(client, _packet(ChangeKind.STATS_UPDATED, {**mine, "changeId": client.subscriber.cursor}))

    def _send(self, client: Client, packet: Packet) -> None:
        """Put the frame straight into the connection's queue: no task per client, and a gone client stops nobody."""
        socket = self.server.eio.sockets.get(client.eio_sid)
        if socket is None or socket.closed:
            return
        if socket.queue.qsize() > _MOST_WAITING:
            self._start(self.server.disconnect(client.sid))
            return
        socket.queue.put_nowait(packet)

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _packet(event: str, body: Mapping[str, Any]) -> Packet:
    """A Socket.IO event (type 2) of the default namespace, as the one text frame that every client gets."""
    return Packet(MESSAGE, "2" + orjson.dumps([str(event), body]).decode())


def _change_id(given: Any) -> int | None:
    try:
        return max(0, int(given)) if given is not None and not isinstance(given, bool) else None
    except (TypeError, ValueError):
        return None


def _origins(settings: Settings) -> list[str]:
    """The pages that may connect from a browser; an empty list would let every page in."""
    local = [f"http://{host}:{settings.port}" for host in ("127.0.0.1", "localhost")]
    return sorted({settings.origin, *local})
