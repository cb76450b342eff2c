"""A team's own event names are counted, within limits that no hostile client can pass."""

from datetime import datetime, timedelta

from sqlalchemy import func, select

from core import history, own_names
from core.db import Database
from core.db.tables import Rollup
from core.history import History
from tests.history.behaviour import event, live


def _loaded(database: Database, now: datetime) -> History:
    with database.read() as session:
        return history.load(session, ["contact-1"], now=now)["contact-1"]


def _own(past: History) -> dict[str, int]:
    return {
        kind: sum(day.human for day in days) for kind, days in past.days.items() if kind.startswith(own_names.PREFIX)
    }


def test_an_own_name_counts_beside_what_carries_it(now: datetime) -> None:
    assert history.kinds(event("FORM_SUBMIT", "Brochure Order", at=now)) == ("name:brochure_order",)
    assert history.kinds(event("SEARCH", "map-search", at=now)) == ("search", "name:map_search")


def test_the_names_the_product_knows_are_nobodys_own(now: datetime) -> None:
    for name in ("value_check", "Market-Report-View", "page view", "document_access", "", "   "):
        assert not any(kind.startswith("name:") for kind in history.kinds(event("PAGE_VIEW", name, at=now))), name


def test_a_name_that_speaks_of_a_protected_class_is_never_counted(now: datetime) -> None:
    for name in ("church_visit", "pregnancyCheck", "marital-status-change", "zip code entered"):
        assert history.kinds(event("PAGE_VIEW", name, at=now)) == (), name


def test_a_name_counts_by_its_first_forty_characters(database: Database, now: datetime) -> None:
    long = "x" * 128
    with database.write() as session:
        live(session, [event(event_name=long, at=now), event(event_name="x" * 40 + "other", at=now)], now=now)
    assert _own(_loaded(database, now)) == {"name:" + "x" * 40: 2}


def test_a_flood_of_names_leaves_twenty_a_day_however_it_is_cut_into_batches(database: Database, now: datetime) -> None:
    flood = [event(event_name=f"hostile-{number}", at=now) for number in range(130)]
    yesterday = [event(event_name=f"calm-{number}", at=now - timedelta(days=1)) for number in range(3)]
    for start in range(0, 130, 13):
        with database.write() as session:
            live(session, flood[start : start + 13], now=now)
    with database.write() as session:
        live(session, [event(event_name="hostile-3", at=now), *yesterday], now=now)
        rows = session.scalar(select(func.count()).where(Rollup.kind.startswith("name:")))
    found = _own(_loaded(database, now))
    assert rows == own_names.MOST_A_DAY + 3
    assert found["name:hostile_3"] == 2
    assert "name:hostile_20" not in found
    assert found["name:calm_2"] == 1


def test_memory_and_database_keep_the_same_names(database: Database, now: datetime) -> None:
    happened = [event(event_name=f"name-{number % 31}", at=now - timedelta(days=number % 3)) for number in range(90)]
    with database.write() as session:
        live(session, happened, now=now)
    told = history.of("contact-1", happened, first_seen_at=now, now=now)
    assert _own(_loaded(database, now)) == _own(told)


def test_taking_back_a_machines_event_whose_name_was_never_counted_changes_nothing(
    database: Database, now: datetime
) -> None:
    """Three links in five seconds are a scanner; the third unmasks two that were counted, or were beyond the limit."""
    fill = [event(event_name=f"own-{number}", at=now) for number in range(own_names.MOST_A_DAY)]
    clicks = [
        event("EMAIL_CLICK", f"late-{number}", at=now + timedelta(seconds=number), url=f"https://a.test/{number}")
        for number in range(3)
    ]
    with database.write() as session:
        live(session, [*fill, *clicks[:2]], now=now)
    with database.write() as session:
        live(session, clicks[2:], now=now)
        kinds = set(session.scalars(select(Rollup.kind).where(Rollup.human < 0)))
        late = session.scalar(select(func.count()).where(Rollup.kind.startswith("name:late")))
    assert (kinds, late) == (set(), 0)


def test_an_own_name_counts_on_both_sides_of_an_unmasking(database: Database, now: datetime) -> None:
    clicks = [
        event("EMAIL_CLICK", "offer_link", at=now + timedelta(seconds=number), url=f"https://a.test/{number}")
        for number in range(3)
    ]
    with database.write() as session:
        live(session, clicks[:2], now=now)
    with database.write() as session:
        live(session, clicks[2:], now=now)
    (day,) = _loaded(database, now + timedelta(minutes=1)).days["name:offer_link"]
    assert (day.human, day.machine) == (0, 3)
