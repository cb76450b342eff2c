"""Thresholds as people set them: checked, audited, in force with the next batch, taken back; and what the API says of them."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi import Request
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from app.api import application, deps, fair_housing
from app.api import thresholds as api_thresholds
from app.runtime import Runtime
from app.security.limits import Limits
from core import scoring, thresholds
from core.alerts import priority
from core.clock import FakeClock
from core.db import Database
from core.db.tables import AuditRow, Contact, Score
from core.errors import Conflict, Forbidden, Invalid
from core.pipeline import World
from core.settings import Settings
from core.viewer import load
from core.words import Intent, Outcome, Status
from tests import factories, races

SELL, BUY = str(Intent.LIKELY_TO_SELL), str(Intent.LIKELY_TO_BUY)


@pytest.fixture
def house(database: Database, now: datetime) -> Database:
    """Ada the admin, Mia the manager, Ann the agent; 40 contacts scored weekly for twelve weeks, ten of them warm."""
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        factories.agent(session, "ann", team_id="north", now=now)
        rows = []
        for number in range(40):
            who = factories.contact(session, scored_at=now, last_human_event_at=now, now=now)
            for week in range(12):
                warm = number < 10 and week >= number
                results = {
                    SELL: [0.05, 0.45 + number / 25 if warm else 0.1, "v1"],
                    BUY: [0.01, 0.05, "v1"],
                    "shadow:v2": [0.9, 0.9],
                }
                at = now - timedelta(weeks=11 - week, days=1)
                rows.append({"contact_id": who, "scored_at": at, "feature_set": 1, "features": b"", "results": results})
        session.execute(insert(Score), rows)
        for number, outcome in enumerate([Outcome.TRUE_POSITIVE] * 3 + [Outcome.FALSE_POSITIVE] * 4):
            closed = {"status": Status.DISMISSED, "opened_at": now - timedelta(days=20), "confidence": 0.55}
            alert_id = factories.alert(session, agent_id="ann", now=now, **closed)
            reason = "no_interest" if number >= 3 else "intent_confirmed"
            factories.outcome(session, alert_id, outcome, reason=reason, now=now)
    return database


def test_the_forecast_counts_alerts_not_scores(house: Database, now: datetime) -> None:
    """Ten contacts become warm, one a week; weekly scores keep one alert open, however many scores that are."""
    with house.read() as session:
        known = thresholds.known(session, now=now)
    at_half = thresholds.point(known, known.thresholds, with_budget=False)
    assert at_half.count == 8  # those that reach 0.5
    assert at_half.a_week.value == pytest.approx(8 / 12)
    assert known.evidence.series.types[:4] == tuple(map(str, Intent))
    assert known.evidence.agents == 1
    together = known.dismissals[0]
    assert (together.dismissed, together.total) == (4, 7)


def test_a_wish_for_alerts_is_turned_into_a_threshold(house: Database, now: datetime) -> None:
    with house.read() as session:
        known = thresholds.known(session, now=now)
        few = thresholds.preview(session, known, alerts_a_week=4 / 12, now=now)
        origin = thresholds.preview(session, known, preset="origin", now=now)
        with pytest.raises(Invalid):
            thresholds.preview(session, known, preset="magic", now=now)
    assert few.point.count == 4
    assert few.changes["confidence"] > 0.5
    assert origin.point.right is not None
    assert origin.point.right.value >= 0.7


def test_a_saved_change_counts_with_the_next_batch_and_is_audited(house: Database, now: datetime) -> None:
    with house.write() as session:
        scoring.install(session, now=now)
    with house.read() as session:
        world = World.load(session)
        world.refresh(session, now=now)
        assert world.thresholds.opening(SELL) == 0.5
    with house.write() as session:
        thresholds.save(
            session, {"confidence": 0.62, "types": {SELL: 0.7}}, viewer=factories.viewer(session, "ada"), now=now
        )
    with house.read() as session:
        world.refresh(session, now=now)
        assert (world.thresholds.opening(SELL), world.thresholds.opening(BUY)) == (0.7, 0.62)
        row = session.scalars(select(AuditRow).where(AuditRow.action == "thresholds.changed")).one()
        assert (row.actor_id, row.before, row.after) == ("ada", {}, {"confidence": 0.62, "types": {SELL: 0.7}})


def test_two_changes_at_once_both_count(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        ada = load(session, "ada")
    assert ada is not None
    told = races.at_once(
        database,
        lambda session: thresholds.save(session, {"confidence": 0.6}, viewer=ada, now=now),
        lambda session: thresholds.save(session, {"callCost": 30.0}, viewer=ada, now=now),
    )
    with database.read() as session:
        found = priority.in_force(session, now=now)
    assert (told, found.confidence, found.call_cost) == ("", 0.6, 30.0)


def test_a_change_is_taken_back_once(house: Database, now: datetime) -> None:
    with house.write() as session:
        ada = factories.viewer(session, "ada")
        thresholds.save(session, {"confidence": 0.6}, viewer=ada, now=now)
        thresholds.save(session, {"confidence": 0.8}, viewer=ada, now=now)
        assert thresholds.undo(session, viewer=ada, now=now).confidence == 0.6
        with pytest.raises(Conflict):
            thresholds.undo(session, viewer=ada, now=now)
        assert thresholds.save(session, {"confidence": None}, viewer=ada, now=now).confidence == 0.5


WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"confidence": 0.99}, "confidence"),
    ({"confidence": float("nan")}, "confidence"),
    ({"confidence": True}, "confidence"),
    ({"types": {"NO_SUCH": 0.5}}, "types"),
    ({"types": {SELL: 2}}, "types"),
    ({"cuts": {"CRITICAL": 10, "HIGH": 20, "MEDIUM": 5}}, "cuts"),
    ({"tiers": "mood"}, "tiers"),
    ({"budgetShare": 0}, "budgetShare"),
    ({"previous": {}}, "previous"),
)


def test_what_makes_no_sense_is_refused(house: Database, now: datetime) -> None:
    with house.write() as session:
        ada = factories.viewer(session, "ada")
        for changes, field in WRONG:
            with pytest.raises(Invalid) as refused:
                thresholds.save(session, changes, viewer=ada, now=now)
            assert field in refused.value.fields


def test_only_an_admin_sets_them(house: Database, now: datetime) -> None:
    with house.write() as session, pytest.raises(Forbidden):
        thresholds.save(session, {"confidence": 0.6}, viewer=factories.viewer(session, "mia"), now=now)


@pytest.fixture
def call(house: Database, clock: FakeClock, tmp_path: Any) -> Iterator[Any]:
    runtime = Runtime(settings=Settings(data_dir=tmp_path), database=house, clock=clock)
    app = application.build(runtime, Limits(), [api_thresholds.router, fair_housing.router])

    async def caller(request: Request) -> Any:
        with house.read() as session:
            return load(session, request.headers["x-test-user"])

    app.dependency_overrides[deps.caller] = caller
    with TestClient(app) as client:
        yield lambda who, method, path, **more: client.request(method, path, headers={"x-test-user": who}, **more)


def test_over_http_managers_look_and_admins_change(call: Any) -> None:
    assert call("ann", "GET", "/thresholds").status_code == 403
    seen = call("mia", "GET", "/thresholds").json()
    assert seen["current"]["inForce"][SELL] == 0.5
    assert len(seen["curve"]) == len(thresholds.GRID)
    assert call("mia", "PUT", "/thresholds", json={"confidence": 0.6}).status_code == 403
    tried = call("mia", "POST", "/thresholds/preview", json={"alertsAWeek": 4 / 12}).json()
    assert tried["point"]["count"] == 4
    changed = call("ada", "PUT", "/thresholds", json=tried["changes"])
    assert changed.status_code == 200, changed.text
    after = call("ada", "GET", "/thresholds").json()
    assert (after["canUndo"], after["now"]["count"]) == (True, 4)
    assert call("ada", "POST", "/thresholds/undo").json()["confidence"] == 0.5
    assert call("ada", "POST", "/thresholds/undo").status_code == 409
    assert call("ada", "PUT", "/thresholds", json={"confidence": 7}).json()["fields"]["confidence"]


def test_over_http_the_audit_is_read_and_downloaded_with_a_trace(call: Any, house: Database) -> None:
    assert call("ann", "GET", "/fair-housing").status_code == 403
    assert call("ann", "GET", "/fair-housing.csv").status_code == 403
    seen = call("ada", "GET", "/fair-housing").json()
    assert {"sentence", "areas", "limits", "models", "proxies"} <= set(seen)
    table = call("mia", "GET", "/fair-housing.csv", params={"by": "city"})
    assert table.headers["content-disposition"].endswith('.csv"')
    page = call("ada", "GET", "/fair-housing.html")
    assert page.status_code == 200
    assert "What this cannot tell" in page.text
    assert call("ada", "GET", "/fair-housing", params={"by": "race"}).status_code == 422
    for until in ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"):
        assert set(call("ada", "GET", "/fair-housing", params={"until": until}).json()["fields"]) == {"until"}
    with house.read() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.action == "fair_housing.downloaded")).all()
        assert [(row.actor_id, (row.after or {})["kind"]) for row in rows] == [("mia", "csv"), ("ada", "html")]
        assert session.scalar(select(Contact.id).limit(1))
