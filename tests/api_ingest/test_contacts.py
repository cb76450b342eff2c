from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from core.db import Database
from core.db.tables import AuditRow, Contact, Property, Transaction
from tests import factories

HOME = {
    "id": "home-1",
    "address": "12 Elm Street",
    "city": "Oak Park",
    "zip": "60302",
    "estimatedValue": 450000,
    "mortgageBalance": 210000.5,
    "purchasedOn": "2014-05-01",
    "attributes": {"roofAge": 12},
}


def test_a_contact_is_created_with_a_home(manager: TestClient, database: Database, now: datetime) -> None:
    body = {"name": "Rosa Díaz", "email": "rosa@example.com", "attributes": {"source": "crm"}, "properties": [HOME]}
    answer = manager.put("/contacts/user-1", json=body)
    assert answer.status_code == 201, answer.text
    read = manager.get("/contacts/user-1").json()
    assert answer.json() == read
    assert (read["id"], read["name"], read["email"], read["attributes"]) == (
        "user-1",
        "Rosa Díaz",
        "rosa@example.com",
        {"source": "crm"},
    )
    home = read["properties"][0]
    assert {name: home[name] for name in HOME} == HOME
    with database.read() as session:
        audited = session.scalars(select(AuditRow).where(AuditRow.subject_id == "user-1")).one()
        assert session.get_one(Contact, "user-1").rescore_at == now
    assert (audited.action, audited.actor_id, audited.before) == ("contact.created", "manager", None)


def test_what_is_not_named_is_left_and_null_clears(manager: TestClient, database: Database, now: datetime) -> None:
    manager.put("/contacts/user-1", json={"name": "Rosa", "phone": "+1 312 555 0142", "properties": [HOME]})
    answer = manager.put(
        "/contacts/user-1", json={"phone": None, "properties": [{"id": "home-1", "estimatedValue": 500000}]}
    )
    assert answer.status_code == 200
    told = answer.json()
    assert (told["name"], told["phone"]) == ("Rosa", None)
    assert (told["properties"][0]["estimatedValue"], told["properties"][0]["city"]) == (500000, "Oak Park")
    with database.read() as session:
        change = session.scalars(select(AuditRow).order_by(AuditRow.id.desc())).first()
    assert change is not None
    assert change.before == {"phone": "+1 312 555 0142", "property home-1": {"estimated_value": 450000}}
    assert change.after == {"phone": None, "property home-1": {"estimated_value": 500000}}


def test_the_same_put_again_changes_and_audits_nothing(manager: TestClient, database: Database) -> None:
    for _ in range(3):
        manager.put("/contacts/user-1", json={"name": "Rosa", "properties": [HOME]})
    with database.read() as session:
        assert len(session.scalars(select(AuditRow).where(AuditRow.subject_id == "user-1")).all()) == 1


def test_a_contact_seen_by_behaviour_is_enriched(manager: TestClient, database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.contact(session, "user-9", name=None, now=now)
    answer = manager.put("/contacts/user-9", json={"name": "Ann", "ownerAgentId": "agent"})
    assert answer.status_code == 200
    assert answer.json()["ownerAgentId"] == "agent"


def test_a_zip_tells_the_territory(manager: TestClient, database: Database) -> None:
    with database.write() as session:
        factories.territory(session, "oak-park", zips=["60301", "60302"])
    answer = manager.put("/contacts/user-1", json={"properties": [HOME]}).json()
    assert (answer["territory"], answer["properties"][0]["territory"]) == ("oak-park", "oak-park")


@pytest.mark.parametrize(
    "key",
    ["race", "religion", "sex", "gender", "maritalStatus", "familial_status", "nationalOrigin", "disability", "age"],
)
def test_protected_classes_are_not_kept(key: str, manager: TestClient, database: Database) -> None:
    for attributes in ({key: "x"}, {"crm": {"more": [{key: "x"}]}}):
        answer = manager.put("/contacts/user-1", json={"name": "Rosa", "attributes": attributes})
        assert answer.status_code == 422
        assert "fair housing" in answer.json()["detail"]
    with database.read() as session:
        assert session.get(Contact, "user-1") is None


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x" * 201},
        {"name": "a\0b"},
        {"email": "nobody"},
        {"phone": "1" * 41},
        {"ownerAgentId": "nobody"},
        {"attributes": {"x": "\0"}},
        {"attributes": {"x": 10**30}},
        {"attributes": {"x": "y" * 40_000}},
        {"attributes": []},
        {"properties": [{"address": "no id"}]},
        {"properties": [{"id": "h", "estimatedValue": -1}]},
        {"properties": [{"id": "h", "estimatedValue": 1e300}]},
        {"properties": [{"id": "h", "mortgageBalance": "NaN"}]},
        {"properties": [{"id": "h", "purchasedOn": "0001-01-01"}]},
        {"properties": [{"id": "h"}, {"id": "h"}]},
        {"properties": [{"id": str(number)} for number in range(51)]},
        {"surprise": 1},
        [],
    ],
)
def test_a_wrong_contact_is_refused_by_field(body: Any, manager: TestClient, database: Database) -> None:
    answer = manager.put("/contacts/user-1", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["fields"]
    with database.read() as session:
        assert session.get(Contact, "user-1") is None


@pytest.mark.parametrize("contact_id", ["%00", "a%00b", "%20", "x" * 129])
def test_an_impossible_id_is_refused(contact_id: str, manager: TestClient) -> None:
    assert manager.get(f"/contacts/{contact_id}").status_code == 422
    assert manager.put(f"/contacts/{contact_id}", json={}).status_code == 422


def test_a_home_of_another_contact_is_not_taken_over(manager: TestClient, database: Database) -> None:
    manager.put("/contacts/user-1", json={"properties": [HOME]})
    assert manager.put("/contacts/user-2", json={"name": "B", "properties": [HOME]}).status_code == 409
    with database.read() as session:
        assert session.get(Contact, "user-2") is None
        assert session.get_one(Property, "home-1").contact_id == "user-1"


def test_hostile_text_is_only_text(manager: TestClient) -> None:
    hostile = "'; DROP TABLE contacts; -- <script>%s\\"
    manager.put("/contacts/user-1", json={"name": hostile, "attributes": {hostile: hostile}})
    assert manager.get("/contacts/user-1").json()["name"] == hostile
    for text in ("%", "_", hostile, "'"):
        found = manager.get("/contacts", params={"text": text}).json()["items"]
        assert [contact["id"] for contact in found] == (["user-1"] if text in hostile else [])


# --- who sees whom


@pytest.fixture
def contacts(database: Database, people: None, now: datetime) -> None:
    with database.write() as session:
        factories.contact(session, "of-agent", owner_agent_id="agent", now=now)
        factories.contact(session, "of-southerner", owner_agent_id="southerner", now=now)
        factories.contact(session, "alert-of-agent", owner_agent_id="southerner", now=now)
        factories.contact(session, "nobodys", now=now)
        factories.alert(session, contact_id="alert-of-agent", agent_id="agent", now=now)


@pytest.mark.parametrize(
    ("who", "seen"),
    [
        ("agent", ["alert-of-agent", "of-agent"]),
        ("manager", ["alert-of-agent", "nobodys", "of-agent"]),
        ("admin", ["alert-of-agent", "nobodys", "of-agent", "of-southerner"]),
    ],
)
def test_each_role_sees_its_own(who: str, seen: list[str], contacts: None, sign_in: Any) -> None:
    client = sign_in(who)
    assert [contact["id"] for contact in client.get("/contacts").json()["items"]] == seen
    for contact_id in ("alert-of-agent", "nobodys", "of-agent", "of-southerner"):
        assert client.get(f"/contacts/{contact_id}").status_code == (200 if contact_id in seen else 404)


def test_nobody_changes_what_is_not_theirs(contacts: None, manager: TestClient, agent: TestClient) -> None:
    assert manager.put("/contacts/of-southerner", json={"name": "Mine"}).status_code == 404
    assert agent.put("/contacts/of-agent", json={"name": "Mine"}).status_code == 403
    sale = {"id": "t", "kind": "sale", "occurredAt": "2026-01-05T00:00:00Z"}
    assert manager.post("/contacts/of-southerner/transactions", json=sale).status_code == 404
    assert agent.post("/contacts/of-agent/transactions", json=sale).status_code == 403


def test_pages_follow_each_other_without_loss(admin: TestClient, database: Database, now: datetime) -> None:
    with database.write() as session:
        for number in range(25):
            factories.contact(session, f"c{number:02}", now=now)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = admin.get("/contacts", params={"limit": 10} | ({"cursor": cursor} if cursor else {})).json()
        seen += [contact["id"] for contact in page["items"]]
        cursor = page["nextCursor"]
        if cursor is None:
            break
    assert seen == [f"c{number:02}" for number in range(25)]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"cursor": "junk"}, {"text": "\0"}])
def test_a_wrong_query_is_refused(query: dict[str, Any], admin: TestClient) -> None:
    assert admin.get("/contacts", params=query).status_code == 422


# --- what really happened


def test_a_transaction_is_recorded_once(manager: TestClient, database: Database, now: datetime) -> None:
    manager.put("/contacts/user-1", json={})
    sale = {"id": "deed-1", "kind": "sale", "occurredAt": (now - timedelta(days=3)).isoformat(), "value": 455000}
    first = manager.post("/contacts/user-1/transactions", json=sale)
    again = manager.post("/contacts/user-1/transactions", json=sale)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert (first.json()["userId"], first.json()["kind"], first.json()["value"]) == ("user-1", "sale", 455000)
    with database.read() as session:
        assert session.scalars(select(Transaction.id)).all() == ["deed-1"]
        assert session.scalars(select(AuditRow.action).where(AuditRow.action == "transaction.recorded")).all() == [
            "transaction.recorded"
        ]


def test_one_id_is_not_two_transactions(manager: TestClient, now: datetime) -> None:
    manager.put("/contacts/user-1", json={})
    sale = {"id": "deed-1", "kind": "sale", "occurredAt": (now - timedelta(days=3)).isoformat()}
    manager.post("/contacts/user-1/transactions", json=sale)
    assert manager.post("/contacts/user-1/transactions", json={**sale, "kind": "refinance"}).status_code == 409


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "gift"},
        {"occurredAt": "2026-01-05"},
        {"occurredAt": "2030-01-05T00:00:00Z"},
        {"occurredAt": "0001-01-01T00:00:00+14:00"},
        {"value": -1},
        {"value": "Infinity"},
        {"id": ""},
        {"id": "x" * 65},
        {"source": "\0"},
    ],
)
def test_a_wrong_transaction_is_refused(fields: dict[str, Any], manager: TestClient) -> None:
    manager.put("/contacts/user-1", json={})
    sale = {"id": "deed-1", "kind": "sale", "occurredAt": "2026-01-05T00:00:00Z", **fields}
    assert manager.post("/contacts/user-1/transactions", json=sale).status_code == 422


def test_a_transaction_of_an_unknown_contact_is_refused(manager: TestClient) -> None:
    sale = {"id": "deed-1", "kind": "sale", "occurredAt": "2026-01-05T00:00:00Z"}
    assert manager.post("/contacts/nobody/transactions", json=sale).status_code == 404
