"""What came of many messages, recorded in one go: the same as one by one."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, select

from core import delivery
from core.db import Database
from core.db.tables import Attempt, Delivery, DeliveryEvent
from core.db.tables.reaching import ProviderState
from core.delivery import Claimed, Deferred, Failed, Result, Sent, Suppressed
from core.delivery.ledger import Rule
from tests.delivery.making import LEASE, told

RESULTS: tuple[Result, ...] = (
    Sent(provider_id="p", provider="one"),
    Sent(provider_id="p", delivered=True, said="taken"),
    Suppressed(rule=Rule.ALERT_CLOSED),
    Suppressed(rule=Rule.NOT_SET_UP, detail="e-mail is not set up"),
    Failed(reason="busy", retryable=True, provider_at_fault=True),
    Failed(reason="550 no", retryable=False),
    Failed(reason="busy", retryable=True),
)


def results(now: datetime) -> list[Result]:
    return [*RESULTS, Deferred(until=now + timedelta(hours=1), rule=Rule.QUIET_HOURS, bundle="b"), *RESULTS]


def claimed_ones(database: Database, number: int, *, now: datetime) -> list[Claimed]:
    with database.write() as session:
        for _ in range(number):
            told(session, now=now)
        found = delivery.claim(session, worker="w1", limit=number, lease=LEASE, now=now)
    assert len(found) == number
    return sorted(found, key=lambda one: one.created_at)


def written(database: Database, ids: list[str]) -> list[Any]:
    """Everything that recording writes, of these deliveries in their order."""
    with database.read() as session:
        rows = {row.id: row for row in session.scalars(select(Delivery).where(Delivery.id.in_(ids)))}
        tries = {one.delivery_id: one for one in session.scalars(select(Attempt).where(Attempt.delivery_id.in_(ids)))}
        lines = {
            one.delivery_id: (one.what, one.rule, one.detail)
            for one in session.scalars(select(DeliveryEvent).where(DeliveryEvent.delivery_id.in_(ids)))
        }
    return [
        (
            *(getattr(rows[one], name) for name in ("state", "reason", "due_at", "provider", "provider_id", "bundle")),
            *(getattr(rows[one], name) for name in ("sent_at", "delivered_at", "leased_by", "leased_until")),
            rows[one].payload.get("deferrals"),
            (tries[one].outcome, tries[one].detail, tries[one].finished_at),
            lines.get(one),
        )
        for one in ids
    ]


def test_together_is_as_one_by_one(database: Database, now: datetime) -> None:
    wanted = results(now)
    alone = claimed_ones(database, len(wanted), now=now)
    with database.write() as session:
        reached = [
            delivery.record(session, [one], now=now, fraction=lambda: 0.5) for one in zip(alone, wanted, strict=True)
        ]
    with database.write() as session:  # the failures above are not to count for those below
        session.query(ProviderState).delete()
    together = claimed_ones(database, len(wanted), now=now)
    with database.write() as session:
        at_once = delivery.record(session, list(zip(together, wanted, strict=True)), now=now, fraction=lambda: 0.5)
    assert written(database, [one.id for one in together]) == written(database, [one.id for one in alone])
    sent = {one.alert_id for one, result in zip(together, wanted, strict=True) if isinstance(result, Sent)}
    assert set(at_once) == sent
    assert sum(map(len, reached)) == len(sent) == 4


def test_a_lost_lease_changes_its_own_message_alone(database: Database, now: datetime) -> None:
    first, second = claimed_ones(database, 2, now=now)
    later = now + LEASE
    with database.write() as session:
        (again, *_) = (
            one for one in delivery.claim(session, worker="w2", limit=10, lease=LEASE, now=later) if one.id == first.id
        )
        sent = Sent(provider_id="late")
        assert delivery.record(session, [(first, sent), (second, sent)], now=later) == []
        assert session.get_one(Delivery, first.id).leased_by == again.worker == "w2"


def test_the_cost_does_not_grow_with_the_messages(database: Database, now: datetime) -> None:
    counted: list[int] = []
    for number in (2, 40):
        done = [(one, Sent(provider_id="p")) for one in claimed_ones(database, number, now=now)]
        statements: list[str] = []

        def saw(_c: Any, _k: Any, statement: str, *_: Any, statements: list[str] = statements) -> None:
            statements.append(statement)

        event.listen(database.engine, "before_cursor_execute", saw)
        with database.write() as session:
            delivery.record(session, done, now=now)
        event.remove(database.engine, "before_cursor_execute", saw)
        counted.append(len(statements))
    assert counted[0] == counted[1] <= 8
