"""Preferences over HTTP: one's own, those of the people one leads, and what would happen now."""

from typing import Any

from sqlalchemy import select

from core.clock import FakeClock
from core.db import Database
from core.db.tables import AuditRow


def said(answer: Any) -> dict[str, str]:
    return {one["priority"]: one["text"] for one in answer["told"]}


def test_they_are_read_and_changed_by_what_is_named(api: Any) -> None:
    before = api.ann.get("/me/preferences").json()
    assert (before["version"], before["quietHours"], before["digests"]["LOW"]) == (0, None, "daily")
    changed = api.ann.put("/me/preferences", {"quietHours": {"from": "21:00", "until": "07:00"}})
    assert changed.status_code == 200
    assert changed.json()["version"] == 1
    assert changed.json()["digests"] == before["digests"]
    assert changed.json()["quiet"] == "Tonight from 9 pm until 7 am only what is critical."
    assert api.bob.get("/me/preferences").json()["quietHours"] is None
    assert api.ann.send("PUT", "/me/preferences", json={}, params={"version": 0}).status_code == 409


def test_what_is_wrong_is_named(api: Any) -> None:
    answer = api.ann.put("/me/preferences", {"matrix": {"HIGH": {"pigeon": 0}}, "gatherAfter": -1})
    assert answer.status_code == 422
    assert set(answer.json()["fields"]) == {"matrix.HIGH.pigeon", "gatherAfter"}
    assert api.ann.get("/me/preferences").json()["version"] == 0


def test_an_admin_reads_and_changes_anybodys(api: Any, database: Database) -> None:
    assert api.ann.get("/users/ann/preferences").status_code == 403
    assert api.ada.get("/users/nobody/preferences").status_code == 404
    assert api.ada.put("/users/ann/preferences", {"language": "es"}).json()["language"] == "es"
    assert api.ann.get("/me/preferences").json()["language"] == "es"
    with database.read() as session:
        row = session.scalars(select(AuditRow).where(AuditRow.action == "preferences.change")).one()
        assert (row.actor_id, row.subject_id) == ("ada", "ann")


def test_a_manager_reads_and_changes_those_of_the_own_teams(api: Any, database: Database) -> None:
    for stranger in ("cal", "ada", "max"):
        assert api.mia.get(f"/users/{stranger}/preferences").status_code == 404
        assert api.mia.put(f"/users/{stranger}/preferences", {"language": "es"}).status_code == 404
    assert api.mia.get("/users/ann/preferences").json()["version"] == 0
    answer = api.mia.put(
        "/users/ann/preferences", {"quietHours": {"from": "21:00", "until": "07:00"}, "workingHoursOnly": True}
    )
    assert "Outside their working hours" in answer.json()["quiet"]
    with database.read() as session:
        row = session.scalars(select(AuditRow).where(AuditRow.action == "preferences.change")).one()
        assert (row.actor_id, row.subject_id) == ("mia", "ann")


def test_what_would_happen_now_is_said_and_what_is_missing(api: Any, clock: FakeClock) -> None:
    found = api.ann.get("/me/preferences").json()
    assert said(found)["CRITICAL"] == "A critical alert now: in the app at once, and nowhere else."
    channels = {one["channel"]: one for one in found["channels"]}
    assert channels["in_app"]["works"]
    assert channels["email"]["rule"] == "not_set_up"
    assert "DOORBELL_SMTP_URL" in channels["email"]["nextStep"]
