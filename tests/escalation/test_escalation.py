"""Nobody answers: the clock, the next person, the manager; as stories with fake time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core import alerts, delivery, escalation, routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, AuditRow, Delivery, TimeOff
from core.delivery import Notice
from core.viewer import load
from core.words import Priority, Status
from jobs import work
from tests import factories

WEEKDAYS = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
MINUTE = timedelta(minutes=1)


def told(session: Session, agent_id: str, *, priority: Priority, now: datetime) -> str:
    """An alert whose owner has just been told, with its clock started if it may run."""
    alert_id = factories.alert(session, agent_id=agent_id, priority=priority, now=now)
    delivery.enqueue(
        session, [Notice(alert_id=alert_id, user_id=agent_id, kind="alert_new", priority=priority)], now=now
    )
    escalation.start(session, [alert_id], now=now)
    return alert_id


def alert_of(session: Session, alert_id: str) -> Alert:
    return session.get_one(Alert, alert_id, populate_existing=True)


def escalate(database: Database, clock: FakeClock) -> int:
    with database.read() as session:
        state = routing.State.load(session)
    return work.escalate_once(database, state, clock)


def owners(session: Session, alert_id: str) -> Sequence[str]:
    query = select(Assignment.agent_id).where(Assignment.alert_id == alert_id).order_by(Assignment.assigned_at)
    return session.scalars(query).all()


@pytest.mark.parametrize(
    ("priority", "schedule", "due"),
    [
        (Priority.CRITICAL, {}, timedelta(minutes=5)),
        (Priority.HIGH, {}, timedelta(minutes=30)),
        (Priority.MEDIUM, {}, timedelta(hours=4)),
        (Priority.LOW, {}, timedelta(days=3)),
        (Priority.CRITICAL, WEEKDAYS, timedelta(minutes=5)),
        (Priority.MEDIUM, WEEKDAYS, timedelta(hours=4)),
        (Priority.LOW, WEEKDAYS, timedelta(days=3) - timedelta(hours=16)),
    ],
)
def test_each_priority_has_its_time(
    database: Database, now: datetime, priority: Priority, schedule: dict[str, list[list[str]]], due: timedelta
) -> None:
    """`now` is Monday, 9:00 in Chicago: three working days end on Wednesday at 17:00."""
    with database.write() as session:
        agent_id = factories.agent(session, schedule=schedule, now=now)
        alert = alert_of(session, told(session, agent_id, priority=priority, now=now))
    assert (alert.notified_at, alert.escalate_at) == (now, now + due)


def test_a_friday_evening_medium_alert_escalates_on_monday(database: Database) -> None:
    friday = datetime(2026, 3, 6, 22, 0, tzinfo=UTC)  # 16:00 in Chicago
    with database.write() as session:
        agent_id = factories.agent(session, schedule=WEEKDAYS, now=friday)
        alert = alert_of(session, told(session, agent_id, priority=Priority.MEDIUM, now=friday))
    assert alert.escalate_at == datetime(2026, 3, 9, 17, 0, tzinfo=UTC)  # 12:00 there, and summer time since Sunday


def test_a_clock_waits_for_its_owner_to_come_on_duty(database: Database, clock: FakeClock, now: datetime) -> None:
    night = now - timedelta(hours=6)
    clock.set(night)
    with database.write() as session:
        agent_id = factories.agent(session, schedule=WEEKDAYS, now=night)
        alert_id = told(session, agent_id, priority=Priority.CRITICAL, now=night)
        assert alert_of(session, alert_id).escalate_at is None
    assert work.start_clocks_once(database, clock) == 0
    clock.set(now)
    assert work.start_clocks_once(database, clock) == 1
    assert work.start_clocks_once(database, clock) == 0
    with database.read() as session:
        assert alert_of(session, alert_id).escalate_at == now + 5 * MINUTE


def test_who_is_off_or_not_available_owes_nothing(database: Database, now: datetime) -> None:
    with database.write() as session:
        away = factories.agent(session, now=now)
        session.execute(
            insert(TimeOff).values(
                id="off", agent_id=away, starts_at=now - MINUTE, ends_at=now + timedelta(days=7), reason=""
            )
        )
        paused = factories.agent(session, available=False, now=now)
        for agent_id in (away, paused):
            alert = alert_of(session, told(session, agent_id, priority=Priority.CRITICAL, now=now))
            assert (alert.notified_at, alert.escalate_at) == (None, None)


def test_an_owner_nobody_told_has_no_clock(database: Database, now: datetime) -> None:
    with database.write() as session:
        alert_id = factories.alert(session, agent_id=factories.agent(session, now=now), now=now)
        assert escalation.start(session, [alert_id], now=now) == []


def test_an_unanswered_alert_goes_to_the_next_person_and_on(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        boss = factories.user(session, role="manager", now=now)  # type: ignore[arg-type]
        team_id = factories.team(session, manager_id=boss, now=now)
        first, second = (factories.agent(session, team_id=team_id, now=now) for _ in range(2))
        alert_id = told(session, first, priority=Priority.CRITICAL, now=now)
    clock.set(now + 5 * MINUTE - timedelta(seconds=1))
    assert escalate(database, clock) == 0

    clock.set(now + 5 * MINUTE)
    assert escalate(database, clock) == 1
    with database.read() as session:
        alert = alert_of(session, alert_id)
        assert owners(session, alert_id) == [first, second]
        assert (alert.assigned_agent_id, alert.escalation_step) == (second, 1)
        assert alert.escalate_at == now + 10 * MINUTE, "the clock starts again for the new owner"
        kinds = session.execute(
            select(Delivery.user_id, Delivery.channel, Delivery.kind).where(Delivery.kind == "alert_escalated")
        ).all()
        assert {tuple(row) for row in kinds} == {
            (second, "in_app", "alert_escalated"),
            (second, "email", "alert_escalated"),
        }
        loads = {row[0]: row[1] for row in session.execute(select(Agent.id, Agent.open_alerts))}
        assert loads == {first: 0, second: 1}

    clock.set(now + 10 * MINUTE)
    assert escalate(database, clock) == 1
    with database.read() as session:
        alert = alert_of(session, alert_id)
        assert (alert.assigned_agent_id, alert.escalation_step) == (second, 5), "it never goes back to who had it"
        assert alert.escalate_at is None
        told_manager = session.scalars(select(Delivery.kind).where(Delivery.user_id == boss)).all()
        assert set(told_manager) == {"alert_escalated"}
        steps = session.scalars(select(AuditRow.after).where(AuditRow.action == "alert.escalate")).all()
        assert [(step["step"], step["do"]) for step in steps if step] == [(1, "next"), (5, "manager")]

    clock.set(now + timedelta(days=2))
    assert escalate(database, clock) == 0, "the manager is told once"


def test_without_a_manager_the_admins_are_told(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        admin = factories.admin(session, now=now)
        told(session, factories.agent(session, now=now), priority=Priority.CRITICAL, now=now)
    clock.set(now + 5 * MINUTE)
    assert escalate(database, clock) == 1
    with database.read() as session:
        assert set(session.scalars(select(Delivery.kind).where(Delivery.user_id == admin))) == {"alert_escalated"}


def test_the_owners_own_answer_stops_the_clock(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        agent_id, _other = (factories.agent(session, now=now) for _ in range(2))
        alert_id = told(session, agent_id, priority=Priority.CRITICAL, now=now)
        viewer = load(session, agent_id)
        assert viewer
        alerts.acknowledge(session, alert_id, viewer=viewer, now=now + MINUTE)
    clock.set(now + timedelta(days=1))
    assert escalate(database, clock) == 0
    with database.read() as session:
        assert owners(session, alert_id) == [agent_id]


def test_somebody_elses_answer_does_not_stop_it(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        admin = factories.admin(session, now=now)
        first, second = (factories.agent(session, now=now) for _ in range(2))
        alert_id = told(session, first, priority=Priority.CRITICAL, now=now)
        viewer = load(session, admin)
        assert viewer
        alerts.acknowledge(session, alert_id, viewer=viewer, now=now + MINUTE)
    clock.set(now + 5 * MINUTE)
    assert escalate(database, clock) == 1
    with database.read() as session:
        assert owners(session, alert_id) == [first, second]


def test_a_snoozed_alert_waits_for_the_snooze_to_end(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        first, _second = (factories.agent(session, now=now) for _ in range(2))
        alert_id = told(session, first, priority=Priority.CRITICAL, now=now)
        session.execute(update(Alert).where(Alert.id == alert_id).values(snoozed_until=now + timedelta(hours=2)))
    clock.set(now + timedelta(hours=1))
    assert escalate(database, clock) == 0
    clock.set(now + timedelta(hours=2))
    assert escalate(database, clock) == 1


def test_what_was_answered_while_it_was_due_stays_where_it_is(database: Database, now: datetime) -> None:
    with database.write() as session:
        first, _second = (factories.agent(session, now=now) for _ in range(2))
        alert_id = told(session, first, priority=Priority.CRITICAL, now=now)
        state = routing.State.load(session)
        overdue = now + 6 * MINUTE
        assert escalation.due(session, now=overdue) == [alert_id]
        session.execute(update(Alert).where(Alert.id == alert_id).values(escalate_at=None))
        assert escalation.escalate(session, alert_id, state=state, now=overdue) == []
        assert owners(session, alert_id) == [first]


def test_escalation_ends_after_its_last_step(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        factories.admin(session, now=now)
        people = [factories.agent(session, now=now) for _ in range(4 + 3)]
        alert_id = told(session, people[0], priority=Priority.CRITICAL, now=now)
    for _ in range(4 + 3):
        clock.set(clock.now() + 5 * MINUTE)
        escalate(database, clock)
    with database.read() as session:
        assert len(set(owners(session, alert_id))) == len(owners(session, alert_id)) == 4 + 1
        assert alert_of(session, alert_id).escalation_step == 4 + 1
        assert alert_of(session, alert_id).status == Status.NEW


def test_one_alert_that_raises_does_not_stop_the_others(
    database: Database, clock: FakeClock, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        factories.agent(session, now=now)
        bad, good = (told(session, agent_id, priority=Priority.CRITICAL, now=now) for _ in range(2))
    honest = routing.route

    def route(session: Session, alert_ids: Sequence[str], **rest: object) -> list[routing.Routed]:
        if alert_ids == [bad]:
            raise RuntimeError("a broken alert")
        return honest(session, alert_ids, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(routing, "route", route)
    clock.set(now + 5 * MINUTE)
    assert escalate(database, clock) == 1
    with database.read() as session:
        assert len(owners(session, good)) == 2
        assert len(owners(session, bad)) == 1
