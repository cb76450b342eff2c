"""The send loop: one thread claims, a few send, so that a server that hangs holds up one message and not the rest."""

import queue
import threading
from collections.abc import Callable, Mapping

from core import delivery, log
from core.clock import Clock
from core.db import Database
from core.delivery import Claimed, Sender
from jobs import work

SENDERS = 4
_AHEAD = 2 * SENDERS
"""Messages leased at most: what waits behind four hanging sends must not outlive its lease."""
_log = log.get(__name__)


class Sending:
    """Claims messages and hands them to sender threads. `turn` is what a jobs.loops.Loop repeats."""

    def __init__(
        self,
        database: Database,
        channels: Mapping[str, Sender],
        clock: Clock,
        *,
        worker: str,
        origin: str,
        stop: threading.Event,
    ) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._worker = worker
        self._origin = origin
        self._stop_asked = stop
        self._leased: queue.SimpleQueue[Claimed] = queue.SimpleQueue()
        self._outstanding = 0
        self._lock = threading.Lock()
        self._room = threading.Event()
        self._room.set()
        self.threads = [
            threading.Thread(target=self._send_forever, name=f"send-{number}", daemon=True) for number in range(SENDERS)
        ]
        for thread in self.threads:
            thread.start()

    def turn(self) -> bool:
        """Claim as many as there is room for; whether there may be more."""
        if not self._room.wait(0.2):
            return True
        with self._lock:
            room = _AHEAD - self._outstanding
        claimed = work.claim_deliveries(self._database, self._clock, worker=self._worker, limit=room)
        with self._lock:
            self._outstanding += len(claimed)
            if self._outstanding >= _AHEAD:
                self._room.clear()
        for one in claimed:
            self._leased.put(one)
        return bool(claimed)

    def finish(self, wait: Callable[[threading.Thread], None]) -> None:
        """After `stop` is set and no turn runs any more: give back what was not begun, let what was begun end."""
        untouched = []
        while True:
            try:
                untouched.append(self._leased.get_nowait())
            except queue.Empty:
                break
        if untouched:
            with self._database.write() as session:
                delivery.release(session, untouched, now=self._clock.now())
        for thread in self.threads:
            wait(thread)
        for sender in self._channels.values():
            sender.close()

    def _send_forever(self) -> None:
        while not self._stop_asked.is_set():
            try:
                claimed = self._leased.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                work.deliver(self._database, claimed, self._channels, self._clock, origin=self._origin)
            except Exception:  # the lease runs out and it is tried again
                _log.exception("delivery_not_recorded", delivery_id=claimed.id)
            finally:
                with self._lock:
                    self._outstanding -= 1
                    self._room.set()
