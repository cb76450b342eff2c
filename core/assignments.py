"""Who owns an alert from when to when. Capacity is taken and given back here, atomically, and nowhere else (promise 4).

Locks are taken in one order everywhere: the alert, then the agents. Nothing here tells the feed: `routing.route` tells
`alert:assigned` (through `core.feed.tell_alerts`), except for a new alert, which `core.pipeline` tells as `alert:new`
once its owner is known.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, insert, or_, select, update
from sqlalchemy.orm import Session

from core import clock, load
from core.db.tables import Agent, Alert, Assignment, User
from core.errors import Conflict, NotFound
from core.ids import new_id
from core.words import PoolReason


def take(
    session: Session,
    alert_id: str,
    agent_id: str,
    *,
    decision_id: str | None,
    reason: str,
    by: str | None,
    overflow: bool = False,
    anew: bool = True,
    now: datetime,
) -> bool:
    """Make the agent the owner of an open alert, ending any other ownership.

    Returns False, with nothing changed, when the agent is at capacity and `overflow` is not said.

    Args:
        anew: counts among the day's alerts; not so where an undo gives back what the agent had.

    Raises:
        NotFound: no such alert.
        Conflict: the alert is closed.
    """
    alert = session.execute(
        select(Alert.assigned_agent_id, Alert.closed_at, Alert.priority, Alert.alert_type)
        .where(Alert.id == alert_id)
        .with_for_update()
    ).one_or_none()
    if alert is None:
        raise NotFound("There is no such alert.")
    if alert.closed_at is not None:
        raise Conflict("This alert is closed; it cannot be assigned.")
    if alert.assigned_agent_id == agent_id:
        return True
    units = load.load(session).of(alert.priority, alert.alert_type)
    zone = session.scalar(select(User.timezone).where(User.id == agent_id)) or "UTC"
    today = now.astimezone(clock.zone(zone)).date()
    room = update(Agent).where(Agent.id == agent_id).values(**taken(1, units, today=today if anew else None))
    if not overflow:
        room = room.where(has_room(1, units, today=today))
    if session.execute(room).rowcount == 0:  # type: ignore[attr-defined]
        return False
    _end(session, alert_id, reason="reassigned", now=now)
    session.execute(
        insert(Assignment).values(
            id=new_id(),
            alert_id=alert_id,
            agent_id=agent_id,
            decision_id=decision_id,
            reason=reason,
            assigned_by=by,
            assigned_at=now,
            units=units,
        )
    )
    _own(session, alert_id, agent_id=agent_id, unassigned_reason=None, now=now)
    return True


def release(session: Session, alert_id: str, *, reason: PoolReason, now: datetime) -> str | None:
    """Put an open alert back into the pool with the reason why nobody owns it; returns who lost it."""
    lost = _end(session, alert_id, reason=reason, now=now)
    _own(session, alert_id, agent_id=None, unassigned_reason=reason, now=now)
    return lost


def close_many(session: Session, alert_ids: Sequence[str], *, reason: str, now: datetime) -> None:
    """End the ownership of alerts that close: the last owner stays named on the alert, the capacity is given back."""
    owners = session.execute(
        update(Assignment)
        .where(Assignment.alert_id.in_(alert_ids), Assignment.ended_at.is_(None))
        .values(ended_at=now, ended_reason=reason)
        .returning(Assignment.agent_id, Assignment.units)
        .execution_options(synchronize_session=False)
    ).all()
    freed: defaultdict[str, list[float]] = defaultdict(list)
    for agent_id, units in owners:
        freed[agent_id].append(units)
    for agent_id in sorted(freed):  # in one order everywhere, so that two closers never wait for each other
        session.execute(
            update(Agent)
            .where(Agent.id == agent_id)
            .values(**taken(-len(freed[agent_id]), -sum(freed[agent_id])))
            .execution_options(synchronize_session=False)
        )


def taken(number: int, units: float, *, today: date | None = None) -> dict[str, Any]:
    """The new values of an agent who takes (below 0: gives back) so many alerts of so many units in all.

    Args:
        today: the date where the agent is, to count them among the day's; None leaves that count alone.
    """
    values: dict[str, Any] = {"open_alerts": Agent.open_alerts + number, "open_units": Agent.open_units + units}
    if today is not None:
        values |= {"given_today": _given(today) + number, "given_on": today}
    return values


def has_room(number: int, units: float, *, today: date) -> ColumnElement[bool]:
    """The condition on `agents` that taking them passes none of the agent's limits: number, units, a day's number."""
    return and_(
        Agent.open_alerts + number <= Agent.max_concurrent_alerts,
        or_(Agent.max_units.is_(None), Agent.open_units + units <= Agent.max_units),
        or_(Agent.max_per_day.is_(None), _given(today) + number <= Agent.max_per_day),
    )


def _given(today: date) -> ColumnElement[int]:
    return case((Agent.given_on == today, Agent.given_today), else_=0)


def _end(session: Session, alert_id: str, *, reason: str, now: datetime) -> str | None:
    ended = session.execute(
        update(Assignment)
        .where(Assignment.alert_id == alert_id, Assignment.ended_at.is_(None))
        .values(ended_at=now, ended_reason=reason)
        .returning(Assignment.agent_id, Assignment.units)
    ).one_or_none()
    if ended is None:
        return None
    agent_id, units = ended
    session.execute(update(Agent).where(Agent.id == agent_id).values(**taken(-1, -units)))
    return str(agent_id)


def _own(
    session: Session, alert_id: str, *, agent_id: str | None, unassigned_reason: str | None, now: datetime
) -> None:
    session.execute(
        update(Alert)
        .where(Alert.id == alert_id)
        .values(
            assigned_agent_id=agent_id,
            unassigned_reason=unassigned_reason,
            notified_at=None,  # each reassignment starts the escalation clock again
            escalate_at=None,
            escalation_step=0,
            claimed_until=None,
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
