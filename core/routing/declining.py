"""Declining: the owner says no with a reason, and the alert goes on to somebody who never had it, else to the pool.

It is not an outcome: nothing is learned of the alert, and nothing is counted against its owner's results.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import assignments, audit, feed
from core.db.tables import Alert, Assignment
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.routing.dispatch import Routed, route
from core.routing.refusals import DECLINED
from core.routing.state import State
from core.viewer import Viewer, alert_scope
from core.words import ChangeKind, DeclineReason, Status

DECLINABLE = (Status.NEW, Status.ACKNOWLEDGED)
MOST_NOTES = 500


def decline(
    session: Session,
    alert_id: str,
    *,
    reason: str,
    notes: str | None = None,
    viewer: Viewer,
    state: State,
    now: datetime,
) -> Routed:
    """Say no to an alert of one's own; where it went (`agent_id` None: the pool, with the reason `declined`).

    For whoever has it next it is new again, whatever was acknowledged before.

    Args:
        notes: read by the managers; needed with the reason `other`.

    Raises:
        NotFound: no such alert for this viewer.
        Forbidden: somebody else has it.
        Invalid: no such reason, or `other` without notes.
        Conflict: nobody has it, it is closed, or work on it has begun.
    """
    said = (notes or "").strip() or None
    _check(reason, said)
    alert = session.scalars(
        select(Alert)
        .where(Alert.id == alert_id, alert_scope(viewer))
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if alert is None:
        raise NotFound("There is no such alert.")
    _may(alert, viewer)
    before = {"agentId": viewer.user_id, "status": alert.status}
    had = frozenset(session.scalars(select(Assignment.agent_id).where(Assignment.alert_id == alert_id).distinct()))
    alert.status, alert.acknowledged_at, alert.snoozed_until, alert.undo = Status.NEW, None, None, None
    session.flush()
    (routed,) = route(session, [alert_id], state=state, trigger=DECLINED, exclude=had, now=now)
    if routed.agent_id is None:
        assignments.release(session, alert_id, reason=DECLINED, now=now)
        feed.tell_alerts(session, ChangeKind.ALERT_ASSIGNED, [alert_id], lost={alert_id: viewer.user_id}, now=now)
    session.expire(alert)
    audit.record(
        session,
        "alert.decline",
        subject_type="alert",
        subject_id=alert_id,
        actor_id=viewer.user_id,
        before=before,
        after={"agentId": routed.agent_id, "reason": reason, "notes": said},
        now=now,
    )
    return routed


def _check(reason: str, notes: str | None) -> None:
    if reason not in set(DeclineReason):
        raise Invalid("Say why.", fields={"reason": f"one of {', '.join(DeclineReason)}"})
    if reason == DeclineReason.OTHER and notes is None:
        raise Invalid("Say why.", fields={"notes": "a few words are needed with “other”"})
    if notes is not None and len(notes) > MOST_NOTES:
        raise Invalid("The note is too long.", fields={"notes": f"at most {MOST_NOTES} characters"})


def _may(alert: Alert, viewer: Viewer) -> None:
    if alert.closed_at is not None:
        raise Conflict(f"This alert is {alert.status}; it is closed.")
    if alert.assigned_agent_id is None:
        raise Conflict("Nobody has this alert; there is nothing to decline.")
    if alert.assigned_agent_id != viewer.user_id:
        raise Forbidden("Only whoever has an alert can decline it; a manager gives it to somebody else.")
    if alert.status not in DECLINABLE:
        raise Conflict("Work on this alert has begun; a manager can give it to somebody else.")
