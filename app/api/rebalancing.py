"""Evening out the work over HTTP: a plan of the fewest moves, approved by id, taken back within ten minutes."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy.orm import Session

from app.api.bulk_moves import BulkResult
from app.api.deps import Camel, Db, Manager, Now
from app.api.routing import Id, PathId, RoutingState
from core import escalation
from core.routing import rebalancing
from core.routing.rebalancing import Kept, Options, Result
from core.routing.rebalancing.reading import SPREAD
from core.viewer import Viewer

router = APIRouter(prefix="/alerts", tags=["routing"])


class PlanIn(Camel):
    team_id: Id | None = None
    """One team; left out: everybody you manage."""
    spread: float | None = SPREAD
    """How far apart the shares of capacity in use may lie, 0.3 is 30 points; null: only the limits count."""
    acknowledged_hours: float | None = None
    """Alerts acknowledged longer ago than this move too; null: they stay."""


class ApplyIn(Camel):
    plan_id: Id
    fingerprint: Id | None = None
    """Of the plan you looked at; 409 when it is another."""
    alert_ids: list[Id] | None = Field(default=None, max_length=5000)
    """Only these of its moves."""
    whole: bool = False
    """All or nothing: 409 when any of it no longer holds."""


class UndoIn(Camel):
    plan_id: Id


class LoadOut(Camel):
    agent_id: str
    name: str
    open: int
    open_after: int
    capacity: int
    units: float
    units_after: float
    max_units: float | None
    share: float | None
    share_after: float | None
    why_not: str | None
    """Why they get nothing now."""


class MoveOut(Camel):
    alert_id: str
    user_id: str | None
    """The contact; null where you may not see the alert (any more)."""
    user_name: str | None
    alert_type: str | None
    priority: str | None
    from_id: str
    from_name: str
    to_id: str
    to_name: str
    why: str


class GapOut(Camel):
    goal: Literal["over", "apart", "moves"]
    """What is over limits; shares outside of the spread (1 is 100 points), over everybody; the number of moves."""
    found: float
    bound: float


class PlanOut(Camel):
    id: str
    fingerprint: str
    state: Literal["planned", "applied", "undone"]
    asked_by_name: str | None
    asked_at: datetime
    expires_at: datetime
    applied_by_name: str | None
    applied_at: datetime | None
    undo_until: datetime | None
    options: PlanIn
    proven: bool
    """No smaller set of moves does as well; false where the time ran out before that was certain."""
    gaps: list[GapOut]
    """Where it ran out: what was found, and what no plan is better than."""
    moves: list[MoveOut]
    loads: list[LoadOut]
    notes: list[str]
    """What cannot be had, and why."""


class DoneOut(Camel):
    plan_id: str
    items: list[BulkResult]
    done: int
    failed: int
    undo_until: datetime | None


@router.post(
    "/routing/rebalance/plan", status_code=201, summary="The fewest moves that even out the work; nothing moves"
)
def plan(body: PlanIn, viewer: Manager, db: Db, state: RoutingState, now: Now) -> PlanOut:
    """Kept for 15 minutes, to be approved by whoever manages everybody in it."""
    options = Options(**body.model_dump())
    with db.read() as session:
        standing = rebalancing.standing(session, options, state=state, viewer=viewer, now=now)
    made = rebalancing.plan(standing, options)  # outside of any transaction: it may take seconds
    with db.write() as session:
        return _plan(session, rebalancing.keep(session, made, options, viewer=viewer, now=now), viewer)


@router.get("/routing/rebalance/plans/{plan_id}", summary="One plan, and what became of it")
def get_plan(plan_id: PathId, viewer: Manager, db: Db) -> PlanOut:
    with db.read() as session:
        return _plan(session, rebalancing.get(session, plan_id, viewer=viewer), viewer)


@router.post("/routing/rebalance/apply", summary="Do a plan, or some of it; a result for each move")
def apply(body: ApplyIn, viewer: Manager, db: Db, state: RoutingState, now: Now) -> DoneOut:
    """What changed meanwhile stays where it is and says why (409 in its item); the rest is done. `whole` does all or nothing."""
    with db.write() as session:
        results = rebalancing.apply(
            session,
            body.plan_id,
            state=state,
            viewer=viewer,
            fingerprint=body.fingerprint,
            alert_ids=body.alert_ids,
            whole=body.whole,
            now=now,
        )
        return _done(session, body.plan_id, results, viewer, now)


@router.post("/routing/rebalance/undo", summary="Take a plan back within ten minutes; a result for each alert")
def undo(body: UndoIn, viewer: Manager, db: Db, now: Now) -> DoneOut:
    """What somebody has touched since stays with its new owner (409 in its item)."""
    with db.write() as session:
        results = rebalancing.undo(session, body.plan_id, viewer=viewer, now=now)
        return _done(session, body.plan_id, results, viewer, now)


def _done(session: Session, plan_id: str, results: Sequence[Result], viewer: Viewer, now: datetime) -> DoneOut:
    moved = [one.routed for one in results if one.routed is not None]
    escalation.ring_together(session, moved, occasion=plan_id, by=viewer.user_id, now=now)
    return DoneOut(
        plan_id=plan_id,
        items=[BulkResult.of(one) for one in results],
        done=len(moved),
        failed=len(results) - len(moved),
        undo_until=rebalancing.get(session, plan_id, viewer=viewer).undo_until,
    )


def _plan(session: Session, kept: Kept, viewer: Viewer) -> PlanOut:
    names = {one.agent_id: one.name for one in kept.plan.loads}
    known = rebalancing.contacts(session, kept.plan, viewer=viewer)
    return PlanOut(
        id=kept.id,
        fingerprint=kept.fingerprint,
        state=kept.state,
        asked_by_name=kept.asked_by_name,
        asked_at=kept.asked_at,
        expires_at=kept.expires_at,
        applied_by_name=kept.applied_by_name,
        applied_at=kept.applied_at,
        undo_until=kept.undo_until,
        options=PlanIn(**asdict(kept.options)),
        proven=kept.plan.proven,
        gaps=[GapOut(goal=one.goal, found=one.found, bound=one.bound) for one in kept.plan.gaps],
        moves=[
            MoveOut(
                alert_id=one.alert_id,
                user_id=known[one.alert_id].contact_id if one.alert_id in known else None,
                user_name=known[one.alert_id].name if one.alert_id in known else None,
                alert_type=known[one.alert_id].alert_type if one.alert_id in known else None,
                priority=known[one.alert_id].priority if one.alert_id in known else None,
                from_id=one.from_id,
                from_name=names[one.from_id],
                to_id=one.to_id,
                to_name=names[one.to_id],
                why=one.why,
            )
            for one in kept.plan.moves
        ],
        loads=[LoadOut(**asdict(one)) for one in kept.plan.loads],
        notes=list(kept.plan.notes),
    )
