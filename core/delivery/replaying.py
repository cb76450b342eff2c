"""Dead letters queued again, one or thousands in one statement, with an answer for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.orm import Session

from core import audit
from core.db import dialect
from core.db.tables.acting import Delivery
from core.delivery import ledger
from core.delivery.scoping import delivery_scope
from core.errors import Conflict, NotFound
from core.viewer import Viewer
from core.words import DeliveryState

MOST = 10_000
"""In one go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What became of one."""

    id: str
    ok: bool
    reason: str | None = None
    """Why not."""


def replay(session: Session, delivery_id: str, *, actor_id: str | None, now: datetime) -> None:
    """Queue a dead letter again, whoever's it is, with its tries counted anew and its idempotency key kept.

    Raises:
        NotFound: no such delivery.
        Conflict: it is not dead.
    """
    _one(_asked(session, [delivery_id], true(), actor_id=actor_id, now=now))


def replay_one(session: Session, delivery_id: str, *, viewer: Viewer, now: datetime) -> None:
    """The same for whoever may see it; raises NotFound also for those who may not."""
    _one(replay_some(session, [delivery_id], viewer=viewer, now=now))


def _one(answers: Sequence[Replayed]) -> None:
    (found,) = answers
    if not found.ok:
        raise (NotFound if found.reason == _NOT_THERE else Conflict)(found.reason or "")


def replay_some(session: Session, delivery_ids: Sequence[str], *, viewer: Viewer, now: datetime) -> list[Replayed]:
    """Queue these again, as far as they are dead and this viewer's; one answer each, in the order asked."""
    return _asked(session, delivery_ids, delivery_scope(viewer), actor_id=viewer.user_id or None, now=now)


def replay_where(
    session: Session, conditions: Sequence[ColumnElement[bool]], *, viewer: Viewer, now: datetime
) -> list[Replayed]:
    """Queue every dead letter of this viewer's again that these conditions fit: the oldest ten thousand."""
    scope = delivery_scope(viewer)
    oldest = (
        select(Delivery.id)
        .where(*conditions, Delivery.state == DeliveryState.DEAD, scope)
        .order_by(Delivery.created_at)
        .limit(MOST)
    )
    done = _queue(session, Delivery.id.in_(oldest), actor_id=viewer.user_id or None, now=now)
    return [Replayed(id=one, ok=True) for one in done]


_NOT_THERE = "There is no such delivery"


def _asked(
    session: Session,
    delivery_ids: Sequence[str],
    scope: ColumnElement[bool],
    *,
    actor_id: str | None,
    now: datetime,
) -> list[Replayed]:
    wanted = list(dict.fromkeys(delivery_ids))
    mine = (Delivery.id.in_(wanted), scope)
    done = set(_queue(session, *mine, actor_id=actor_id, now=now))
    left = {row.id: row.state for row in session.execute(select(Delivery.id, Delivery.state).where(*mine))}
    return [
        Replayed(id=one, ok=True)
        if one in done
        else Replayed(id=one, ok=False, reason=_not_dead(left[one]) if one in left else _NOT_THERE)
        for one in wanted
    ]


def _not_dead(state: str) -> str:
    return f"Only a dead letter can be replayed; this one is {state}"


def _queue(session: Session, *which: ColumnElement[bool], actor_id: str | None, now: datetime) -> list[str]:
    """The ids that are queued again. Tries are counted anew, the idempotency key stays."""
    session.flush()
    done = list(
        session.scalars(
            update(Delivery)
            .where(*which, Delivery.state == DeliveryState.DEAD)
            .values(
                state=DeliveryState.QUEUED,
                due_at=now,
                wanted_at=now,
                reason=None,
                payload=dialect.merged(
                    session, Delivery.payload, replayed_after=Delivery.attempts, deferrals=0, spared=0, lost=0, blamed=0
                ),
            )
            .returning(Delivery.id)
            .execution_options(synchronize_session=False)
        )
    )
    if not done:
        return []
    ledger.note(session, done, ledger.What.REPLAYED, ledger.Rule.BY_HAND, now=now)
    audit.record(
        session,
        "delivery.replay",
        subject_type="delivery",
        subject_id=done[0] if len(done) == 1 else f"{len(done)} of them",
        actor_id=actor_id,
        before={"state": DeliveryState.DEAD},
        after={"state": DeliveryState.QUEUED, "ids": sorted(done)},
        now=now,
    )
    dialect.wake(session, "deliveries")
    return done
