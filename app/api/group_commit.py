"""Single posts that arrive together share one transaction: one disk sync for all, and each is answered after it.

One thread a process writes what has queued up while the last transaction was being committed. Alone, a post waits for
nobody; under load the groups grow by themselves.
"""

import asyncio
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, SQLAlchemyError

from app.runtime import Runtime
from core import events, log
from core.clock import Clock
from core.db import Database
from core.errors import DoorbellError
from core.events import NewEvent

_log = log.get(__name__)
_MOST = 1_000
"""Events in one transaction: enough to make the disk sync free, few enough that nobody waits 20 ms."""


class NotStored(DoorbellError):
    status = 503
    title = "Not stored"


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of one caller's events."""

    accepted: int = 0
    duplicates: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    """eventId -> why the database would not take it; the others are stored."""


class _Waiting(NamedTuple):
    events: Sequence[NewEvent]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Stored]"


class GroupCommit:
    """Owned by one process; `record` from any event loop, `close` once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    async def record(self, new: Sequence[NewEvent]) -> Stored:
        """Return once they are committed.

        Raises:
            NotStored: the commit failed, or the process is stopping; nothing of it was promised, send it again.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Stored] = loop.create_future()
        with self._lock:
            if self._closed:
                raise NotStored("the server is stopping; send it again")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
                self._thread.start()
            self._queue.put(_Waiting(new, loop, future))
        return await future

    def close(self) -> None:
        """Commit what has been handed in, and stop. Call it from a thread that may wait."""
        with self._lock:
            self._closed = True
            self._queue.put(None)
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            group: list[_Waiting] = []
            count = 0
            item = self._queue.get()
            while True:
                if item is None:
                    stopping = True
                    break
                group.append(item)
                count += len(item.events)
                if count >= _MOST:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            if group:
                self._write(group)

    def _write(self, group: list[_Waiting]) -> None:
        try:
            results: list[Stored | Exception] = list(
                store(self._database, [waiting.events for waiting in group], self._clock)
            )
        except Exception as error:  # whatever it is, nobody may be left waiting
            results = [error] * len(group)
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Stored], Stored | Exception]]] = {}
        for waiting, result in zip(group, results, strict=True):
            by_loop.setdefault(waiting.loop, []).append((waiting.future, result))
        for loop, settled in by_loop.items():
            try:
                loop.call_soon_threadsafe(_settle, settled)
            except RuntimeError:  # that loop has closed, and its callers with it
                _log.warning("callers_gone", count=len(settled))


def store(database: Database, groups: Sequence[Sequence[NewEvent]], clock: Clock) -> list[Stored]:
    """Commit several callers' events together; what each of them got.

    Raises:
        NotStored: the commit failed.
    """
    every = [event for group in groups for event in group]
    new_ids: set[str] = set()
    refused: dict[str, str] = {}
    try:
        _commit(database, every, clock, new_ids, refused)
    except SQLAlchemyError as error:
        _log.error("commit_failed", events=len(every), error=type(error).__name__)
        raise NotStored("the events could not be committed; send them again") from error
    results = []
    for group in groups:
        accepted = 0
        for event in group:
            if event.event_id in new_ids:  # of two callers with one eventId, the first has it accepted
                new_ids.remove(event.event_id)
                accepted += 1
        bad = {event.event_id: refused[event.event_id] for event in group if event.event_id in refused}
        lost = sum(event.event_id in bad for event in group) if bad else 0
        results.append(Stored(accepted, len(group) - accepted - lost, bad))
    return results


def _commit(
    database: Database, new: Sequence[NewEvent], clock: Clock, new_ids: set[str], refused: dict[str, str]
) -> None:
    """Where the database cannot take one of them, halve until that one stands alone: its neighbours are kept."""
    try:
        with database.write() as session:
            recorded = events.record(session, new, now=clock.now())
        new_ids |= recorded.new_ids
    except (OperationalError, InterfaceError, InternalError):
        raise  # the disk, the connection, a lock: no event is to blame
    except (DBAPIError, ValueError, TypeError) as error:
        if len(new) == 1:
            _log.error("event_refused_by_database", error=type(error).__name__)
            refused[new[0].event_id] = "the database cannot keep this event"
            return
        half = len(new) // 2
        _commit(database, new[:half], clock, new_ids, refused)
        _commit(database, new[half:], clock, new_ids, refused)


def _settle(settled: "list[tuple[asyncio.Future[Stored], Stored | Exception]]") -> None:
    for future, result in settled:
        if future.done():  # the client hung up; its event is kept all the same
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)


_of: "WeakKeyDictionary[Runtime, GroupCommit]" = WeakKeyDictionary()
_of_lock = threading.Lock()


def of(runtime: Runtime) -> GroupCommit:
    """The one that belongs to this process's runtime."""
    found = _of.get(runtime)
    if found is None:
        with _of_lock:
            found = _of.setdefault(runtime, GroupCommit(runtime.database, runtime.clock))
    return found


def close(runtime: Runtime) -> None:
    """Drain and stop it, if it was ever used."""
    with _of_lock:
        found = _of.pop(runtime, None)
    if found is not None:
        found.close()
