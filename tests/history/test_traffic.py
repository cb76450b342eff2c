"""Mail scanners, robots and honeypots are told from people, also when the telling event comes late."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import events, history, traffic
from core.db import Database
from core.db.tables import Event
from core.events import RecordedEvent
from core.generator import generate
from core.words import EventType
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


def _p_human(database: Database) -> dict[str, float | None]:
    with database.read() as session:
        return {row.event_id: row.p_human for row in session.execute(select(Event.event_id, Event.p_human))}


def test_how_likely_a_person_is_stored_and_only_where_there_is_a_doubt(database: Database, now: datetime) -> None:
    sent = event("EMAIL_SENT", at=now - timedelta(hours=1), campaignId="c")
    at_once = event("EMAIL_OPEN", at=sent.occurred_at + timedelta(seconds=1), campaignId="c")
    soon = event("EMAIL_OPEN", at=sent.occurred_at + timedelta(seconds=8), campaignId="c")
    later = event("EMAIL_OPEN", at=sent.occurred_at + timedelta(minutes=8), campaignId="c")
    robot = event("PAGE_VIEW", at=now, user_agent="Googlebot/2.1")
    with database.write() as session:
        live(session, [sent, at_once, soon, later, robot], now=now)
    stored = _p_human(database)
    assert stored[at_once.event_id] == pytest.approx(9 / 109, abs=1e-4)  # prior odds 1:9, ratio 100
    assert stored[soon.event_id] == pytest.approx(9 / 12, abs=1e-4)
    assert stored[robot.event_id] == pytest.approx(50 / 2_050, abs=1e-4)
    assert stored[sent.event_id] is None
    assert stored[later.event_id] is None
    assert _machines(database) == {at_once.event_id, robot.event_id}


def test_two_doubts_weigh_more_than_one_and_neither_is_forgotten(database: Database, now: datetime) -> None:
    """A click from a data centre, 8 seconds after a send that is heard of later."""
    sent = event("EMAIL_SENT", at=now - timedelta(hours=1), campaignId="c")
    click = event("EMAIL_CLICK", at=sent.occurred_at + timedelta(seconds=8), campaignId="c", ipType="hosting")
    with database.write() as session:
        live(session, [click], now=now)
    before = _p_human(database)[click.event_id]
    with database.write() as session:
        live(session, [sent], now=now)
    after = _p_human(database)[click.event_id]
    assert before == pytest.approx(9 / 29, abs=1e-4)
    assert after == pytest.approx(9 / 69, abs=1e-4)
    with database.write() as session:
        live(session, [event("EMAIL_OPEN", at=now, campaignId="c")], now=now)
    assert _p_human(database)[click.event_id] == after


def test_a_late_doubt_that_leaves_it_a_persons_moves_no_count(database: Database, now: datetime) -> None:
    sent = event("EMAIL_SENT", at=now - timedelta(hours=1), campaignId="c")
    opened = event("EMAIL_OPEN", at=sent.occurred_at + timedelta(seconds=8), campaignId="c")
    for happened in (opened, sent):
        with database.write() as session:
            live(session, [happened], now=now)
    with database.read() as session:
        found = history.load(session, ["contact-1"], now=now)["contact-1"]
    assert _p_human(database)[opened.event_id] == pytest.approx(0.75)
    assert found.human("email_open", history.today(now), days=1) == 1
    assert found.machine("email_open", history.today(now), days=1) == 0


@pytest.mark.parametrize(
    ("event_type", "user_agent", "properties", "doubt"),
    [
        ("EMAIL_OPEN", "Mozilla/5.0", {}, "machine"),  # Apple's privacy protection loads every mail's images
        ("EMAIL_CLICK", "Mozilla/5.0", {}, None),
        ("EMAIL_OPEN", "Mozilla/5.0 (Windows NT 5.1; rv:11.0) (via ggpht.com GoogleImageProxy)", {"ipType": "hosting"}, None),
        ("EMAIL_CLICK", None, {"ipType": "hosting"}, "machine"),
        ("EMAIL_CLICK", None, {"isDatacenter": True}, "machine"),
        ("EMAIL_CLICK", None, {"ipType": "residential"}, None),
        ("PAGE_VIEW", None, {"ipType": "Data Center"}, "doubtful"),  # a company's way out looks the same
    ],
)  # fmt: skip
def test_prefetching_mailboxes_and_data_centres(
    database: Database,
    now: datetime,
    event_type: str,
    user_agent: str | None,
    properties: dict[str, object],
    doubt: str,
) -> None:
    seen = event(event_type, at=now, user_agent=user_agent, **properties)
    with database.read() as session:
        p = traffic.doubts([seen], session).get(seen.id)
    told = None if p is None else "machine" if p < events.MACHINE_BELOW else "doubtful"
    assert told == doubt


def _pages(count: int, *, at: datetime, apart: float) -> list[RecordedEvent]:
    return [
        event(at=at + timedelta(seconds=apart * each), page_url=f"https://example.test/{each}") for each in range(count)
    ]


def test_more_pages_than_anybody_can_look_at_are_a_machine_also_event_by_event(
    database: Database, now: datetime
) -> None:
    rush = _pages(9, at=now - timedelta(minutes=5), apart=1)
    for each in rush:
        with database.write() as session:
            live(session, [each], now=now)
    assert _machines(database) == {each.event_id for each in rush}


@pytest.mark.parametrize(("count", "apart"), [(9, 20.0), (9, 0.0), (4, 0.5)])
def test_a_brisk_reader_and_a_file_with_dates_only_are_people(
    database: Database, now: datetime, count: int, apart: float
) -> None:
    with database.write() as session:
        live(session, _pages(count, at=now - timedelta(hours=1), apart=apart), now=now)
    assert set(_p_human(database).values()) == {None}


@given(
    st.lists(st.sampled_from(sorted(traffic.RATIOS)), min_size=1, max_size=6), st.sampled_from(sorted(traffic.RATIOS))
)
def test_more_evidence_never_makes_a_person_likelier(against: list[str], more: str) -> None:
    for prior in (traffic.PRIOR_MAIL, traffic.PRIOR_OTHER):
        p = traffic._p_human(prior, tuple(against))
        assert 0 < traffic._p_human(prior, (*against, more)) <= p < 1


def _jumble(rng: random.Random, contact_id: str, *, now: datetime) -> list[RecordedEvent]:
    """Mails, clicks and pages within half a minute, in the order they arrive."""
    found = []
    for number in range(14):
        at = (
            now
            - timedelta(minutes=9)
            + timedelta(seconds=rng.choice([0, 0.5, 1, 2, 4, 7, 9, 13, 18, 24]) + number / 100)
        )
        kind = rng.choice(["EMAIL_SENT", "EMAIL_OPEN", "EMAIL_CLICK", "EMAIL_CLICK", "PAGE_VIEW", "PAGE_VIEW"])
        more = {"campaignId": rng.choice("ab"), "url": f"https://example.test/{number}"} if kind != "PAGE_VIEW" else {}
        page = f"https://example.test/{number}" if kind == "PAGE_VIEW" else None
        found.append(event(kind, at=at, contact_id=contact_id, page_url=page, **more))
    rng.shuffle(found)
    return found


SEEDS = (0, 1, 2, 35)
"""The last one comes out wrong where what lies two windows off is not looked at."""


def test_event_by_event_in_any_order_is_judged_as_all_at_once(database: Database, now: datetime) -> None:
    judged: dict[str, list[float | None]] = {}
    for seed in SEEDS:
        happened = _jumble(random.Random(seed), f"whole-{seed}", now=now)
        apart = [each._replace(contact_id=f"apart-{seed}", event_id=f"{each.event_id}-apart") for each in happened]
        with database.write() as session:
            live(session, happened, now=now)
        for each in apart:
            with database.write() as session:
                live(session, [each], now=now)
    with database.read() as session:
        for row in session.execute(
            select(Event.contact_id, Event.p_human).order_by(Event.occurred_at, Event.event_type)
        ):
            judged.setdefault(row.contact_id, []).append(row.p_human)
    for seed in SEEDS:
        assert judged[f"apart-{seed}"] == judged[f"whole-{seed}"], seed
    assert any(p is not None and p < 0.05 for each in judged.values() for p in each)


def _generated(session: Session) -> tuple[set[int], set[int], dict[int, float]]:
    """(what machines made, what people did of the same mails and visits, the doubts) of a generated world."""
    world = generate(5, 300, 90, datetime(2026, 3, 2, 15, tzinfo=UTC))
    truth: dict[str, bool] = {}
    heard: dict[str, RecordedEvent] = {}
    for number, sent in enumerate(world.events_between(world.start, world.end)):
        new = events.parse(sent.body, now=sent.received_at)
        truth[new.event_id] = bool(world.arrivals.machine[number])
        heard.setdefault(
            new.event_id,
            RecordedEvent(number, *new[:6], sent.received_at, *new[6:11], new.properties),
        )
    seen = [each for each in heard.values() if each.event_type != EventType.EMAIL_SENT]
    made = {each.id for each in seen if truth[each.event_id]}
    return made, {each.id for each in seen} - made, traffic.doubts(list(heard.values()), session)


def test_the_generators_machines_are_found_and_its_people_left_alone(database: Database) -> None:
    with database.read() as session:
        made, people, doubts = _generated(session)
    found = events.made_by_machines(doubts)
    assert len(made) > 500
    precision, recall = len(found & made) / len(found), len(found & made) / len(made)
    assert precision >= 0.995
    assert recall >= 0.97
    assert len({id_ for id_, p in doubts.items() if p < traffic.DOUBTFUL_BELOW} & people) / len(people) < 0.01
