"""Many alerts given or moved at once, in parts: to agents, to whom routing finds or into the pool, and the way back.

Its paths lie under /alerts/routing and come before the alerts' own.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from app.api import in_parts
from app.api.deps import Camel, Db, Manager, Now
from app.api.in_parts import Accept, Progress
from app.api.routing import Id, PathId, RoutingState, Said
from core import escalation
from core.db import Database
from core.routing import bulk, moves
from core.routing.bulk import Bulk, To
from core.routing.moves import Moved
from core.routing.rebalancing import Result
from core.routing.state import State
from core.viewer import Viewer

router = APIRouter(prefix="/alerts/routing", tags=["routing"])


class BulkItem(Camel):
    alert_id: Id
    agent_id: Id


class BulkAssignIn(Camel):
    """Pairs in `items`, or `alertIds` that all go to one `agentId`."""

    items: list[BulkItem] = Field(default_factory=list, max_length=moves.MOST_AT_ONCE)
    alert_ids: list[Id] = Field(default_factory=list, max_length=moves.MOST_AT_ONCE)
    agent_id: Id | None = None
    reason: Said = ""
    overflow: bool = False


class BulkResult(Camel):
    alert_id: str
    agent_id: str
    ok: bool
    decision_id: str | None = None
    overflow: bool = False
    status: int = 200
    error: str | None = None

    @classmethod
    def of(cls, one: Moved | Result) -> "BulkResult":
        return cls(
            alert_id=one.alert_id,
            agent_id=one.agent_id,
            ok=one.error is None,
            decision_id=one.routed.decision_id if one.routed else None,
            overflow=one.routed.overflow if one.routed else False,
            status=one.error.status if one.error else 200,
            error=one.error.detail if one.error else None,
        )


class BulkOut(Camel):
    items: list[BulkResult]
    done: int
    failed: int


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


@router.post("/bulk-assign", summary="Give many alerts to agents, in parts; a result for each", response_model=BulkOut)
def bulk_assign(body: BulkAssignIn, viewer: Manager, db: Db, now: Now, accept: Accept = None) -> Any:
    """With `Accept: application/x-ndjson` a line after each part ({done, failed, total}) and the answer as the last line."""
    wanted = [(item.alert_id, item.agent_id) for item in body.items]
    if body.agent_id is not None:
        wanted += [(alert_id, body.agent_id) for alert_id in body.alert_ids]
    found: dict[str, Moved] = {}
    parts = _assign_in_parts(body, wanted, found, viewer, db, now)
    return in_parts.answer(parts, lambda: _bulk_out(moves.in_order(wanted, found)), accept=accept)


def _assign_in_parts(
    body: BulkAssignIn,
    wanted: list[tuple[str, str]],
    found: dict[str, Moved],
    viewer: Viewer,
    db: Database,
    now: datetime,
) -> Iterator[Progress]:
    moves.check_number(wanted)
    pairs = list(dict(wanted).items())
    for part in moves.parts(pairs) or [[]]:
        with db.write() as session:
            moved = moves.bulk_reassign(
                session, part, viewer=viewer, reason=body.reason, overflow=body.overflow, now=now
            )
            escalation.ring(session, [one.routed for one in moved if one.routed], by=viewer.user_id, now=now)
        found.update((one.alert_id, one) for one in moved)
        failed = sum(one.error is not None for one in found.values())
        yield Progress(done=len(found) - failed, failed=failed, total=len(pairs))


def _bulk_out(moved: Sequence[Moved]) -> BulkOut:
    items = [BulkResult.of(one) for one in moved]
    done = sum(item.ok for item in items)
    return BulkOut(items=items, done=done, failed=len(items) - done)


@router.post(
    "/bulk-move",
    summary="Move many alerts to an agent, to whom routing finds, or into the pool, in parts",
    response_model=MoveOut,
)
def move(body: MoveIn, viewer: Manager, db: Db, state: RoutingState, now: Now, accept: Accept = None) -> Any:
    """With `Accept: application/x-ndjson` a line after each part ({done, failed, total}) and the answer as the last line."""
    done: list[Bulk] = []
    parts = _move_in_parts(body, done, viewer, db, state, now)

    def whole() -> MoveOut:
        out = _out(done)
        out.undo_until = now + bulk.UNDO if out.done else None
        return out

    return in_parts.answer(parts, whole, accept=accept)


def _move_in_parts(
    body: MoveIn, done: list[Bulk], viewer: Viewer, db: Database, state: State, now: datetime
) -> Iterator[Progress]:
    ids = list(dict.fromkeys(body.alert_ids))
    for part in moves.parts(ids):
        with db.write() as session:
            moved = bulk.move(
                session,
                part,
                to=body.to,
                agent_id=body.agent_id,
                reason=body.reason,
                overflow=body.overflow,
                bulk_id=done[0].id if done else None,
                viewer=viewer,
                state=state,
                now=now,
            )
            escalation.ring(session, moved.routed, by=viewer.user_id, now=now)
        done.append(moved)
        yield _progress(done, total=len(ids))


@router.post(
    "/bulk-move/{move_id}/undo",
    summary="Take a move of one's own back, within 10 minutes, in parts",
    response_model=MoveOut,
)
def undo(move_id: PathId, viewer: Manager, db: Db, now: Now, accept: Accept = None) -> Any:
    """What somebody touched since stays where it is, and says so. Lines as for the move."""
    done: list[Bulk] = []
    return in_parts.answer(_undo_in_parts(move_id, done, viewer, db, now), lambda: _out(done), accept=accept)


def _undo_in_parts(move_id: str, done: list[Bulk], viewer: Viewer, db: Database, now: datetime) -> Iterator[Progress]:
    with db.read() as session:
        parts = bulk.parts(session, move_id, viewer=viewer, now=now)
    for part, _ in parts:
        with db.write() as session:
            back = bulk.undo(session, move_id, part=part, viewer=viewer, now=now)
            escalation.ring(session, back.routed, by=viewer.user_id, now=now)
        done.append(back)
        yield _progress(done, total=sum(number for _, number in parts))


def _progress(done: Sequence[Bulk], *, total: int) -> Progress:
    tried = [one for each in done for one in each.results]
    failed = sum(one.error is not None for one in tried)
    return Progress(done=len(tried) - failed, failed=failed, total=total)


def _out(done: Sequence[Bulk]) -> MoveOut:
    items = [
        MovedOut(alert_id=one.alert_id, ok=one.error is None, agent_id=one.agent_id, error=one.error)
        for each in done
        for one in each.results
    ]
    number = sum(item.ok for item in items)
    return MoveOut(id=done[0].id, items=items, done=number, failed=len(items) - number, undo_until=None)
