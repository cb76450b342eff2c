"""Ends the sockets of sessions that were revoked, expired, or whose user changed; keeps viewers up to date."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from starlette.concurrency import run_in_threadpool

from app.realtime.tailer import Subscriber, Tailer
from app.runtime import Runtime
from app.security import sessions
from core import log, viewer
from core.changes import Told
from core.viewer import Viewer
from core.words import ChangeKind

_log = log.get(__name__)
EVERY = 10.0
"""Seconds between looks at what no change tells of: expiry, a new role, another team."""


class Revocation:
    """Hears of revoked sessions from the feed at once, and looks at the rest every ten seconds."""

    def __init__(
        self, runtime: Runtime, tailer: Tailer, end: Callable[[str], Awaitable[None]], ids: Callable[[], list[str]]
    ) -> None:
        """`end(session_id)` closes a session's sockets; `ids()` names the sessions that have any."""
        self._runtime, self._tailer, self._end, self._ids = runtime, tailer, end, ids
        self._ending: set[asyncio.Task[None]] = set()
        tailer.on_changes(self._hear)

    def _hear(self, batch: Sequence[Told]) -> None:
        for told in batch:
            if told.kind == ChangeKind.SESSION_REVOKED and told.subject_id:
                self._runtime.recent.forget(told.subject_id)
                task = asyncio.ensure_future(self._end(told.subject_id))
                self._ending.add(task)
                task.add_done_callback(self._ending.discard)

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except Exception as error:  # the database may be away: the sockets stay until it can be asked
                _log.warning("revocation_look_failed", error=type(error).__name__)

    async def look(self) -> None:
        """Close what has ended, and let every other socket see with today's role and teams."""
        subscribers = self._tailer.subscribers()
        ids = {one.session_id for one in subscribers} | set(self._ids())
        if not ids:
            return
        people = await run_in_threadpool(self._people, ids)
        for session_id in ids - people.keys():
            self._runtime.recent.forget(session_id)
            await self._end(session_id)
        for one in subscribers:
            _renew(one, people.get(one.session_id))

    def _people(self, ids: set[str]) -> dict[str, Viewer]:
        """Session id to viewer, of those sessions that still hold."""
        known: dict[str, Viewer] = {}
        with self._runtime.database.read() as session:
            for session_id in ids:
                found = sessions.find(session, session_id, now=self._runtime.clock.now())
                person = viewer.load(session, found.user_id) if found else None
                if person is not None:
                    known[session_id] = person
        return known


def _renew(subscriber: Subscriber, person: Viewer | None) -> None:
    if person is not None and person != subscriber.viewer:
        subscriber.viewer = person
