"""The feed under slow and racing transactions: nothing that commits late is skipped, on either database."""

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import text

from app.realtime.tailer import Subscriber
from core import changes
from core.changes import Audience
from core.clock import FakeClock
from core.db import Database
from core.viewer import Viewer
from core.words import ChangeKind, Role
from tests import webs
from tests.webs import Running

ADMIN = Viewer(user_id="ada", name="Ada", email="", role=Role.ADMIN, team_ids=(), timezone="UTC")


@pytest.fixture
def web(database: Database, clock: FakeClock, now: datetime) -> Iterator[Running]:
    with webs.serving_web(database, clock) as running:
        yield running


class Listener:
    """A subscriber that remembers, and says when it has heard as many as expected."""

    def __init__(self, web: Running, expected: int) -> None:
        self.heard: list[str | None] = []
        self.ids: list[int] = []
        self.all = threading.Event()
        self._expected = expected
        subscriber = Subscriber(ADMIN, "s", lambda told, _lost: self._hear(told.subject_id, told.id))
        subscriber.is_live = True
        web.web.tailer.add(subscriber)

    def _hear(self, subject_id: str | None, change_id: int) -> None:
        self.heard.append(subject_id)
        self.ids.append(change_id)
        if len(self.heard) == self._expected:
            self.all.set()


def test_a_transaction_that_began_first_and_commits_last_is_told_last(
    web: Running, database: Database, now: datetime
) -> None:
    if database.is_sqlite:
        return  # one writer: there is no second transaction to overtake the first
    listener = Listener(web, 2)
    with database.write() as slow:
        slow.execute(text("SELECT nextval(pg_get_serial_sequence('changes', 'id'))"))  # a place in line, and then slow
        webs.ring(database, "quick", Audience(pool=True), now=now)
        assert not listener.all.wait(0.2)
        audience = Audience(pool=True)
        changes.tell(slow, ChangeKind.ALERT_NEW, subject_id="slow", audience=audience, payload={}, now=now)
    assert listener.all.wait(10)
    assert listener.heard == ["quick", "slow"]
    assert listener.ids == sorted(listener.ids)


def test_many_racing_writers_are_all_heard_once_and_in_order(web: Running, database: Database, now: datetime) -> None:
    writers, each = 6, 25
    listener = Listener(web, writers * each)

    def write(writer: int) -> None:
        for number in range(each):
            webs.ring(database, f"{writer}-{number}", Audience(pool=True), now=now)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert listener.all.wait(20)
    assert listener.ids == sorted(set(listener.ids))
    assert len(set(listener.heard)) == writers * each
    for writer in range(writers):
        mine = [one for one in listener.heard if one and one.startswith(f"{writer}-")]
        assert mine == [f"{writer}-{number}" for number in range(each)]
