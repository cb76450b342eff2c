"""ESCALATE: an alert that nobody answers goes to the next person, and after the last one to the team's manager.

The clock starts when the owner was first reached while on duty, stops only by the owner's own action (core.alerts sets
`escalate_at` to null), and each reassignment starts it again. CRITICAL and HIGH run in wall time, because they concern
people on duty; MEDIUM and LOW run in the owner's working hours.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from statistics import fmean
from typing import Any

from sqlalchemy import Row, bindparam, exists, or_, select, update
from sqlalchemy.orm import Session

from core import audit, feed, routing
from core.db.base import table_of
from core.db.tables import Agent, Alert, Assignment, Delivery, Team, TimeOff, User
from core.delivery.notices import Kind, Notice
from core.errors import DoorbellError
from core.routing import days_off
from core.routing import schedule as working
from core.words import ChangeKind, DeliveryState, Priority, Role, Status

WALL = {Priority.CRITICAL: timedelta(minutes=5), Priority.HIGH: timedelta(minutes=30)}
WORKING_HOURS = {Priority.MEDIUM: timedelta(hours=4)}
WORKING_DAYS = {Priority.LOW: 3}
MOST_STEPS = 4
"""People who are given one alert by escalation, at most; then the manager, and the clock stands still."""
_REACHED = (DeliveryState.SENT, DeliveryState.DELIVERED)


def deadline(
    priority: str,
    start: datetime,
    *,
    schedule: Mapping[str, Any],
    timezone: str,
    holidays: frozenset[date] = days_off.NONE,
) -> datetime:
    """When an alert that was told at `start` goes on to the next person; the owner's holidays are no working time."""
    tier = Priority(priority)
    if tier in WALL:
        return start + WALL[tier]
    time = WORKING_HOURS.get(tier) or WORKING_DAYS[tier] * _working_day(schedule)
    return working.add_working_time(start, time, schedule, timezone, holidays)


def start(session: Session, alert_ids: Sequence[str], *, now: datetime) -> list[str]:
    """Start the clock of those whose owner has been reached and is on duty; the rest wait. Returns the started ones."""
    ready = _ready(session, alert_ids, now=now)
    holidays = days_off.covering(session, {row.agent_id for row in ready})
    changes = [
        {
            "key": row.id,
            "until": deadline(
                row.priority,
                now,
                schedule=row.schedule,
                timezone=row.timezone,
                holidays=holidays.get(row.agent_id, days_off.NONE),
            ),
        }
        for row in ready
    ]
    if changes:
        alerts = table_of(Alert)
        session.connection().execute(
            update(alerts)
            .where(alerts.c.id == bindparam("key"))
            .values(notified_at=now, escalate_at=bindparam("until", type_=alerts.c.escalate_at.type)),
            changes,
        )
    return [str(change["key"]) for change in changes]


def waiting_to_start(session: Session, *, now: datetime, limit: int = 1000) -> list[str]:
    """Alerts told while their owner was off, whose owner is on duty by now; oldest first."""
    waiting = session.scalars(
        select(Alert.id)
        .where(
            Alert.closed_at.is_(None),
            Alert.status == Status.NEW,
            Alert.assigned_agent_id.is_not(None),
            Alert.notified_at.is_(None),
        )
        .order_by(Alert.opened_at)
        .limit(limit)
    ).all()
    return [row.id for row in _ready(session, waiting, now=now)]


def due(session: Session, *, now: datetime, limit: int = 100) -> list[str]:
    """Alerts whose time has run out, longest overdue first. A snoozed alert waits until its snooze ends."""
    return list(
        session.scalars(
            select(Alert.id)
            .where(
                Alert.escalate_at <= now,
                Alert.closed_at.is_(None),
                or_(Alert.snoozed_until.is_(None), Alert.snoozed_until <= now),
            )
            .order_by(Alert.escalate_at)
            .limit(limit)
        )
    )


def escalate(session: Session, alert_id: str, *, state: routing.State, now: datetime) -> list[Notice]:
    """Give an overdue alert to the next person who never had it, else tell the manager; the notices to enqueue.

    Checked again under the lock: what was answered, closed or snoozed meanwhile stays where it is, and gives no notice.
    """
    alert = session.scalars(
        select(Alert).where(Alert.id == alert_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if alert is None or not _is_due(alert, now=now):
        return []
    before = {"agentId": alert.assigned_agent_id, "step": alert.escalation_step}
    priority, owner_id, step = alert.priority, alert.assigned_agent_id, alert.escalation_step + 1
    next_id = None
    if step <= MOST_STEPS:
        next_id = _hand_over(session, alert_id, state=state, now=now)
    session.execute(
        update(Alert)
        .where(Alert.id == alert_id)
        .values(escalation_step=step, escalate_at=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    session.expire(alert)
    if next_id is None:
        # The owner keeps it: late is better than nobody. The manager decides what happens now.
        people = _managers(session, owner_id)
        text = "Its time to answer has run out and there is nobody else to give it to"
        feed.tell_alerts(session, ChangeKind.ALERT_UPDATED, [alert_id], now=now)
    else:
        people = [next_id]
        text = "It was not answered in time, so it is yours now"
    audit.record(
        session,
        "alert.escalate",
        subject_type="alert",
        subject_id=alert_id,
        actor_id=None,
        before=before,
        after={"agentId": next_id or owner_id, "step": step, "told": people},
        now=now,
    )
    return [
        Notice(
            alert_id=alert_id,
            user_id=user_id,
            kind=Kind.ALERT_ESCALATED,
            priority=priority,
            occasion="" if user_id == next_id else f"step-{step}",
            text=text,
        )
        for user_id in people
    ]


def _hand_over(session: Session, alert_id: str, *, state: routing.State, now: datetime) -> str | None:
    """Route it among those who never had it; the new owner, or None when nobody is left and it stays where it is."""
    had = frozenset(session.scalars(select(Assignment.agent_id).where(Assignment.alert_id == alert_id).distinct()))
    routed = routing.route(session, [alert_id], state=state, trigger="escalated", now=now, exclude=had)
    return routed[0].agent_id if routed else None


def _is_due(alert: Alert, *, now: datetime) -> bool:
    return (
        alert.closed_at is None
        and alert.escalate_at is not None
        and alert.escalate_at <= now
        and (alert.snoozed_until is None or alert.snoozed_until <= now)
    )


def _ready(session: Session, alert_ids: Sequence[str], *, now: datetime) -> list[Row[Any]]:
    """Those of the open alerts whose owner has been reached, is on duty, and whose clock has not been started."""
    if not alert_ids:
        return []
    reached = exists().where(
        Delivery.alert_id == Alert.id, Delivery.user_id == Alert.assigned_agent_id, Delivery.state.in_(_REACHED)
    )
    rows = session.execute(
        select(Alert.id, Alert.priority, Agent.id.label("agent_id"), Agent.schedule, Agent.available, User.timezone)
        .join(Agent, Agent.id == Alert.assigned_agent_id)
        .join(User, User.id == Agent.id)
        .where(Alert.id.in_(alert_ids), Alert.closed_at.is_(None), Alert.notified_at.is_(None), User.active, reached)
    ).all()
    duty = {row.agent_id: row for row in rows}
    off = _time_off(session, set(duty), now=now)
    days = days_off.covering(session, duty)
    on = {agent_id for agent_id, row in duty.items() if row.available and _on_duty(row, off, days, now=now)}
    return [row for row in rows if row.agent_id in on]


def _on_duty(row: Any, off: set[str], days: Mapping[str, frozenset[date]], *, now: datetime) -> bool:
    try:
        holidays = days.get(row.agent_id, days_off.NONE)
        return row.agent_id not in off and working.on_duty(row.schedule, row.timezone, now, holidays=holidays)
    except (DoorbellError, KeyError):  # a schedule or zone that no longer parses: the clock runs rather than never
        return True


def _time_off(session: Session, agent_ids: set[str], *, now: datetime) -> set[str]:
    return set(
        session.scalars(
            select(TimeOff.agent_id).where(
                TimeOff.agent_id.in_(agent_ids), TimeOff.starts_at <= now, TimeOff.ends_at > now
            )
        )
    )


def _working_day(schedule: Mapping[str, Any]) -> timedelta:
    """How long this person's day is, on average over the days they work; 24 hours for who is always on duty."""
    week = working.parse(schedule)
    days = [sum(ends - begins for begins, ends in spans) for spans in week if spans]
    return timedelta(minutes=fmean(days)) if days else timedelta(days=1)


def _managers(session: Session, agent_id: str | None) -> list[str]:
    """The manager of the owner's team, else the administrators."""
    manager = session.scalar(
        select(Team.manager_id)
        .join(Agent, Agent.team_id == Team.id)
        .join(User, User.id == Team.manager_id)
        .where(Agent.id == agent_id, User.active)
    )
    if manager:
        return [manager]
    return list(session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active).order_by(User.id)))
