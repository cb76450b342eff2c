"""Messages over HTTP: whose they are, what became of each and of those that were not sent, and dead letters queued again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import AuditRow
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Endpoint
from core.delivery import Notice, preferences
from core.delivery.callbacks import Said
from core.delivery.outbox import Failed, Sent
from tests import factories as make

LEASE = timedelta(minutes=2)


def ring(session: Any, agent_id: str | None, *, now: datetime, priority: str = "HIGH", **values: Any) -> str:
    """An alert whose owner is told."""
    alert_id = make.alert(session, agent_id=agent_id, priority=priority, now=now, **values)  # type: ignore[arg-type]
    if agent_id:
        delivery.enqueue(
            session, [Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority=priority)], now=now
        )
    return alert_id


def send(database: Database, result: Any, *, now: datetime) -> list[str]:
    """Every e-mail that is due comes to this end."""
    with database.write() as session:
        claimed = delivery.claim(session, worker="w", limit=50, lease=LEASE, now=now)
        for one in claimed:
            delivery.record(session, [(one, result)], now=now, fraction=lambda: 0.5)
    return [one.id for one in claimed]


DEAD = Failed(reason="550 no such mailbox", retryable=False)


def test_each_sees_their_own(api: Any, database: Database, now: datetime) -> None:
    with database.write() as session:
        for agent_id in ("ann", "bob", "cal"):
            ring(session, agent_id, now=now)
        session.add(Endpoint(id="crm", channel="webhook", name="CRM", team_id="north", created_at=now, updated_at=now))
        session.add(
            Delivery(
                id="to-crm",
                endpoint_id="crm",
                channel="webhook",
                kind="alert:new",
                priority="HIGH",
                state="dead",
                idempotency_key="k",
                due_at=now,
                created_at=now,
            )
        )

    def seen(who: Any) -> set[str | None]:
        return {one["userId"] or one["endpointName"] for one in who.get("/deliveries").json()["items"]}

    assert seen(api.ann) == {"ann"}
    assert seen(api.mia) == {"ann", "bob", "CRM"}
    assert seen(api.max) == {"cal"}
    assert seen(api.ada) == {"ann", "bob", "cal", "CRM"}
    assert api.max.get("/deliveries/to-crm").status_code == 404
    assert api.max.post("/deliveries/to-crm/replay").status_code == 404
    assert api.mia.get("/deliveries/to-crm").json()["endpointName"] == "CRM"


def test_the_list_is_narrowed_and_paged(api: Any, database: Database, now: datetime) -> None:
    with database.write() as session:
        first = ring(session, "ann", now=now)
        for minute in range(1, 4):
            ring(session, "bob", now=now + timedelta(minutes=minute))
    page = api.mia.get("/deliveries", channel="email", limit=3).json()
    rest = api.mia.get("/deliveries", channel="email", limit=3, cursor=page["nextCursor"]).json()
    found = page["items"] + rest["items"]
    assert [one["userId"] for one in found] == ["bob", "bob", "bob", "ann"]
    assert rest["nextCursor"] is None
    assert {one["state"] for one in found} == {"queued"}
    assert len(api.mia.get("/deliveries", state="delivered", userId="bob").json()["items"]) == 3
    assert len(api.mia.get("/deliveries", alertId=first).json()["items"]) == 2
    assert (
        api.mia.get("/deliveries", since=(now + timedelta(minutes=3)).isoformat()).json()["items"][0]["userId"] == "bob"
    )
    assert api.mia.get("/deliveries", state="gone").status_code == 422
    assert api.mia.get("/deliveries", cursor="x").status_code == 422


def test_one_message_tells_everything_that_happened_to_it(
    api: Any, database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        alert_id = ring(session, "ann", now=now)
    (message,) = send(database, Failed(reason="451 try later", retryable=True), now=now)
    clock.set(now + timedelta(minutes=1))
    send(database, Sent(provider_id="<m1@mail>"), now=clock.now())
    with database.write() as session:
        at = clock.now()
        delivery.heard(session, delivery.Word(provider_id="<m1@mail>", said=Said.DELIVERED, at=at), now=at)
        delivery.heard(session, delivery.Word(provider_id="<m1@mail>", said=Said.DELIVERED, at=at), now=at)
    found = api.ann.get(f"/deliveries/{message}").json()
    assert (found["state"], found["providerId"], found["contactName"]) == ("delivered", "<m1@mail>", "Rosa Diaz")
    assert [step["text"] for step in found["timeline"]] == [
        "Written for e-mail",
        "Try 1 failed and is made again: 451 try later",
        "Try 2 was accepted",
        "The provider says: delivered",
        "The provider says, too late to count: delivered",
    ]
    assert found["timeline"][-1]["rule"] == "out_of_order"
    whole = api.ann.get(f"/alerts/{alert_id}/deliveries").json()
    assert {one["channel"] for one in whole["items"]} == {"email", "in_app"}


def test_an_alert_tells_which_channels_carried_nothing_and_why(api: Any, database: Database, now: datetime) -> None:
    with database.write() as session:
        preferences.save(session, "ann", {"matrix": {"HIGH": {"email": None}}}, actor_id="ann", now=now)
        alert_id = ring(session, "ann", now=now)
    skipped = {one["channel"]: one for one in api.mia.get(f"/alerts/{alert_id}/deliveries").json()["skipped"]}
    assert skipped["email"]["rule"] == "preference_off"
    assert skipped["email"]["text"] == "E-mail: switched off in the preferences for this priority"
    assert skipped["email"]["userName"] == "Ann"
    assert api.cal.get(f"/alerts/{alert_id}/deliveries").status_code == 404


def test_an_agent_sees_of_an_alert_only_what_went_to_them(api: Any, database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id = ring(session, "ann", now=now)
        delivery.enqueue(
            session,
            [Notice(alert_id=alert_id, user_id="mia", kind="alert_escalated", priority="HIGH", occasion="x")],
            now=now,
        )
    assert {one["userId"] for one in api.ann.get(f"/alerts/{alert_id}/deliveries").json()["items"]} == {"ann"}
    assert {one["userId"] for one in api.mia.get(f"/alerts/{alert_id}/deliveries").json()["items"]} == {"ann", "mia"}


def test_what_was_told_in_another_message_says_what_became_of_that(api: Any, database: Database, now: datetime) -> None:
    later = now + timedelta(hours=1, minutes=1)
    with database.write() as session:
        for _ in range(2):
            ring(session, "ann", priority="MEDIUM", now=now)
    assert len(send(database, Sent(provider_id="m"), now=later)) == 1
    rows = api.ann.get("/deliveries", channel="email").json()["items"]
    (merged,) = [one for one in rows if one["mergedInto"]]
    texts = [step["text"] for step in api.ann.get(f"/deliveries/{merged['id']}").json()["timeline"]]
    assert texts == [
        "Written for e-mail",
        "Waits: goes out with the hour's other news",
        "Not sent by itself: told in another message",
        "The message that tells it: sent",
    ]


def test_a_dead_letter_is_queued_again_once(api: Any, database: Database, now: datetime) -> None:
    with database.write() as session:
        ring(session, "ann", now=now)
    (message,) = send(database, DEAD, now=now)
    assert api.ann.get(f"/deliveries/{message}").json()["timeline"][-1]["text"] == "Given up: 550 no such mailbox"
    assert api.mia.get("/deliveries/dead").json()["items"][0]["count"] == 1
    assert api.max.get("/deliveries/dead").json()["items"] == []

    again = api.mia.post(f"/deliveries/{message}/replay")
    assert (again.status_code, again.json()["state"]) == (200, "queued")
    assert again.json()["timeline"][-1]["text"] == "Queued again by hand"
    assert api.mia.post(f"/deliveries/{message}/replay").status_code == 409
    assert send(database, Failed(reason="451 later", retryable=True), now=now) == [message]
    with database.read() as session:
        row = session.get_one(Delivery, message)
        assert (row.state, row.payload["replayed_after"]) == ("queued", 1), "its tries are counted anew"
        assert session.scalar(select(AuditRow.actor_id).where(AuditRow.action == "delivery.replay")) == "mia"


def test_many_are_queued_again_with_an_answer_for_each(api: Any, database: Database, now: datetime) -> None:
    with database.write() as session:
        for agent_id in ("ann", "bob", "cal"):
            ring(session, agent_id, now=now)
    send(database, DEAD, now=now)
    dead = {one["userId"]: one["id"] for one in api.ada.get("/deliveries", state="dead").json()["items"]}
    (inbox,) = api.ann.get("/deliveries", channel="in_app").json()["items"]
    answer = api.mia.post("/deliveries/replay", {"ids": [dead["ann"], dead["cal"], inbox["id"]]}).json()
    assert answer["replayed"] == 1
    assert [(one["replayed"], one["reason"]) for one in answer["results"]] == [
        (True, None),
        (False, "There is no such delivery"),
        (False, "Only a dead letter can be replayed; this one is delivered"),
    ]
    assert api.mia.post("/deliveries/replay", {"filter": {"reason": "another"}}).json()["replayed"] == 0
    assert api.mia.post("/deliveries/replay", {"filter": {}}).json()["replayed"] == 1
    assert api.ada.post("/deliveries/replay", {"filter": {"channel": "email"}}).json()["replayed"] == 1
    assert api.ada.post("/deliveries/replay", {}).status_code == 422
    assert api.ada.post("/deliveries/replay", {"ids": []}).status_code == 422


def test_health_and_service_level_are_told(api: Any, database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        for _ in range(4):
            ring(session, "ann", now=now)
    send(database, Sent(provider_id="m"), now=now + timedelta(seconds=2))
    with database.write() as session:
        late = session.scalars(select(Delivery.id).where(Delivery.channel == "email")).first()
        session.execute(update(Delivery).where(Delivery.id == late).values(sent_at=now + timedelta(seconds=61)))
        ring(session, "bob", now=now)
    clock.set(now + timedelta(minutes=2))
    health = api.mia.get("/deliveries/health").json()
    queue = {one["channel"]: one for one in health["queues"]}["email"]
    assert (queue["due"], queue["later"], queue["oldestDueAt"] is not None) == (1, 0, True)
    assert {one["channel"]: one["sent"] for one in health["today"]}["email"] == 4
    level = api.mia.get("/deliveries/service-level").json()
    assert (level["together"]["hits"], level["together"]["total"]) == (3, 5), (
        "one late, one still waiting after a minute"
    )
    assert len(level["days"]) == 30
    assert level["days"][-1]["level"]["total"] == 5
    (email,) = level["providers"]
    assert (email["channel"], email["provider"], email["median"]["value"]) == ("email", "email", 2.0)
    assert api.ann.get("/deliveries/health").status_code == 403
    assert api.mia.get("/deliveries/service-level", channel="pigeon").status_code == 422


def test_the_house_says_how_old_is_too_old(api: Any) -> None:
    assert api.mia.get("/house/delivery").json() == {"oldestMinutes": 5}
    assert api.mia.put("/house/delivery", {"oldestMinutes": 9}).status_code == 403
    assert api.ada.put("/house/delivery", {"oldestMinutes": 9}).json() == {"oldestMinutes": 9}
    assert api.ada.put("/house/delivery", {"oldestMinutes": 0}).status_code == 422
    assert api.ada.get("/house/delivery").json() == {"oldestMinutes": 9}


@pytest.mark.parametrize("path", ["/deliveries/no-such", "/alerts/no-such/deliveries", "/deliveries/a%0Ab"])
def test_what_is_not_there_is_not_found(api: Any, path: str) -> None:
    assert api.ada.get(path).status_code == 404
