"""Saying no to an alert, and taking one from the pool.

Its paths lie under /alerts/{id}; saying yes is the status ACKNOWLEDGED.
"""

from typing import Literal

from fastapi import APIRouter

from app.api.alert_shapes import AlertId, Notes, Word
from app.api.deps import Caller, Camel, Db, Now
from app.api.routing import RoutingState
from core import escalation, routing

router = APIRouter(prefix="/alerts", tags=["alerts"])


class DeclineIn(Camel):
    reason: Word
    """too_busy, not_my_area, not_my_kind, conflict_of_interest, going_away or other."""
    notes: Notes | None = None
    """For the managers; needed with `other`."""


class DeclinedOut(Camel):
    alert_id: str
    went_to: Literal["agent", "pool"]


@router.post("/{alert_id}/decline", summary="Say no to an alert of one's own")
def decline(alert_id: AlertId, body: DeclineIn, viewer: Caller, db: Db, state: RoutingState, now: Now) -> DeclinedOut:
    """It goes on to somebody who never had it, else into the pool with the reason `declined`. No outcome is recorded."""
    with db.write() as session:
        routed = routing.decline(
            session, alert_id, reason=body.reason, notes=body.notes, viewer=viewer, state=state, now=now
        )
        escalation.ring(session, [routed], now=now)
    return DeclinedOut(alert_id=alert_id, went_to="agent" if routed.agent_id else "pool")
