"""What moved among the messages since the last look, for screens that follow them: written, tried, held back, heard of."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables.acting import Attempt, Delivery, DeliveryEvent
from core.delivery.scoping import delivery_scope
from core.viewer import Viewer

_NEWEST = 200
"""Rows of each kind a look reads. More than that between two looks is a burst, of which every screen hears anyway."""

Look = Mapping[tuple[str, Any], tuple[Any, ...]]
"""What was seen of each row: its delivery first."""


def look(session: Session) -> Look:
    """The newest messages, tries and lines of the ledger as they are now."""
    tries = session.execute(
        select(Attempt.id, Attempt.delivery_id, Attempt.outcome).order_by(Attempt.id.desc()).limit(_NEWEST)
    )
    lines = session.execute(
        select(DeliveryEvent.id, DeliveryEvent.delivery_id).order_by(DeliveryEvent.id.desc()).limit(_NEWEST)
    )
    messages = session.execute(
        select(Delivery.id, Delivery.state, Delivery.opened_at, Delivery.clicked_at)
        .order_by(Delivery.created_at.desc(), Delivery.id.desc())
        .limit(_NEWEST)
    )
    return {
        **{("try", row.id): (row.delivery_id, row.outcome) for row in tries},
        **{("line", row.id): (row.delivery_id,) for row in lines},
        **{("message", row.id): tuple(row) for row in messages},
    }


def moved(before: Look, after: Look) -> frozenset[str]:
    """The deliveries of which there is news."""
    return frozenset(seen[0] for key, seen in after.items() if before.get(key) != seen)


def concerns(session: Session, viewer: Viewer, delivery_ids: Collection[str]) -> bool:
    """Whether this viewer may see one of these."""
    theirs = select(Delivery.id).where(Delivery.id.in_(delivery_ids), delivery_scope(viewer)).limit(1)
    return bool(delivery_ids) and session.scalar(theirs) is not None
