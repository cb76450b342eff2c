import json
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from core import events
from core.db import Database
from core.db.tables import Contact, Event
from tests.api_ingest.failing import failing_commits
from tests.events.making import wire


def _stored(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Event)) or 0


def test_one_posted_event_is_committed_before_the_answer(
    manager: TestClient, database: Database, now: datetime
) -> None:
    answer = manager.post("/events", json=wire(now))
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1, "duplicates": 0, "errors": []})
    with database.read() as session:
        assert events.pending(session) == 1
        assert session.get(Contact, "user-1") is not None


def test_the_same_event_posted_again_is_one_event(manager: TestClient, database: Database, now: datetime) -> None:
    raw = wire(now)
    manager.post("/events", json=raw)
    for body in (raw, [raw], {"events": [raw, raw]}):
        again = manager.post("/events", json=body)
        assert again.status_code == 202
        assert again.json()["accepted"] == 0
        assert again.json()["duplicates"] >= 1
    assert _stored(database) == 1


def test_a_batch_keeps_the_good_and_names_the_bad(manager: TestClient, database: Database, now: datetime) -> None:
    batch = [wire(now), wire(now, eventId="bad", eventType="?"), 7, wire(now), wire(now, eventId="nul", userId="a\0")]
    answer = manager.post("/events", json=batch)
    assert answer.status_code == 202
    told = answer.json()
    assert (told["accepted"], told["duplicates"]) == (2, 0)
    assert [(one["index"], one.get("eventId")) for one in told["errors"]] == [(1, "bad"), (2, None), (4, "nul")]
    assert "eventType" in told["errors"][0]["fields"]
    assert _stored(database) == 2


def test_late_future_and_out_of_order_events_are_taken(manager: TestClient, database: Database, now: datetime) -> None:
    times = [now, now - timedelta(days=90), now + timedelta(days=1), now - timedelta(minutes=3)]
    answer = manager.post("/events", json=[wire(now, occurredAt=time.isoformat()) for time in times])
    assert answer.json()["accepted"] == 4
    with database.read() as session:
        assert session.scalar(select(func.max(Event.occurred_at))) == now


def test_a_single_bad_event_is_a_problem_that_names_the_field(manager: TestClient, now: datetime) -> None:
    answer = manager.post("/events", json=wire(now, eventType="?"))
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(answer.json()["fields"]) == ["eventType"]


def test_a_batch_of_only_bad_ones_is_refused_with_each_reason(manager: TestClient, now: datetime) -> None:
    answer = manager.post("/events", json=[{}, 5, wire(now, eventId="")])
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["index"] for one in answer.json()["errors"]] == [0, 1, 2]


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[", b"5", b"null", b'{"events": [}', b"\xff\xfe", b"[1}"])
def test_what_is_not_json_is_refused_and_never_an_error_of_ours(body: bytes, manager: TestClient) -> None:
    answer = manager.post("/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "text", ["'; DROP TABLE events; --", "<img src=x onerror=alert(1)>", "%(x)s", "\\u0000", "💣", "\u202e"]
)
def test_hostile_text_is_kept_as_text(text: str, manager: TestClient, database: Database, now: datetime) -> None:
    raw = wire(now, eventId=text, userId=text, eventName=text, properties={"x": text})
    assert manager.post("/events", json=raw).status_code == 202
    with database.read() as session:
        kept = session.execute(select(Event.event_id, Event.contact_id, Event.event_name, Event.properties)).one()
    assert kept == (text, text, text, {"x": text})


@pytest.mark.parametrize("size", [1, 400])
def test_poison_costs_only_itself_in_small_and_large_bodies(
    size: int, manager: TestClient, database: Database, now: datetime
) -> None:
    good = [json.dumps(wire(now)).encode() for _ in range(size)]
    poison = [b'{"x": NaN}', b'{"x": "\\udc00"}', b'{"x": 1e999}', b"[" * 3000 + b"]" * 3000, b'{"x": "\\u0000"}']
    answer = manager.post("/events", content=b"[" + b",".join([*poison, *good]) + b"]")
    assert answer.status_code == 202
    assert answer.json()["accepted"] == size
    assert [one["index"] for one in answer.json()["errors"]] == [0, 1, 2, 3, 4]
    assert _stored(database) == size


def test_five_thousand_are_taken_and_one_more_is_too_many(
    manager: TestClient, database: Database, now: datetime
) -> None:
    batch = [wire(now, userId=f"u{number % 50}") for number in range(5000)]
    assert manager.post("/events", json=batch).json() == {"accepted": 5000, "duplicates": 0, "errors": []}
    assert manager.post("/events", json=[*batch, wire(now)]).status_code == 413
    assert _stored(database) == 5000


def test_a_body_of_five_megabytes_is_too_large(manager: TestClient) -> None:
    answer = manager.post("/events", content=b" " * (5 * 1024 * 1024) + b"[]")
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_empty_batch_is_nothing_wrong(manager: TestClient) -> None:
    assert manager.post("/events", json=[]).json() == {"accepted": 0, "duplicates": 0, "errors": []}


def test_agents_and_strangers_may_not_post(agent: TestClient, database: Database, now: datetime) -> None:
    assert agent.post("/events", json=wire(now)).status_code == 403
    assert agent.post("/events", json=wire(now), headers={"Authorization": "Bearer x"}).status_code == 401
    assert _stored(database) == 0


@pytest.mark.parametrize("count", [1, 3, 500])
def test_a_failing_commit_never_answers_202(count: int, manager: TestClient, database: Database, now: datetime) -> None:
    manager.post("/events", json=[])  # signed in before the disk fails
    batch = [wire(now) for _ in range(count)]
    with failing_commits(database):
        answer = manager.post("/events", json=batch)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert _stored(database) == 0
    assert manager.post("/events", json=batch).json()["accepted"] == count
