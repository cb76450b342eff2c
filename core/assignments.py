"""Who owns an alert from when to when. Capacity is taken and given back here, atomically, and nowhere else (promise 4).

Locks are taken in one order everywhere: the alert, then the agents. Nothing here tells the feed: `routing.route` tells
`alert:assigned` (through `core.feed.tell_alerts`), except for a new alert, which `core.pipeline` tells as `alert:new`
once its owner is known.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from core.db.tables import Agent, Alert, Assignment
from core.errors import Conflict, NotFound
from core.ids import new_id


def take(
    session: Session,
    alert_id: str,
    agent_id: str,
    *,
    decision_id: str | None,
    reason: str,
    by: str | None,
    overflow: bool = False,
    now: datetime,
) -> bool:
    """Make the agent the owner of an open alert, ending any other ownership.

    Returns False, with nothing changed, when the agent is at capacity and `overflow` is not said.

    Raises:
        NotFound: no such alert.
        Conflict: the alert is closed.
    """
    alert = session.execute(
        select(Alert.assigned_agent_id, Alert.closed_at).where(Alert.id == alert_id).with_for_update()
    ).one_or_none()
    if alert is None:
        raise NotFound("There is no such alert.")
    if alert.closed_at is not None:
        raise Conflict("This alert is closed; it cannot be assigned.")
    if alert.assigned_agent_id == agent_id:
        return True
    room = update(Agent).where(Agent.id == agent_id).values(open_alerts=Agent.open_alerts + 1)
    if not overflow:
        room = room.where(Agent.open_alerts < Agent.max_concurrent_alerts)
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
        )
    )
    _own(session, alert_id, agent_id=agent_id, unassigned_reason=None, now=now)
    return True


def release(session: Session, alert_id: str, *, reason: str, now: datetime) -> str | None:
    """Put an open alert back into the pool with the reason why nobody owns it; returns who lost it."""
    lost = _end(session, alert_id, reason=reason, now=now)
    _own(session, alert_id, agent_id=None, unassigned_reason=reason, now=now)
    return lost


def close_many(session: Session, alert_ids: Sequence[str], *, reason: str, now: datetime) -> None:
    """End the ownership of alerts that close: the last owner stays named on the alert, the capacity is given back."""
    owners = session.scalars(
        update(Assignment)
        .where(Assignment.alert_id.in_(alert_ids), Assignment.ended_at.is_(None))
        .values(ended_at=now, ended_reason=reason)
        .returning(Assignment.agent_id)
        .execution_options(synchronize_session=False)
    ).all()
    freed = Counter(owners)
    for agent_id in sorted(freed):  # in one order everywhere, so that two closers never wait for each other
        session.execute(
            update(Agent)
            .where(Agent.id == agent_id)
            .values(open_alerts=Agent.open_alerts - freed[agent_id])
            .execution_options(synchronize_session=False)
        )


def _end(session: Session, alert_id: str, *, reason: str, now: datetime) -> str | None:
    agent_id = session.scalar(
        update(Assignment)
        .where(Assignment.alert_id == alert_id, Assignment.ended_at.is_(None))
        .values(ended_at=now, ended_reason=reason)
        .returning(Assignment.agent_id)
    )
    if agent_id is not None:
        session.execute(update(Agent).where(Agent.id == agent_id).values(open_alerts=Agent.open_alerts - 1))
    return agent_id


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
            updated_at=now,
        )
        .execution_options(synchronize_session=False)
    )
