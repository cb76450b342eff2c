"""kill -9 at every statement of making one message of many, and of recording it: told once with all its news, or not begun."""

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Attempt, Delivery, DeliveryEvent
from core.delivery import Claimed, Message, Notice, Sent
from core.settings import Settings
from core.words import DeliveryState, Priority
from jobs import work
from tests import factories

SETTINGS = Settings()
NEWS = 4
_MOST = 80
"""Statements that none of this needs."""


def killed(database: Database, deed: Callable[[Database], object], *, at: int) -> bool:
    """Whether a process of its own that does this is killed at its statement `at`, before it; False where it came to its end."""
    database.dispose()
    pid = os.fork()
    if pid == 0:
        try:
            own, left = Database(database.url), [at]

            def count(*_: Any) -> None:
                left[0] -= 1
                if left[0] < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

            for moment in ("before_cursor_execute", "commit"):
                event.listen(own.engine, moment, count)
            deed(own)
            os._exit(0)
        finally:
            os._exit(1)
    _, status = os.waitpid(pid, 0)
    ended = os.waitstatus_to_exitcode(status)
    assert ended in (0, -signal.SIGKILL), "it raised"
    return ended != 0


def at_every_statement(
    database: Database, deed: Callable[[Database], object], look: Callable[[], object]
) -> tuple[int, object]:
    """Kill it at each statement until it comes to its end; how many kills that took, and how it looked before the end.

    Nothing of what it did may be seen until all of it is.
    """
    before = look()
    for at in range(_MOST):
        if not killed(database, deed, at=at):
            assert look() != before
            return at, before
        assert look() == before, f"killed at statement {at}"
    raise AssertionError("it never ended")


def standing(database: Database) -> list[tuple[object, ...]]:
    with database.read() as session:
        rows = session.scalars(select(Delivery).where(Delivery.channel == "email").order_by(Delivery.id)).all()
        tries = session.execute(select(Attempt.delivery_id, Attempt.outcome).order_by(Attempt.id)).all()
        lines = session.execute(select(DeliveryEvent.delivery_id, DeliveryEvent.what).order_by(DeliveryEvent.id)).all()
        clocks = session.execute(select(Alert.id, Alert.notified_at).order_by(Alert.id)).all()
        return [
            *((one.id, one.state, one.reason, one.merged_into, one.attempts, str(one.payload)) for one in rows),
            *map(tuple, tries),
            *map(tuple, lines),
            *map(tuple, clocks),
        ]


def digest(session: Session, *, now: datetime) -> list[str]:
    """An agent's news for the hour's digest; one of it is closed meanwhile."""
    agent_id = factories.agent(session, now=now)
    alert_ids = [factories.alert(session, agent_id=agent_id, priority=Priority.MEDIUM, now=now) for _ in range(NEWS)]
    notices = [Notice(alert_id=one, user_id=agent_id, kind="alert_new", priority="MEDIUM") for one in alert_ids]
    delivery.enqueue(session, notices, now=now)
    return alert_ids


def test_a_digest_is_made_whole_and_told_once_wherever_its_process_is_killed(database: Database, now: datetime) -> None:
    later = now + timedelta(hours=1)
    again = later + work.LEASE + timedelta(seconds=1)
    with database.write() as session:
        alert_ids = digest(session, now=now)

    def claim(own: Database, at: datetime = later) -> list[Claimed]:
        return work.claim_deliveries(own, FakeClock(at), worker="w", limit=9) or []

    kills, _ = at_every_statement(database, claim, lambda: standing(database))
    assert kills > 5, "it was killed within"

    # The process that made it is gone: whoever comes next tells the same.
    (second,) = claim(database, again)
    assert len(second.payload["items"]) == NEWS
    with database.write() as session:
        closed = update(Alert).where(Alert.id == alert_ids[1]).values(closed_at=again, status="DISMISSED")
        session.execute(closed)
        message = delivery.prepare(session, second, settings=SETTINGS, now=again)
    assert isinstance(message, Message)
    sent = delivery.send(second, message, {"email": _Taker()})
    assert isinstance(sent, Sent)

    def record(own: Database) -> None:
        work.record_deliveries(own, [(second, sent)], FakeClock(again))

    kills, _ = at_every_statement(database, record, lambda: standing(database))
    assert kills > 5
    with database.read() as session:
        rows = session.scalars(select(Delivery).where(Delivery.channel == "email")).all()
        assert sorted(row.state for row in rows) == [DeliveryState.SENT, *[DeliveryState.SUPPRESSED] * (NEWS - 1)]
        left_out = [row.alert_id for row in rows if "closed" in (row.reason or "")]
        own_news = second.alert_id == alert_ids[1]
        assert left_out == ([] if own_news else [alert_ids[1]])
        assert sum(row.merged_into == second.id for row in rows) == NEWS - 1 - len(left_out)
        clocks = session.scalars(select(Alert.id).where(Alert.notified_at.is_not(None))).all()
        assert set(clocks) == {one for one in alert_ids if one != alert_ids[1]}
        assert session.scalars(select(Attempt.outcome).order_by(Attempt.id)).all() == ["lost", "sent"]


class _Taker:
    """A provider that takes everything."""

    pace = None

    def send(self, message: Message) -> delivery.Accepted:
        return delivery.Accepted(provider_id=message.key)

    def close(self) -> None: ...
