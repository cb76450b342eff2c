"""Every open alert has an owner who can act, or a reason; what does not is put right."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.orm import Session

from core import delivery, routing
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, AuditRow, Delivery, Notification, TimeOff, User
from core.settings import Settings
from core.words import PoolReason, Status
from jobs import reconciling, schedule
from jobs.reconciling import Reconciled
from tests import factories


def reconcile(database: Database, clock: FakeClock) -> Reconciled:
    with database.read() as session:
        state = routing.State.load(session)
    return reconciling.reconcile_once(database, state, clock)


def owner(database: Database, alert_id: str) -> str | None:
    with database.read() as session:
        return session.get_one(Alert, alert_id).assigned_agent_id


def test_a_house_in_order_is_left_alone(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        factories.alert(session, agent_id=factories.agent(session, now=now), now=now)
    assert reconcile(database, clock) == Reconciled()


def test_the_pool_is_handed_out_when_somebody_comes_on_duty(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    night = now - timedelta(hours=6)
    clock.set(night)
    with database.write() as session:
        agent_id = factories.agent(session, schedule={"mon": [["09:00", "17:00"]]}, now=night)
        alert_id = factories.alert(session, unassigned_reason="nobody_on_duty", now=night)
    assert reconcile(database, clock).routed == 0
    clock.set(now)
    assert reconcile(database, clock).routed == 1
    assert owner(database, alert_id) == agent_id
    with database.read() as session:
        assert session.scalars(select(Delivery.kind).where(Delivery.user_id == agent_id)).first() == "alert_assigned"
        assert session.get_one(Alert, alert_id).escalate_at == now + timedelta(minutes=30)


def test_alerts_of_somebody_who_left_go_to_the_next(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        gone, here = (factories.agent(session, now=now) for _ in range(2))
        alert_id = factories.alert(session, agent_id=gone, status=Status.IN_PROGRESS, now=now)
        session.execute(update(User).where(User.id == gone).values(active=False))
    assert reconcile(database, clock).routed == 1
    assert owner(database, alert_id) == here


def test_with_nobody_else_they_go_into_the_pool_with_the_reason(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        gone = factories.agent(session, now=now)
        alert_id = factories.alert(session, agent_id=gone, now=now)
        session.execute(update(User).where(User.id == gone).values(active=False))
    assert reconcile(database, clock).released == 1
    with database.read() as session:
        alert = session.get_one(Alert, alert_id)
        assert (alert.assigned_agent_id, alert.unassigned_reason) == (None, PoolReason.OWNER_LEFT)
        assert session.get_one(Agent, gone).open_alerts == 0


@pytest.mark.parametrize(("status", "moves"), [(Status.NEW, True), (Status.IN_PROGRESS, False)])
def test_what_somebody_away_never_touched_is_given_to_others(
    database: Database, clock: FakeClock, now: datetime, status: Status, moves: bool
) -> None:
    with database.write() as session:
        away, here = (factories.agent(session, now=now) for _ in range(2))
        alert_id = factories.alert(session, agent_id=away, status=status, now=now)
        session.execute(
            insert(TimeOff).values(
                id="off", agent_id=away, starts_at=now, ends_at=now + timedelta(days=14), reason="holiday"
            )
        )
    reconcile(database, clock)
    assert owner(database, alert_id) == (here if moves else away)


def test_an_owner_without_an_assignment_is_put_right_and_told(
    database: Database, clock: FakeClock, now: datetime
) -> None:
    with database.write() as session:
        admin = factories.admin(session, now=now)
        agent_id = factories.agent(session, now=now)
        alert_id = factories.alert(session, agent_id=agent_id, now=now)
        session.execute(update(Assignment).values(ended_at=now))
    assert reconcile(database, clock).told
    reconcile(database, clock)
    with database.read() as session:
        assert session.scalars(select(Assignment.agent_id).where(Assignment.ended_at.is_(None))).all() == [agent_id]
        assert session.get_one(Alert, alert_id).assigned_agent_id == agent_id
        assert session.get_one(Agent, agent_id).open_alerts == 1
        (row,) = session.scalars(select(AuditRow).where(AuditRow.action == "alert.reconcile"))
        assert (row.subject_id, row.before) == (alert_id, {"agentId": agent_id, "assignedTo": None})
        assert delivery.Kind.ADMIN_NOTICE in session.scalars(select(Delivery.kind).where(Delivery.user_id == admin))


_UNCHECKED = {
    "sqlite": ("PRAGMA ignore_check_constraints = ON", "PRAGMA ignore_check_constraints = OFF"),
    "postgresql": (
        "ALTER TABLE alerts DROP CONSTRAINT ck_alerts_owner",
        "ALTER TABLE alerts ADD CONSTRAINT ck_alerts_owner CHECK (closed_at IS NOT NULL OR assigned_agent_id IS NOT NULL "
        "OR unassigned_reason IS NOT NULL) NOT VALID",
    ),
}


def forget_reason(session: Session, reason: str | None) -> None:
    """What the table itself refuses: somebody has been at it by hand."""
    off, on = _UNCHECKED[session.get_bind().dialect.name]
    session.execute(text(off))
    session.execute(update(Alert).values(unassigned_reason=reason))
    session.execute(text(on))


@pytest.mark.parametrize("reason", [None, "", "lost in the mail"])
@pytest.mark.parametrize("somebody", [True, False])
def test_an_alert_with_neither_owner_nor_stated_reason_is_found_within_a_minute(
    database: Database, clock: FakeClock, now: datetime, tmp_path: Path, reason: str | None, somebody: bool
) -> None:
    with database.write() as session:
        admin = factories.admin(session, now=now)
        alert_id = factories.alert(session, now=now)
        agent_id = factories.agent(session, available=somebody, now=now)
        forget_reason(session, reason)
    job = schedule.load()["reconcile"]
    assert job.every <= timedelta(minutes=1)
    settings = Settings(database_url=database.url, data_dir=tmp_path)
    context = schedule.Context(database=database, clock=clock, settings=settings, stop=threading.Event())
    schedule.run(job, context)
    assert owner(database, alert_id) == (agent_id if somebody else None)
    with database.read() as session:
        alert = session.get_one(Alert, alert_id)
        assert alert.unassigned_reason == (None if somebody else PoolReason.BOOKS_DISAGREED)
        (row,) = session.scalars(select(AuditRow).where(AuditRow.action == "alert.reconcile"))
        assert (row.before, row.after) == ({"reason": reason}, {"reason": PoolReason.BOOKS_DISAGREED})
        said = session.scalars(select(Notification.body).where(Notification.user_id == admin)).all()
    assert ["had neither an owner nor a stated reason" in one for one in said] == [True]
    schedule.run(job, context)
    with database.read() as session:
        assert session.query(Notification).filter_by(user_id=admin).count() == 1


def test_a_wrong_count_is_counted_again(database: Database, clock: FakeClock, now: datetime) -> None:
    with database.write() as session:
        agent_id = factories.agent(session, now=now)
        factories.alert(session, agent_id=agent_id, now=now)
        session.execute(update(Agent).values(open_alerts=7))
    assert "was counted with 7 open alerts and has 1" in reconcile(database, clock).sentence()
    assert reconcile(database, clock) == Reconciled()
