"""The facts are read as they stand: places, flows by team, holidays, own types, people."""

from datetime import date, datetime, timedelta

from sqlalchemy import insert, update

from core import preflight, routing
from core.db import Database
from core.db.tables import Holiday, Territory
from core.preflight.facts import Facts
from core.words import Status
from tests import factories

DAY = timedelta(days=1)


def read(database: Database, now: datetime) -> Facts:
    with database.read() as session:
        state = routing.State.load(session)
        return preflight.read(session, state=state, channels={"email"}, now=now)


def test_the_facts_of_a_house(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", now=now)
        factories.agent(session, "ann", team_id="north", now=now)
        factories.territory(session, "region", zips=["787*"])
        for name in ("city", "oak-park"):
            factories.territory(session, name)
        session.execute(update(Territory).where(Territory.id == "oak-park").values(parent_id="city"))
        session.execute(insert(Holiday).values(id="h", name="Founders' day", day=date(2026, 3, 4)))
        opened = now - 2 * DAY - timedelta(hours=1)
        factories.alert(session, agent_id="ann", opened_at=opened, now=now)
        factories.alert(
            session, agent_id="ann", opened_at=opened, status=Status.CONVERTED, now=now - timedelta(hours=1)
        )
        factories.alert(session, opened_at=now - 60 * DAY, now=now)

    facts = read(database, now)

    assert facts.places == {"region", "oak-park"}
    assert (facts.flows["north"].open, facts.flows["north"].opened[-4:]) == (1, (0, 2, 0, 0))
    assert facts.flows["north"].closed[-2:] == (0, 1)
    assert (facts.flows[None].open, sum(facts.flows[None].opened)) == (1, 0)
    assert [(one.name, one.team_id) for one in facts.holidays] == [("Founders' day", None)]
    assert (facts.people["ada"].is_admin, facts.people["ann"].is_admin) == (True, False)
    assert "LIKELY_TO_SELL" in facts.alert_types


def test_an_empty_house_has_facts_too(database: Database, now: datetime) -> None:
    facts = read(database, now)
    assert (facts.places, facts.flows, facts.people) == (frozenset(), {}, {})
