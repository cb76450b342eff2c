"""What is kept between runs is kept for one person: nobody is shown another's."""

from datetime import datetime, timedelta

import pytest

from app import runtime
from app.runtime import Runtime
from app.ui import queries
from core.clock import FakeClock
from core.db import Database
from core.settings import Settings
from core.words import Role
from tests import factories


@pytest.fixture(autouse=True)
def running(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)


def test_an_empty_house_is_empty_until_somebody_does_something(database: Database, now: datetime) -> None:
    assert not queries.has_people()
    with database.write() as session:
        factories.contact(session, now=now)
    assert queries.has_people()


def test_a_kept_report_is_the_viewers_own(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", now=now)
        for agent_id in ("ann", "bob"):
            factories.agent(session, agent_id, team_id="north", now=now)
        for _ in range(3):
            factories.alert(session, agent_id="ann", now=now)
        factories.alert(session, agent_id="bob", now=now)
        people = {name: factories.viewer(session, name) for name in ("ada", "ann", "bob")}
    day = now.date()
    seen = {}
    for name in ("ada", "ann", "bob", "ann", "ada"):
        report = queries.report(people[name], day - timedelta(days=6), day)
        seen.setdefault(name, set()).add(sum(row.count for row in report.volume))
    assert seen == {"ada": {4}, "ann": {3}, "bob": {1}}
    assert {name for _, name, _ in queries.agent_names(people["ada"])} == {"Ann", "Bob"}
    assert people["ada"].role is Role.ADMIN
