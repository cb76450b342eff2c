import asyncio
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import event as hook
from sqlalchemy import func, select

from app.api.group_commit import GroupCommit, NotStored, Stored
from core import events
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Event
from core.events import NewEvent
from tests.api_ingest.failing import failing_commits
from tests.events.making import event


class Gate:
    """Holds the writing thread inside its first commit until it is opened, and counts commits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reached, self.opened = threading.Event(), threading.Event()
        self.commits = 0

    def __enter__(self) -> "Gate":
        hook.listen(self._database.engine, "commit", self._commit)
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.set()
        hook.remove(self._database.engine, "commit", self._commit)

    def _commit(self, _connection: Any) -> None:
        self.commits += 1
        self.reached.set()
        assert self.opened.wait(30)


@pytest.fixture
def group(database: Database, clock: FakeClock) -> Iterator[GroupCommit]:
    group = GroupCommit(database, clock)
    yield group
    group.close()


def _count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Event)) or 0


async def _behind_the_gate(group: GroupCommit, gate: Gate, posts: list[NewEvent]) -> list[Any]:
    """The first post is held in its commit while all the others arrive."""
    first = asyncio.ensure_future(group.record([posts[0]]))
    await asyncio.to_thread(gate.reached.wait, 30)
    others = [asyncio.ensure_future(group.record([post])) for post in posts[1:]]
    await asyncio.sleep(0)  # each has handed in its event
    assert not any(future.done() for future in (first, *others))
    gate.opened.set()
    return list(await asyncio.gather(first, *others, return_exceptions=True))


def test_posts_that_arrive_together_share_one_commit(group: GroupCommit, database: Database, now: datetime) -> None:
    posts = [event(now) for _ in range(101)]
    with Gate(database) as gate:
        results = asyncio.run(_behind_the_gate(group, gate, posts))
    assert results == [Stored(1, 0)] * 101
    assert gate.commits == 2
    assert _count(database) == 101


def test_of_two_callers_with_one_event_the_first_has_it_accepted(
    group: GroupCommit, database: Database, now: datetime
) -> None:
    same = event(now, eventId="same")
    with Gate(database) as gate:
        results = asyncio.run(_behind_the_gate(group, gate, [event(now), same, same, same]))
    assert results == [Stored(1, 0), Stored(1, 0), Stored(0, 1), Stored(0, 1)]
    assert _count(database) == 2


def test_a_failing_commit_fails_every_waiter(group: GroupCommit, database: Database, now: datetime) -> None:
    with failing_commits(database), Gate(database) as gate:
        results = asyncio.run(_behind_the_gate(group, gate, [event(now) for _ in range(20)]))
    assert [type(result) for result in results] == [NotStored] * 20
    assert _count(database) == 0
    assert asyncio.run(group.record([event(now)])) == Stored(1, 0)  # and the thread lives on


def test_a_poisoned_event_does_not_fail_its_neighbours(group: GroupCommit, database: Database, now: datetime) -> None:
    poison = event(now, eventId="poison")._replace(properties={"object": object()})
    posts = [event(now) for _ in range(30)]
    posts.insert(17, poison)
    with Gate(database) as gate:
        results = asyncio.run(_behind_the_gate(group, gate, posts))
    assert results.pop(17).refused.keys() == {"poison"}
    assert results == [Stored(1, 0)] * 30
    assert _count(database) == 30


def test_what_only_the_database_refuses_is_found_too(group: GroupCommit, database: Database, now: datetime) -> None:
    if database.is_sqlite:
        pytest.skip("SQLite keeps NUL in text")
    poison = event(now)._replace(event_name="a\0b")
    stored = asyncio.run(group.record([event(now), poison, event(now)]))
    assert (stored.accepted, stored.duplicates, list(stored.refused)) == (2, 0, [poison.event_id])
    assert _count(database) == 2


def test_closing_commits_what_was_handed_in_and_takes_no_more(
    group: GroupCommit, database: Database, now: datetime
) -> None:
    async def close_while_waiting() -> list[Stored]:
        first = asyncio.ensure_future(group.record([event(now)]))
        await asyncio.to_thread(gate.reached.wait, 30)
        others = [asyncio.ensure_future(group.record([event(now)])) for _ in range(50)]
        await asyncio.sleep(0)
        closing = asyncio.ensure_future(asyncio.to_thread(group.close))
        gate.opened.set()
        await closing
        return list(await asyncio.gather(first, *others))

    with Gate(database) as gate:
        assert asyncio.run(close_while_waiting()) == [Stored(1, 0)] * 51
    with pytest.raises(NotStored):
        asyncio.run(group.record([event(now)]))
    assert _count(database) == 51


def test_a_caller_who_hangs_up_disturbs_nobody(group: GroupCommit, database: Database, now: datetime) -> None:
    async def hang_up() -> Stored:
        first = asyncio.ensure_future(group.record([event(now)]))
        await asyncio.to_thread(gate.reached.wait, 30)
        gone, stays = (asyncio.ensure_future(group.record([event(now)])) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        gate.opened.set()
        await first
        return await stays

    with Gate(database) as gate:
        assert asyncio.run(hang_up()) == Stored(1, 0)
    assert _count(database) == 3


def test_callers_in_several_loops_share_one_thread(group: GroupCommit, database: Database, now: datetime) -> None:
    batch = [[event(now) for _ in range(40)] for _ in range(4)]

    def post(mine: list[NewEvent]) -> None:
        async def all_of_them() -> None:
            await asyncio.gather(*(group.record([one]) for one in mine))

        asyncio.run(all_of_them())

    threads = [threading.Thread(target=post, args=(mine,)) for mine in batch]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert events.pending(session) == 160
