"""The running jobs process: its threads, its heartbeat, and how it ends within three seconds."""

import contextlib
import threading
import time
from datetime import datetime

from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.orm import Session

from core import delivery, log, scoring
from core.clock import Clock
from core.db import Database
from core.pipeline import World
from core.settings import Settings
from core.views import progress
from jobs import runs, schedule, work, workers
from jobs.child import Demo
from jobs.loops import Loop
from jobs.parking import Parking
from jobs.sending import Sending

BEAT = 3.0
"""Seconds between heartbeats."""
GRACE = 3.0
"""Seconds given to what is under way when we are asked to stop."""
_log = log.get(__name__)


class Process:
    """One jobs process. `start`, then `wait` until `stop` is set or a thread is gone, then `end`."""

    def __init__(self, settings: Settings, database: Database, clock: Clock, *, with_schedule: bool = True) -> None:
        self.stop = threading.Event()
        self._settings = settings
        self._database = database
        self._clock = clock
        self._with_schedule = with_schedule
        self._name = workers.own_name()
        self._parking = Parking()
        self._world: World | None = None
        self._told: scoring.Models | None = None
        self._errors: dict[str, str] = {}
        self._loops: list[Loop] = []
        self._sending: Sending | None = None
        self._scheduler: BackgroundScheduler | None = None
        self._demo = Demo() if with_schedule and settings.demo != "off" else None
        self._started_at: datetime = clock.now()

    def start(self) -> None:
        """Take back what dead processes of this machine held, then begin."""
        now = self._clock.now()
        with self._database.write() as session:
            scoring.install(session, now=now)
            taken = delivery.return_leases(session, lambda worker: workers.is_dead(worker, me=self._name), now=now)
        if taken:
            _log.warning("leases_of_the_dead_returned", count=taken)
        self._sending = Sending(
            self._database,
            delivery.open_channels(self._settings),
            self._clock,
            worker=self._name,
            settings=self._settings,
            stop=self.stop,
        )
        self._loops = [
            self._loop("decide", self._decide, topics=("events",)),
            self._loop("announce", self._announce, topics=("changes",)),
            self._loop("send", self._sending.turn, topics=("deliveries",)),
            self._loop("heartbeat", self._beat, topics=("nothing",)),
        ]
        for loop in self._loops:
            loop.start()
        if self._with_schedule:
            context = schedule.Context(
                database=self._database, clock=self._clock, settings=self._settings, stop=self.stop
            )
            self._scheduler = schedule.start(context)
        _log.info("jobs_started", worker=self._name, schedule=self._with_schedule)

    def wait(self) -> int:
        """Block until asked to stop (0) or until a thread has ended that never should (1)."""
        while not self.stop.wait(0.5):
            if self._demo is not None:
                self._demo.look()
            if dead := [loop.name for loop in self._loops if not loop.is_alive()]:
                _log.critical("thread_gone", threads=dead)
                return 1
        return 0

    def end(self) -> bool:
        """Finish the transactions under way, give back leases not begun; whether all threads ended in time."""
        self.stop.set()
        until = time.monotonic() + GRACE
        if self._demo is not None:
            self._demo.stop()
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)

        def join(thread: threading.Thread) -> None:
            thread.join(max(0.0, until - time.monotonic()))

        for loop in self._loops:
            join(loop)
        if self._sending is not None:
            with contextlib.suppress(Exception):  # a database that is away: the leases run out by themselves
                self._sending.finish(join)
        clean = not any(
            thread.is_alive() for thread in [*self._loops, *(self._sending.threads if self._sending else [])]
        )
        _log.info("jobs_stopped", clean=clean)
        return clean

    def _loop(self, name: str, turn: work.Turn, *, topics: tuple[str, ...]) -> Loop:
        return Loop(name, turn, database=self._database, topics=topics, stop=self.stop, failed=self._failed)

    def _decide(self) -> bool:
        if self._world is None:
            with self._database.read() as session:
                self._world = World.load(session)
        decided = work.decide_once(self._database, self._world, self._clock, parking=self._parking)
        if decided is not None and (decided.opened or decided.events):
            _log.debug("decided", events=decided.events, contacts=decided.contacts, opened=len(decided.opened))
        return decided is not None and (decided.contacts > 0 or decided.events > 0)

    def _announce(self) -> bool:
        return work.announce_once(self._database, self._clock) > 0

    def _beat(self) -> bool:
        now = self._clock.now()
        error = self._parking.report() or next(iter(self._errors.values()), None)
        with self._database.write() as session:
            runs.started(session, progress.HEARTBEAT, now=self._started_at)
            runs.finished(session, progress.HEARTBEAT, error=error, message=self._name, now=now)
            told = self._tell_models(session, now=now)
        self._told = told
        self._errors.clear()
        self.stop.wait(BEAT)
        return True

    def _tell_models(self, session: Session, *, now: datetime) -> scoring.Models | None:
        """Write which models decide, and which of them would not load, for /ready; only when that changed."""
        models = self._world.models if self._world else None
        if models is not None and models is not self._told:
            wrong = "; ".join(f"{intent}: {reason}" for intent, reason in models.wrong.items())
            runs.finished(session, progress.MODELS_SERVED, error=wrong or None, message=str(models.version), now=now)
        return models

    def _failed(self, loop: str, error: BaseException) -> None:
        self._errors[loop] = f"{loop}: {type(error).__name__}: {error}"[:500]
