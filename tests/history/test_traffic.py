"""Mail scanners, robots and honeypots are told from people, also when the telling event comes late."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import history, traffic
from core.db import Database
from core.db.tables import Event
from tests.history.behaviour import event, live


def _machines(database: Database) -> set[str]:
    with database.read() as session:
        return set(session.scalars(select(Event.event_id).where(Event.is_machine)))


def test_an_open_within_three_seconds_of_the_send_is_a_scanner(database: Database, now: datetime) -> None:
    sent = event("EMAIL_SENT", at=now - timedelta(hours=1), campaignId="c")
    opened = event("EMAIL_OPEN", at=sent.occurred_at + timedelta(seconds=3), campaignId="c")
    later = event("EMAIL_OPEN", at=sent.occurred_at + timedelta(seconds=4), campaignId="c")
    with database.write() as session:
        live(session, [sent, opened, later], now=now)
    assert _machines(database) == {opened.event_id}


def test_an_open_of_another_campaign_is_not_judged_by_this_send(database: Database, now: datetime) -> None:
    sent = event("EMAIL_SENT", at=now - timedelta(hours=1), campaignId="c")
    opened = event("EMAIL_OPEN", at=sent.occurred_at + timedelta(seconds=1), campaignId="another")
    with database.write() as session:
        live(session, [sent, opened], now=now)
    assert _machines(database) == set()


def test_a_send_that_arrives_after_its_open_unmasks_it(database: Database, now: datetime) -> None:
    sent = event("EMAIL_SENT", at=now - timedelta(hours=1), campaignId="c")
    opened = event("EMAIL_OPEN", at=sent.occurred_at + timedelta(seconds=1), campaignId="c")
    with database.write() as session:
        live(session, [opened], now=now)
    with database.write() as session:
        live(session, [sent], now=now)
    assert _machines(database) == {opened.event_id}
    with database.read() as session:
        found = history.load(session, ["contact-1"], now=now)["contact-1"]
    assert found.human("email_open", history.today(now), days=1) == 0
    assert found.machine("email_open", history.today(now), days=1) == 1


def test_three_links_in_five_seconds_are_a_scanner_also_across_batches(database: Database, now: datetime) -> None:
    at = now - timedelta(hours=1)
    clicks = [
        event("EMAIL_CLICK", at=at + timedelta(seconds=each), campaignId="c", url=f"https://example.test/{each}")
        for each in (0, 2, 5)
    ]
    with database.write() as session:
        live(session, clicks[:2], now=now)
    assert _machines(database) == set()
    with database.write() as session:
        live(session, clicks[2:], now=now)
    assert _machines(database) == {each.event_id for each in clicks}


def test_the_same_link_three_times_is_a_person(database: Database, now: datetime) -> None:
    at = now - timedelta(hours=1)
    clicks = [event("EMAIL_CLICK", at=at + timedelta(seconds=each), url="https://example.test/a") for each in range(3)]
    with database.write() as session:
        live(session, clicks, now=now)
    assert _machines(database) == set()


@pytest.mark.parametrize(
    ("user_agent", "machine"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0", True),
        ("python-requests/2.31", True),
        ("Barracuda Sentinel (EE)", True),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Safari/604.1", False),
        ("Mozilla/5.0 (Linux; Android 13; CUBOT P80)", False),
        (None, False),
    ],
)
def test_known_robots_by_their_user_agent(
    database: Database, now: datetime, user_agent: str | None, machine: bool
) -> None:
    seen = event(at=now, user_agent=user_agent)
    with database.read() as session:
        assert traffic.machines([seen], session) == ({seen.id} if machine else set())


def test_a_honeypot_is_only_found_by_machines(database: Database, now: datetime) -> None:
    trapped, free = event(at=now, honeypot=True), event(at=now, honeypot=False)
    with database.read() as session:
        assert traffic.machines([trapped, free], session) == {trapped.id}
