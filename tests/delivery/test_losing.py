"""Processes that end while they send: the message that ends them is found, and no other is given up for it."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from core import delivery, feed
from core.db import Database
from core.db.tables import Attempt, Delivery
from core.delivery import Claimed, Failed, Sent, lost, providers
from core.delivery.providers import Pace
from core.words import ChangeKind, Priority
from tests import factories
from tests.delivery.making import LEASE, told
from tests.delivery.test_announcing import announce, endpoint

SECOND = timedelta(seconds=1)
FINE = Sent(provider_id="p")


def queue(database: Database, number: int, *, now: datetime) -> list[str]:
    with database.write() as session:
        alerts = [told(session, priority=Priority.HIGH, now=now)[0] for _ in range(number)]
        return list(
            session.scalars(select(Delivery.id).where(Delivery.channel == "email", Delivery.alert_id.in_(alerts)))
        )


def claim(database: Database, worker: str, *, busy: bool = False, now: datetime) -> list[Claimed]:
    with database.write() as session:
        return delivery.claim(session, worker=worker, limit=24, lease=LEASE, busy=busy, now=now)


def restart(database: Database, *, now: datetime) -> None:
    """Who comes after a process that was killed."""
    with database.write() as session:
        delivery.return_leases(session, lambda _: True, now=now)


def states(database: Database) -> dict[str, str]:
    with database.read() as session:
        rows = session.execute(select(Delivery.id, Delivery.state).where(Delivery.channel == "email"))
        return {row.id: row.state for row in rows}


def test_dying_again_and_again_costs_no_message_its_life(database: Database, now: datetime) -> None:
    queue(database, 20, now=now)
    at = now
    for number in range(30):
        assert claim(database, f"w{number}", now=at)
        at += SECOND
        restart(database, now=at)
    sent = 0
    while claimed := claim(database, "w", now=at):
        sent += len(claimed)
        with database.write() as session:
            delivery.record(session, [(one, FINE) for one in claimed], now=at)
        at += 10 * SECOND
    assert (sent, set(states(database).values())) == (20, {"sent"})


def test_the_one_that_ends_each_process_is_found_and_the_others_get_out(database: Database, now: datetime) -> None:
    queue(database, 5, now=now)
    (poison,) = queue(database, 1, now=now + SECOND)
    others = queue(database, 20, now=now + 2 * SECOND)
    at, ends, waited = now + 3 * SECOND, 0, []
    while states(database)[poison] != "dead":
        assert ends < 20
        worker = f"w{ends}"
        while claimed := claim(database, worker, now=at):
            in_order = sorted(claimed, key=lambda one: one.created_at)
            before = [one for one in in_order if one.created_at < now + SECOND]
            if poison in {one.id for one in claimed}:
                with database.write() as session:
                    delivery.record(session, [(one, FINE) for one in before], now=at)
                break
            with database.write() as session:
                delivery.record(session, [(one, FINE) for one in claimed], now=at)
        else:
            at += SECOND  # it waits for its time
            continue
        ends += 1
        restart(database, now=at)
        others += queue(database, 1, now=at)
        with database.read() as session:
            waited.append(session.get_one(Delivery, poison).due_at - at)
    assert ends == lost.SUSPECT + lost.FATAL
    assert waited[lost.SUSPECT + 1 :] == sorted(waited[lost.SUSPECT + 1 :])
    assert waited[-1] > 100 * SECOND, "so that the others get on"
    assert {state for one, state in states(database).items() if one != poison} == {"sent"}
    with database.read() as session:
        reason = session.get_one(Delivery, poison).reason or ""
        tries = session.scalar(select(func.count(Attempt.id)).where(Attempt.delivery_id == poison))
    assert "nothing else" in reason
    assert tries == ends
    with database.write() as session:
        delivery.replay(session, poison, actor_id=None, now=at)
    assert [one.id for one in claim(database, "w", now=at)] == [poison]


def test_a_lost_try_is_none_that_failed(database: Database, now: datetime) -> None:
    (message,) = queue(database, 1, now=now)
    at = now
    for number in range(12):
        claim(database, f"w{number}", now=at)
        at += LEASE  # nobody knows that it died: its lease runs out
    (claimed,) = claim(database, "w", now=at) or [None]
    if claimed is None:  # it was alone, and is to blame
        assert states(database)[message] == "dead"
        return
    with database.write() as session:
        delivery.record(session, [(claimed, Failed(reason="busy", retryable=True))], now=at, fraction=lambda: 0.999999)
        assert session.get_one(Delivery, message).due_at - at < 3 * SECOND


def test_what_has_to_be_alone_waits_until_nothing_else_is_held_and_all_waits_with_it(
    database: Database, now: datetime
) -> None:
    queue(database, 4, now=now)
    for number in range(lost.SUSPECT):
        claim(database, f"w{number}", now=now)
        restart(database, now=now)
    fresh = set(queue(database, 2, now=now + SECOND))
    at, pace = now + 2 * SECOND, {"email": Pace(per_second=1, burst=4)}
    with database.write() as session:
        assert not delivery.claim(session, worker="w", limit=24, lease=LEASE, paces=pace, busy=True, now=at)
    seen = []
    for _ in range(4):  # what waited took nothing of the pace
        with database.write() as session:
            (one,) = delivery.claim(session, worker="w", limit=24, lease=LEASE, paces=pace, now=at)
            assert one.alone
            delivery.record(session, [(one, FINE)], now=at)
            seen.append(one.id)
    rest = claim(database, "w", now=at)
    assert not fresh & set(seen)
    assert {one.id for one in rest} == fresh
    assert not any(one.alone for one in rest)


def test_the_suspect_itself_is_sent_alone_whoever_waits_before_it_or_beside_it(
    database: Database, now: datetime
) -> None:
    """With the one message that each failing endpoint is tried with beside it, it would never be to blame."""
    failing, other = endpoint(database, now), endpoint(database, now)
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
        feed.tell_alerts(session, ChangeKind.ALERT_NEW, [alert_id], now=now)
        providers.failed(session, providers.destination(failing), error="no", since=now, now=now)
    announce(database, now)
    with database.write() as session:
        suspect = session.scalars(select(Delivery).where(Delivery.endpoint_id == other)).one()
        suspect.payload, suspect.due_at = {**suspect.payload, "lost": lost.SUSPECT}, now + SECOND
        suspect_id = suspect.id
    for number in range(lost.FATAL):
        at = now + (number + 1) * timedelta(minutes=10)
        claimed = claim(database, f"w{number}", now=at)
        assert [(one.id, one.alone) for one in claimed] == [(suspect_id, True)]
        restart(database, now=at + SECOND)
    at += timedelta(minutes=10)
    assert claim(database, "w", now=at) == []
    (freed,) = claim(database, "w", now=at)
    assert (freed.endpoint_id, freed.alone) == (failing, False)
    with database.read() as session:
        assert session.get_one(Delivery, suspect_id).state == "dead"


def test_a_suspect_keeps_its_providers_pace_and_pause(database: Database, now: datetime) -> None:
    (suspect_id,) = queue(database, 1, now=now)
    with database.write() as session:
        row = session.get_one(Delivery, suspect_id)
        row.payload = {**row.payload, "lost": lost.SUSPECT}
        pace = Pace(per_second=1)
        assert providers.take(session, "email", 1, pace, now=now) == 1
    with database.write() as session:
        few = {"limit": 24, "lease": LEASE, "paces": {"email": pace}}
        assert delivery.claim(session, worker="w", now=now, **few) == []  # type: ignore[arg-type]
        for _ in range(providers.THRESHOLD):
            providers.failed(session, "email", error="no", since=now, now=now)
        at = now + providers.FIRST_PAUSE - SECOND
        assert delivery.claim(session, worker="w", now=at, **few) == []  # type: ignore[arg-type]
        at += SECOND
        (probe,) = delivery.claim(session, worker="w", now=at, **few)  # type: ignore[arg-type]
        assert (probe.id, probe.alone) == (suspect_id, True)
        assert delivery.claim(session, worker="v", now=at, **few) == []  # type: ignore[arg-type]
