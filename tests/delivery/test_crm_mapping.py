"""What a CRM is told of an alert: read as things are now, in words that fit."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.db import Database
from core.delivery import crm_mapping
from core.delivery.crm_mapping import SOURCES
from core.settings import Settings
from core.words import Priority, Status
from tests import factories


def facts(database: Database, now: datetime, **values: Any) -> dict[str, Any]:
    contact = {"name": "Rosa María Diaz", "email": "rosa@example.com", "phone": "+1 312 555 0142", **values}
    with database.write() as session:
        agent_id = factories.agent(session, "ana", name="Ana Lopez", now=now)
        contact_id = factories.contact(session, "rosa", now=now, **contact)
        factories.home(session, contact_id, now=now)
        alert_id = factories.alert(session, contact_id=contact_id, agent_id=agent_id, priority=Priority.HIGH, now=now)
    with database.read() as session:
        found = crm_mapping.facts(session, alert_id, None, Settings(public_url="https://bell.test"))
    assert found is not None
    return found


def test_every_fact_that_can_be_mapped_is_there(database: Database, now: datetime) -> None:
    found = facts(database, now)
    assert set(found) == set(SOURCES) | {"due"}
    assert (found["contact.firstName"], found["contact.lastName"]) == ("Rosa María", "Diaz")
    assert found["alert.headline"] == "Rosa María Diaz is likely to sell"
    assert (found["agent.name"], found["agent.email"]) == ("Ana Lopez", "ana@doorbell.test")
    assert found["alert.link"] == f"https://bell.test/feed?alert={found['alert.id']}"
    assert "12 Elm Street, Oak Park" in found["alert.summary"]
    assert found["due"] == now + timedelta(hours=4)


@pytest.mark.parametrize(
    ("values", "last", "email"),
    [
        ({"name": None}, "rosa", "rosa@example.com"),
        ({"name": None, "email": "@"}, "Contact rosa", None),
        ({"name": "   ", "email": "not an address"}, "Contact rosa", None),
        ({"name": "Cher"}, "Cher", "rosa@example.com"),
        ({"name": "Rosa\r\nDiaz\u202e"}, "Diaz", "rosa@example.com"),
    ],
)
def test_there_is_always_a_last_name_and_never_an_address_that_is_none(
    database: Database, now: datetime, values: dict[str, Any], last: str, email: str | None
) -> None:
    found = facts(database, now, **values)
    assert (found["contact.lastName"], found["contact.email"]) == (last, email)


def test_an_alert_that_is_gone_has_no_facts(database: Database) -> None:
    with database.read() as session:
        assert crm_mapping.facts(session, "gone", None, Settings()) is None


def test_a_team_learns_the_id_of_an_alert_that_is_not_its_own_and_nothing_more(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        north, south = (factories.team(session, name, now=now) for name in ("north", "south"))
        agent_id = factories.agent(session, "ana", team_id=north, now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
        pool_id = factories.alert(session, now=now)
    with database.read() as session:
        mine, theirs = (crm_mapping.facts(session, alert_id, team, Settings()) for team in (north, south))
        pool = crm_mapping.facts(session, pool_id, north, Settings())
    assert mine is not None
    assert not crm_mapping.is_lost(mine)
    assert (theirs, pool) == ({"alert.id": alert_id}, {"alert.id": pool_id})


def test_each_status_has_its_place() -> None:
    assert set(Status) >= crm_mapping.OPEN | crm_mapping.WORKED
    assert set(crm_mapping.DUE) == set(Priority)
