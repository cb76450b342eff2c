"""Actions from the pages: done in one unit of work, or refused in words."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from app import runtime
from app.runtime import Runtime
from app.ui import commands, queries
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, AlertOutcome, Notification
from core.settings import Settings
from core.viewer import Viewer
from core.words import Status
from tests import factories


@pytest.fixture(autouse=True)
def running(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    return


@pytest.fixture
def ann(database: Database, now: datetime) -> Viewer:
    with database.write() as session:
        factories.team(session, "north", now=now)
        factories.agent(session, "ann", team_id="north", name="Ann Lee", now=now)
        factories.agent(session, "bob", team_id="north", name="Bob Lee", capacity=1, now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        return factories.viewer(session, "ann")


@pytest.fixture
def mia(database: Database, ann: Viewer) -> Viewer:
    with database.read() as session:
        return factories.viewer(session, "mia")


def opened(database: Database, now: datetime, agent_id: str | None = "ann") -> str:
    with database.write() as session:
        return factories.alert(session, agent_id=agent_id, now=now)


def status(database: Database, alert_id: str) -> str:
    with database.read() as session:
        return session.get_one(Alert, alert_id).status


@pytest.mark.parametrize(
    ("action", "becomes"),
    [
        ({"name": "acknowledge"}, Status.ACKNOWLEDGED),
        ({"name": "start"}, Status.IN_PROGRESS),
        ({"name": "contact"}, Status.CONTACTED),
        ({"name": "dismiss", "reason": "no_interest"}, Status.DISMISSED),
        ({"name": "convert", "value": "450000", "kind": "sale"}, Status.CONVERTED),
    ],
)
def test_an_action_is_done_and_can_be_taken_back(
    action: dict[str, str], becomes: Status, database: Database, ann: Viewer, now: datetime
) -> None:
    alert_id = opened(database, now)
    done = commands.act(ann, {**action, "id": alert_id}, who="Rosa Diaz")
    assert done.ok
    assert done.text.endswith("Rosa Diaz")
    assert status(database, alert_id) == becomes
    assert done.undo_until is not None
    assert (done.undo_until - now).total_seconds() == 600

    assert commands.act(ann, {"name": "undo", "id": alert_id}).ok
    assert status(database, alert_id) == Status.NEW


def test_a_conversion_keeps_its_value_and_kind(database: Database, ann: Viewer, now: datetime) -> None:
    alert_id = opened(database, now)
    commands.act(ann, {"name": "convert", "id": alert_id, "value": "512000", "kind": "sale", "notes": " Listed. "})
    with database.read() as session:
        outcome = session.get_one(AlertOutcome, alert_id)
        assert (outcome.value, outcome.transaction_type, outcome.notes) == (512_000, "sale", "Listed.")


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "lots"])
def test_a_value_that_is_no_amount_is_refused_in_words(
    value: str, database: Database, ann: Viewer, now: datetime
) -> None:
    alert_id = opened(database, now)
    done = commands.act(ann, {"name": "convert", "id": alert_id, "value": value})
    assert not done.ok
    assert "US dollars" in done.text
    assert status(database, alert_id) == Status.NEW


def test_a_step_back_is_refused_without_codes(database: Database, ann: Viewer, now: datetime) -> None:
    alert_id = opened(database, now)
    commands.act(ann, {"name": "contact", "id": alert_id})
    done = commands.act(ann, {"name": "acknowledge", "id": alert_id})
    assert not done.ok
    assert "CONTACTED" not in done.text
    assert "contacted" in done.text


def test_somebody_elses_alert_is_not_here(database: Database, ann: Viewer, now: datetime) -> None:
    done = commands.act(ann, {"name": "acknowledge", "id": opened(database, now, "bob")})
    assert not done.ok
    assert "not here any more" in done.text


@pytest.mark.parametrize("action", [{}, {"name": "expire"}, {"name": "acknowledge"}, {"name": "__class__", "id": "x"}])
def test_what_no_button_asks_for_is_refused(action: dict[str, str], ann: Viewer) -> None:
    assert not commands.act(ann, action).ok


def test_a_manager_gives_alerts_and_the_agent_is_told(
    database: Database, ann: Viewer, mia: Viewer, now: datetime
) -> None:
    alert_id = opened(database, now, "bob")
    done = commands.assign(mia, [alert_id], "ann", reason="Knows the family")
    assert (done.ok, done.text) == (True, "1 alert given")
    with database.read() as session:
        assert session.get_one(Alert, alert_id).assigned_agent_id == "ann"
        assert session.query(Notification).filter_by(user_id="ann").count() == 1


def test_past_the_capacity_only_when_it_is_said(database: Database, ann: Viewer, mia: Viewer, now: datetime) -> None:
    ids = [opened(database, now), opened(database, now)]
    refused = commands.assign(mia, ids, "bob", reason="")
    assert not refused.ok
    assert refused.text.startswith("1 alert given; 1 not:")
    assert commands.assign(mia, ids, "bob", reason="", overflow=True).ok


def test_filters_are_saved_by_name_and_forgotten(database: Database, ann: Viewer) -> None:
    assert commands.save_filter(ann, "feed", "Mine", {"priority": ["HIGH"]}).ok
    assert not commands.save_filter(ann, "feed", "   ", {}).ok
    (row,) = queries.saved(ann, "feed").values()
    commands.delete_filter(ann, row.id)
    commands.delete_filter(ann, row.id)
    assert queries.saved(ann, "feed") == {}


def test_an_alert_is_declined_with_a_reason_and_goes_on(database: Database, ann: Viewer, now: datetime) -> None:
    alert_id = opened(database, now)
    refused = commands.act(ann, {"name": "decline", "id": alert_id, "reason": "other", "notes": " "}, who="Rosa")
    assert (refused.ok, "a few words are needed" in refused.text) == (False, True)
    done = commands.act(ann, {"name": "decline", "id": alert_id, "reason": "too_busy", "notes": ""}, who="Rosa")
    assert (done.ok, done.text, done.undo_until) == (True, "Declined Rosa: a colleague has it now", None)
    with database.read() as session:
        assert session.get_one(Alert, alert_id).assigned_agent_id == "bob"
    assert not commands.act(ann, {"name": "decline", "id": alert_id, "reason": "too_busy"}).ok
