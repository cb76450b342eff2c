"""Alerts over HTTP: found, looked at, worked on and closed, by those who may."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.api import alert_shapes
from core import wire
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Contact
from core.views import feed
from core.words import Priority, Status
from tests import factories as make


@pytest.fixture
def made(api: Any, database: Database, now: datetime) -> dict[str, str]:
    """One alert of each owner, and one of the pool."""
    with database.write() as session:
        make.contact(session, "rosa", name="Rosa Diaz", email="rosa@example.com", now=now)
        make.contact(session, "lonely", now=now)
        return {
            "ann": make.alert(session, contact_id="rosa", agent_id="ann", priority=Priority.CRITICAL, now=now),
            "bob": make.alert(session, agent_id="bob", now=now),
            "cal": make.alert(session, agent_id="cal", now=now),
            "pool": make.alert(session, now=now),
        }


def test_each_role_lists_its_own_part_and_the_pool(api: Any, made: dict[str, str]) -> None:
    assert set(api.ada.ids()) == set(made.values())
    assert set(api.mia.ids()) == {made["ann"], made["bob"], made["pool"]}
    assert set(api.max.ids()) == {made["cal"], made["pool"]}
    assert set(api.ann.ids()) == {made["ann"], made["pool"]}
    assert set(api.ada.ids(agentId="unassigned")) == {made["pool"]}
    assert api.ann.ids(agentId="bob") == []


def test_an_alert_is_told_as_sockets_and_webhooks_tell_it(api: Any, made: dict[str, str], database: Database) -> None:
    (told,) = [item for item in api.ann.get("/alerts").json()["items"] if item["id"] == made["ann"]]
    with database.read() as session:
        row = session.get_one(Alert, made["ann"])
        pushed = wire.alert(row, session.get_one(Contact, "rosa"))

    assert {name: told[name] for name in pushed} == pushed
    assert set(told) - set(pushed) == {
        "assignedAgentName",
        "acknowledgedAt",
        "contactedAt",
        "closedAt",
        "propertyValue",
        "undoUntil",
        "changeId",
    }
    alert_shapes.AlertOut.model_validate(told)


def test_every_filter_of_the_feed_is_a_parameter(
    api: Any, made: dict[str, str], database: Database, now: datetime
) -> None:
    with database.write() as session:
        wanted = make.alert(
            session,
            contact_id="lonely",
            alert_type="LIKELY_TO_BUY",
            agent_id="bob",
            status=Status.CONTACTED,
            confidence=0.97,
            territory="60302",
            opened_at=now - timedelta(days=3),
            snoozed_until=now + timedelta(hours=1),
            now=now,
        )
    day_before = (now - timedelta(days=2)).isoformat()
    for params in (
        {"type": "LIKELY_TO_BUY"},
        {"status": "CONTACTED"},
        {"status": ["CONTACTED", "CONVERTED"]},
        {"minConfidence": 0.95},
        {"territory": "60302"},
        {"openedTo": day_before},
        {"userId": "lonely"},
        {"text": "lonely"},
        {"snoozed": "true"},
        {"type": "LIKELY_TO_BUY", "agentId": ["ann", "bob"], "priority": "HIGH", "open": "true"},
    ):
        assert api.ada.ids(**params) == [wanted], params
    assert wanted not in api.ada.ids(openedFrom=day_before)
    assert wanted not in api.ada.ids(snoozed="false")
    assert api.ada.ids(sort="confidence")[0] == wanted
    assert api.ada.ids(sort="newest")[-1] == wanted
    assert set(api.ada.ids(status="PENDING")) == set(api.ada.ids(status="NEW")) == set(made.values())


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 201}, "limit"),
        ({"sort": "oldest"}, "sort"),
        ({"cursor": "made-up"}, "cursor"),
        ({"status": "OPEN"}, "status.0"),
        ({"priority": "URGENT"}, "priority.0"),
        ({"minConfidence": 2}, "minConfidence"),
        ({"minConfidence": "nan"}, "minConfidence"),
        ({"openedFrom": "yesterday"}, "openedFrom"),
        ({"openedFrom": "2026-01-01T00:00:00"}, "openedFrom"),
        ({"text": "x" * 201}, "text"),
        ({"text": "\x00"}, "text"),
    ],
)
def test_a_malformed_parameter_is_named(api: Any, params: dict[str, Any], field: str) -> None:
    answer = api.ada.get("/alerts", **params)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(answer.json()["fields"]) == [field]


def test_pages_follow_each_other(api: Any, made: dict[str, str]) -> None:
    first = api.ada.get("/alerts", limit=3).json()
    second = api.ada.get("/alerts", limit=3, cursor=first["nextCursor"]).json()

    assert [item["id"] for item in first["items"] + second["items"]] == api.ada.ids()
    assert second["nextCursor"] is None


def test_an_alert_in_full_explains_itself(api: Any, made: dict[str, str]) -> None:
    found = api.ann.get(f"/alerts/{made['ann']}").json()

    alert_shapes.AlertDetailOut.model_validate(found)
    assert found["explanation"]["text"] == "Checked the value of the home 10 times in 30 days."
    assert found["recount"].keys() >= {"windowDays", "machine", "withoutDoubtful", "withMachines", "lowering"}
    assert found["contact"]["name"] == "Rosa Diaz"
    assert found["nextSteps"] == ["ACKNOWLEDGED", "IN_PROGRESS", "CONTACTED", "CONVERTED", "DISMISSED"]
    assert found["assignments"][0]["agentId"] == "ann"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("PATCH", "/status", {"status": "ACKNOWLEDGED"}),
        ("PATCH", "/status", {"status": "NEW"}),
        ("POST", "/snooze", {"until": "2026-03-03T00:00:00Z"}),
        ("POST", "/snooze", {"until": None}),
        ("POST", "/undo", None),
        ("POST", "/outcome", {"outcome": "TRUE_POSITIVE"}),
    ],
)
def test_what_one_may_not_see_is_not_there(api: Any, made: dict[str, str], method: str, path: str, body: Any) -> None:
    for caller in (api.ann, api.cal, api.max):
        hidden = caller.send(method, f"/alerts/{made['bob']}{path}", json=body)
        absent = caller.send(method, f"/alerts/no-such-alert{path}", json=body)
        assert (hidden.status_code, absent.status_code) == (404, 404)
        assert hidden.json() == absent.json()


def test_the_steps_are_taken_one_after_the_other_or_skipped(api: Any, made: dict[str, str]) -> None:
    path = f"/alerts/{made['ann']}/status"
    for status in ("ACKNOWLEDGED", "IN_PROGRESS", "CONTACTED"):
        answer = api.ann.patch(path, {"status": status})
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    won = api.ann.patch(
        path, {"status": "CONVERTED", "value": 9000, "transactionType": "sale", "contactMethods": ["phone"]}
    )
    assert (won.status_code, won.json()["status"]) == (200, "CONVERTED")
    found = api.ann.get(f"/alerts/{made['ann']}").json()
    assert found["outcome"]["outcome"] == "TRUE_POSITIVE"
    assert (found["outcome"]["value"], found["outcome"]["contactMethods"]) == (9000, ["phone"])

    skipped = api.mia.patch(f"/alerts/{made['bob']}/status", {"status": "CONTACTED"})
    assert skipped.json()["status"] == "CONTACTED"


@pytest.mark.parametrize("status", ["NEW", "PENDING", "DELIVERED", "ACKNOWLEDGED", "EXPIRED"])
def test_a_step_back_is_refused_and_the_legal_ones_are_named(api: Any, made: dict[str, str], status: str) -> None:
    api.ann.patch(f"/alerts/{made['ann']}/status", {"status": "IN_PROGRESS"})

    refused = api.ann.patch(f"/alerts/{made['ann']}/status", {"status": status})

    assert refused.status_code == 409
    for legal in ("CONTACTED", "CONVERTED", "DISMISSED"):
        assert legal in refused.json()["detail"]


def test_a_closed_alert_takes_no_step(api: Any, made: dict[str, str]) -> None:
    path = f"/alerts/{made['ann']}/status"
    api.ann.patch(path, {"status": "DISMISSED", "reason": "no_interest"})

    assert api.ann.patch(path, {"status": "CONTACTED"}).status_code == 409
    assert api.ann.patch(path, {"status": "NEW"}).status_code == 409
    assert api.ann.patch(path, {"status": "SNOOZED", "until": "2026-03-03T00:00:00Z"}).status_code == 409
    assert api.ann.get(f"/alerts/{made['ann']}").json()["outcome"]["outcome"] == "FALSE_POSITIVE"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "OPEN"},
        {"status": "DISMISSED"},
        {"status": "DISMISSED", "reason": "bored"},
        {"status": "SNOOZED"},
        {"status": "SNOOZED", "until": "2026-03-03T00:00:00"},
        {"status": "SNOOZED", "until": "2020-03-03T00:00:00Z"},
        {"status": "SNOOZED", "until": "2027-03-03T00:00:00Z"},
        {"status": "CONVERTED", "value": -1},
        {"status": "CONVERTED", "notes": "\x00"},
        {"status": "ACKNOWLEDGED", "colour": "red"},
        [],
        "NEW",
    ],
)
def test_a_malformed_step_is_refused(api: Any, made: dict[str, str], body: Any) -> None:
    refused = api.ann.patch(f"/alerts/{made['ann']}/status", body)

    assert refused.status_code == 422
    assert refused.json()["fields"]
    assert api.ann.get(f"/alerts/{made['ann']}").json()["status"] == "NEW"


def test_snoozing_hides_and_shows_again(api: Any, made: dict[str, str], now: datetime) -> None:
    until = (now + timedelta(hours=2)).isoformat()
    snoozed = api.ann.post(f"/alerts/{made['ann']}/snooze", {"until": until}).json()
    assert snoozed["snoozedUntil"] == "2026-03-02T17:00:00Z"
    assert made["ann"] not in api.ann.ids(snoozed="false")

    assert api.ann.post(f"/alerts/{made['ann']}/snooze", {"until": None}).json()["snoozedUntil"] is None
    again = api.ann.patch(f"/alerts/{made['ann']}/status", {"status": "SNOOZED", "until": until}).json()
    assert (again["status"], again["snoozedUntil"]) == ("NEW", "2026-03-02T17:00:00Z")


def test_an_action_is_undone_within_ten_minutes(
    api: Any, made: dict[str, str], clock: FakeClock, now: datetime
) -> None:
    path = f"/alerts/{made['ann']}"
    done = api.ann.patch(f"{path}/status", {"status": "DISMISSED", "reason": "duplicate"}).json()
    assert done["undoUntil"] == "2026-03-02T15:10:00Z"
    assert api.ann.post(f"{path}/undo").json()["status"] == "NEW"
    assert api.ann.post(f"{path}/undo").status_code == 409

    api.ann.patch(f"{path}/status", {"status": "ACKNOWLEDGED"})
    clock.set(now + timedelta(minutes=11))
    assert api.ann.post(f"{path}/undo").status_code == 409


def test_an_outcome_is_stored_and_closes_what_converted(api: Any, made: dict[str, str]) -> None:
    body = {
        "outcome": "TRUE_POSITIVE",
        "converted": True,
        "value": 12000.5,
        "transactionType": "sale",
        "notes": "Sold.",
    }
    stored = api.ann.post(f"/alerts/{made['ann']}/outcome", body)

    assert (stored.status_code, stored.json()["status"]) == (200, "CONVERTED")
    assert (stored.json()["outcome"]["value"], stored.json()["outcome"]["notes"]) == (12000.5, "Sold.")


@pytest.mark.parametrize("outcome", ["TRUE_NEGATIVE", "FALSE_NEGATIVE", "MAYBE", ""])
def test_an_outcome_that_no_alert_can_have_is_refused(api: Any, made: dict[str, str], outcome: str) -> None:
    refused = api.ann.post(f"/alerts/{made['ann']}/outcome", {"outcome": outcome})

    assert refused.status_code == 422
    assert "outcome" in refused.json()["fields"]


def test_bulk_gives_a_result_for_each(api: Any, made: dict[str, str]) -> None:
    wanted = [made["ann"], made["bob"], made["cal"], "no-such-alert"]
    answer = api.mia.patch("/alerts/bulk/status", {"alertIds": wanted, "status": "ACKNOWLEDGED"}).json()

    assert answer["changed"] == 2
    assert [(one["id"], one["ok"]) for one in answer["results"]] == [
        (made["ann"], True),
        (made["bob"], True),
        (made["cal"], False),
        ("no-such-alert", False),
    ]
    assert answer["results"][2]["error"] == answer["results"][3]["error"]

    gone = api.ada.post("/alerts/bulk/dismiss", {"alertIds": list(made.values()), "reason": "no_interest"}).json()
    assert gone["changed"] == 4
    assert {item["status"] for item in api.ada.get("/alerts").json()["items"]} == {"DISMISSED"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/alerts/bulk/status", {"alertIds": [], "status": "ACKNOWLEDGED"}),
        ("PATCH", "/alerts/bulk/status", {"alertIds": ["x"] * 5001, "status": "ACKNOWLEDGED"}),
        ("PATCH", "/alerts/bulk/status", {"alertIds": ["x"], "status": "NEW"}),
        ("PATCH", "/alerts/bulk/status", {"alertIds": ["\x00"], "status": "ACKNOWLEDGED"}),
        ("POST", "/alerts/bulk/dismiss", {"alertIds": ["x"]}),
        ("POST", "/alerts/bulk/dismiss", {"alertIds": ["x"], "reason": "bored"}),
    ],
)
def test_a_malformed_bulk_is_refused(api: Any, method: str, path: str, body: Any) -> None:
    assert api.ada.send(method, path, json=body).status_code == 422


def test_a_contacts_alerts_are_listed_for_those_who_may_know(api: Any, made: dict[str, str]) -> None:
    assert api.ann.ids("/alerts/user/rosa") == [made["ann"]]
    assert api.mia.ids("/alerts/user/rosa") == [made["ann"]]
    assert api.ada.ids("/alerts/user/lonely") == []
    assert api.cal.get("/alerts/user/rosa").status_code == 404
    assert api.ada.get("/alerts/user/nobody").status_code == 404


def test_statistics_are_ones_own(api: Any, made: dict[str, str]) -> None:
    of_ada, of_ann = api.ada.get("/alerts/stats").json(), api.ann.get("/alerts/stats").json()

    assert (of_ada["open"], of_ada["byPriority"]["CRITICAL"], of_ada["unassigned"], of_ada["openedToday"]) == (
        4,
        1,
        1,
        4,
    )
    assert of_ann["open"] == 2
    assert of_ada["right"] == {"hits": 0, "total": 0, "rate": None, "interval": [0.0, 1.0]}


def test_agents_and_teams_are_lists(api: Any, made: dict[str, str]) -> None:
    assert api.ada.ids("/agents") == ["ann", "bob", "cal"]
    assert api.mia.ids("/agents") == ["ann", "bob"]
    assert api.ada.ids("/teams") == ["north", "south"]
    ann = api.mia.get("/agents").json()["items"][0]
    assert (ann["load"], ann["capacity"], ann["teamName"], ann["offUntil"]) == (1, 10, "North", None)


def test_looking_changes_nothing(api: Any, made: dict[str, str], database: Database, now: datetime) -> None:
    with database.read() as session:
        before = [session.get_one(Alert, alert_id).updated_at for alert_id in made.values()]
    for path in (
        "/alerts",
        "/alerts/stats",
        f"/alerts/{made['ann']}",
        "/alerts/user/rosa",
        "/notifications",
        "/agents",
    ):
        assert api.ada.get(path).status_code == 200
    with database.read() as session:
        assert [session.get_one(Alert, alert_id).updated_at for alert_id in made.values()] == before
        assert feed.count_alerts(session, make.viewer(session, "ada"), now=now) == 4
