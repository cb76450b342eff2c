"""How a period did: local days, shares with their intervals, and each role its own part."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from core.db import Database
from core.errors import Invalid
from core.viewer import Viewer
from core.views import analytics
from core.words import Outcome, Priority, Status
from tests import factories as make
from tests.views.brokerage import Brokerage, open_brokerage

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def counts(session: Session, viewer: Viewer, since: datetime, until: datetime) -> dict[date, int]:
    found: dict[date, int] = {}
    for row in analytics.volume(session, viewer, since=since, until=until):
        found[row.day] = found.get(row.day, 0) + row.count
    return found


def test_an_alert_counts_on_the_viewers_own_day(database: Database, now: datetime) -> None:
    late = datetime(2026, 3, 1, 5, 30, tzinfo=UTC)  # 23:30 on 28 February in Chicago, 14:30 on 1 March in Tokyo
    with database.write() as session:
        open_brokerage(session, now=now)
        make.user(session, "tokyo", role="admin", timezone="Asia/Tokyo", now=now)  # type: ignore[arg-type]
        make.alert(session, opened_at=late, now=now)
        make.alert(session, opened_at=late + timedelta(minutes=31), now=now)
        chicago, tokyo = make.viewer(session, "ada"), make.viewer(session, "tokyo")
        since, until = late - 2 * DAY, late + DAY

        assert {day: n for day, n in counts(session, chicago, since, until).items() if n} == {
            date(2026, 2, 28): 1,
            date(2026, 3, 1): 1,
        }
        assert {day: n for day, n in counts(session, tokyo, since, until).items() if n} == {date(2026, 3, 1): 2}


def test_the_days_the_clocks_change_are_whole_days(database: Database, now: datetime) -> None:
    spring = datetime(2026, 3, 8, 6, 0, tzinfo=UTC)  # midnight in Chicago; that day has 23 hours
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        for hours in range(24):
            make.alert(session, opened_at=spring + timedelta(hours=hours), now=now)

        found = counts(session, ada, spring - DAY, spring + 2 * DAY)

    assert found[date(2026, 3, 8)] == 23
    assert found[date(2026, 3, 9)] == 1


def test_every_day_of_the_period_is_there_for_every_type(database: Database, now: datetime) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        make.alert(session, opened_at=now, now=now)
        make.alert(session, alert_type="LIKELY_TO_BUY", opened_at=now - 3 * DAY, now=now)

        rows = analytics.volume(session, ada, since=now - 4 * DAY, until=now + MINUTE)

    assert len(rows) == 5 * 2
    assert sum(row.count for row in rows) == 2
    assert [row.day for row in rows] == sorted(row.day for row in rows)


def test_an_empty_product_has_empty_numbers(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        period = {"since": now - 30 * DAY, "until": now}
        for viewer in people.everybody:
            assert analytics.volume(session, viewer, **period) == ()
            (together,) = analytics.conversion(session, viewer, **period)
            assert (together.group, together.opened, together.rate.rate) == ("all", 0, None)
            assert [step.count for step in analytics.funnel(session, viewer, **period)] == [0, 0, 0, 0]
            (times,) = analytics.response_times(session, viewer, **period)
            assert times.median is None
            assert all(row.received == 0 for row in analytics.agents_compared(session, viewer, **period))


@pytest.mark.parametrize("days", [0, -1, 1200])
def test_a_period_that_makes_no_sense_is_refused(database: Database, now: datetime, days: int) -> None:
    with database.write() as session:
        ada = open_brokerage(session, now=now).ada
        for view in (
            analytics.volume,
            analytics.conversion,
            analytics.funnel,
            analytics.response_times,
            analytics.agents_compared,
        ):
            with pytest.raises(Invalid):
                view(session, ada, since=now - days * DAY, until=now)  # type: ignore[operator]


def worked(session: Session, people: Brokerage, *, now: datetime) -> None:
    """Ann: two converted, one dismissed, one new. Cal: one dismissed. The pool: one expired. All an hour old or more."""
    opened = now - timedelta(hours=1)
    for minutes in (10, 20):
        won = make.alert(
            session,
            agent_id="ann",
            status=Status.CONVERTED,
            opened_at=opened,
            acknowledged_at=opened + minutes * MINUTE,
            contacted_at=now,
            now=now,
        )
        make.outcome(session, won, converted=True, value=10_000.0, now=now)
    lost = make.alert(
        session,
        agent_id="ann",
        status=Status.DISMISSED,
        priority=Priority.CRITICAL,
        opened_at=opened,
        acknowledged_at=opened + 60 * MINUTE,
        now=now,
    )
    make.outcome(session, lost, Outcome.FALSE_POSITIVE, now=now)
    make.alert(session, agent_id="ann", opened_at=opened, now=now)
    make.alert(
        session,
        agent_id="cal",
        alert_type="LIKELY_TO_BUY",
        status=Status.DISMISSED,
        opened_at=opened,
        acknowledged_at=opened + 5 * MINUTE,
        now=now,
    )
    make.alert(session, status=Status.EXPIRED, opened_at=opened, now=now)
    make.alert(session, agent_id="ann", status=Status.CONVERTED, opened_at=now - 60 * DAY, now=now)


def test_the_conversion_rate_counts_what_ended(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        worked(session, people, now=now)
        period = {"since": now - 30 * DAY, "until": now}

        together, sell, buy = analytics.conversion(session, people.ada, **period)
        (of_ann, *_) = analytics.conversion(session, people.ann, **period)
        (of_max, *_) = analytics.conversion(session, people.max, **period)
        by_priority = [row.group for row in analytics.conversion(session, people.ada, by="priority", **period)]

    assert (together.opened, together.closed, together.converted, together.value) == (6, 5, 2, 20_000.0)
    assert together.rate.rate == pytest.approx(0.4)
    assert together.rate.low < 0.4 < together.rate.high
    assert (together.right.hits, together.right.total) == (2, 3)
    assert (sell.group, sell.opened, buy.group, buy.opened) == ("LIKELY_TO_SELL", 5, "LIKELY_TO_BUY", 1)
    assert (of_ann.opened, of_ann.converted) == (5, 2)
    assert (of_max.opened, of_max.converted) == (2, 0)
    assert by_priority == ["all", "CRITICAL", "HIGH"]


def test_the_funnel_narrows(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        worked(session, people, now=now)

        steps = analytics.funnel(session, people.ada, since=now - 30 * DAY, until=now)

    assert [(step.step, step.count) for step in steps] == [
        ("new", 6),
        ("acknowledged", 4),
        ("contacted", 2),
        ("converted", 2),
    ]
    assert steps[2].of_first.rate == pytest.approx(2 / 6)
    assert steps[2].of_previous.rate == pytest.approx(0.5)


def test_response_times_are_told_with_who_still_waits(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        worked(session, people, now=now)

        together, critical, high = analytics.response_times(session, people.mia, since=now - 30 * DAY, until=now)

    assert together.median is not None
    assert together.p90 is not None
    assert (together.median.count, together.waiting) == (3, 1)
    assert together.median.value == pytest.approx(20 * 60, abs=0.01)
    assert together.median.low == pytest.approx(600, abs=0.01)
    assert together.p90.high == pytest.approx(3600, abs=0.01)
    assert (critical.group, critical.waiting, high.waiting) == ("CRITICAL", 0, 1)


def test_agents_are_compared_for_those_who_lead_them(database: Database, now: datetime) -> None:
    with database.write() as session:
        people = open_brokerage(session, now=now)
        worked(session, people, now=now)
        period = {"since": now - 30 * DAY, "until": now}

        def names(viewer: Viewer) -> list[str]:
            return [row.name for row in analytics.agents_compared(session, viewer, **period)]

        assert names(people.ada) == ["Ann", "Bob", "Cal"]
        assert names(people.mia) == ["Ann", "Bob"]
        assert names(people.max) == ["Cal"]
        assert names(people.bob) == ["Bob"]
        ann = analytics.agents_compared(session, people.mia, **period)[0]

    assert (ann.received, ann.open, ann.acknowledged, ann.contacted, ann.closed, ann.converted) == (4, 1, 3, 2, 3, 2)
    assert ann.value == 20_000.0
    assert ann.rate.rate == pytest.approx(2 / 3)
    assert ann.response is not None
    assert ann.response.value == pytest.approx(1200, abs=0.01)
