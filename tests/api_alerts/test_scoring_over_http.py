"""Running the line over HTTP: one contact at once, or whatever waits."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.api import alert_shapes
from core import events, versions
from core.db import Database
from core.db.tables import AuditRow, Contact
from tests import factories as make


def behave(database: Database, contact_id: str, *, now: datetime) -> None:
    """Ten value checks and two comparable views within three days, which nobody has decided on yet."""
    hours = [("value_check", 7 * number + 1) for number in range(10)]
    hours += [("comparable_view", 9 * number + 2) for number in range(2)]
    with database.write() as session:
        make.contact(session, contact_id, now=now)
        make.home(session, contact_id, value=520_000, mortgage_balance=110_000.0, now=now)
        for name, ago in hours:
            make.event(session, contact_id, event_name=name, at=now - timedelta(hours=ago), processed=False)


def test_scoring_a_contact_opens_one_alert(api: Any, database: Database, now: datetime) -> None:
    behave(database, "user-123", now=now)

    first = api.ada.post("/alerts/score-user", {"userId": "user-123"})
    assert first.status_code == 200, first.text
    found = first.json()
    alert_shapes.ScoredOut.model_validate(found)
    assert {one["intent"] for one in found["scores"]} == {
        "LIKELY_TO_SELL",
        "LIKELY_TO_BUY",
        "REFINANCE_OPPORTUNITY",
        "INVESTMENT_INTEREST",
    }
    for one in found["scores"]:
        low, high = one["interval"]
        assert low <= one["confidence"] <= high
    assert [alert["alertType"] for alert in found["alerts"]] == ["LIKELY_TO_SELL"]
    assert found["opened"] == [alert["id"] for alert in found["alerts"]]

    again = api.ada.post("/alerts/score-user", {"userId": "user-123"}).json()
    assert again["opened"] == []
    assert [alert["id"] for alert in again["alerts"]] == found["opened"]


def test_the_alerts_of_others_are_not_told(api: Any, database: Database, now: datetime) -> None:
    behave(database, "user-123", now=now)
    owned = api.ada.post("/alerts/score-user", {"userId": "user-123"}).json()["alerts"]
    owners = {alert["assignedAgentId"] for alert in owned}
    assert owners & {"ann", "bob", "cal"}, "somebody must own it, or nothing is hidden from anybody"

    for agent in ("ann", "bob", "cal"):
        answer = getattr(api, agent).post("/alerts/score-user", {"userId": "user-123"})
        if owners <= {agent, None}:
            assert {alert["assignedAgentId"] for alert in answer.json()["alerts"]} == owners
            assert len(answer.json()["scores"]) == 4
        else:
            assert answer.status_code == 404


def test_nobody_has_heard_of_this_contact(api: Any) -> None:
    assert api.ada.post("/alerts/score-user", {"userId": "nobody"}).status_code == 404


@pytest.mark.parametrize("body", [{}, {"userId": ""}, {"userId": "x" * 129}, {"userId": 7}, {"userId": "\x00"}, []])
def test_a_malformed_contact_is_refused(api: Any, body: Any) -> None:
    assert api.ada.post("/alerts/score-user", body).status_code == 422


def test_what_waits_is_decided_on_for_those_named(api: Any, database: Database, now: datetime) -> None:
    behave(database, "one", now=now)
    behave(database, "two", now=now)

    found = api.mia.post("/alerts/process-signals", {"userIds": ["one", "nobody", "one"]}).json()

    assert (found["events"], found["contacts"], found["waiting"]) == (12, 1, 12)
    assert [error["userId"] for error in found["errors"]] == ["nobody"]


def test_all_that_waits_is_decided_on(api: Any, database: Database, now: datetime) -> None:
    behave(database, "one", now=now)
    behave(database, "two", now=now)

    found = api.ada.post("/alerts/process-signals", {}).json()

    assert (found["events"], found["contacts"], found["waiting"]) == (24, 2, 0)
    assert found["opened"] == 2
    with database.read() as session:
        assert events.pending(session) == 0


def test_agents_do_not_run_the_line_for_others(api: Any) -> None:
    assert api.ann.post("/alerts/process-signals", {}).status_code == 403


def test_models_are_listed_and_reloaded_by_an_admin(api: Any, database: Database) -> None:
    models = api.ann.get("/alerts/models/performance").json()["items"]
    assert len(models) == 4
    assert {"intent", "version", "metrics", "right", "alerts", "meanConfidence"} <= set(models[0])

    assert api.mia.post("/alerts/models/reload").status_code == 403
    with database.read() as session:
        before = versions.number(session, "models")
    answer = api.ada.post("/alerts/models/reload")
    assert answer.status_code == 200
    assert answer.json()["version"] == before + 1
    assert len(answer.json()["deployed"]) == 4
    with database.read() as session:
        assert session.scalars(select(AuditRow.action).where(AuditRow.actor_id == "ada")).all() == ["models.reloaded"]
        assert session.get(Contact, "nobody") is None
