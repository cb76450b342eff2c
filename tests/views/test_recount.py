"""The score computed again: what machines would have added, what is in doubt, and what would lower it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core import events, pipeline, scoring
from core.db import Database
from core.db.tables import Alert
from core.viewer import Viewer
from core.views import feed
from core.views.recount import Recount
from core.words import Role
from tests import factories as make

ADA = Viewer(user_id="ada", name="Ada", email="ada@doorbell.test", role=Role.ADMIN, team_ids=(), timezone="UTC")


def _raw(number: int, name: str, *, at: datetime, **more: Any) -> dict[str, Any]:
    return {
        "eventId": f"e-{number}-{name}-{at.timestamp()}",
        "userId": "rosa",
        "eventType": "PAGE_VIEW",
        "eventName": name,
        "occurredAt": at.isoformat(),
        **more,
    }


def _alert(database: Database, raw: list[dict[str, Any]], *, now: datetime) -> tuple[Alert, Recount]:
    """Ring for these events; the alert as the line made it, and its recount as an admin sees it."""
    with database.write() as session:
        scoring.install(session, now=now)
        make.user(session, "ada", role=Role.ADMIN, now=now)
        good, bad = events.parse_many(raw, now=now)
        assert not bad
        events.record(session, good, now=now)
    with database.write() as session:
        world = pipeline.World.load(session)
        (alert_id,) = pipeline.decide(session, world=world, now=now).opened
    with database.read() as session:
        alert = session.scalars(select(Alert).where(Alert.id == alert_id)).one()
        return alert, feed.get_alert(session, ADA, alert_id, now=now + timedelta(days=1)).recount


def _checks(count: int, *, now: datetime, **more: Any) -> list[dict[str, Any]]:
    return [_raw(each, "value_check", at=now - timedelta(hours=5 * each + 1), **more) for each in range(count)]


def _looks(count: int, *, now: datetime, **more: Any) -> list[dict[str, Any]]:
    return [_raw(each, "comparable_view", at=now - timedelta(hours=5 * each + 2), **more) for each in range(count)]


def test_a_clean_score_is_the_same_however_it_is_counted(database: Database, now: datetime) -> None:
    alert, found = _alert(database, _checks(10, now=now) + _looks(2, now=now), now=now)
    assert (found.events, found.machine, found.doubtful) == (12, 0, 0)
    assert found.confidence == pytest.approx(alert.confidence)
    assert found.without_doubtful == found.with_machines == found.confidence


def test_machines_do_not_count_and_what_is_in_doubt_can_be_left_out(database: Database, now: datetime) -> None:
    raw = (
        _checks(9, now=now)
        + _looks(2, now=now)
        + _looks(6, now=now - timedelta(minutes=7), userAgent="Googlebot/2.1")
        + _checks(3, now=now - timedelta(minutes=9), properties={"ipType": "hosting"})
    )
    alert, found = _alert(database, raw, now=now)
    assert (found.events, found.machine, found.doubtful) == (20, 6, 3)
    assert found.confidence == pytest.approx(alert.confidence)
    assert found.without_doubtful is not None
    assert found.with_machines is not None
    assert found.without_doubtful < alert.confidence < found.with_machines
    assert "check of the home's value" in found.lowering[0].text
    assert found.lowering[0].confidence < alert.confidence


def test_of_an_alert_no_stored_model_made_the_events_are_counted_all_the_same(
    database: Database, now: datetime
) -> None:
    with database.write() as session:
        make.user(session, "ada", role=Role.ADMIN, now=now)
        make.contact(session, "rosa", now=now)
        make.event(session, "rosa", at=now - timedelta(days=1))
        make.event(session, "rosa", at=now - timedelta(days=1), is_machine=True, p_human=0.02)
        make.event(session, "rosa", at=now - timedelta(days=100), is_machine=True, p_human=0.02)
        alert_id = make.alert(session, contact_id="rosa", now=now)
    with database.read() as session:
        found = feed.get_alert(session, ADA, alert_id, now=now).recount
    assert (found.window_days, found.events, found.machine, found.doubtful) == (90, 2, 1, 0)
    assert (found.confidence, found.lowering) == (None, ())
