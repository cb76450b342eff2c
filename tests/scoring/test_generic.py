"""Generic features: any team's event names become numbers, the same one by one and by the thousand, never later knowledge."""

from datetime import UTC, datetime, timedelta
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import history
from core.db import Database
from core.errors import Invalid
from core.events import RecordedEvent
from core.history import Day, History
from core.scoring import generic
from tests.history.behaviour import event, live, times

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
TODAY = history.today(NOW)
NAMES = (
    *generic.ALWAYS,
    *(f"{what}:{name}:{days}d" for what in ("count", "share") for name in ("tour", "calculator") for days in (7, 90)),
    "recency:tour",
    "recency:calculator",
    "first:tour",
    "first:never done",
    "recency:never done",
    "hour_mean:1d",
    "gap_mean:180d",
    "minutes:7d",
)


def _one(happened: list[RecordedEvent], *names: str, now: datetime = NOW) -> list[float]:
    return generic.values(history.of("contact-1", happened, now=now), names)


def test_counts_recency_and_share_of_an_own_name() -> None:
    happened = [
        *times(2, event_name="Open House Tour", now=NOW, days_ago=2),
        *times(1, event_name="open-house-tour", now=NOW, days_ago=20),
        *times(3, event_name="value_check", now=NOW, days_ago=3),
    ]
    names = (
        "count:open_house_tour:7d",
        "count:open_house_tour:30d",
        "recency:Open House Tour",
        "first:open_house_tour",
        "share:value_check:7d",
    )
    assert _one(happened, *names) == [2, 3, 2, 20, 3 / 5]


def test_visits_give_hours_gaps_and_active_days() -> None:
    at = [
        NOW - timedelta(days=10),
        NOW - timedelta(days=4),
        NOW - timedelta(days=4, hours=-3),
        NOW - timedelta(hours=5),
    ]
    happened = [event(event_name="tour", at=each) for each in at]
    names = ("events:7d", "days_active:30d", "hour_mean:90d", "gap_last", "gap_mean:90d")
    total, active, hour, last, mean = _one(happened, *names)
    assert (total, active, hour) == (3, 3, (15 + 15 + 18 + 10) / 4)
    assert (last, mean) == ((3 * 24 + 16) / 24, (9 * 24 + 19) / 24 / 3)


def test_sessions_and_their_minutes() -> None:
    happened = [event(at=NOW - timedelta(days=2, minutes=each), session_id="one") for each in (0, 30)] + [
        event(at=NOW - timedelta(days=12), session_id="two")
    ]
    assert _one(happened, "sessions:7d", "sessions:30d", "minutes:7d", "minutes:30d") == [1, 2, 30, 15]


def test_unknown_is_missing_and_a_count_of_nothing_is_zero() -> None:
    found = dict(zip(NAMES, _one([], *NAMES), strict=True))
    assert found["count:tour:7d"] == found["events:90d"] == found["sessions:30d"] == 0
    assert all(isnan(found[name]) for name in ("recency:tour", "share:tour:7d", "hour_mean:90d", "gap_last"))
    assert isnan(found["first_seen_days"])
    assert isnan(found["minutes:30d"])


@pytest.mark.parametrize(
    "name",
    [
        "count:tour",
        "count:tour:0d",
        "count:tour:181d",
        "count::7d",
        "sessions:90d",
        "events:tour:7d",
        "sum:tour:7d",
        "",
    ],
)
def test_a_name_that_is_no_feature_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        generic.parse(name)


@pytest.mark.parametrize("name", ["count:church_visit:30d", "recency:maritalStatus", "share:zip lookup:7d"])
def test_a_feature_that_speaks_of_a_protected_class_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="fair lending"):
        generic.matrix([], [name])


@st.composite
def _histories(draw: st.DrawFn) -> History:
    days = st.integers(TODAY - 200, TODAY + 2)
    start = st.timedeltas(min_value=timedelta(hours=-2), max_value=timedelta(days=40))
    kinds = draw(
        st.dictionaries(
            st.sampled_from(["name:tour", "calculator", "name:other"]),
            st.lists(st.builds(Day, days, st.integers(0, 9), st.integers(0, 3)), max_size=5),
        )
    )
    visits = st.tuples(days, st.integers(0, 23), st.sampled_from(["desktop", "mobile"]), st.integers(1, 9))
    sessions = st.tuples(start, st.timedeltas(min_value=timedelta(), max_value=timedelta(hours=6)))
    return History(
        "contact",
        NOW,
        first_day=draw(st.none() | days),
        days=kinds,
        visits=draw(st.lists(visits, max_size=8)),
        sessions=[(NOW - ago, NOW - ago + length) for ago, length in draw(st.lists(sessions, max_size=4))],
    )


@settings(max_examples=120, deadline=None)
@given(st.lists(_histories(), max_size=6))
def test_many_at_once_are_exactly_the_single_ones(of: list[History]) -> None:
    alone = np.array([generic.values(each, NAMES) for each in of], dtype=float).reshape(len(of), len(NAMES))
    np.testing.assert_array_equal(generic.matrix(of, NAMES), alone)


def test_nothing_later_than_the_instant_is_in_it(database: Database, now: datetime) -> None:
    before = [
        event(event_name="tour", at=now - timedelta(days=day, hours=1), session_id=f"s{day}") for day in (1, 2, 9)
    ]
    after = [event(event_name="tour", at=now + timedelta(hours=hour), session_id="s-late") for hour in (1, 2, 30)]
    with database.write() as session:
        live(session, before, now=now)
    with database.read() as session:
        stood = generic.matrix(history.load(session, ["contact-1"], now=now).values(), NAMES)
    with database.write() as session:
        live(session, after, now=now + timedelta(days=2))
    with database.read() as session:
        looked_back = generic.matrix(history.load(session, ["contact-1"], now=now).values(), NAMES)
    np.testing.assert_array_equal(looked_back, stood)


def test_the_names_worth_having_are_those_that_many_contacts_did(database: Database, now: datetime) -> None:
    happened = [
        event(event_name=name, at=now - timedelta(hours=1), contact_id=f"contact-{number}")
        for name, contacts in (("tour", 9), ("brochure", 6), ("rare", 2), ("value_check", 9))
        for number in range(contacts)
    ]
    with database.write() as session:
        live(session, happened, now=now)
        stored = generic.discover_in(session, most=5, now=now)
        loaded = history.load(session, [f"contact-{number}" for number in range(9)], now=now)
    assert stored == generic.discover(loaded.values(), most=5)
    assert "count:tour:7d" in stored
    assert "recency:brochure" in stored
    assert not any("rare" in name or "value_check" in name for name in stored)
    assert not any("brochure" in name for name in generic.discover(loaded.values(), most=1))
