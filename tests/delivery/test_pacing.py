"""No provider is pushed over its pace or tried while it is down, and nobody's trouble delays anybody else."""

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core import delivery
from core.db import Database
from core.db.base import table_of
from core.db.tables import Attempt, Delivery
from core.db.tables.reaching import Endpoint, ProviderState
from core.delivery import Claimed, Failed, Sent, Suppressed, pacing, providers
from core.delivery.ledger import Rule
from core.delivery.providers import FIRST_PAUSE, LONGEST_PAUSE, THRESHOLD, Pace
from core.delivery.retry import MAX_ATTEMPTS
from tests import factories
from tests.delivery.making import LEASE, row

SECOND = timedelta(seconds=1)
DOWN = Failed(reason="451 later", retryable=True, provider_at_fault=True)
GONE = timedelta(minutes=2, seconds=1)


def queue(
    session: Session, number: int, *, now: datetime, channel: str = "email", endpoint_id: str | None = None
) -> None:
    user_id = factories.user(session, now=now) if endpoint_id is None else None
    mark = endpoint_id or user_id
    session.execute(
        insert(Delivery),
        [
            {
                "id": f"{mark}-{one}"[-32:],
                "user_id": user_id,
                "endpoint_id": endpoint_id,
                "channel": channel,
                "kind": "admin_notice",
                "priority": "HIGH",
                "state": "queued",
                "idempotency_key": f"{mark}-{channel}-{one}",
                "payload": {"text": "Notice"},
                "due_at": now,
                "attempts": 0,
                "created_at": now,
            }
            for one in range(number)
        ],
    )


def endpoint(session: Session, endpoint_id: str, *, now: datetime, **config: object) -> str:
    session.add(
        Endpoint(
            id=endpoint_id,
            channel="webhook",
            name=endpoint_id,
            url="https://x.test",
            config=config,
            created_at=now,
            updated_at=now,
        )
    )
    session.flush()
    return endpoint_id


def claim(session: Session, *, now: datetime, limit: int = 8, pace: Pace | None = None) -> list[Claimed]:
    return delivery.claim(session, worker="w", limit=limit, lease=LEASE, paces={"email": pace}, now=now)


def fail(session: Session, claimed: Claimed, *, now: datetime) -> None:
    delivery.record(session, [(claimed, DOWN)], now=now, fraction=lambda: 0.0)


def bring_down(session: Session, *, now: datetime) -> datetime:
    """THRESHOLD failures in a row of messages of their own; when the pause ends."""
    queue(session, THRESHOLD + 5, now=now)
    for one in claim(session, limit=THRESHOLD, now=now):
        fail(session, one, now=now + SECOND)
    return now + SECOND + FIRST_PAUSE


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    per_second=st.floats(0.2, 500),
    burst=st.integers(1, 50),
    asks=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), min_size=1, max_size=25),
)
def test_no_stretch_of_time_holds_more_than_its_pace_and_one_burst(
    database_of_providers: Session, per_second: float, burst: int, asks: list[tuple[float, int]]
) -> None:
    session, pace = database_of_providers, Pace(per_second=per_second, burst=burst)
    session.execute(update(ProviderState).values(next_at=0.0))
    now, given_at = datetime.fromisoformat("2026-03-02T15:00:00+00:00"), []
    for wait, wanted in asks:
        now += timedelta(seconds=wait)
        given_at.append((now, providers.take(session, "email", wanted, pace, now=now)))
    for first, (since, _) in enumerate(given_at):
        total = 0
        for at, number in given_at[first:]:
            total += number
            assert total <= (at - since).total_seconds() * per_second + burst + 1e-3


@pytest.fixture
def database_of_providers(tmp_path: Path) -> Iterator[Session]:
    database = Database(f"sqlite:///{tmp_path / 'providers.db'}")
    ProviderState.metadata.create_all(database.engine, tables=[table_of(ProviderState)])
    with database.write() as session:
        yield session
    database.dispose()


def test_a_pace_that_finds_too_few_messages_keeps_the_rest_for_later(database: Database, now: datetime) -> None:
    pace = Pace(per_second=1, burst=8)
    with database.write() as session:
        queue(session, 1, now=now)
        assert len(claim(session, pace=pace, now=now)) == 1
        queue(session, 7, now=now)
        assert len(claim(session, pace=pace, now=now)) == 7, "one was used, not eight"
        queue(session, 1, now=now)
        assert claim(session, pace=pace, now=now) == []
        assert len(claim(session, pace=pace, now=now + SECOND)) == 1


def test_a_pause_that_was_begun_by_a_wrong_clock_is_not_waited_for(database: Database, now: datetime) -> None:
    """Years ahead no certificate is valid: everything fails, and is paused until then."""
    wrong = now + timedelta(days=900)
    with database.write() as session:
        endpoint(session, "hook", now=now)
        for name in ("email", providers.destination("hook")):
            for _ in range(THRESHOLD):
                providers.failed(session, name, error="certificate", since=wrong, now=wrong)
        queue(session, 2, now=now)
        queue(session, 2, channel="webhook", endpoint_id="hook", now=now)
    with database.write() as session:
        assert delivery.has_due(session, now=now)
        probes = delivery.claim(session, worker="w", limit=9, lease=LEASE, now=now)
        assert sorted(one.channel for one in probes) == ["email", "webhook"]
        assert delivery.claim(session, worker="v", limit=9, lease=LEASE, now=now) == []
        delivery.record(session, [(one, Sent(provider_id="p")) for one in probes], now=now)
        assert providers.health(session) == {}


def test_a_clock_that_is_set_back_stops_nobody_for_long(database: Database, now: datetime) -> None:
    pace = Pace(per_second=10, burst=10)
    with database.write() as session:
        assert providers.take(session, "email", 10, pace, now=now + timedelta(hours=5)) == 10
        assert providers.take(session, "email", 1, pace, now=now) == 0
        assert providers.take(session, "email", 99, pace, now=now + SECOND) == 10


def test_claimers_at_once_never_pass_the_pace_together(database: Database, now: datetime) -> None:
    if database.is_sqlite:
        pytest.skip("a SQLite writer is alone")
    with database.write() as session:
        queue(session, 200, now=now)
    pace, got, lock = Pace(per_second=5, burst=5), [], threading.Lock()

    def take_some() -> None:
        for second in range(4):
            with database.write() as session:
                some = delivery.claim(
                    session,
                    worker=threading.current_thread().name,
                    limit=8,
                    lease=LEASE,
                    paces={"email": pace},
                    now=now + second * SECOND,
                )
            with lock:
                got.extend(one.id for one in some)

    threads = [threading.Thread(target=take_some) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got))
    assert 5 <= len(got) <= 5 + 3 * 5


def test_a_provider_that_is_down_is_left_alone_and_then_tried_with_one_message(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        until = bring_down(session, now=now)
        assert claim(session, now=until - SECOND) == []
        assert not delivery.has_due(session, now=until - SECOND), "no wake-up takes the write lock for it"
        assert len(claim(session, now=until)) == 1
        assert claim(session, now=until) == []


def test_a_probe_that_gets_through_ends_it_and_one_that_fails_doubles_the_pause(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        until = bring_down(session, now=now)
        (probe,) = claim(session, now=until)
        fail(session, probe, now=until + SECOND)
        again = until + SECOND + 2 * FIRST_PAUSE
        assert claim(session, now=again - SECOND) == []
        (probe,) = claim(session, now=again)
        delivery.record(session, [(probe, Sent(provider_id="p"))], now=again)
        assert len(claim(session, limit=3, now=again)) == 3


def test_a_probe_that_dies_or_finds_out_nothing_gives_the_next_one_its_chance(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        until = bring_down(session, now=now)
        (probe,) = claim(session, now=until)
        assert claim(session, now=until + SECOND) == []
        assert len(claim(session, limit=1, now=until + GONE)) == 1, "it died"
        at = until + 2 * GONE
        (probe,) = claim(session, limit=1, now=at)
        delivery.record(session, [(probe, Suppressed(rule=Rule.ALERT_CLOSED))], now=at)
        (probe,) = claim(session, limit=1, now=at)
        delivery.record(session, [(probe, Failed(reason="550 who?", retryable=False))], now=at)
        (probe,) = claim(session, limit=1, now=at)
        delivery.release(session, [probe], now=at)
        assert len(claim(session, limit=1, now=at)) == 1


def test_a_probe_that_is_refused_for_itself_ends_the_pause_and_the_next_failure_begins_another(
    database: Database, now: datetime
) -> None:
    refused = Failed(reason="550 no such mailbox", retryable=False, answered=True)
    with database.write() as session:
        until = bring_down(session, now=now)
        (probe,) = claim(session, now=until)
        delivery.record(session, [(probe, refused)], now=until + SECOND)
        after = claim(session, now=until + SECOND)
        assert len(after) > 1, "it is there: no further message has to find out"
        fail(session, after[0], now=until + 2 * SECOND)
        assert claim(session, now=until + 3 * SECOND) == [], "what answered was not the provider"
        queue(session, 2, now=now)
        probing = until + 2 * SECOND + FIRST_PAUSE
        (probe,) = claim(session, now=probing)
        delivery.record(session, [(after[1], refused)], now=probing)
        assert claim(session, now=probing + SECOND) == [], "no straggler ends a pause"
        delivery.record(session, [(probe, refused)], now=probing + SECOND)
        (sent, *_) = claim(session, now=probing + SECOND)
        delivery.record(session, [(sent, Sent(provider_id="m"))], now=probing + 2 * SECOND)
        assert providers.health(session) == {}


def test_stragglers_neither_lengthen_a_pause_nor_end_it(database: Database, now: datetime) -> None:
    with database.write() as session:
        queue(session, THRESHOLD + 4, now=now)
        claimed = claim(session, limit=THRESHOLD + 2, now=now)
        for one in claimed[:THRESHOLD]:
            fail(session, one, now=now + SECOND)
        fail(session, claimed[THRESHOLD], now=now + 20 * SECOND)
        delivery.record(session, [(claimed[-1], Suppressed(rule=Rule.ALERT_CLOSED))], now=now + 21 * SECOND)
        assert claim(session, now=now + 22 * SECOND) == []
        assert len(claim(session, now=now + SECOND + FIRST_PAUSE)) == 1


def test_a_pause_is_no_shorter_than_the_provider_asked_for(database: Database, now: datetime) -> None:
    asked = Failed(reason="429", retryable=True, retry_after=240, provider_at_fault=True)
    with database.write() as session:
        queue(session, THRESHOLD + 1, now=now)
        for one in claim(session, limit=THRESHOLD, now=now):
            delivery.record(session, [(one, asked)], now=now)
        assert claim(session, now=now + timedelta(seconds=239)) == []
        assert len(claim(session, now=now + timedelta(seconds=240))) == 1
    assert timedelta(seconds=240) < LONGEST_PAUSE


def test_a_message_its_provider_never_takes_is_not_what_asks_whether_it_is_back(
    database: Database, now: datetime
) -> None:
    at = now
    with database.write() as session:
        queue(session, 1, now=now)
        for _ in range(THRESHOLD):
            (poison,) = claim(session, now=at)
            fail(session, poison, now=at)
            at += SECOND
        queue(session, 3, now=at)
        (probe,) = claim(session, now=at + FIRST_PAUSE)
        assert probe.id != poison.id


def test_a_message_that_ends_its_process_each_time_is_a_dead_letter_in_the_end(
    database: Database, now: datetime
) -> None:
    at = now
    with database.write() as session:
        queue(session, 1, now=now)
        for _ in range(MAX_ATTEMPTS):
            (one,) = claim(session, now=at)
            at += LEASE + SECOND
        assert claim(session, now=at) == []
        assert (row(session, one.id).state, row(session, one.id).leased_by) == ("dead", None)
        assert set(session.scalars(select(Attempt.outcome))) == {"lost"}
        delivery.replay(session, one.id, actor_id=None, now=at)
        assert len(claim(session, now=at)) == 1


def test_a_long_queue_of_one_channel_or_endpoint_delays_no_other(database: Database, now: datetime) -> None:
    with database.write() as session:
        for name in ("slow", "other"):
            endpoint(session, name, now=now, perSecond=1)
        queue(session, 3_000, now=now - SECOND)
        queue(session, 3_000, channel="webhook", endpoint_id="slow", now=now - SECOND)
        queue(session, 1, channel="webhook", endpoint_id="other", now=now)
    got: list[Claimed] = []
    for step in range(3):
        with database.write() as session:
            got += claim(session, now=now + step * timedelta(milliseconds=60))
    whom = [one.endpoint_id for one in got if one.channel == "webhook"]
    assert sorted(whom) == ["other", "slow"], "each at its own pace of one a second"
    assert sum(one.channel == "email" for one in got) == 24


def test_one_endpoint_that_is_down_pauses_itself_alone(database: Database, now: datetime) -> None:
    with database.write() as session:
        for name in ("bad", "good"):
            endpoint(session, name, now=now, perSecond=100)
            queue(session, 10, channel="webhook", endpoint_id=name, now=now)
        for one in claim(session, limit=20, now=now):
            if one.endpoint_id == "bad":
                fail(session, one, now=now + SECOND)
            else:
                delivery.record(session, [(one, Sent(provider_id=one.id))], now=now)
        queue_more = now + 2 * SECOND
        session.execute(update(Delivery).where(Delivery.endpoint_id == "good").values(state="queued", due_at=now))
        assert {one.endpoint_id for one in claim(session, now=queue_more)} == {"good"}
        after = now + SECOND + FIRST_PAUSE
        session.execute(update(Delivery).where(Delivery.endpoint_id == "good").values(state="sent"))
        assert [one.endpoint_id for one in claim(session, now=after)] == ["bad"]


@pytest.mark.parametrize("wish", [0, -1, None, "fast", float("nan"), float("inf"), [3]])
def test_a_pace_that_is_none_is_the_usual_one(wish: object) -> None:
    assert pacing.pace_of({"perSecond": wish}).per_second == pacing.ENDPOINT_PACE
