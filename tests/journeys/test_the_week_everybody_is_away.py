"""The story of the week everybody is away: told on Monday, repaired by a cover, and on the day no alert is left waiting."""

import threading
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from core import preflight, routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Delivery
from core.preflight import Report
from core.routing import dispatch, profiles, time_off
from core.settings import Settings
from core.viewer import SYSTEM
from jobs import schedule
from tests import factories
from tests.preflight.houses import CHICAGO

OFFICE = {day: [["08:00", "20:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
WEEK = {"first_day": date(2026, 3, 9), "last_day": date(2026, 3, 13)}


def look(database: Database, now: datetime) -> Report:
    with database.read() as session:
        facts = preflight.read(session, state=routing.State.load(session), channels={"email"}, now=now)
    return preflight.check(facts, zone=CHICAGO, now=now)


def told(database: Database, user_id: str) -> list[str]:
    with database.read() as session:
        rows = session.execute(
            select(Delivery.payload).where(
                Delivery.user_id == user_id,
                Delivery.channel == "in_app",
                Delivery.idempotency_key.contains("preflight"),
            )
        )
        return [row.payload["text"] for row in rows]


def test_the_week_everybody_is_away(database: Database, clock: FakeClock, now: datetime, tmp_path: Path) -> None:
    mail = {"smtp_url": "smtp://localhost:2525", "mail_from": "Doorbell <bell@doorbell.test>"}
    settings = Settings(database_url=database.url, data_dir=tmp_path, **mail)  # type: ignore[arg-type]
    context = schedule.Context(database=database, clock=clock, settings=settings, stop=threading.Event())
    job = schedule.load()["preflight"]
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", name="North", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        factories.territory(session, "elm", name="Elm")
        for name in ("ann", "bob"):
            factories.agent(session, name, team_id="north", schedule=OFFICE, territories=["elm"], now=now)
        time_off.add(session, "ann", WEEK, viewer=SYSTEM, now=now)
    schedule.run(job, context)
    assert told(database, "mia") == []  # Bob is there

    # On Tuesday Bob takes the same week. The next morning Mia and Ada hear of it, once, with the days.
    clock.set(now + timedelta(days=1))
    with database.write() as session:
        time_off.add(session, "bob", WEEK, viewer=SYSTEM, now=clock.now())
    schedule.run(job, context)
    schedule.run(job, context)
    (text,) = told(database, "mia")
    assert "Nobody of North is there" not in text
    assert "is on duty for 60 hours in which somebody usually is" in text
    assert "Mon 9 to Fri 13 Mar, 08:00-20:00" in text
    assert len(told(database, "ada")) == 1

    # The day after, nothing is said twice.
    clock.set(now + timedelta(days=2))
    schedule.run(job, context)
    assert len(told(database, "mia")) == 1

    # Cal of South stands in for Ann and covers Elm: what was serious is gone.
    with database.write() as session:
        factories.team(session, "south", name="South", manager_id="mia", now=clock.now())
        factories.agent(session, "cal", team_id="south", schedule=OFFICE, now=clock.now())
        profiles.put(session, "cal", {"territories": ["elm"]}, viewer=SYSTEM, now=clock.now())
        (off,) = time_off.list_time_off(session, SYSTEM, agent_id="ann")
        time_off.change(session, off.id, {"cover_agent_id": "cal"}, viewer=SYSTEM, now=clock.now())
    assert look(database, clock.now()).serious == ()

    # And on Monday an alert from there is Cal's within the moment.
    clock.set(datetime.fromisoformat("2026-03-09T16:00:00+00:00"))
    with database.write() as session:
        alert_id = factories.alert(session, territory="elm", now=clock.now())
        state = routing.State.load(session)
        (routed,) = dispatch.route(session, [alert_id], state=state, trigger="opened", now=clock.now())
    assert routed.agent_id == "cal"
