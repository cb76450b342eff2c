"""One thread per web process tails the change feed and hands every change to those who may see it, once and in order.

A subscriber has a cursor. It first catches up from the table (`catch_up`), and becomes live in the same turn of the
event loop in which it has read as far as the tailer has handed out: nothing falls between, nothing comes twice.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool

from app.runtime import Runtime
from core import changes, log
from core.changes import Told
from core.db.wake import Waker
from core.viewer import Viewer, just_lost, may_see
from core.words import ChangeKind

_log = log.get(__name__)
_PAGE = 500
_PATIENCE = 0.5
"""Seconds of waiting before the table is looked at anyway."""


class Subscriber:
    """One live socket: who looks, how far it has been told, and how to tell it."""

    def __init__(self, viewer: Viewer, session_id: str, deliver: "Callable[[Told, bool], None]") -> None:
        """`deliver(change, lost)` queues one change without waiting; lost: tell only that the alert went away."""
        self.viewer, self.session_id, self.deliver = viewer, session_id, deliver
        self.cursor = 0
        self.is_live = False


class Tailer:
    """Start it inside the event loop that serves the sockets."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._subscribers: dict[str, list[Subscriber]] = {}
        self._everyone: list[Callable[[Sequence[Told]], None]] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.last = 0
        """The id of the last change handed out."""

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.last = await run_in_threadpool(self._newest)
        self._thread = threading.Thread(target=self._tail, args=(self.last,), name="changes", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            await run_in_threadpool(self._thread.join, 5)

    def on_changes(self, hear: Callable[[Sequence[Told]], None]) -> None:
        """Have `hear` called with every batch, in the event loop, after the subscribers."""
        self._everyone.append(hear)

    def add(self, subscriber: Subscriber) -> None:
        self._subscribers.setdefault(subscriber.viewer.user_id, []).append(subscriber)

    def remove(self, subscriber: Subscriber) -> None:
        left = self._subscribers.get(subscriber.viewer.user_id, [])
        if subscriber in left:
            left.remove(subscriber)
        if not left:
            self._subscribers.pop(subscriber.viewer.user_id, None)

    def subscribers(self) -> list[Subscriber]:
        return [one for group in self._subscribers.values() for one in group]

    async def catch_up(self, subscriber: Subscriber, *, since: int | None) -> None:
        """Tell what came after `since` (None: nothing of the past), then go on live."""
        newest = await run_in_threadpool(self._newest) if since is not None else self.last
        # A client may come with an id from another life of the database: it starts from now.
        subscriber.cursor = min(since, newest) if since is not None else newest
        while not subscriber.is_live:
            if subscriber.cursor >= self.last:
                subscriber.is_live = True
                return
            for told in await run_in_threadpool(self._since, subscriber.cursor):
                self._tell(subscriber, told, may_see(subscriber.viewer, told.audience))

    def hand_out(self, batch: Sequence[Told]) -> None:
        """Tell everyone live; runs in the event loop. One look at the audience serves all sockets of a user."""
        for told in batch:
            self.last = told.id
            for group in list(self._subscribers.values()):
                seen = may_see(group[0].viewer, told.audience)
                if not seen and not (told.audience.lost or told.audience.was_pool):
                    for subscriber in group:
                        if subscriber.is_live:
                            subscriber.cursor = max(subscriber.cursor, told.id)
                    continue
                for subscriber in list(group):
                    if subscriber.is_live and told.id > subscriber.cursor:
                        self._tell(subscriber, told, seen)
        for hear in self._everyone:
            hear(batch)

    @staticmethod
    def _tell(subscriber: Subscriber, told: Told, seen: bool) -> None:
        subscriber.cursor = told.id
        if told.kind == ChangeKind.SESSION_REVOKED:
            return
        if seen:
            subscriber.deliver(told, False)
        elif just_lost(subscriber.viewer, told.audience):
            subscriber.deliver(told, True)

    def _tail(self, last: int) -> None:
        assert self._loop is not None
        while not self._stopping.is_set():
            try:
                with Waker(self._runtime.database, topics={"changes"}, stop=self._stopping) as waker:
                    while not self._stopping.is_set():
                        while batch := self._since(last):
                            last = batch[-1].id
                            self._loop.call_soon_threadsafe(self.hand_out, batch)
                        waker.wait(_PATIENCE)
            except RuntimeError:
                return  # the event loop closed under us: the process is ending
            except Exception as error:  # the database may be away for a while; the sockets stay, and hear of it later
                _log.warning("feed_interrupted", error=type(error).__name__, detail=str(error)[:200])
                self._stopping.wait(_PATIENCE)

    def _newest(self) -> int:
        with self._runtime.database.read() as session:
            return changes.newest_id(session)

    def _since(self, last: int) -> Sequence[Told]:
        with self._runtime.database.read() as session:
            return changes.since(session, last, limit=_PAGE)
