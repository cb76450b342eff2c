"""Admins hear of delivery itself once a stretch: the queue stands, a provider is paused, and when it is over."""

from datetime import datetime, timedelta

from sqlalchemy import select, update

from core.db import Database
from core.db.tables import Notification
from core.db.tables.acting import Delivery
from core.delivery import providers, watching
from tests import factories
from tests.delivery.making import told


def test_a_queue_that_stands_is_told_once_and_so_is_its_end(database: Database, now: datetime) -> None:
    def watch(minutes: int) -> list[str]:
        with database.write() as session:
            return watching.watch(session, now=now + timedelta(minutes=minutes))

    with database.write() as session:
        factories.admin(session, "ada", now=now)
        told(session, now=now)
    assert watch(5) == []
    assert watch(6) == ["Messages by e-mail are not going out: the oldest is due for 6 min."]
    assert watch(7) == []
    with database.write() as session:
        session.execute(update(Delivery).where(Delivery.channel == "email").values(state="sent"))
    assert watch(8) == ["Messages by e-mail go out again."]
    assert watch(9) == []
    with database.read() as session:
        assert len(session.scalars(select(Notification).where(Notification.user_id == "ada")).all()) == 2


def test_a_pause_is_told_once_and_so_is_the_recovery(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        for second in range(providers.THRESHOLD + 3):
            at = now + timedelta(minutes=second)
            providers.failed(session, "email", error="421 busy", since=at, now=at)
        assert watching.watch(session, now=now) == [
            "Sending by e-mail is paused because it fails; it is tried again by itself. It said: 421 busy"
        ]
        providers.failed(session, "email", error="422", since=at + timedelta(minutes=9), now=at + timedelta(minutes=9))
        assert watching.watch(session, now=now) == []
        providers.worked(session, "email", now=now)
        assert watching.watch(session, now=now) == ["Sending by e-mail works again."]
