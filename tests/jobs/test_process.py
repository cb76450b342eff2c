"""The jobs process as people meet it: it works by itself, and SIGTERM ends it at once and cleanly."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import func, select

from core import events, versions
from core.clock import SystemClock
from core.db import Database
from core.db.tables import Delivery, JobRun
from core.db.tables import Event as StoredEvent
from core.views import progress
from tests.delivery.making import told
from tests.mail import MailServer, serving
from tests.processes import Processes

pytestmark = pytest.mark.long


def eventually(holds: Callable[[], object], *, within: float = 60.0) -> None:
    until = time.monotonic() + within
    while not holds():
        assert time.monotonic() < until, "it did not happen in time"
        Event().wait(0.05)


def test_it_decides_sends_and_beats_and_ends_when_asked(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    now = SystemClock().now()
    with serving() as mail:
        processes = Processes(folder=folder, database_url=database.url, smtp_url=mail.url)
        try:
            processes.start("jobs")
            eventually(lambda: _beats(database))
            raw = {"eventId": "e1", "userId": "c1", "eventType": "PAGE_VIEW", "occurredAt": now.isoformat()}
            with database.write() as session:
                events.record(session, [events.parse(raw, now=now)], now=now)
                told(session, now=now)
            eventually(lambda: _processed(database) and len(mail.mails) == 1)
            eventually(lambda: _tells_its_models(database))
            assert processes.terminate("jobs", timeout=30) == 0, processes.log("jobs")
        finally:
            processes.stop()


def test_a_mail_server_that_hangs_does_not_hold_up_the_end(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    with serving(MailServer(hang="data")) as mail:
        processes = Processes(folder=folder, database_url=database.url, smtp_url=mail.url)
        try:
            processes.start("jobs")
            eventually(lambda: _beats(database))
            with database.write() as session:
                told(session, now=SystemClock().now())
            eventually(lambda: mail.connections)
            assert processes.terminate("jobs", timeout=30) == 0, processes.log("jobs")
            assert _state(database) == "leased", "it waited until the mail server was given up"
            mail.hang = ""
            processes.start("jobs")  # the successor takes the lease of the dead at once
            eventually(lambda: len(mail.mails) == 1, within=30)
        finally:
            processes.stop()
    with database.read() as session:
        (key,) = session.scalars(select(Delivery.idempotency_key).where(Delivery.channel == "email"))
    assert mail.keys() == [key]


def _beats(database: Database) -> bool:
    with database.read() as session:
        found = session.get(JobRun, progress.HEARTBEAT)
        return found is not None and found.error is None


def _tells_its_models(database: Database) -> bool:
    with database.read() as session:
        found = session.get(JobRun, progress.MODELS_SERVED)
        return found is not None and found.error is None and int(found.message) == versions.number(session, "models")


def _processed(database: Database) -> bool:
    with database.read() as session:
        query = select(func.count()).select_from(StoredEvent).where(StoredEvent.processed_at.is_not(None))
        return session.scalar(query) == 1


def _state(database: Database) -> str | None:
    with database.read() as session:
        return session.scalar(select(Delivery.state).where(Delivery.channel == "email"))
