"""What moved among the messages between two looks, and whom it concerns."""

from datetime import datetime, timedelta

from core import delivery
from core.db import Database
from core.db.tables.acting import Delivery
from core.delivery.callbacks import Said, Word
from core.delivery.ledger import Rule
from core.delivery.notices import Notice
from core.delivery.outbox import Deferred, Failed, Sent
from core.views import delivery_moves
from tests import factories as make
from tests.views.brokerage import open_brokerage


def test_every_step_of_a_message_is_a_move_and_nothing_else_is(database: Database, now: datetime) -> None:
    with database.write() as session:
        open_brokerage(session, now=now)
        alert_id = make.alert(session, agent_id="ann", now=now)

    seen = {"look": {}}

    def news() -> set[str]:
        with database.read() as session:
            after = delivery_moves.look(session)
            found = delivery_moves.moved(seen["look"], after)
            seen["look"] = dict(after)
            return {session.get_one(Delivery, one).channel for one in found}

    def claimed(at: datetime) -> delivery.Claimed:
        with database.write() as session:
            (one,) = delivery.claim(session, worker="w", limit=9, lease=timedelta(minutes=2), now=at)
        assert news() == {"email"}
        return one

    assert news() == set()
    with database.write() as session:
        notice = Notice(alert_id=alert_id, user_id="ann", kind="alert_new", priority="HIGH")
        delivery.enqueue(session, [notice], now=now)
    assert news() == {"in_app", "email"}
    assert news() == set()
    later = now
    for result in (
        Failed(reason="421", retryable=True),
        Deferred(until=now + timedelta(hours=1), rule=Rule.QUIET_HOURS),
        Sent(provider_id="p1"),
    ):
        later += timedelta(hours=2)
        one = claimed(later)
        with database.write() as session:
            delivery.record(session, [(one, result)], now=later)
        assert news() == {"email"}, result
    for said in (Said.DELIVERED, Said.OPENED):
        with database.write() as session:
            delivery.heard(session, Word(provider_id="p1", said=said, at=later), now=later)
        assert news() == {"email"}, said
    assert news() == set()


def test_a_move_concerns_whoever_may_see_the_message(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        alert_id = make.alert(session, agent_id="ann", now=now)
        notice = Notice(alert_id=alert_id, user_id="ann", kind="alert_new", priority="HIGH")
        delivery.enqueue(session, [notice], now=now)
    with database.read() as session:
        ids = delivery_moves.moved({}, delivery_moves.look(session))
        concerned = {one.user_id for one in people.everybody if delivery_moves.concerns(session, one, ids)}
        assert concerned == {"ada", "mia", "ann"}
        assert not delivery_moves.concerns(session, people.ada, [])
