"""What is kept between runs is kept for one person: nobody is shown another's."""

import dataclasses
from datetime import datetime, timedelta

import pytest

from app import runtime
from app.runtime import Runtime
from app.ui import cards, queries
from core import scoring
from core.clock import FakeClock
from core.db import Database
from core.db.tables import DriftCheck
from core.settings import Settings
from core.views.feed import Filters, list_alerts
from core.words import Priority, Role
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


def test_a_card_says_when_its_confidence_is_not_verified(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now)
        model = scoring.Models.load(session).model("LIKELY_TO_SELL")
        factories.agent(session, "ann", now=now)
        viewer = factories.viewer(session, "ann")
        for priority in (Priority.HIGH, Priority.MEDIUM):
            factories.alert(session, agent_id="ann", priority=priority, now=now)
        session.add(
            DriftCheck(
                checked_at=now,
                intent="LIKELY_TO_SELL",
                model_version=model.id,
                kind="outcome",
                subject="HIGH",
                statistic="ratio",
                value=0.4,
                limit=0.8,
                alarmed=True,
                details={},
            )
        )
    queries.unverified.clear()
    with database.read() as session:
        shown = list_alerts(session, viewer, Filters(), now=now).items
    notes = {card.priority: cards.card_data(viewer, card, now=now, can=())["notes"] for card in shown}
    assert [note["text"] for note in notes["HIGH"]] == ["The 75% is in doubt for now: go by the reasons"]
    assert notes["MEDIUM"] == []
    cold = dataclasses.replace(shown[0], priority=Priority.CRITICAL, alert_type="LIKELY_TO_BUY", confidence=0.04)
    assert [note["text"] for note in cards.card_data(viewer, cold, now=now, can=())["notes"]] == [
        "Has cooled since it opened"
    ]
