"""Holidays are whole local days off, and no working time; the federal ones of a year come computed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from core.db import Database
from core.db.tables import AuditRow
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.escalation import clocks
from core.escalation.policy import Wait
from core.routing import days_off, federal, holidays, roster
from core.routing.schedule import DAYS, add_working_time, on_duty
from core.routing.state import State
from core.viewer import SYSTEM
from tests import factories

OFFICE = {day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in DAYS[:5]}
CHICAGO = "America/Chicago"


def at(text: str, zone: str = CHICAGO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def test_the_federal_holidays_of_a_year_come_with_their_observed_days() -> None:
    days = federal.holidays(2026)
    assert [day.isoformat() for day, _ in days] == [
        "2026-01-01", "2026-01-19", "2026-02-16", "2026-05-25", "2026-06-19", "2026-07-03", "2026-07-04",
        "2026-09-07", "2026-10-12", "2026-11-11", "2026-11-26", "2026-12-25",
    ]  # fmt: skip
    assert dict(days)[date(2026, 7, 3)] == "Independence Day (observed)"


def test_a_new_years_day_on_a_saturday_is_observed_in_the_year_before() -> None:
    assert (date(2027, 12, 31), "New Year's Day (observed)") in federal.holidays(2027)
    assert date(2027, 12, 31) not in dict(federal.holidays(2028))
    assert (date(2023, 1, 2), "New Year's Day (observed)") in federal.holidays(2023)
    assert "Juneteenth" not in dict(federal.holidays(2020)).values()


def test_a_holiday_is_the_local_day_of_each_agent() -> None:
    fourth = frozenset({date(2026, 7, 3)})
    evening = at("2026-07-03T23:30")  # 0:30 on the 4th in New York
    assert not on_duty({}, CHICAGO, evening, holidays=fourth)
    assert on_duty({}, "America/New_York", evening, holidays=fourth)
    assert on_duty({}, CHICAGO, evening)


def test_a_holiday_has_no_working_time() -> None:
    thursday = at("2026-07-02T16:00")
    due = add_working_time(thursday, timedelta(hours=4), OFFICE, CHICAGO, frozenset({date(2026, 7, 3)}))
    assert due == at("2026-07-06T11:00")


def test_who_is_always_on_duty_has_holidays_too() -> None:
    eve = at("2026-12-24T22:00")
    christmas = frozenset({date(2026, 12, 25)})
    assert add_working_time(eve, timedelta(hours=4), {}, CHICAGO, christmas) == at("2026-12-26T02:00")


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 3, 9), 24)])
def test_a_holiday_on_the_night_the_clock_jumps_is_as_long_as_that_day(day: date, hours: int) -> None:
    start = at(f"{day.isoformat()}T00:00")
    one = timedelta(hours=1)
    assert add_working_time(start, one, {}, CHICAGO, frozenset({day})) == start + timedelta(hours=hours) + one


def house(database: Database, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, "ada", now=now)
        factories.team(session, "north", now=now)
        factories.team(session, "south", now=now)
        factories.manager(session, "mia", of=["north"], now=now)
        factories.agent(session, "ann", team_id="north", now=now)
        factories.agent(session, "bob", team_id="south", now=now)


def test_a_team_holiday_takes_that_team_off_duty_and_off_the_clock(database: Database, now: datetime) -> None:
    house(database, now)
    today = now.astimezone(ZoneInfo(CHICAGO)).date()
    with database.write() as session:
        mia = factories.viewer(session, "mia")
        made = holidays.add(session, {"name": "Founders' day", "day": today, "team_id": "north"}, viewer=mia, now=now)
    with database.read() as session:
        state = State.load(session)
        found = state.roster(now)
        reasons = {state.house.directory.agents[position].id: why for position, why in found.reasons.items()}
        assert reasons == {"ann": roster.HOLIDAY}
        assert roster.HOLIDAY in roster.WORDS
        assert days_off.covering(session, ["ann", "bob"]) == {"ann": {today}}
        assert session.scalars(select(AuditRow.action)).all() == ["holiday.create"]
    due = clocks.due(Wait("workingHours", 4), now, clocks.Hours(timezone=CHICAGO, holidays=frozenset({today})))
    assert due == at(f"{(today + timedelta(days=1)).isoformat()}T04:00")
    with database.write() as session:
        with pytest.raises(Conflict, match="Founders' day"):
            holidays.add(session, {"name": "Again", "day": today, "team_id": "north"}, viewer=SYSTEM, now=now)
        holidays.remove(session, made.id, viewer=mia, now=now)
        assert State.load(session).roster(now).reasons == {}


def test_a_year_of_federal_holidays_is_added_once(database: Database, now: datetime) -> None:
    house(database, now)
    with database.write() as session:
        mia, ann = factories.viewer(session, "mia"), factories.viewer(session, "ann")
        assert len(holidays.add_federal(session, 2026, team_id="north", viewer=mia, now=now)) == 12
        assert holidays.add_federal(session, 2026, team_id="north", viewer=mia, now=now) == []
        for wrong in ((ann, None), (mia, None)):
            with pytest.raises(Forbidden):
                holidays.add_federal(session, 2026, team_id=wrong[1], viewer=wrong[0], now=now)
        with pytest.raises(NotFound):
            holidays.add(session, {"name": "x", "day": date(2026, 1, 2), "team_id": "south"}, viewer=mia, now=now)
        with pytest.raises(Invalid) as refused:
            holidays.add(session, {"name": " ", "day": "tomorrow", "team_id": "west"}, viewer=SYSTEM, now=now)
        assert set(refused.value.fields) == {"name", "day", "team_id"}
        changed = holidays.list_holidays(session, mia)[0]
        assert holidays.change(session, changed.id, {"name": "Day one"}, viewer=mia, now=now).name == "Day one"
        assert len(holidays.list_holidays(session, SYSTEM)) == len(holidays.list_holidays(session, ann)) == 12
        assert holidays.list_holidays(session, factories.viewer(session, "bob")) == []
