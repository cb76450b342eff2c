"""The send loop: one thread claims, a few send for each channel, so that a server that hangs holds up its own channel alone."""

import queue
import threading
from collections.abc import Callable, Mapping

from core import delivery, log
from core.clock import Clock
from core.db import Database
from core.delivery import Claimed, Sender
from core.settings import Settings
from jobs import work

SENDERS = 4
"""Threads a channel, begun when it has its first message."""
_AHEAD = 2 * SENDERS
"""Messages leased at most a channel: what waits behind four hanging sends must not outlive its lease."""
_STALE = work.LEASE / 2
"""What waited so long behind slow sends is given back: its lease could run out while it is being sent, and another's copy go out."""
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
        settings: Settings,
        stop: threading.Event,
    ) -> None:
        self._database = database
        self._channels = channels
        self._clock = clock
        self._worker = worker
        self._settings = settings
        self._stop_asked = stop
        self._lanes: dict[str, queue.SimpleQueue[Claimed]] = {}
        self._outstanding = dict.fromkeys(delivery.CHANNELS, 0)
        self._lock = threading.Lock()
        self._moved = threading.Event()
        """A message was finished: there may be room again."""
        self.threads: list[threading.Thread] = []

    def turn(self) -> bool:
        """Claim as many as there is room for; whether there may be more."""
        self._moved.clear()
        with self._lock:
            room = {name: _AHEAD - held for name, held in self._outstanding.items() if held < _AHEAD}
        claimed = (
            work.claim_deliveries(self._database, self._clock, worker=self._worker, limit=room, channels=self._channels)
            if room
            else []
        )
        with self._lock:
            for one in claimed:
                self._outstanding[one.channel] += 1
        for one in claimed:
            self._lane(one.channel).put(one)
        if not claimed and any(self._outstanding.values()):
            return self._moved.wait(0.2)
        return bool(claimed)

    def finish(self, wait: Callable[[threading.Thread], None]) -> None:
        """After `stop` is set and no turn runs any more: give back what was not begun, let what was begun end."""
        untouched = []
        for lane in self._lanes.values():
            while True:
                try:
                    untouched.append(lane.get_nowait())
                except queue.Empty:
                    break
        if untouched:
            self._give_back(untouched)
        for thread in self.threads:
            wait(thread)
        for sender in self._channels.values():
            sender.close()

    def _give_back(self, claimed: list[Claimed]) -> None:
        with self._database.write() as session:
            delivery.release(session, claimed, now=self._clock.now())

    def _lane(self, channel: str) -> "queue.SimpleQueue[Claimed]":
        lane = self._lanes.get(channel)
        if lane is None:
            lane = self._lanes[channel] = queue.SimpleQueue()
            fresh = [
                threading.Thread(target=self._send_forever, args=(lane,), name=f"send-{channel}-{number}", daemon=True)
                for number in range(SENDERS)
            ]
            self.threads += fresh
            for thread in fresh:
                thread.start()
        return lane

    def _send_forever(self, lane: "queue.SimpleQueue[Claimed]") -> None:
        while not self._stop_asked.is_set():
            try:
                claimed = lane.get(timeout=0.2)
            except queue.Empty:
                continue
            try:
                if self._clock.now() - claimed.claimed_at > _STALE:
                    self._give_back([claimed])
                    continue
                work.deliver(self._database, claimed, self._channels, self._clock, settings=self._settings)
            except Exception:  # the lease runs out and it is tried again
                _log.exception("delivery_not_recorded", delivery_id=claimed.id)
            finally:
                with self._lock:
                    self._outstanding[claimed.channel] -= 1
                self._moved.set()
