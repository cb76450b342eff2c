"""Pages that follow the messages themselves: their states are in no change feed, so one look a moment serves them all.

A message moves several times (claimed, tried, accepted, heard of), and a busy house sends thousands; as changes of the
feed they would be written for everybody although hardly anybody looks. So nothing is written, and nothing is looked at
while no page follows them.
"""

import asyncio
from collections.abc import Callable, Mapping

from starlette.concurrency import run_in_threadpool

from app.runtime import Runtime
from core import log
from core.viewer import Viewer
from core.views import delivery_moves
from core.views.delivery_moves import Look

_log = log.get(__name__)
_EVERY = 0.5
"""Seconds between looks."""


class Watch:
    """Everybody who follows, in one web process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._told: dict[object, tuple[Viewer, Callable[[], None]]] = {}
        self._looking: asyncio.Task[None] | None = None

    def add(self, key: object, viewer: Viewer, tell: Callable[[], None]) -> None:
        """Have `tell` called, in the event loop, whenever something moved that this viewer may see; and once now, for
        what moved since the page was read."""
        self._told[key] = (viewer, tell)
        tell()
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._look())

    def remove(self, key: object) -> None:
        """Also for who does not follow."""
        self._told.pop(key, None)

    def count(self) -> int:
        return len(self._told)

    def stop(self) -> None:
        """The process ends."""
        self._told.clear()
        if self._looking is not None:
            self._looking.cancel()

    async def _look(self) -> None:
        before: Look | None = None
        while self._told:
            viewers = {viewer.user_id: viewer for viewer, _ in self._told.values()}
            try:
                before, concerned = await run_in_threadpool(self._moved, before, viewers)
            except Exception as error:  # the database may be away for a while; the pages hear of it later
                _log.warning("watch_interrupted", error=type(error).__name__, detail=str(error)[:200])
                concerned = frozenset()
            for viewer, tell in list(self._told.values()):
                if viewer.user_id in concerned:
                    tell()
            await asyncio.sleep(_EVERY)

    def _moved(self, before: Look | None, viewers: Mapping[str, Viewer]) -> tuple[Look, frozenset[str]]:
        """What is there now, and whom (user ids) the difference concerns."""
        with self._runtime.database.read() as session:
            after = delivery_moves.look(session)
            news = frozenset() if before is None else delivery_moves.moved(before, after)
            concerned = (id_ for id_, one in viewers.items() if delivery_moves.concerns(session, one, news))
            return after, frozenset(concerned)
