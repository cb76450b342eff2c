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
