"""The send loop: one thread claims, a few send for each channel, so that a server that hangs holds up its own channel
alone, and one records, so that what came of many messages costs one commit.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping

from core import delivery, log
from core.clock import Clock
from core.db import Database
from core.delivery import Claimed, Result, Sender
from core.settings import Settings
from jobs import work
from jobs.outages import is_outage

SENDERS = 4
"""Threads a channel, begun when it has its first message."""
_AHEAD = 6 * SENDERS
"""Messages leased at most a channel; more are claimed when half of them are done."""
_STALE = work.LEASE / 2
"""What waited so long behind slow sends is given back: its lease could run out while it is being sent, and another's copy go out."""
_GLANCE, _LONGEST_PAUSE = 0.05, 0.2
"""Seconds until it is looked again while something is due and has to wait; longer each time that it has to."""
_AT_ONCE = 100
"""Messages recorded at most in one transaction."""
_AGAIN = 0.5
"""Seconds until what could not be recorded, because the database was away, is tried again."""
_LAST_CHANCES = 5
_log = log.get(__name__)

_Done = tuple[Claimed, Result]


class Sending:
    """Claims messages, hands them to sender threads and records. `turn` is what a jobs.loops.Loop repeats."""

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
        self._alone = False
        """What is held is to be sent alone."""
        self._pause = _GLANCE
        self._lock = threading.Lock()
        self._room = threading.Event()
        """Some channel has room for more."""
        self._done: queue.SimpleQueue[_Done | None] = queue.SimpleQueue()
        """None says that nothing more will come."""
        self._recorder = threading.Thread(target=self._record_forever, name="record", daemon=True)
        self._senders: list[threading.Thread] = []
        self._recorder.start()

    @property
    def threads(self) -> list[threading.Thread]:
        return [*self._senders, self._recorder]

    def turn(self) -> bool:
        """Claim as many as there is room for; whether to look again without waiting for anybody's commit."""
        self._room.clear()
        with self._lock:
            busy = any(self._outstanding.values())
            room = {name: _AHEAD - held for name, held in self._outstanding.items() if held <= _AHEAD // 2}
            full = len(room) < len(self._outstanding) or (busy and self._alone)
        claimed = None
        if not (busy and self._alone):
            claimed = work.claim_deliveries(
                self._database, self._clock, worker=self._worker, limit=room, channels=self._channels, busy=busy
            )
        if claimed:
            self._hand_out(claimed)
            self._pause = _GLANCE
            return True
        if full or claimed is not None:  # what is due has to wait, for room or by a provider's pace
            self._room.wait(self._pause)
            self._pause = _GLANCE if full else min(2 * self._pause, _LONGEST_PAUSE)
            return True
        return False

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
            try:
                self._give_back(untouched)
            except Exception:  # their leases run out; what was sent is recorded all the same
                _log.exception("deliveries_not_given_back", count=len(untouched))
        for thread in self._senders:
            wait(thread)
        self._done.put(None)
        wait(self._recorder)
        for sender in self._channels.values():
            sender.close()

    def _hand_out(self, claimed: list[Claimed]) -> None:
        with self._lock:
            self._alone = any(one.alone for one in claimed)
            for one in claimed:
                self._outstanding[one.channel] += 1
        for one in claimed:
            self._lane(one.channel).put(one)

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
            self._senders += fresh
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
                else:
                    result = work.deliver(self._database, claimed, self._channels, self._clock, settings=self._settings)
                    self._done.put((claimed, result))
                    continue
            except Exception:  # the lease runs out and it is tried again
                _log.exception("delivery_not_begun", delivery_id=claimed.id)
            self._make_room([claimed])

    def _record_forever(self) -> None:
        more = True
        while more:
            got = [self._done.get()]
            while len(got) < _AT_ONCE and not self._done.empty():  # we alone take from it
                got.append(self._done.get())
            more = None not in got
            done = [one for one in got if one is not None]
            if done:
                self._record(done)
                self._make_room([claimed for claimed, _ in done])

    def _record(self, done: list[_Done]) -> None:
        """One that cannot be recorded keeps none of the others. While the database is away our leases still hold; when we are
        to stop it has a few more chances: what was sent and is not written down goes out again."""
        last_chances = _LAST_CHANCES
        while done:
            try:
                work.record_deliveries(self._database, done, self._clock)
                return
            except Exception as error:
                if not is_outage(error) and len(done) > 1:
                    for one in done:
                        self._record([one])
                    return
                ours = [one for one in done if self._clock.now() - one[0].claimed_at < work.LEASE]
                last_chances -= self._stop_asked.is_set()
                over = not is_outage(error) or not last_chances
                for claimed, _ in [one for one in done if over or one not in ours]:
                    _log.exception("delivery_not_recorded", delivery_id=claimed.id)  # its lease runs out
                if over:
                    return
                done = ours
            if self._stop_asked.wait(_AGAIN):
                time.sleep(_AGAIN / _LAST_CHANCES)

    def _make_room(self, claimed: list[Claimed]) -> None:
        with self._lock:
            for one in claimed:
                self._outstanding[one.channel] -= 1
                if self._outstanding[one.channel] <= _AHEAD // 2:
                    self._room.set()
