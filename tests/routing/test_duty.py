"""Until when somebody is on duty or away is told from hours, holidays and time off together."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.routing.directory import Agent
from core.routing.duty import duty
from core.routing.schedule import ALWAYS, DAYS, parse

CHICAGO = ZoneInfo("America/Chicago")
OFFICE = parse({day: [["09:00", "12:30"], ["13:30", "18:00"]] for day in DAYS[:5]})


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHICAGO).astimezone(UTC)


def ann(**values: Any) -> Agent:
    plain = Agent(
        id="ann", position=0, name="Ann", active=True, available=True, auto_assign=True, capacity=9, team_id=None,
        primary_territory=None, territories=(), skills={}, specializations=frozenset(), preferred=frozenset(),
        week=OFFICE, zone=CHICAGO, time_off=(),
    )  # fmt: skip
    return replace(plain, **values)


OFF = ((at("2026-03-02T16:00"), at("2026-03-04T00:00"), None),)


@pytest.mark.parametrize(
    ("agent", "now", "reason", "until"),
    [
        (ann(), "2026-03-02T10:00", None, "2026-03-02T12:30"),
        (ann(), "2026-03-02T12:45", "off_duty", "2026-03-02T13:30"),
        (ann(), "2026-03-06T18:00", "off_duty", "2026-03-09T09:00"),
        (ann(time_off=OFF), "2026-03-02T14:00", None, "2026-03-02T16:00"),
        (ann(time_off=OFF), "2026-03-02T17:00", "time_off", "2026-03-04T09:00"),
        (ann(holidays=frozenset({date(2026, 3, 4)})), "2026-03-04T10:00", "holiday", "2026-03-05T09:00"),
        (ann(week=ALWAYS), "2026-03-04T10:00", None, None),
        (ann(week=ALWAYS, time_off=OFF), "2026-03-01T10:00", None, "2026-03-02T16:00"),
        (ann(week=ALWAYS, holidays=frozenset({date(2026, 3, 9)})), "2026-03-07T10:00", None, "2026-03-09T00:00"),
        (ann(week=ALWAYS, time_off=OFF), "2026-03-05T10:00", None, None),
        (ann(available=False), "2026-03-02T10:00", "unavailable", None),
        (ann(paused="mail"), "2026-03-02T10:00", "paused", None),
    ],
)
def test_until_when(agent: Agent, now: str, reason: str | None, until: str | None) -> None:
    found = duty(agent, at(now))
    assert (found.reason, found.until) == (reason, at(until) if until else None)
