"""The list of alerts: who sees what, every filter, every order, pages that stay put."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from core.db import Database
from core.errors import Invalid
from core.viewer import Viewer
from core.views import feed
from core.views.feed import UNASSIGNED, Filters
from core.words import Priority, Status
from tests import factories as make
from tests.views.brokerage import Brokerage, open_brokerage

EVERYTHING = Filters(snoozed=None)
SORTS = ("urgent", "newest", "confidence")


def ids(
    session: Session, viewer: Viewer, filters: Filters = EVERYTHING, *, now: datetime, sort: str = "urgent"
) -> list[str]:
    page = feed.list_alerts(session, viewer, filters, sort=sort, limit=200, now=now)  # type: ignore[arg-type]
    assert page.next_cursor is None
    assert feed.count_alerts(session, viewer, filters, now=now) == len(page.items)
    return [card.id for card in page.items]


def one_alert_each(session: Session, *, now: datetime) -> dict[str, str]:
    return {
        "ann": make.alert(session, agent_id="ann", now=now),
        "bob": make.alert(session, agent_id="bob", now=now),
        "cal": make.alert(session, agent_id="cal", now=now),
        "pool": make.alert(session, now=now),
    }


@pytest.mark.parametrize("sort", SORTS)
def test_each_role_sees_its_own_part_and_the_pool(database: Database, now: datetime, sort: str) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        made = one_alert_each(session, now=now)

        def seen(viewer: Viewer) -> set[str]:
            return set(ids(session, viewer, now=now, sort=sort))

        assert seen(people.ada) == set(made.values())
        assert seen(people.mia) == {made["ann"], made["bob"], made["pool"]}
        assert seen(people.max) == {made["cal"], made["pool"]}
        assert seen(people.ann) == {made["ann"], made["pool"]}
        assert seen(people.cal) == {made["cal"], made["pool"]}


def test_naming_another_agent_in_the_filter_shows_nothing_of_theirs(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        made = one_alert_each(session, now=now)

        assert ids(session, people.ann, replace(EVERYTHING, agent_ids=("bob",)), now=now) == []
        assert ids(session, people.mia, replace(EVERYTHING, agent_ids=("cal", "bob")), now=now) == [made["bob"]]
        assert ids(session, people.mia, replace(EVERYTHING, agent_ids=(UNASSIGNED,)), now=now) == [made["pool"]]


def test_first_in_line_is_what_nobody_has_answered(database: Database, now: datetime) -> None:
    with database.write() as session:
        ann = open_brokerage(session, now=now).ann
        made = {
            f"{status} {priority}": make.alert(session, agent_id="ann", status=status, priority=priority, now=now)
            for status in (Status.CONTACTED, Status.IN_PROGRESS, Status.NEW)
            for priority in (Priority.MEDIUM, Priority.CRITICAL)
        }
        wanted = ["NEW CRITICAL", "NEW MEDIUM", "IN_PROGRESS CRITICAL", "IN_PROGRESS MEDIUM", "CONTACTED CRITICAL"]
        assert [card.id for card in feed.first_in_line(session, ann, now=now)] == [made[name] for name in wanted]


def test_urgent_goes_by_tier_and_then_by_the_newest(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        made = {}
        for hours, (name, priority) in enumerate(
            [
                ("low", Priority.LOW),
                ("high", Priority.HIGH),
                ("medium", Priority.MEDIUM),
                ("critical", Priority.CRITICAL),
                ("old", Priority.HIGH),
            ]
        ):
            made[name] = make.alert(session, priority=priority, opened_at=now - timedelta(hours=hours), now=now)

        assert ids(session, ada, now=now) == [made[name] for name in ("critical", "high", "old", "medium", "low")]
        assert ids(session, ada, now=now, sort="newest") == [
            made[name] for name in ("low", "high", "medium", "critical", "old")
        ]


def test_confidence_goes_from_the_surest(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        made = [make.alert(session, confidence=value, now=now) for value in (0.6, 0.9, 0.75)]

        assert ids(session, ada, now=now, sort="confidence") == [made[1], made[2], made[0]]


@pytest.mark.parametrize(
    "narrowed",
    [
        Filters(types=("LIKELY_TO_BUY",)),
        Filters(types=("LIKELY_TO_BUY", "REFINANCE_OPPORTUNITY")),
        Filters(statuses=("ACKNOWLEDGED",)),
        Filters(statuses=("ACKNOWLEDGED", "DISMISSED")),
        Filters(priorities=("CRITICAL",)),
        Filters(priorities=("CRITICAL", "LOW")),
        Filters(agent_ids=("bob",)),
        Filters(territory="60302"),
        Filters(min_confidence=0.9),
        Filters(opened_from=datetime.fromisoformat("2026-03-02T15:00:00+00:00")),
        Filters(user_id="wanted"),
        Filters(text="wanted"),
    ],
    ids=lambda filters: next(name for name, value in vars(filters).items() if value),
)
def test_a_filter_keeps_only_what_fits(database: Database, now: datetime, narrowed: Filters) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        make.alert(session, agent_id="ann", opened_at=now - timedelta(days=2), now=now)
        make.contact(session, "wanted", name="Ruth Wanted", now=now)
        status = Status.ACKNOWLEDGED
        wanted = make.alert(
            session,
            contact_id="wanted",
            agent_id="bob",
            alert_type="LIKELY_TO_BUY",
            status=status,
            priority=Priority.CRITICAL,
            confidence=0.95,
            territory="60302",
            now=now,
        )

        assert ids(session, ada, narrowed, now=now) == [wanted]


def test_until_is_exclusive_and_from_is_inclusive(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        before = make.alert(session, opened_at=now - timedelta(seconds=1), now=now)
        at = make.alert(session, opened_at=now, now=now)

        assert ids(session, ada, Filters(opened_from=now), now=now) == [at]
        assert ids(session, ada, Filters(opened_to=now), now=now) == [before]


def test_open_only_leaves_out_what_is_closed(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        still = make.alert(session, agent_id="ann", now=now)
        make.alert(session, agent_id="ann", status=Status.DISMISSED, now=now)

        assert ids(session, ada, Filters(open_only=True), now=now) == [still]


def test_a_snoozed_alert_hides_until_its_time(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        shown = make.alert(session, now=now)
        hidden = make.alert(session, snoozed_until=now + timedelta(hours=1), now=now)

        assert ids(session, ada, Filters(), now=now) == [shown]
        assert ids(session, ada, Filters(snoozed=True), now=now) == [hidden]
        assert set(ids(session, ada, Filters(snoozed=None), now=now)) == {shown, hidden}
        assert set(ids(session, ada, Filters(), now=now + timedelta(hours=1))) == {shown, hidden}


@pytest.mark.parametrize(
    "text", ["rosa", "ROSA", "diaz", "Rosa Diaz", "diaz rosa", "rosa@", "c-77", "rosa sell", "likely rosa"]
)
def test_text_is_found_in_name_mail_id_and_type(database: Database, now: datetime, text: str) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        make.contact(session, "c-77", name="Rosa Diaz", email="rosa@example.com", now=now)
        make.contact(session, "c-88", name="Jon Smith", email="jon@example.com", now=now)
        rosa = make.alert(session, contact_id="c-77", now=now)
        make.alert(session, contact_id="c-88", now=now)

        assert ids(session, ada, Filters(text=text), now=now) == [rosa]


def test_a_type_is_found_by_its_words(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        make.alert(session, now=now)
        wanted = make.alert(session, alert_type="REFINANCE_OPPORTUNITY", now=now)

        assert ids(session, ada, Filters(text="refinance opportunity"), now=now) == [wanted]


@pytest.mark.parametrize("text", ["%", "_", "/", "\\", "'", '"', "';--", "100%", "a_b", "é", "💡", "(", "*"])
def test_hostile_letters_are_only_letters(database: Database, now: datetime, text: str) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        make.contact(session, "plain", name="Plain Name", email="plain@example.com", now=now)
        make.alert(session, contact_id="plain", now=now)
        make.contact(session, "odd", name=f"Odd {text} One", email="odd@example.com", now=now)
        odd = make.alert(session, contact_id="odd", now=now)

        assert ids(session, ada, Filters(text=text), now=now) == [odd]


def test_a_word_that_many_contacts_share_is_found_too(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        for number in range(510):
            make.contact(session, f"many-{number}", name="Common Name", now=now)
        made = [make.alert(session, contact_id=f"many-{number}", now=now) for number in (3, 509)]
        make.alert(session, now=now)

        assert set(ids(session, ada, Filters(text="common"), now=now)) == set(made)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (Filters(text="x" * 201), "text"),
        (Filters(text="nul \x00"), "text"),
        (Filters(text="half \ud800"), "text"),
        (Filters(agent_ids=("x\x00",)), "agent_ids"),
        (Filters(types=("x",) * 201), "types"),
        (Filters(statuses=("OPEN",)), "statuses"),
        (Filters(priorities=("URGENT",)), "priorities"),
        (Filters(min_confidence=1.5), "min_confidence"),
        (Filters(min_confidence=float("nan")), "min_confidence"),
        (Filters(opened_from=datetime(2026, 1, 1)), "opened_from"),  # noqa: DTZ001
        (Filters(opened_to=datetime.fromisoformat("0001-01-01T00:00:00+14:00")), "opened_to"),
    ],
)
def test_what_no_list_can_be_narrowed_by_is_named(
    database: Database, now: datetime, wrong: Filters, field: str
) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada

        with pytest.raises(Invalid) as refused:
            feed.list_alerts(session, ada, wrong, now=now)
        assert set(refused.value.fields) == {field}
        with pytest.raises(Invalid):
            feed.count_alerts(session, ada, wrong, now=now)


def walk(
    session: Session, viewer: Viewer, *, sort: str, limit: int, now: datetime, filters: Filters = EVERYTHING
) -> list[str]:
    found: list[str] = []
    cursor = None
    while True:
        page = feed.list_alerts(session, viewer, filters, sort=sort, cursor=cursor, limit=limit, now=now)  # type: ignore[arg-type]
        found += [card.id for card in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


def mixed(session: Session, people: Brokerage, *, now: datetime) -> None:
    """Ties on purpose: the same minute, the same confidence, the same tier."""
    tiers = list(Priority)
    for number in range(40):
        make.alert(
            session,
            agent_id=("ann", "bob", "cal", None)[number % 4],
            priority=tiers[number % 3],
            confidence=0.5 + (number % 5) / 10,
            opened_at=now - timedelta(minutes=number // 6),
            now=now,
        )


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 7, 40])
def test_pages_put_together_are_the_whole_list(database: Database, now: datetime, sort: str, limit: int) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        mixed(session, people, now=now)

        for viewer in (people.ada, people.mia, people.ann):
            whole = ids(session, viewer, now=now, sort=sort)
            assert walk(session, viewer, sort=sort, limit=limit, now=now) == whole
            assert len(whole) == len(set(whole)) > 0


@pytest.mark.parametrize("sort", SORTS)
def test_a_new_alert_moves_nothing_on_later_pages(database: Database, now: datetime, sort: str) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        mixed(session, people, now=now)
        before = ids(session, people.ann, now=now, sort=sort)
        first = feed.list_alerts(session, people.ann, EVERYTHING, sort=sort, limit=6, now=now)  # type: ignore[arg-type]

        later = now + timedelta(seconds=1)
        make.alert(session, agent_id="ann", priority=Priority.CRITICAL, confidence=1.0, opened_at=later, now=later)
        make.alert(session, priority=Priority.CRITICAL, confidence=1.0, opened_at=later, now=later)

        second = feed.list_alerts(
            session,
            people.ann,
            EVERYTHING,
            sort=sort,  # type: ignore[arg-type]
            cursor=first.next_cursor,
            limit=6,
            now=later,
        )
        assert [card.id for card in first.items] == before[:6]
        assert [card.id for card in second.items] == before[6:12]


@pytest.mark.parametrize(
    "cursor", ["x", "%%%", "é", "bnVsbA", "W10", "x" * 2000, "WyJ1cmdlbnQiLDEsMiwzXQ", "W1siYSJdXQ", "\x00"]
)
@pytest.mark.parametrize("sort", SORTS)
def test_a_cursor_of_somebodys_own_making_is_refused(database: Database, now: datetime, cursor: str, sort: str) -> None:
    with database.read() as session, pytest.raises(Invalid) as refused:
        feed.list_alerts(session, nobody(), EVERYTHING, sort=sort, cursor=cursor, now=now)  # type: ignore[arg-type]
    assert "cursor" in refused.value.fields


def test_a_cursor_of_another_order_is_refused(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        mixed(session, people, now=now)
        cursor = feed.list_alerts(session, people.ada, EVERYTHING, sort="newest", limit=3, now=now).next_cursor

        with pytest.raises(Invalid):
            feed.list_alerts(session, people.ada, EVERYTHING, sort="urgent", cursor=cursor, limit=3, now=now)


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_a_page_has_1_to_200_rows(database: Database, now: datetime, limit: int) -> None:
    with database.read() as session, pytest.raises(Invalid):
        feed.list_alerts(session, nobody(), limit=limit, now=now)


def test_an_empty_feed_is_an_empty_page(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)

        for viewer in people.everybody:
            page = feed.list_alerts(session, viewer, now=now)
            assert page.items == ()
            assert page.next_cursor is None
            assert feed.count_alerts(session, viewer, now=now) == 0


def test_a_card_says_who_what_why_and_how_sure(database: Database, now: datetime) -> None:
    with database.write() as session:
        ann = open_brokerage(session, now=now).ann
        make.contact(session, "rosa", name="Rosa Diaz", email="rosa@example.com", phone="+1 312 555 0101", now=now)
        make.alert(session, contact_id="rosa", agent_id="ann", property_value=450_000.0, now=now)

        (card,) = feed.list_alerts(session, ann, now=now).items

    assert (card.contact_name, card.contact_email, card.contact_phone) == (
        "Rosa Diaz",
        "rosa@example.com",
        "+1 312 555 0101",
    )
    assert (card.agent_id, card.agent_name, card.property_value) == ("ann", "Ann", 450_000.0)
    assert card.confidence_low < card.confidence < card.confidence_high
    assert card.top_factors[0]["text"] == "Checked the value of the home 10 times in 30 days"
    assert card.opened_at == now
    assert card.undo_until is None


def test_undo_is_offered_to_whom_it_belongs_and_while_it_lasts(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        until = now + timedelta(minutes=10)
        make.alert(session, undo={"until": until.isoformat(), "by": "ann", "before": {}}, now=now)

        def offered(viewer: Viewer, at: datetime) -> datetime | None:
            return feed.list_alerts(session, viewer, now=at).items[0].undo_until

        assert offered(people.ann, now) == until
        assert offered(people.bob, now) is None
        assert offered(people.mia, now) == until
        assert offered(people.ann, until) is None


def nobody() -> Viewer:
    return Viewer(user_id="x", name="X", email="x@x", role="admin", team_ids=(), timezone="UTC")  # type: ignore[arg-type]
