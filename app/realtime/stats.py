"""The few numbers of `stats:updated`: what is open, as each subscriber may see it, at most once a second."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool

from app.api import alert_shapes
from app.realtime.tailer import Tailer
from app.runtime import Runtime
from core import log
from core.changes import Told
from core.viewer import Viewer
from core.views import alert_stats

_log = log.get(__name__)
_PAUSE = 1.0

Numbers = dict[str, Any]


class Stats:
    """Hears of changes and tells new numbers, a burst of changes being one telling."""

    def __init__(
        self,
        runtime: Runtime,
        tailer: Tailer,
        viewers: Callable[[], list[Viewer]],
        tell: Callable[[Mapping[str, Numbers]], None],
    ) -> None:
        """`viewers()` names who wants numbers; `tell` takes them by user id."""
        self._runtime, self._viewers, self._tell = runtime, viewers, tell
        self._due: asyncio.Task[None] | None = None
        tailer.on_changes(self._hear)

    def stop(self) -> None:
        if self._due is not None:
            self._due.cancel()

    def numbers(self, viewer: Viewer) -> Numbers:
        """The same numbers as GET /alerts/stats, of the alerts this viewer may see."""
        with self._runtime.database.read() as session:
            found = alert_stats.alert_stats(session, viewer, now=self._runtime.clock.now())
        return dict(alert_shapes.camel(found))

    def _hear(self, batch: Sequence[Told]) -> None:
        waiting = self._due is not None and not self._due.done()
        if not waiting and any(told.kind.startswith("alert:") for told in batch) and self._viewers():
            self._due = asyncio.ensure_future(self._soon())

    async def _soon(self) -> None:
        await asyncio.sleep(_PAUSE)
        people = {viewer.user_id: viewer for viewer in self._viewers()}
        try:
            self._tell({user_id: await run_in_threadpool(self.numbers, one) for user_id, one in people.items()})
        except Exception as error:  # the next change brings the numbers
            _log.warning("stats_failed", error=type(error).__name__)
