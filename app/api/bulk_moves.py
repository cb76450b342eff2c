"""Many alerts moved at once, to an agent, to whom routing finds or into the pool, and the way back.

Its paths lie under /alerts/routing and come before the alerts' own.
"""

from datetime import datetime

from fastapi import APIRouter
from pydantic import Field

from app.api.deps import Camel, Db, Manager, Now
from app.api.routing import Id, PathId, RoutingState, Said
from core import escalation
from core.routing import bulk, moves
from core.routing.bulk import To

router = APIRouter(prefix="/alerts/routing", tags=["routing"])


class MoveIn(Camel):
    alert_ids: list[Id] = Field(min_length=1, max_length=moves.MOST_AT_ONCE)
    to: To
    agent_id: Id | None = None
    """Needed with `agent`."""
    reason: Said = ""
    overflow: bool = False
    """Give them even past the agent's capacity."""


class MovedOut(Camel):
    alert_id: str
    ok: bool
    agent_id: str | None
    """Who has it now; null is the pool."""
    error: str | None


class MoveOut(Camel):
    id: str
    items: list[MovedOut]
    done: int
    failed: int
    undo_until: datetime | None


@router.post("/bulk-move", summary="Move many alerts to an agent, to whom routing finds, or into the pool")
def move(body: MoveIn, viewer: Manager, db: Db, state: RoutingState, now: Now) -> MoveOut:
    with db.write() as session:
        moved = bulk.move(
            session,
            body.alert_ids,
            to=body.to,
            agent_id=body.agent_id,
            reason=body.reason,
            overflow=body.overflow,
            viewer=viewer,
            state=state,
            now=now,
        )
        escalation.ring(session, moved.routed, by=viewer.user_id, now=now)
    out = _out(moved)
    out.undo_until = now + bulk.UNDO if out.done else None
    return out


@router.post("/bulk-move/{move_id}/undo", summary="Take a move of one's own back, within 10 minutes")
def undo(move_id: PathId, viewer: Manager, db: Db, now: Now) -> MoveOut:
    """What somebody touched since stays where it is, and says so."""
    with db.write() as session:
        back = bulk.undo(session, move_id, viewer=viewer, now=now)
        escalation.ring(session, back.routed, by=viewer.user_id, now=now)
    return _out(back)


def _out(moved: bulk.Bulk) -> MoveOut:
    items = [
        MovedOut(alert_id=one.alert_id, ok=one.error is None, agent_id=one.agent_id, error=one.error)
        for one in moved.results
    ]
    done = sum(item.ok for item in items)
    return MoveOut(id=moved.id, items=items, done=done, failed=len(items) - done, undo_until=None)
