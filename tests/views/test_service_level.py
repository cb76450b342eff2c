"""The service level and the numbers beside it: tests that somebody asked for are in none of them."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert

from app.api.metrics import Tries
from core import delivery
from core.db import Database
from core.db.tables.acting import Attempt, Delivery
from core.delivery import endpoints, trying, watching
from core.delivery.notices import Kind
from core.views import delivery_slo
from core.words import DeliveryState
from tests import factories
from tests.delivery.making import told


@pytest.mark.parametrize("kind", [Kind.TEST, endpoints.TEST])
def test_a_test_is_neither_late_nor_in_time(database: Database, now: datetime, kind: str) -> None:
    later = now + timedelta(minutes=10)
    with database.write() as session:
        told(session, now=now)
        (real,) = delivery.claim(session, worker="w", limit=1, lease=timedelta(minutes=2), now=now)
        session.get_one(Delivery, real.id).state = DeliveryState.DEAD
        for number, (state, sent_at) in enumerate(((DeliveryState.SENT, now), (DeliveryState.DEAD, None))):
            made = f"t{number}"
            session.add(
                Delivery(
                    id=made,
                    channel="email",
                    kind=kind,
                    priority="HIGH",
                    state=state,
                    idempotency_key=made,
                    due_at=now,
                    created_at=now,
                    sent_at=sent_at,
                    attempts=1,
                )
            )
            session.flush()
            session.execute(
                insert(Attempt).values(delivery_id=made, number=1, started_at=now, finished_at=now, outcome="sent")
            )
    with database.read() as session:
        found = delivery_slo.service_level(session, timezone="UTC", now=later)
        assert (found.together.hits, found.together.total) == (0, 1)
        assert [(one.level.total, one.median) for one in found.providers] == [(1, None)]
        assert delivery_slo.lately(session, now=later).total == 1
        tries = Tries()
        tries.look(session, now=later)
        assert sum(tries.outcomes.values()) == 0, "the message's own try is under way, those of tests are not counted"
        assert not any(sum(counts) for counts in tries.waits.values())


def test_a_test_that_waits_raises_no_alarm(database: Database, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.agent(session, now=now)
        trying.send_test(session, user_id, channel="email", actor_id=user_id, now=now)
    later = now + timedelta(minutes=10)
    with database.read() as session:
        assert watching.oldest_due(session, now=later) == {}
    with database.write() as session:
        told(session, now=now + timedelta(minutes=1))
        assert watching.oldest_due(session, now=later) == {"email": now + timedelta(minutes=1)}
