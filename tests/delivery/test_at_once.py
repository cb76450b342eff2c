"""Several workers at the same instant on PostgreSQL: nothing is taken twice, no pace is passed, nobody waits for nobody."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, func, select, text

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Attempt, Delivery, Endpoint
from core.delivery import Claimed, Failed, Refused, Result, Sent, acting, endpoint_book, links, providers
from core.delivery.acting import Acted
from core.delivery.links import Action
from core.delivery.providers import THRESHOLD, Pace
from core.routing.state import State
from core.settings import Settings
from core.viewer import SYSTEM
from core.words import DeliveryState
from jobs import work
from tests.delivery.making import LEASE, claim_one, row, told
from tests.delivery.test_pacing import SECOND, endpoint, queue

DOWN = Failed(reason="503 away", retryable=True, provider_at_fault=True)
_PATIENCE = 20.0
"""Seconds after which a thread that has not come on is stuck."""


@pytest.fixture(autouse=True)
def several_writers(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("a SQLite writer is alone")


def all_at_once(*works: Callable[[], None]) -> None:
    """Each in a thread of its own, begun together; raises the first error."""
    errors: list[BaseException] = []
    ready = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        try:
            ready.wait(_PATIENCE)
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(work,), daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE)
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    if errors:
        raise errors[0]


def test_two_workers_share_several_endpoints_and_neither_takes_what_the_other_has(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        paces = {"slow": 2, "fast": 9, "usual": 4, "other": 4}
        for name, per_second in paces.items():
            queue(
                session,
                30,
                channel="webhook",
                endpoint_id=endpoint(session, name, now=now, perSecond=per_second),
                now=now,
            )
    taken: list[tuple[int, Claimed]] = []
    lock = threading.Lock()

    def worker(name: str) -> Callable[[], None]:
        def work() -> None:
            for second in range(6):
                at = now + second * SECOND
                with database.write() as session:
                    some = delivery.claim(session, worker=name, limit=10, lease=LEASE, now=at)
                with lock:
                    taken.extend((second, one) for one in some)
                for one in some:  # one endpoint fails: its health is written by both too
                    result = DOWN if one.endpoint_id == "other" else Sent(provider_id=one.id)
                    record(database, [(one, result)], at=at)

        return work

    all_at_once(worker("w1"), worker("w2"))
    tries = Counter((one.id, one.attempt) for _, one in taken)
    assert set(tries.values()) == {1}, "no try is two workers'"
    until = Counter[str | None]()
    for second, one in sorted(taken, key=lambda found: found[0]):
        until[one.endpoint_id] += 1
        assert until[one.endpoint_id] <= paces[one.endpoint_id or ""] * (second + 1), "its pace and one burst"
    assert set(until) == set(paces), "none waits for another"
    with database.read() as session:
        sent = session.scalar(select(func.count()).where(Delivery.state == DeliveryState.SENT))
        assert sent == sum(number for name, number in until.items() if name != "other")
        assert session.scalar(select(func.count()).where(Attempt.outcome == "started")) == 0


def test_recording_a_failure_and_taking_its_expired_lease_do_not_wait_for_each_other(
    database: Database, now: datetime
) -> None:
    later = now + LEASE + SECOND
    with database.write() as session:
        queue(session, 1, channel="webhook", endpoint_id=endpoint(session, "hook", now=now), now=now)
        claimed = claim_one(session, now=now)

    def take() -> None:
        with database.write() as session:
            delivery.claim(session, worker="w2", limit=8, lease=LEASE, now=later)

    while_the_first_holds_a_row("", database, lambda: record(database, [(claimed, DOWN)], at=later), take)
    with database.read() as session:
        found = row(session, claimed.id)
        assert (found.state, found.reason) == ("queued", DOWN.reason)


def test_recording_for_several_providers_and_claiming_for_them_do_not_wait_for_each_other(
    database: Database, now: datetime
) -> None:
    paces = {"voice": Pace(per_second=1.0)}
    with database.write() as session:
        queue(session, 2, channel="webhook", endpoint_id=endpoint(session, "hook", now=now), now=now)
        queue(session, 2, channel="voice", now=now)
        held = delivery.claim(session, worker="w1", limit=1, lease=LEASE, paces=paces, now=now)
    assert {one.channel for one in held} == {"webhook", "voice"}
    later, taken = now + 2 * SECOND, []

    def take() -> None:
        with database.write() as session:
            taken.extend(delivery.claim(session, worker="w2", limit=8, lease=LEASE, paces=paces, now=later))

    done = [(one, DOWN) for one in held]
    while_the_first_holds_a_row("provider_states", database, lambda: record(database, done, at=later), take)
    assert {one.channel for one in taken} == {"webhook", "voice"}
    assert not {one.id for one in taken} & {one.id for one in held}


def test_a_probe_and_recording_for_other_endpoints_do_not_wait_for_each_other(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        for name in ("a", "z"):
            queue(session, 2, channel="webhook", endpoint_id=endpoint(session, name, now=now), now=now)
        claimed = delivery.claim(session, worker="w1", limit=4, lease=10 * LEASE, now=now)
        one_of = {one.endpoint_id: one for one in claimed}
        delivery.release(session, [one for one in claimed if one not in one_of.values()], now=now)
        for second in range(THRESHOLD):
            at = now + second * SECOND
            providers.failed(session, providers.destination("z"), error="503", since=at, now=at)
    later = now + LEASE  # the pause of "z" is over

    def take() -> None:
        with database.write() as session:
            assert {one.endpoint_id for one in delivery.claim(session, worker="w2", limit=8, lease=LEASE, now=later)}

    done = [(one, DOWN) for one in one_of.values()]
    while_the_first_holds_a_row("provider_states", database, lambda: record(database, done, at=later), take)


def test_an_endpoint_that_says_it_is_gone_and_who_changes_it_do_not_wait_for_each_other(
    database: Database, now: datetime
) -> None:
    settings = Settings(secret_key="k" * 40, allow_private_urls=True)  # type: ignore[arg-type]
    gone = Failed(reason="410 Gone", retryable=False, address=Refused.GONE)
    later = now + LEASE
    with database.write() as session:
        wanted = endpoint_book.read({"name": "Hook", "url": "http://127.0.0.1:9"}, settings)
        hook = endpoint_book.add(session, wanted, viewer=SYSTEM, settings=settings, now=now).endpoint.id
        queue(session, 1, channel="webhook", endpoint_id=hook, now=now)
        for second in range(THRESHOLD):
            at = now + second * SECOND
            providers.failed(session, providers.destination(hook), error="503", since=at, now=at)
        probe = claim_one(session, now=later)

    def change() -> None:
        with database.write() as session:
            raw = endpoint_book.plain(session.get_one(Endpoint, hook)) | {"url": "http://127.0.0.1:10"}
            moved = endpoint_book.read(raw, settings)
            endpoint_book.change(session, hook, moved, version=None, viewer=SYSTEM, settings=settings, now=later)

    tell = partial(record, database, [(probe, gone)], at=later)
    while_the_first_holds_a_row("provider_states", database, tell, change)
    with database.read() as session:
        assert session.get_one(Endpoint, hook).url == "http://127.0.0.1:10"


def test_recording_a_message_and_acting_from_it_do_not_wait_for_each_other(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id, _ = told(session, now=now)
        claimed = claim_one(session, now=now)
    acted: list[Acted] = []

    def nobody_else() -> State:
        raise AssertionError("an acknowledged alert goes to nobody else")

    def act() -> None:
        token = links.make(Action.ACKNOWLEDGE, claimed.id, key="k", now=now)
        with database.write() as session:
            acted.append(acting.act(session, token, form={}, state=nobody_else, key="k", now=now))

    done = [(claimed, Sent(provider_id="m"))]
    while_the_first_holds_a_row("", database, lambda: work.record_deliveries(database, done, FakeClock(now)), act)
    with database.read() as session:
        found = row(session, claimed.id)
        assert (found.state, found.clicked_at) == ("sent", now)
        assert session.get_one(Alert, alert_id).status == "ACKNOWLEDGED"
    assert [one.standing.problem for one in acted] == [None]


def record(database: Database, done: Sequence[tuple[Claimed, Result]], *, at: datetime) -> None:
    with database.write() as session:
        delivery.record(session, done, now=at)


def while_the_first_holds_a_row(
    table: str, database: Database, first: Callable[[], None], second: Callable[[], None]
) -> None:
    """Run the second while the first holds the first row it locks (of this table), until the second is done or waits for
    it; then both to their ends. Raises what either raised."""
    holds, go, errors = threading.Event(), threading.Event(), []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    with stopping_at_first_lock(table, database, holds, go):
        one = threading.Thread(target=run, args=(first,), name="first", daemon=True)
        one.start()
        assert holds.wait(_PATIENCE)
        other = threading.Thread(target=run, args=(second,), name="second", daemon=True)
        other.start()
        while other.is_alive() and not somebody_waits(database):
            other.join(0.02)
        go.set()
        one.join(_PATIENCE)
        other.join(_PATIENCE)
    assert not any(thread.is_alive() for thread in (one, other)), "they wait for each other"
    if errors:
        raise errors[0]


@contextmanager
def stopping_at_first_lock(
    table: str, database: Database, holds: threading.Event, go: threading.Event
) -> Iterator[None]:
    def stop(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        locks = statement.startswith("UPDATE") or "FOR UPDATE" in statement
        if threading.current_thread().name == "first" and locks and table in statement and not holds.is_set():
            holds.set()
            assert go.wait(_PATIENCE)

    event.listen(database.engine, "after_cursor_execute", stop)
    try:
        yield
    finally:
        event.remove(database.engine, "after_cursor_execute", stop)


def somebody_waits(database: Database) -> bool:
    with database.read() as session:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(session.scalar(text(waiting)))
