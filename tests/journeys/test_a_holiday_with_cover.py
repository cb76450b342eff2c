"""The story of a holiday: Maria is away for a week, Tom covers, nobody is left waiting, and she comes back to no flood."""

from datetime import date, datetime, timedelta

from sqlalchemy import select, update

from core import routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Delivery
from core.routing import dispatch, holidays, time_off
from core.routing.capacity import AT_A_TIME
from core.viewer import SYSTEM
from core.words import Status
from jobs import reconciling
from tests import factories

OFFICE = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
HOUR = timedelta(hours=1)


def reconcile(database: Database, clock: FakeClock) -> None:
    with database.read() as session:
        state = routing.State.load(session)
    reconciling.reconcile_once(database, state, clock)


def owners(database: Database, alert_ids: list[str]) -> list[str | None]:
    with database.read() as session:
        found = dict(session.execute(select(Alert.id, Alert.assigned_agent_id)).all())  # type: ignore[arg-type]
    return [found[alert_id] for alert_id in alert_ids]


def test_a_holiday_with_cover(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        factories.team(session, "north", now=now)
        for name in ("maria", "tom"):
            factories.agent(session, name, team_id="north", schedule=OFFICE, capacity=20, now=now)
        factories.rule(
            session, actions=[{"type": "assign_to_agent", "params": {"agentId": "${contact.ownerAgentId}"}}], now=now
        )
        untouched = factories.alert(session, agent_id="maria", now=now)
        worked = factories.alert(session, agent_id="maria", status=Status.CONTACTED, now=now)
        maria = factories.viewer(session, "maria")
        week = {"first_day": date(2026, 3, 3), "last_day": date(2026, 3, 6), "cover_agent_id": "tom"}
        assert time_off.add(session, "maria", week, viewer=maria, now=now).doubts == ()
    reconcile(database, clock)
    assert owners(database, [untouched, worked]) == ["maria", "maria"]  # Monday is still a working day

    # Tuesday, one minute past midnight: what she had not looked at is Tom's, what she works on stays hers.
    clock.set(datetime.fromisoformat("2026-03-03T06:01:00+00:00"))
    reconcile(database, clock)
    assert owners(database, [untouched, worked]) == ["tom", "maria"]
    with database.read() as session:
        told = session.scalars(select(Delivery.user_id).where(Delivery.alert_id == untouched)).all()
        assert set(told) == {"tom"}

    # In the morning a client of hers stirs: Tom hears of it, and why.
    clock.set(datetime.fromisoformat("2026-03-03T16:00:00+00:00"))
    with database.write() as session:
        factories.contact(session, "rosa", owner_agent_id="maria", now=clock.now())
        new = factories.alert(session, contact_id="rosa", now=clock.now())
        state = routing.State.load(session)
        (routed,) = dispatch.route(session, [new], state=state, trigger="opened", now=clock.now())
    assert (routed.agent_id, "you cover for Maria" in routed.reason) == ("tom", True)

    # Tom stops for the rest of the week, so a backlog grows; on Friday it waits with its reason.
    with database.write() as session:
        time_off.add(session, "tom", {"first_day": date(2026, 3, 4), "last_day": date(2026, 3, 31)}, viewer=SYSTEM, now=clock.now())  # fmt: skip
    friday = datetime.fromisoformat("2026-03-06T16:00:00+00:00")
    clock.set(friday)
    with database.write() as session:
        backlog = [factories.alert(session, opened_at=friday - n * HOUR, now=friday) for n in range(12, 0, -1)]
    reconcile(database, clock)
    assert set(owners(database, backlog)) == {None}

    # Monday is a holiday of the office; on Tuesday she is back. The oldest come first, and no more than a handful.
    with database.write() as session:
        holidays.add(session, {"name": "Founders' day", "day": date(2026, 3, 9)}, viewer=SYSTEM, now=friday)
    clock.set(datetime.fromisoformat("2026-03-09T16:00:00+00:00"))
    reconcile(database, clock)
    assert set(owners(database, backlog)) == {None}
    clock.set(datetime.fromisoformat("2026-03-10T14:01:00+00:00"))
    reconcile(database, clock)
    reconcile(database, clock)
    waiting = [new, untouched, *backlog]  # Tom's untouched ones are older, so they come back to her first
    with database.read() as session:
        hers = set(session.scalars(select(Alert.id).where(Alert.assigned_agent_id == "maria"))) - {worked}
        oldest = session.scalars(select(Alert.id).where(Alert.id.in_(waiting)).order_by(Alert.opened_at)).all()
    assert hers == set(oldest[:AT_A_TIME])

    # As she looks at them, the next ones follow.
    with database.write() as session:
        session.execute(update(Alert).where(Alert.id.in_(hers)).values(status=Status.ACKNOWLEDGED))
    reconcile(database, clock)
    with database.read() as session:
        assert session.query(Alert).filter(Alert.assigned_agent_id == "maria").count() == 1 + 2 * AT_A_TIME
