"""The morning's notice: once a day and person, only what is serious and new, again when it changes or after a week."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from core import versions
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Delivery, Setting, Team, TimeOff, User
from core.preflight import telling
from core.preflight.finding import Finding, Severity
from core.settings import Settings
from jobs import schedule
from tests import factories

OFFICE = {day: [["09:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
DAY = timedelta(days=1)
Tick = Callable[[], None]


@pytest.fixture
def tick(database: Database, clock: FakeClock, tmp_path: Path) -> Tick:
    """Run the job as the schedule does; mail is set up."""
    mail = {"smtp_url": "smtp://localhost:2525", "mail_from": "Doorbell <bell@doorbell.test>"}
    settings = Settings(database_url=database.url, data_dir=tmp_path, **mail)  # type: ignore[arg-type]
    context = schedule.Context(database=database, clock=clock, settings=settings, stop=threading.Event())
    job = schedule.load()["preflight"]
    return lambda: schedule.run(job, context)


@pytest.fixture
def office(database: Database, now: datetime) -> None:
    """Ann and Bob of North under Mia, Cal of South under nobody; Ada is the admin."""
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", name="North", now=now)
        factories.team(session, "south", name="South", now=now)
        factories.manager(session, "mia", of=["north"], timezone="America/New_York", now=now)
        for name, team in (("ann", "north"), ("bob", "north"), ("cal", "south")):
            factories.agent(session, name, team_id=team, schedule=OFFICE, territories=["elm"], now=now)
        factories.territory(session, "elm")


def off(database: Database, agent_id: str, first: datetime, last: datetime) -> None:
    with database.write() as session:
        session.execute(
            insert(TimeOff).values(id=f"{agent_id}-{first:%d}", agent_id=agent_id, starts_at=first, ends_at=last)
        )
        versions.bump(session, "routing")


def told(database: Database, user_id: str) -> list[str]:
    with database.read() as session:
        rows = session.execute(
            select(Delivery.payload).where(Delivery.user_id == user_id, Delivery.channel == "in_app").order_by(Delivery.created_at, Delivery.id)
        )  # fmt: skip
        return [row.payload["text"] for row in rows]


def test_nothing_serious_sends_nothing(database: Database, office: None, tick: Tick) -> None:
    tick()
    with database.read() as session:
        assert session.scalars(select(Delivery.id)).all() == []
        assert session.get_one(Setting, "preflight").value["day"] == "2026-03-02"


def test_it_is_told_once_in_the_morning_with_what_and_when(
    database: Database, clock: FakeClock, office: None, tick: Tick, now: datetime
) -> None:
    clock.set(now - timedelta(hours=3))  # 6:00 in the house
    for agent_id in ("ann", "bob"):
        off(database, agent_id, now + 7 * DAY, now + 9 * DAY)
    tick()
    assert told(database, "mia") == []
    clock.set(now)
    tick()
    tick()
    (text,) = told(database, "mia")
    assert "1 thing in the days to come needs you. Nobody of North is on duty for 18 hours" in text
    assert "Mon 9 Mar, 10:00-19:00" in text or "Tue 10 Mar, 10:00-19:00" in text  # her clock, an hour ahead
    assert [text.startswith("1 thing in the days to come") for text in told(database, "ada")] == [True]
    with database.read() as session:
        assert set(session.scalars(select(Delivery.channel).where(Delivery.user_id == "mia"))) == {"in_app", "email"}


def test_the_same_thing_is_told_again_after_a_week_and_a_new_cause_at_once(
    database: Database, clock: FakeClock, office: None, tick: Tick, now: datetime
) -> None:
    for agent_id in ("ann", "bob"):
        off(database, agent_id, now + 10 * DAY, now + 30 * DAY)  # reaches beyond the window: its end moves each day
    counts = []
    for day in range(9):
        clock.set(now + day * DAY)
        if day == 3:
            off(database, "ann", now + 8 * DAY, now + 9 * DAY)
            off(database, "bob", now + 8 * DAY, now + 9 * DAY)
        tick()
        counts.append(len(told(database, "mia")))
    assert counts == [1, 1, 1, 2, 2, 2, 2, 2, 2]
    clock.set(now + 10 * DAY)
    tick()
    assert len(told(database, "mia")) == 3


def test_what_comes_back_is_news(now: datetime) -> None:
    one = Finding(id="x", kind="x", severity=Severity.SERIOUS, text="", todo="", causes=frozenset({"a"}))
    memory = telling.remembered([one], {}, [one], now=now)
    assert telling.news([one], memory, now=now + DAY) == []
    assert telling.news([one], telling.remembered([], memory, [], now=now + DAY), now=now + 2 * DAY) == [one]
    assert telling.news([one], memory, now=now + 7 * DAY) == [one]


def test_who_left_is_not_told_and_two_processes_tell_once(
    database: Database, office: None, tick: Tick, now: datetime
) -> None:
    with database.write() as session:
        session.execute(update(User).where(User.id == "mia").values(active=False))
        session.execute(update(Team).where(Team.id == "south").values(manager_id="mia"))
    for agent_id in ("ann", "bob", "cal"):
        off(database, agent_id, now + DAY, now + 4 * DAY)
    tick()
    with database.write() as session:  # as if a second process had looked before the first one was done
        session.execute(update(Setting).where(Setting.key == "preflight").values(value={}))
    tick()
    assert (len(told(database, "ada")), told(database, "mia")) == (1, [])
