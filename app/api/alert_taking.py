"""Saying no to an alert, and taking one from the pool.

Its paths lie under /alerts/{id}; saying yes is the status ACKNOWLEDGED.
"""

from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from app.api import alert_shapes as shapes
from app.api.alert_shapes import AlertId, AlertOut, Notes, Word
from app.api.deps import Caller, Camel, Db, Now
from app.api.routing import RoutingState
from core import changes, escalation, routing
from core.views import feed

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
        escalation.ring_declined(session, routed, by=viewer.user_id, now=now)
    return DeclinedOut(alert_id=alert_id, went_to="agent" if routed.agent_id else "pool")


@router.post("/{alert_id}/claim", summary="Take an alert from the pool", responses={200: {"model": AlertOut}})
def claim(alert_id: AlertId, viewer: Caller, db: Db, now: Now) -> Response:
    """The caller's until `claimedUntil`, and for good once they take a step on it; else it goes back into the pool."""
    with db.write() as session:
        routing.claim(session, alert_id, viewer=viewer, now=now)
        change_id = changes.newest_id(session)
        card = feed.get_card(session, viewer, alert_id, now=now)
    return shapes.answer(shapes.alert(card, change_id=change_id))
