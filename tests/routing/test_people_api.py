"""Time off, holidays, territories and teams over HTTP, as a client sees them."""

from collections.abc import Iterator
from datetime import datetime

import httpx2
import pytest
from sqlalchemy import update

from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent
from tests import webs
from tests.webs import Running, people, serving_web

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is behind it is tested on both


@pytest.fixture
def running(database: Database, clock: FakeClock) -> Iterator[Running]:
    people(database, clock.now())
    with serving_web(database, clock) as running:
        yield running


class Client:
    def __init__(self, running: Running, who: str) -> None:
        self._at = f"{running.url}/api/v1"
        self._headers = {"authorization": f"Bearer {running.token(f'{who}@doorbell.test')}"}

    def __call__(self, method: str, path: str, body: object = None) -> httpx2.Response:
        return webs.request(method, self._at + path, json=body, headers=self._headers)


def test_the_people_of_a_house_over_http(running: Running, now: datetime) -> None:
    ada, mia, ann = (Client(running, who) for who in ("ada", "mia", "ann"))

    week = {"firstDay": "2026-03-09", "lastDay": "2026-03-13", "coverAgentId": "bob", "reason": "Holiday"}
    made = ann("POST", "/agents/ann/time-off", week)
    assert made.status_code == 201, made.text
    off = made.json()
    assert (off["startsAt"], off["endsAt"]) == ("2026-03-09T00:00:00Z", "2026-03-14T00:00:00Z")
    assert (off["coverName"], off["lastDay"], off["doubts"]) == ("Bob", "2026-03-13", [])
    assert ann("POST", "/agents/bob/time-off", week).status_code == 403
    assert ann("POST", "/agents/ann/time-off", {"firstDay": "2026-03-10"}).status_code == 409
    wrong = mia("POST", "/agents/bob/time-off", {"firstDay": "2026-03-09", "coverAgentId": "bob"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (422, ["cover_agent_id"])
    assert mia("POST", "/agents/cal/time-off", week).status_code == 404
    for extreme in ("0001-01-01", "9999-12-31"):
        assert ann("POST", "/agents/ann/time-off", {"firstDay": extreme}).status_code == 422
        assert ada("POST", "/holidays", {"name": "x", "day": extreme}).status_code == 422
    hours = {"startsAt": "2026-03-09T14:00:00Z", "endsAt": "2026-03-09T16:00:00+00:00"}
    changed = mia("PATCH", f"/time-off/{off['id']}", hours).json()
    assert (changed["firstDay"], changed["endsAt"], changed["coverAgentId"]) == (None, "2026-03-09T16:00:00Z", "bob")
    assert [one["id"] for one in mia("GET", "/agents/ann/time-off").json()["items"]] == [off["id"]]
    assert mia("DELETE", f"/time-off/{off['id']}").status_code == 204
    assert ann("GET", "/agents/ann/time-off?past=true").json()["items"] == []

    told = [one["body"] for one in Client(running, "bob")("GET", "/notifications").json()["items"]]
    assert any("You cover for Ann, Mon 9 Mar 2026 to Fri 13 Mar 2026: what" in text for text in told)
    assert any(
        "You no longer cover for Ann, Mon 9 Mar, 2:00 PM UTC to Mon 9 Mar, 4:00 PM UTC." in text for text in told
    )

    hours = {"timezone": "America/Denver", "schedule": {"mon": [["09:00", "17:00"]]}}
    profile = ann("PUT", "/alerts/routing/agents/ann/profile", hours)
    assert (profile.status_code, profile.json()["timezone"]) == (200, "America/Denver")
    for wrong_one in ({"timezone": "Mars/Olympus"}, {"timezone": None}):
        assert ann("PUT", "/alerts/routing/agents/ann/profile", wrong_one).status_code == 422
    assert ann("PUT", "/alerts/routing/agents/ann/profile", {"maxPerDay": 3}).status_code == 403

    assert ann("POST", "/agents/ann/resume").json() == {"resumed": False}
    with running.runtime.database.write() as session:
        session.execute(update(Agent).where(Agent.id == "ann").values(paused_at=now, paused_reason="mail"))
    assert mia("POST", "/agents/ann/resume").json() == {"resumed": True}

    assert mia("POST", "/holidays/federal", {"year": 2026}).status_code == 403
    assert len(ada("POST", "/holidays/federal", {"year": 2026}).json()["items"]) == 12
    day = mia("POST", "/holidays", {"name": "Founders", "day": "2026-03-03", "teamId": "north"}).json()
    assert len(ann("GET", "/holidays?since=2026-03-01").json()["items"]) == 10
    assert mia("PATCH", f"/holidays/{day['id']}", {"day": "2026-03-04"}).json()["day"] == "2026-03-04"
    assert mia("DELETE", f"/holidays/{day['id']}").status_code == 204
    assert ann("POST", "/holidays", {"name": "x", "day": "2026-03-04"}).status_code == 403

    assert mia("POST", "/territories", {"name": "Austin"}).status_code == 403
    austin = ada("POST", "/territories", {"name": "Austin", "zips": ["787*"]}).json()
    east = ada("POST", "/territories", {"name": "East Side", "zips": ["78702", "78700-78709"]}).json()
    assert (austin["id"], east["id"], east["zips"]) == ("austin", "east-side", ["78702", "78700-78709"])
    assert east["doubts"] == ["10 ZIPs from 78700 to 78709 are in Austin and in East Side; East Side gets them."]
    inside = ada("PATCH", "/territories/east-side", {"parentId": "austin"}).json()
    assert (inside["parentId"], inside["doubts"]) == ("austin", [])
    assert len(ann("GET", "/territories").json()["items"]) == 2
    assert ada("DELETE", "/territories/austin").status_code == 409
    assert ada("DELETE", "/territories/east-side").status_code == 204

    team = ada("POST", "/teams", {"name": "West", "fallbacks": ["workload"], "agentIds": ["cal"]}).json()
    assert (team["agentIds"], team["defaultStrategy"], team["fallbacks"]) == (["cal"], "territory", ["workload"])
    assert ada("PATCH", f"/teams/{team['id']}", {"name": "Far West", "agentIds": None}).json()["agentIds"] == ["cal"]
    assert ada("DELETE", f"/teams/{team['id']}").status_code == 409
    assert ada("PATCH", f"/teams/{team['id']}", {"agentIds": []}).status_code == 200
    assert ada("DELETE", f"/teams/{team['id']}").status_code == 204
    assert mia("POST", "/teams", {"name": "Mine"}).status_code == 403
