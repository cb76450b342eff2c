"""Territories lie in each other, hold ZIPs, and give a place to whom had none."""

from datetime import datetime

import pytest
from sqlalchemy import select

from core import people, versions
from core.alerts import opening
from core.db import Database
from core.db.tables import Alert, AuditRow, Contact, Property
from core.errors import Conflict, Invalid, NotFound
from core.fair_audit import reading
from core.routing import territories
from core.routing.state import VERSION
from core.viewer import SYSTEM
from tests import factories


def test_a_territory_is_made_changed_and_deleted(database: Database, now: datetime) -> None:
    with database.write() as session:
        made = territories.add(session, {"name": "Austin", "zips": ["787*"]}, actor_id="ada", now=now).territory
        assert (made.id, made.zips) == ("austin", ["787*"])
        inner = {"name": "Downtown", "parent_id": "austin", "zips": [" 78701 - 78703 ", "78701-78703"]}
        assert territories.add(session, inner, actor_id="ada", now=now).territory.zips == ["78701-78703"]
        with pytest.raises(Conflict, match="already"):
            territories.add(session, {"name": "Austin"}, actor_id="ada", now=now)
        with pytest.raises(Invalid) as refused:
            territories.change(session, "austin", {"parent_id": "downtown", "zips": ["7870"]}, actor_id="ada", now=now)
        assert refused.value.fields["parent_id"] == "it would lie inside itself"
        assert "7870" in refused.value.fields["zips"]
        with pytest.raises(Conflict, match="Downtown lies in it"):
            territories.remove(session, "austin", actor_id="ada", now=now)
        factories.agent(session, territories=["downtown"], now=now)
        with pytest.raises(Conflict, match="1 of your agents"):
            territories.remove(session, "downtown", actor_id="ada", now=now)
        territories.change(session, "downtown", {"parent_id": None}, actor_id="ada", now=now)
        assert "Austin gets" not in str(territories.overlaps(session))
        assert (
            "3 ZIPs from 78701 to 78703 are in Austin and in Downtown; Downtown gets them."
            in (territories.overlaps(session)["downtown"])
        )
        territories.remove(session, "austin", actor_id="ada", now=now)
        with pytest.raises(NotFound):
            territories.change(session, "austin", {"name": "x"}, actor_id="ada", now=now)
        assert list(session.scalars(select(AuditRow.action).order_by(AuditRow.id))) == [
            "territory.create",
            "territory.create",
            "territory.change",
            "territory.delete",
        ]


def test_a_home_with_a_zip_alone_places_its_contact_and_the_alerts_of_it(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.territory(session, "austin", zips=["787*"])
        factories.territory(session, "downtown", zips=["78701-78703"])
        homes = [{"id": "h1", "zip": "78702-0042", "estimated_value": 500_000.0}]
        people.upsert_contact(session, "rosa", {"properties": homes}, actor_id=None, now=now)
        assert session.get_one(Contact, "rosa").territory == "downtown"
        assert opening._places(session, ["rosa"])["rosa"] == ("downtown", 500_000.0)


def test_who_waited_without_a_territory_gets_it_when_one_is_drawn(database: Database, now: datetime) -> None:
    with database.write() as session:
        for name, territory in (("rosa", None), ("noor", "elsewhere")):
            factories.contact(session, name, territory=territory, last_human_event_at=now, now=now)
            factories.home(session, name, property_id=f"of-{name}", zip="78702", now=now)
        alert_id = factories.alert(session, contact_id="rosa", territory=None, now=now)
        version = versions.number(session, VERSION)
        placed = territories.add(session, {"name": "Downtown", "zips": ["78702"]}, actor_id="ada", now=now)
        assert (placed.contacts, placed.alerts) == (1, 1)
    with database.read() as session:
        assert session.get_one(Alert, alert_id).territory == "downtown"
        assert [session.get_one(Contact, name).territory for name in ("rosa", "noor")] == ["downtown", "elsewhere"]
        assert session.get_one(Property, "of-noor").territory == "downtown"
        assert versions.number(session, VERSION) > version
        compared = reading.read(session, SYSTEM, since=now, until=now, by="territory", now=now)
        assert {one.contact_id: one.area for one in compared.people} == {"rosa": "downtown", "noor": "elsewhere"}
