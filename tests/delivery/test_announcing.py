"""The feed told to other systems: once each, only what they want and may know, from the moment they were added."""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select, update

from core import delivery, feed
from core.changes import Audience
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Change, Delivery, Endpoint
from core.delivery import announcing, endpoint_book, providers, watching
from core.delivery.endpoints import ESCALATED
from core.delivery.ledger import Rule
from core.settings import Settings
from core.viewer import SYSTEM
from core.words import ChangeKind
from jobs import work
from tests import factories
from tests.delivery.making import LEASE
from tests.races import at_once
from tests.webs import ring

KEEPING = Settings(secret_key="k" * 40, allow_private_urls=True)  # type: ignore[arg-type]


def endpoint(database: Database, now: datetime, *, team: str | None = None, types: Sequence[str] = ()) -> str:
    raw = {"name": "Hook", "url": "http://127.0.0.1:9", "teamId": team, "eventTypes": list(types)}
    wanted = endpoint_book.read(raw, KEEPING)
    with database.write() as session:
        return endpoint_book.add(session, wanted, viewer=SYSTEM, settings=KEEPING, now=now).endpoint.id


def put(database: Database, endpoint_id: str, now: datetime, **values: Any) -> None:
    with database.write() as session:
        wanted = endpoint_book.read(endpoint_book.plain(session.get_one(Endpoint, endpoint_id)) | values, KEEPING)
        endpoint_book.change(session, endpoint_id, wanted, version=None, viewer=SYSTEM, settings=KEEPING, now=now)


def switch(database: Database, endpoint_id: str, enabled: bool, now: datetime) -> None:
    put(database, endpoint_id, now, enabled=enabled)


def queued(database: Database, endpoint_id: str) -> list[Delivery]:
    with database.read() as session:
        query = select(Delivery).where(Delivery.endpoint_id == endpoint_id).order_by(Delivery.idempotency_key)
        return list(session.scalars(query))


def events(database: Database, endpoint_id: str) -> list[tuple[str, str]]:
    return [(one.payload["event"]["type"], one.payload["event"]["data"]["id"]) for one in queued(database, endpoint_id)]


def announce(database: Database, now: datetime) -> int:
    total = 0
    while looked := work.announce_once(database, FakeClock(now)):
        total += looked
    return total


def test_a_change_is_queued_once_for_each_endpoint_with_the_alert_as_it_was(database: Database, now: datetime) -> None:
    first, second = endpoint(database, now), endpoint(database, now)
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
        feed.tell_alerts(session, ChangeKind.ALERT_NEW, [alert_id], now=now)
    assert announce(database, now) == 1
    assert announce(database, now) == 0
    for endpoint_id in (first, second):
        (one,) = queued(database, endpoint_id)
        assert one.idempotency_key == f"change-1:{endpoint_id}"
        assert (one.alert_id, one.channel, one.kind, one.state) == (alert_id, "webhook", "alert:new", "queued")
        assert one.payload["event"]["timestamp"] == "2026-03-02T15:00:00Z"
        data = one.payload["event"]["data"]
        assert (data["id"], data["assignedAgentId"], data["changeId"]) == (alert_id, agent_id, 1)


def test_a_new_endpoint_and_one_switched_on_again_start_at_the_present(database: Database, now: datetime) -> None:
    ring(database, "before", Audience(), now=now)
    hook = endpoint(database, now)
    ring(database, "first", Audience(), now=now)
    announce(database, now)
    switch(database, hook, False, now)
    ring(database, "while-off", Audience(), now=now)
    announce(database, now)
    switch(database, hook, True, now)
    ring(database, "second", Audience(), now=now)
    announce(database, now)
    assert events(database, hook) == [("alert:new", "first"), ("alert:new", "second")]


def test_only_what_it_subscribes_to(database: Database, now: datetime) -> None:
    converted = endpoint(database, now, types=["alert:converted"])
    everything = endpoint(database, now)
    escalations = endpoint(database, now, types=[ESCALATED])
    ring(database, "a1", Audience(), now=now)
    ring(database, "a1", Audience(), kind=ChangeKind.ALERT_CONVERTED, now=now)
    ring(database, "n1", Audience(users=("ann",)), kind=ChangeKind.NOTIFICATION_NEW, now=now)
    ring(database, "s1", Audience(users=("ann",)), kind=ChangeKind.SESSION_REVOKED, now=now)
    announce(database, now)
    assert events(database, converted) == [("alert:converted", "a1")]
    assert events(database, everything) == [("alert:new", "a1"), ("alert:converted", "a1")]
    assert events(database, escalations) == []


def test_a_team_s_endpoint_hears_of_its_team_and_of_what_it_loses_the_id_alone(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        for team in ("north", "south"):
            factories.team(session, team, now=now)
        factories.agent(session, "ann", team_id="north", now=now)
        factories.agent(session, "cal", team_id="south", now=now)
    north = endpoint(database, now, team="north")
    ring(database, "ours", Audience(agents=("ann",), teams=("north",)), now=now)
    ring(database, "theirs", Audience(agents=("cal",), teams=("south",)), now=now)
    ring(database, "pool", Audience(pool=True), now=now)
    kind = ChangeKind.ALERT_ASSIGNED
    ring(database, "left", Audience(agents=("cal",), teams=("south",), lost=("ann",)), kind=kind, now=now)
    ring(database, "came", Audience(agents=("ann",), teams=("north",), lost=("cal",)), kind=kind, now=now)
    announce(database, now)
    told = {one.payload["event"]["data"]["id"]: one.payload["event"]["data"] for one in queued(database, north)}
    assert set(told) == {"ours", "left", "came"}
    assert set(told["left"]) == {"id", "changeId"}
    assert told["came"]["alertType"] == "LIKELY_TO_SELL"


def test_many_changes_go_in_short_transactions(
    database: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = endpoint(database, now)
    for number in range(7):
        ring(database, f"a{number}", Audience(), now=now)
    with database.write() as session:
        assert announcing.announce(session, now=now, limit=3) == 3
    assert len(queued(database, hook)) == 3
    assert announce(database, now) == 4
    assert len(queued(database, hook)) == 7


def test_a_transaction_that_dies_has_queued_nothing_and_moved_nothing(database: Database, now: datetime) -> None:
    hook = endpoint(database, now)
    ring(database, "a1", Audience(), now=now)

    def die() -> None:
        with database.write() as session:
            announcing.announce(session, now=now)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        die()
    assert queued(database, hook) == []
    announce(database, now)
    assert events(database, hook) == [("alert:new", "a1")]


def test_two_processes_at_once_queue_it_once(database: Database, now: datetime) -> None:
    hook = endpoint(database, now)
    ring(database, "a1", Audience(), now=now)

    def one(session: Any) -> None:
        announcing.announce(session, now=now)

    assert at_once(database, one, one) == ""
    assert events(database, hook) == [("alert:new", "a1")]


def test_many_writers_and_announcers_lose_nothing_and_repeat_nothing(database: Database, now: datetime) -> None:
    hooks = [endpoint(database, now) for _ in range(3)]
    won = endpoint(database, now, types=["alert:converted"])
    writing = threading.Event()
    names = [f"{writer}-{number}" for writer in "abc" for number in range(15)]

    def write(writer: str) -> None:
        for name in (one for one in names if one.startswith(writer)):
            ring(database, name, Audience(), now=now)
            if name.endswith("0"):
                ring(database, name, Audience(), kind=ChangeKind.ALERT_CONVERTED, now=now)

    def tell() -> None:
        while not writing.is_set():
            work.announce_once(database, FakeClock(now))

    writers = [threading.Thread(target=write, args=(writer,)) for writer in "abc"]
    announcers = [threading.Thread(target=tell) for _ in range(3)]
    for thread in [*writers, *announcers]:
        thread.start()
    for thread in writers:
        thread.join()
    writing.set()
    for thread in announcers:
        thread.join()
    announce(database, now)
    converted = [("alert:converted", name) for name in names if name.endswith("0")]
    for hook in hooks:
        assert sorted(events(database, hook)) == sorted([("alert:new", name) for name in names] + converted)
        told = [one.payload["event"]["data"]["changeId"] for one in queued(database, hook)]
        assert len(set(told)) == len(told) == 51
    assert sorted(events(database, won)) == converted
    with database.read() as session:
        cursors = set(session.scalars(select(Endpoint.cursor)))
        assert cursors == {session.scalar(select(func.max(Change.id)))}


def test_without_endpoints_nothing_is_written(database: Database, now: datetime) -> None:
    ring(database, "a1", Audience(), now=now)
    with database.read() as session:
        assert not announcing.waits(session)
    hook = endpoint(database, now)
    ring(database, "n1", Audience(users=("ann",)), kind=ChangeKind.NOTIFICATION_NEW, now=now)
    with database.read() as session:
        assert not announcing.waits(session), "nothing an endpoint could want"
        assert session.get_one(Endpoint, hook).cursor == 1
        assert session.scalar(select(func.count()).select_from(Change)) == 2


def test_one_alert_is_told_to_one_endpoint_by_name(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.team(session, "north", now=now)
        agent_id = factories.agent(session, now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
    hook = endpoint(database, now, types=["alert:converted"])
    north = endpoint(database, now, team="north")
    off = endpoint(database, now)
    with database.write() as session:
        session.execute(update(Endpoint).where(Endpoint.id == off).values(enabled=False))
    with database.write() as session:
        session.execute(update(Alert).where(Alert.id == alert_id).values(escalation_step=1))

        def tell(endpoint_id: str) -> bool:
            return announcing.tell_of_alert(session, endpoint_id, ESCALATED, alert_id, occasion="step-1", now=now)

        assert [tell(one) for one in (hook, hook, off, north, "gone")] == [True, True, False, False, False]
    assert events(database, hook) == [(ESCALATED, alert_id)]
    assert events(database, north) == events(database, off) == []


def test_what_waits_for_one_team_does_not_go_to_the_next(database: Database, now: datetime) -> None:
    with database.write() as session:
        for team_id in ("north", "south"):
            factories.team(session, team_id, now=now)
    endpoint_id = endpoint(database, now, team="north")
    with database.write() as session:
        agent_id = factories.agent(session, team_id="north", now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
        feed.tell_alerts(session, ChangeKind.ALERT_NEW, [alert_id], now=now)
    announce(database, now)
    put(database, endpoint_id, now, teamId="south")
    with database.write() as session:
        (claimed,) = delivery.claim(session, worker="w", limit=5, lease=LEASE, now=now)
        found = delivery.prepare(session, claimed, settings=KEEPING, now=now)
    assert found == delivery.Suppressed(rule=Rule.OTHER_TEAM)
    put(database, endpoint_id, now, teamId=None)
    with database.read() as session:
        assert isinstance(delivery.prepare(session, claimed, settings=KEEPING, now=now), delivery.Message)


@pytest.mark.parametrize("how", ["deleted", "switched off", "gone"])
def test_an_endpoint_that_is_off_or_gone_is_not_called_paused_for_ever(
    database: Database, now: datetime, how: str
) -> None:
    endpoint_id = endpoint(database, now)
    with database.write() as session:
        for _ in range(providers.THRESHOLD):
            providers.failed(session, providers.destination(endpoint_id), error="no", since=now, now=now)
        assert len(watching.watch(session, now=now)) == 1
    with database.write() as session:
        if how == "deleted":
            endpoint_book.remove(session, endpoint_id, version=None, viewer=SYSTEM, now=now)
        elif how == "gone":
            endpoint_book.switch_off(session, endpoint_id, "it is gone", now=now)
    if how == "switched off":
        switch(database, endpoint_id, False, now)
    with database.write() as session:
        assert providers.health(session) == {}
        assert watching.watch(session, now=now) == [], "nor is it said to work again"
