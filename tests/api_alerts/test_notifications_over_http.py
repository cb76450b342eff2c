"""One's own inbox over HTTP."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from core.clock import FakeClock
from core.db import Database
from tests import factories as make


@pytest.fixture
def anns(api: Any, database: Database, now: datetime) -> list[str]:
    """Three of Ann's, newest first; Bob has one."""
    with database.write() as session:
        make.notification(session, "bob", at=now)
        return [make.notification(session, "ann", at=now - timedelta(minutes=number)) for number in range(3)]


def test_the_inbox_is_ones_own(api: Any, anns: list[str]) -> None:
    found = api.ann.get("/notifications").json()

    assert [item["id"] for item in found["items"]] == anns
    assert found["unread"] == 3
    assert api.ada.get("/notifications").json() == {"items": [], "nextCursor": None, "unread": 0}


def test_it_is_paged(api: Any, anns: list[str]) -> None:
    first = api.ann.get("/notifications", limit=2).json()
    second = api.ann.get("/notifications", limit=2, cursor=first["nextCursor"]).json()

    assert [item["id"] for item in first["items"] + second["items"]] == anns
    assert second["nextCursor"] is None
    assert api.ann.get("/notifications", cursor="x").status_code == 422


def test_it_is_read_unread_and_put_away(api: Any, anns: list[str]) -> None:
    assert api.ann.post("/notifications/read", {"ids": anns[:1]}).json() == {"changed": 1, "unread": 2}
    assert [item["id"] for item in api.ann.get("/notifications", unread=True).json()["items"]] == anns[1:]
    assert api.ann.post("/notifications/unread", {"ids": anns[:1]}).json() == {"changed": 1, "unread": 3}
    assert api.ann.post("/notifications/archive", {"ids": anns[:1]}).json() == {"changed": 1, "unread": 2}
    assert [item["id"] for item in api.ann.get("/notifications", archived=True).json()["items"]] == anns[:1]
    assert api.ann.post("/notifications/read", {}).json() == {"changed": 2, "unread": 0}
    assert api.ann.post("/notifications/unarchive", {"ids": anns[:1]}).json() == {"changed": 1, "unread": 1}


def test_what_is_snoozed_is_hidden_and_comes_back_unread(
    api: Any, anns: list[str], clock: FakeClock, now: datetime
) -> None:
    until = (now + timedelta(hours=1)).isoformat()
    api.ann.post("/notifications/read", {"ids": anns[:1]})
    assert api.ann.post("/notifications/snooze", {"ids": anns[:2], "until": until}).json() == {
        "changed": 2,
        "unread": 1,
    }
    assert [item["id"] for item in api.ann.get("/notifications").json()["items"]] == anns[2:]
    assert [item["id"] for item in api.ann.get("/notifications", snoozed=True).json()["items"]] == anns[:2]
    assert api.ann.post("/notifications/read", {}).json() == {"changed": 1, "unread": 0}
    assert api.ann.post("/notifications/unsnooze", {"ids": anns[1:2]}).json() == {"changed": 1, "unread": 1}
    clock.set(now + timedelta(hours=1))
    assert api.ann.get("/notifications").json()["unread"] == 2
    for wrong in (until, (clock.now() + timedelta(days=400)).isoformat(), "2026-03-02T16:00:00"):
        assert api.ann.post("/notifications/snooze", {"ids": anns[:1], "until": wrong}).status_code == 422
    assert api.bob.post("/notifications/snooze", {"ids": anns[:1], "until": "2026-05-02T16:00:00Z"}).status_code == 404


@pytest.mark.parametrize("what", ["read", "unread", "archive", "unarchive"])
def test_the_inbox_of_another_is_not_there(api: Any, anns: list[str], what: str) -> None:
    assert api.bob.post(f"/notifications/{what}", {"ids": anns}).status_code == 404
    assert api.bob.post(f"/notifications/{what}", {"ids": ["no-such"]}).status_code == 404
    assert api.bob.post(f"/notifications/{what}", {"ids": []}).status_code == 422
    assert api.ann.get("/notifications").json()["unread"] == 3
