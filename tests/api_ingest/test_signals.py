from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from core.db import Database
from core.db.tables import AuditRow, Contact, Signal


def _wire(now: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "userId": "user-1",
        "type": "CREDIT_INQUIRY",
        "strength": 0.7,
        "confidence": 0.9,
        "occurredAt": now.isoformat(),
        "source": "bureau",
        "externalId": "inquiry-1",
        **fields,
    }


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [
        ("CREDIT_INQUIRY", ""),
        ("TAX_CHANGE", ""),
        ("INSURANCE_CLAIM", ""),
        ("LIFE_EVENT", "job_change"),
        ("LIFE_EVENT", "address_change"),
        ("LIFE_EVENT", "building_permit"),
    ],
)
def test_a_posted_signal_is_kept_and_the_contact_is_looked_at_again(
    kind: str, subtype: str, manager: TestClient, database: Database, now: datetime
) -> None:
    answer = manager.post("/signals", json=_wire(now, type=kind, subtype=subtype, details={"lender": "First"}))
    assert answer.status_code == 202, answer.text
    with database.read() as session:
        kept = session.get_one(Signal, answer.json()["id"])
        assert (kept.contact_id, kept.type, kept.subtype, kept.strength) == ("user-1", kind, subtype, 0.7)
        assert session.get_one(Contact, "user-1").rescore_at == now
        audited = session.execute(select(AuditRow.action, AuditRow.actor_id, AuditRow.subject_id)).all()
    assert ("signal.posted", "manager", "user-1") in audited


def test_the_same_external_id_is_one_signal(manager: TestClient, database: Database, now: datetime) -> None:
    first, second = (manager.post("/signals", json=_wire(now)).json()["id"] for _ in range(2))
    assert first == second
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Signal)) == 1


@pytest.mark.parametrize("subtype", ["marriage", "birth", "divorce", "retirement", ""])
def test_other_life_events_are_refused_as_fair_housing_asks(subtype: str, manager: TestClient, now: datetime) -> None:
    answer = manager.post("/signals", json=_wire(now, type="LIFE_EVENT", subtype=subtype))
    assert answer.status_code == 422
    assert "fair housing" in answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "HIGH_EMAIL_ENGAGEMENT"},
        {"strength": 1.1},
        {"strength": "NaN"},
        {"confidence": -0.1},
        {"userId": ""},
        {"userId": "a\0"},
        {"source": ""},
        {"source": "\0"},
        {"externalId": "x" * 129},
        {"occurredAt": "2026-03-02T15:00:00"},
        {"occurredAt": "0001-01-01T00:00:00+14:00"},
        {"validUntil": "9999-12-31T23:59:59-14:00"},
        {"details": {"x": "\0"}},
        {"details": {"x": 10**40}},
        {"details": {"religion": "x"}},
        {"details": "text"},
        {"surprise": 1},
    ],
)
def test_a_wrong_signal_is_refused(fields: dict[str, Any], manager: TestClient, now: datetime) -> None:
    answer = manager.post("/signals", json=_wire(now, **fields))
    assert answer.status_code == 422, answer.text
    assert answer.json()["fields"]


def test_a_signal_from_the_future_is_refused(manager: TestClient, now: datetime) -> None:
    ahead = (now + timedelta(days=1)).isoformat()
    assert manager.post("/signals", json=_wire(now, occurredAt=ahead)).status_code == 422


def test_agents_may_not_post_signals(agent: TestClient, now: datetime) -> None:
    assert agent.post("/signals", json=_wire(now)).status_code == 403
