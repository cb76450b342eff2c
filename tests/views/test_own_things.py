"""What is only one's own: the inbox and saved filters."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from core import inbox
from core.db import Database
from core.db.tables import AuditRow
from core.errors import Invalid, NotFound
from core.views import notifications, saved_filters
from tests import factories as make
from tests.views.brokerage import open_brokerage

MINUTE = timedelta(minutes=1)


def test_the_inbox_is_ones_own_newest_first_and_paged(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        made = [make.notification(session, "ann", at=now - (number // 2) * MINUTE) for number in range(5)]
        make.notification(session, "bob", at=now)

        found, cursor = [], None
        while True:
            page = notifications.list_notifications(session, people.ann, cursor=cursor, limit=2, now=now)
            found += [row.id for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(found) == sorted(made)
        assert len(found) == 5
        assert notifications.unread_count(session, people.ann, now=now) == 5
        assert notifications.list_notifications(session, people.ada, now=now).items == ()


def test_what_was_snoozed_comes_back_on_top_and_pages_go_on_from_there(database: Database, now: datetime) -> None:
    with database.write() as session:
        ann = open_brokerage(session, now=now).ann
        made = [make.notification(session, "ann", at=now - number * MINUTE) for number in range(5)]
        assert notifications.next_back(session, ann, now=now) is None
        inbox.snooze(session, ann, [made[4]], until=now + 10 * MINUTE, now=now)
        inbox.snooze(session, ann, [made[2]], until=now + 20 * MINUTE, now=now)
        inbox.snooze(session, ann, [made[0]], until=now + 90 * MINUTE, now=now)
        assert notifications.next_back(session, ann, now=now) == now + 10 * MINUTE
        later = now + 30 * MINUTE
        assert notifications.next_back(session, ann, now=later) == now + 90 * MINUTE

        rows, cursor = [], None
        while True:
            page = notifications.list_notifications(session, ann, cursor=cursor, limit=1, now=later)
            rows += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
    assert [row.id for row in rows] == [made[2], made[4], made[1], made[3]]
    assert [row.is_back for row in rows] == [True, True, False, False]
    assert rows[0].shown_at == now + 20 * MINUTE
    assert not any(row.read_at for row in rows)


def test_reading_unreading_and_putting_away(database: Database, now: datetime) -> None:
    with database.write() as session:
        ann = open_brokerage(session, now=now).ann
        first, second = (make.notification(session, "ann", at=now - number * MINUTE) for number in range(2))

        assert inbox.mark_read(session, ann, [first], now=now) == 1
        assert inbox.mark_read(session, ann, [first], now=now) == 0
        assert [row.id for row in notifications.list_notifications(session, ann, unread_only=True, now=now).items] == [
            second
        ]
        assert inbox.mark_unread(session, ann, [first], now=now) == 1
        assert notifications.unread_count(session, ann, now=now) == 2
        assert inbox.archive(session, ann, [second], now=now) == 1
        assert [row.id for row in notifications.list_notifications(session, ann, now=now).items] == [first]
        assert [row.id for row in notifications.list_notifications(session, ann, archived=True, now=now).items] == [
            second
        ]
        assert inbox.mark_read(session, ann, now=now) == 1
        assert notifications.unread_count(session, ann, now=now) == 0
        assert inbox.unarchive(session, ann, [second], now=now) == 1
        assert notifications.unread_count(session, ann, now=now) == 1
        actions = session.scalars(
            select(AuditRow.action).where(AuditRow.subject_id == "ann").order_by(AuditRow.id)
        ).all()

    assert actions == [
        "notification.read",
        "notification.unread",
        "notification.archived",
        "notification.read",
        "notification.unarchived",
    ]


def test_somebody_elses_notification_cannot_be_touched(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        anns = make.notification(session, "ann", at=now)
        bobs = make.notification(session, "bob", at=now)

        for change in (inbox.mark_read, inbox.mark_unread, inbox.archive, inbox.unarchive):
            with pytest.raises(NotFound):
                change(session, people.ann, [anns, bobs], now=now)
        inbox.mark_read(session, people.ann, now=now)
        assert notifications.unread_count(session, people.bob, now=now) == 1


def test_an_inbox_cursor_of_ones_own_making_is_refused(database: Database, now: datetime) -> None:
    with database.write() as session:
        ann = open_brokerage(session, now=now).ann
        with pytest.raises(Invalid):
            notifications.list_notifications(session, ann, cursor="bm9wZQ", now=now)


def test_a_filter_is_saved_by_name_replaced_and_deleted(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        saved = saved_filters.save(session, people.ann, "feed", "  Hot   ones ", {"priorities": ["CRITICAL"]}, now=now)
        saved_filters.save(session, people.ann, "feed", "also mine", {}, now=now)
        again = saved_filters.save(session, people.ann, "feed", "Hot ones", {"priorities": ["HIGH"]}, now=now)

        assert (saved.name, again.id) == ("Hot ones", saved.id)
        assert [row.name for row in saved_filters.list_saved(session, people.ann, "feed")] == ["also mine", "Hot ones"]
        assert saved_filters.list_saved(session, people.ann, "feed")[1].filters == {"priorities": ["HIGH"]}
        assert saved_filters.list_saved(session, people.ann, "analytics") == ()
        assert saved_filters.list_saved(session, people.bob, "feed") == ()
        with pytest.raises(NotFound):
            saved_filters.delete_saved(session, people.bob, saved.id, now=now)
        saved_filters.delete_saved(session, people.ann, saved.id, now=now)
        assert [row.name for row in saved_filters.list_saved(session, people.ann, "feed")] == ["also mine"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x00b"])
def test_a_filter_needs_a_name(database: Database, now: datetime, name: str) -> None:
    with database.write() as session:
        ann = open_brokerage(session, now=now).ann
        with pytest.raises(Invalid):
            saved_filters.save(session, ann, "feed", name, {}, now=now)


def test_there_is_an_end_to_saving(database: Database, now: datetime) -> None:
    with database.write() as session:
        ann = open_brokerage(session, now=now).ann
        for number in range(saved_filters.MAX_SAVED):
            saved_filters.save(session, ann, "feed", f"filter {number}", {}, now=now)
        with pytest.raises(Invalid):
            saved_filters.save(session, ann, "feed", "one more", {}, now=now)
        saved_filters.save(session, ann, "feed", "filter 3", {"text": "x"}, now=now)
