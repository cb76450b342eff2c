"""Saying no and taking from the pool over HTTP, as a client sees it."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from core.clock import FakeClock
from core.db import Database
from tests.routing.test_routing_api import Client, an_alert
from tests.webs import Running, people, serving_web


@pytest.fixture
def running(database: Database, clock: FakeClock) -> Iterator[Running]:
    people(database, clock.now())
    with serving_web(database, clock) as running:
        yield running


def test_an_owner_declines_and_does_not_see_it_again(running: Running, now: datetime) -> None:
    alert_id = an_alert(running, now, agent_id="ann")
    ann = Client(running, "ann")
    refused = ann("POST", f"/{alert_id}/decline", {"reason": "other"})
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["notes"])
    assert Client(running, "mia")("POST", f"/{alert_id}/decline", {"reason": "too_busy"}).status_code == 403

    answer = ann("POST", f"/{alert_id}/decline", {"reason": "other", "notes": "Her brother works here."})
    assert (answer.status_code, answer.json()) == (200, {"alertId": alert_id, "wentTo": "agent"})

    assert ann("GET", f"/{alert_id}").status_code == 404
    assert ann("POST", f"/{alert_id}/decline", {"reason": "too_busy"}).status_code == 404
    story = Client(running, "ada")("GET", f"/{alert_id}").json()["timeline"]
    assert "Declined: other – “Her brother works here.”" in [entry["text"] for entry in story]


def test_an_agent_claims_from_the_pool_and_the_second_hears_that_it_is_taken(running: Running, now: datetime) -> None:
    pooled, foreign = an_alert(running, now), an_alert(running, now, agent_id="cal")
    ann, bob, ada = Client(running, "ann"), Client(running, "bob"), Client(running, "ada")
    claimed = ann("POST", f"/{pooled}/claim")
    assert claimed.status_code == 200, claimed.text
    assert (claimed.json()["assignedAgentId"], claimed.json()["claimedUntil"]) == ("ann", "2026-03-02T15:30:00Z")
    late = bob("POST", f"/{pooled}/claim")
    assert (late.status_code, late.json()["detail"]) == (409, "Somebody else has just taken this alert.")
    assert ann("POST", f"/{foreign}/claim").status_code == 404
    assert ada("POST", f"/{pooled}/claim").status_code == 403
    step = ann("PATCH", f"/{pooled}/status", {"status": "ACKNOWLEDGED"}).json()
    assert (step["status"], step["claimedUntil"]) == ("ACKNOWLEDGED", None)

    changed = ada("PUT", "/routing/settings", {"claimMinutes": 10, "claimLimit": 1}).json()
    assert (changed["claimMinutes"], changed["claimLimit"]) == (10, 1)
    assert ada("PUT", "/routing/settings", {"claimLimit": 0}).status_code == 422
    assert ann("POST", f"/{an_alert(running, now)}/claim").json()["claimedUntil"] == "2026-03-02T15:10:00Z"
    full = ann("POST", f"/{an_alert(running, now)}/claim")
    assert (full.status_code, full.json()["detail"]) == (
        409,
        "You have 1 claim you have not acted on: act on it first.",
    )


def test_a_manager_moves_many_and_takes_it_back(running: Running, now: datetime) -> None:
    ids = [an_alert(running, now, agent_id="ann"), an_alert(running, now, agent_id="cal")]
    mia = Client(running, "mia")
    assert mia("POST", "/routing/bulk-move", {"alertIds": ids, "to": "moon"}).status_code == 422
    assert mia("POST", "/routing/bulk-move", {"alertIds": ids, "to": "agent"}).json()["fields"] == {"agentId": "needed"}
    assert Client(running, "ann")("POST", "/routing/bulk-move", {"alertIds": ids, "to": "pool"}).status_code == 403
    moved = mia("POST", "/routing/bulk-move", {"alertIds": ids, "to": "agent", "agentId": "bob"}).json()
    assert (moved["done"], moved["failed"], moved["undoUntil"]) == (1, 1, "2026-03-02T15:10:00Z")
    assert next((one["ok"], one["agentId"]) for one in moved["items"]) == (True, "bob")
    back = mia("POST", f"/routing/bulk-move/{moved['id']}/undo").json()
    assert (back["done"], back["items"][0]["agentId"]) == (1, "ann")
    assert mia("POST", f"/routing/bulk-move/{moved['id']}/undo").status_code == 409
