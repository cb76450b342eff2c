"""The learning loop's own process (`python -m jobs.learning PARENT NOW`): one night's work over every intent.

Apart from the jobs process and nicer than it, because training is a lot of computing and nobody's alert should wait for it.
It may be killed at any instant: what it had begun is put away by the next run, and nothing of it ever scores.
"""

import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from core import log, settings
from core.clock import Clock
from core.db import Database
from core.errors import Conflict
from core.learning import acting, examples, fit, loop, memory, registry, retuning, targets
from core.learning.examples import Examples
from core.learning.targets import Target
from core.settings import Settings
from jobs import child, runs, workers

NAME = "retrain"
_log = log.get(__name__)


def learn(database: Database, configured: Settings, clock: Clock, *, asked: bool, stop: Callable[[], bool]) -> str:
    """One run over all intents, in short transactions; says what it did, empty when another process is at it."""
    me, delay = workers.own_name(), timedelta(days=configured.transaction_delay_days)
    with database.write() as session:
        if not memory.take_lease(session, me, is_dead=lambda by: workers.is_dead(by, me=me), now=clock.now()):
            return ""
        for version_id in registry.in_training(session):
            registry.give_up(session, version_id, note="Its training ended before it was done.", now=clock.now())
    try:
        _tell(database, clock, me, 0, (), "Reading the scores and what came of them")
        with database.read() as session:
            wanted = targets.every(session)
            collected = examples.collect(session, since=clock.now() - retuning.REACH, until=clock.now())
        said: list[str] = []
        failed: list[str] = []
        for number, target in enumerate(wanted):
            if stop():
                break
            _tell(database, clock, me, number, wanted, f"Looking at {_words(target.intent)}")
            try:
                said.append(_one(database, target, collected, delay=delay, asked=asked, clock=clock))
            except Exception as error:  # one intent that cannot be learnt must not keep the others from it
                _log.exception("learning_failed", intent=target.intent)
                said.append(f"{_words(target.intent)}: training failed ({type(error).__name__}).")
                failed.append(target.intent)
        _tell(database, clock, me, len(said), wanted, "Done" if len(said) == len(wanted) else "Stopped")
        sentence = " ".join(part for part in said if part)
        wrong = f"training failed: {', '.join(failed)}" if failed else None
        with database.write() as session:
            memory.ended(session, sentence, error=wrong, now=clock.now())
        if wrong:
            raise RuntimeError(wrong)
        return sentence
    finally:
        with database.write() as session:
            memory.give_back_lease(session, me)


def _one(
    database: Database, target: Target, collected: Examples, *, delay: timedelta, asked: bool, clock: Clock
) -> str:
    """One intent: put the deployed intercepts right, then judge what is in shadow, else train where that is worth it."""
    now = clock.now()
    seed = int(now.timestamp()) // 86_400

    def study(of: Examples) -> loop.Material:
        with database.read() as session:
            return loop.study(session, target, of, delay=delay, now=now)

    suited, said = collected, []
    if target.generic or target.whatever_is_there:
        # Counting a team's own events again for every score takes minutes: not before there is something to learn.
        bare = study(collected)
        idle = loop.why_not_train(bare, asked=asked, now=now)
        if bare.champion is None and bare.challenger is None and idle is not None:
            return _act(database, bare, loop.Verdict(action="nothing", sentence=idle), now=clock.now())
        with database.read() as session:
            suited = retuning.suited(session, target, collected, now=now)
    material = study(suited)
    calibration = loop.judge_calibration(material)
    if calibration.action == "recalibrate":
        said.append(_act(database, material, calibration, now=clock.now()))
        material = study(suited)
    if material.challenger is not None:
        verdict = loop.judge_shadow(material, seed=seed, now=now)
    elif (idle := loop.why_not_train(material, asked=asked, now=now)) is not None:
        verdict = loop.Verdict(action="nothing", sentence=idle)
    else:
        verdict = _train(database, material, seed=seed, clock=clock)
    said.append(_act(database, material, verdict, now=clock.now()))
    return " ".join(part for part in said if part)


def _train(database: Database, material: loop.Material, *, seed: int, clock: Clock) -> loop.Verdict:
    """A challenger: begun and ended in transactions, learnt outside of any."""
    with database.write() as session:
        version_id = registry.begin(session, material.target.intent, note="Being trained.", now=clock.now())
    try:
        trained = fit.train(material.target, material.examples, material.labels, delay=material.delay, seed=seed)
        verdict = loop.judge_challenger(material, trained, seed=seed)
        with database.write() as session:
            acting.admit(session, material, version_id, trained, verdict, now=clock.now())
    except Exception as error:
        with database.write() as session:
            registry.give_up(session, version_id, note=f"Training failed: {type(error).__name__}.", now=clock.now())
        raise
    return verdict


def _act(database: Database, material: loop.Material, verdict: loop.Verdict, *, now: datetime) -> str:
    try:
        with database.write() as session:
            acting.act(session, material, verdict, now=now)
    except Conflict as late:
        return f"{_words(material.target.intent)}: {late.detail}"
    quiet = verdict.action == "nothing"
    return "" if quiet else f"{_words(material.target.intent)}: {verdict.sentence}"


def _tell(database: Database, clock: Clock, me: str, done: int, wanted: Sequence[Target], message: str) -> None:
    """How far it is; the lease lasts on."""
    with database.write() as session:
        runs.progress(session, NAME, done=done, total=len(wanted), message=message)
        memory.take_lease(session, me, is_dead=lambda _by: False, now=clock.now())


def _words(intent: str) -> str:
    return intent.replace("_", " ").lower()


class Passing:
    """The time that passes since an instant: a run may be told to learn as of then."""

    def __init__(self, since: datetime) -> None:
        self._since, self._began = since, time.monotonic()

    def now(self) -> datetime:
        return self._since + timedelta(seconds=time.monotonic() - self._began)


def main() -> int:
    parent, since = int(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    stop = child.begin(parent)
    if stop.is_set():
        return 0
    configured = settings.load()
    log.configure(level=configured.log_level, json=configured.log_format == "json")
    database = Database(configured.database)
    learn(database, configured, Passing(since), asked="asked" in sys.argv[3:], stop=stop.is_set)
    database.dispose()
    return 0


if __name__ == "__main__":
    sys.exit(main())
