"""Behaviour is counted per kind and day, additively, late or not, and only up to the instant asked for."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core import history
from core.db import Database
from core.history import History, Home
from tests.history.behaviour import event, live, times, value_checks

NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


def _loaded(database: Database, now: datetime, contact_id: str = "contact-1") -> History:
    with database.read() as session:
        return history.load(session, [contact_id], now=now)[contact_id]


def test_a_value_check_counts_as_a_value_check_whatever_type_carries_it() -> None:
    for event_type in ("PAGE_VIEW", "CALCULATOR_USE", "PROPERTY_VIEW", "BUTTON_CLICK"):
        assert history.kinds(event(event_type, "value_check", at=NOW)) == ("value_check",)
    assert history.kinds(event("PROPERTY_VIEW", "Comparable-View", at=NOW)) == ("comparable",)


def test_refinancing_is_known_from_campaign_url_or_name() -> None:
    for click in (
        event("EMAIL_CLICK", at=NOW, campaignId="Spring-Refinancing"),
        event("EMAIL_CLICK", at=NOW, url="https://example.test/refinance"),
        event("EMAIL_CLICK", "refinance_cta", at=NOW),
    ):
        assert "refinance_click" in history.kinds(click)
    assert "refinance_click" not in history.kinds(event("EMAIL_OPEN", at=NOW, campaignId="refinance"))


def test_market_reports_count_as_page_mail_or_document_but_not_when_only_sent() -> None:
    assert "market_report" in history.kinds(event("PAGE_VIEW", "market_report_view", at=NOW))
    assert "market_report" in history.kinds(event("EMAIL_OPEN", at=NOW, campaign="market_report"))
    assert "market_report" in history.kinds(event("DOCUMENT_ACCESS", at=NOW, type="market_report"))
    assert "market_report" not in history.kinds(event("EMAIL_SENT", at=NOW, campaign="market_report"))


def test_later_batches_add_to_the_same_day(database: Database, now: datetime) -> None:
    with database.write() as session:
        live(session, value_checks(2, now=now), now=now)
    with database.write() as session:
        live(session, value_checks(3, now=now), now=now)
    assert _loaded(database, now).human("value_check", history.today(now), days=30) == 5


def test_a_late_event_lands_on_its_own_day(database: Database, now: datetime) -> None:
    with database.write() as session:
        live(session, value_checks(1, now=now, days_ago=20), now=now)
    found = _loaded(database, now)
    assert found.human("value_check", history.today(now), days=7) == 0
    assert found.human("value_check", history.today(now), days=30) == 1


def test_looking_back_shows_only_what_had_happened(database: Database, now: datetime) -> None:
    noon = now.replace(hour=12)
    with database.write() as session:
        live(
            session,
            [event("PAGE_VIEW", "value_check", at=noon - timedelta(minutes=each - 2)) for each in range(5)],
            now=now,
        )
    assert _loaded(database, noon).human("value_check", history.today(now), days=30) == 3
    assert _loaded(database, now).human("value_check", history.today(now), days=30) == 5


def test_a_client_clock_ahead_by_seconds_counts_at_once(database: Database, now: datetime) -> None:
    with database.write() as session:
        live(session, [event("PAGE_VIEW", "value_check", at=now + timedelta(seconds=30))], now=now)
    assert _loaded(database, now).human("value_check", history.today(now), days=30) == 1


def test_machines_are_counted_apart(database: Database, now: datetime) -> None:
    with database.write() as session:
        live(session, value_checks(2, now=now, user_agent="Googlebot/2.1"), now=now)
    found = _loaded(database, now)
    assert found.human("value_check", history.today(now), days=30) == 0
    assert found.machine("value_check", history.today(now), days=30) == 2
    assert found.visits == []


def test_a_visit_spans_its_first_to_its_last_event_in_any_order(database: Database, now: datetime) -> None:
    at = now - timedelta(hours=3)
    with database.write() as session:
        live(session, [event(at=at + timedelta(minutes=9), session_id="s"), event(at=at, session_id="s")], now=now)
    with database.write() as session:
        live(session, [event(at=at + timedelta(minutes=4), session_id="s")], now=now)
        live(session, [event(at=at + timedelta(minutes=20), session_id="s")], now=now)
    assert _loaded(database, now).sessions == [(at, at + timedelta(minutes=20))]


def test_an_unknown_contact_has_an_empty_history(database: Database, now: datetime) -> None:
    assert _loaded(database, now, "nobody") == History("nobody", now)


def test_memory_and_database_tell_the_same_story(database: Database, now: datetime) -> None:
    happened = [
        *value_checks(3, now=now, days_ago=4, session_id="a", device="Mobile"),
        *times(2, "DOCUMENT_ACCESS", now=now, days_ago=100),
        *times(2, "EMAIL_SENT", now=now, days_ago=9, campaignId="one"),
        *times(4, "DOCUMENT_ACCESS", now=now, days_ago=300),
    ]
    with database.write() as session:
        live(session, happened, now=now)
    in_memory = history.of("contact-1", happened, first_seen_at=now, now=now)
    assert _loaded(database, now) == in_memory


@given(ages=st.lists(st.integers(0, 200), max_size=30), days=st.integers(1, 90), skip=st.integers(0, 90))
def test_a_window_counts_exactly_its_days(ages: list[int], days: int, skip: int) -> None:
    happened = [event("PAGE_VIEW", "value_check", at=NOW - timedelta(days=age)) for age in ages]
    found = history.of("contact-1", happened, now=NOW)
    assert found.human("value_check", history.today(NOW), days=days, skip=skip) == sum(
        skip <= age < skip + days for age in ages
    )


def test_homes_are_those_of_the_contact() -> None:
    home = Home(500_000.0, 200_000.0, None)
    assert history.of("contact-1", [], homes=[home], now=NOW).homes == [home]
