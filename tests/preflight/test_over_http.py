"""The check over HTTP: an admin sees the house, a manager their teams, an agent nothing."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx2
import pytest
from sqlalchemy import insert, update

from core import versions
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, TimeOff
from tests import factories, webs
from tests.webs import Running, people, serving_web

OFFICE = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
DAY = timedelta(days=1)


@pytest.fixture
def running(database: Database, clock: FakeClock, now: datetime) -> Iterator[Running]:
    people(database, now)
    with database.write() as session:
        session.execute(update(Agent).values(schedule=OFFICE, territories=["elm"], primary_territory="elm"))
        factories.territory(session, "elm", name="Elm")
        factories.territory(session, "oak", name="Oak")
    with serving_web(database, clock) as running:
        yield running


def ask(running: Running, who: str, query: str = "") -> httpx2.Response:
    headers = {"authorization": f"Bearer {running.token(f'{who}@doorbell.test')}"}
    return webs.request("GET", f"{running.url}/api/v1/alerts/routing/preflight{query}", headers=headers)


def test_each_sees_what_they_answer_for(running: Running, now: datetime) -> None:
    with running.runtime.database.write() as session:
        for name in ("ann", "bob"):
            off = {"id": name, "agent_id": name, "starts_at": now + 7 * DAY, "ends_at": now + 9 * DAY}
            session.execute(insert(TimeOff).values(**off))
        versions.bump(session, "routing")
    ada, mia, ann = (ask(running, who) for who in ("ada", "mia", "ann"))
    assert (ada.status_code, mia.status_code, ann.status_code) == (200, 200, 403)
    assert ask(running, "ada", "?days=0").status_code == ask(running, "ada", "?days=61").status_code == 422

    kinds = {one["kind"]: one for one in ada.json()["findings"]}
    away = kinds["team_away"]
    assert (away["severity"], away["teamIds"], away["agentIds"]) == ("serious", ["north"], ["ann", "bob"])
    assert (
        away["when"] == "Tue 10 Mar, 13:00-18:00; Mon 9 Mar, 15:00-18:00; Wed 11 Mar, 13:00-15:00"
    )  # from 8 in Chicago on
    assert "(and for 8 hours outside 8-20 h)" in away["text"]
    assert away["nightSpans"][0] == {"startsAt": "2026-03-10T09:00:00Z", "endsAt": "2026-03-10T13:00:00Z"}
    assert away["link"] == {"path": "/agents?view=People", "label": "Hours and time off"}
    assert kinds["territory_uncovered"]["territories"] == ["oak"]
    assert ada.json()["areas"][0]["kind"] == "house"
    assert (ada.json()["timezone"], ada.json()["covered"]) == ("America/Chicago", False)
    assert len(ada.json()["hours"]) == 14 * 24 - 10  # this far into Monday in Chicago, and 8 March has 23 hours

    mine = mia.json()
    assert {one["kind"] for one in mine["areas"]} == {"team", "territory"}
    assert "territory_uncovered" not in {one["kind"] for one in mine["findings"]}
    assert "cal" not in mia.text
    assert mine["people"] == 2


def test_what_is_put_right_is_seen_at_once(running: Running, now: datetime) -> None:
    before = {one["kind"] for one in ask(running, "ada").json()["findings"]}
    with running.runtime.database.write() as session:
        session.execute(update(Agent).where(Agent.id == "cal").values(territories=["elm", "oak"]))
        versions.bump(session, "routing")
    after = {one["kind"] for one in ask(running, "ada").json()["findings"]}
    assert ("territory_uncovered" in before, "territory_uncovered" in after) == (True, False)


def test_reading_it_changes_nothing_and_a_short_window_is_shorter(running: Running, now: datetime) -> None:
    found = ask(running, "ada", "?days=1").json()
    assert (found["until"], len(found["hours"])) == ("2026-03-03T06:00:00Z", 15)
    with running.runtime.database.read() as session:
        assert session.connection().exec_driver_sql("SELECT count(*) FROM deliveries").scalar() == 0
