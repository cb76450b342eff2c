"""Several messages that go out as one: digests, what quiet hours held back, and storms.

Messages of a bundle wait under its name. When the first of them is due, all that are due are told by it: the others end as
merged into it, in the transaction that leases it, and it keeps their ids through every retry.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.delivery import ledger
from core.delivery.notices import Kind
from core.delivery.preferences import Digest
from core.words import DeliveryState

MOST = 200
"""Messages in one: a weekend's, not a year's."""


def is_digest(bundle: str | None) -> bool:
    """Whether what goes out under this name is a digest that its reader asked for."""
    return (bundle or "").partition(":")[0] in (Digest.HOURLY, Digest.DAILY)


def gather(session: Session, rows: Sequence[Delivery], *, now: datetime) -> set[str]:
    """Make one message of each bundle among these claimed rows; the ids of rows that are told by another now."""
    gone: set[str] = set()
    for row in rows:
        if row.bundle is None or row.id in gone:
            continue
        others = session.scalars(
            select(Delivery)
            .where(
                Delivery.bundle == row.bundle,
                Delivery.state == DeliveryState.QUEUED,
                Delivery.due_at <= now,
                Delivery.id != row.id,
            )
            .order_by(Delivery.created_at, Delivery.id)
            .limit(MOST - 1)
            .with_for_update(skip_locked=True)
        ).all()
        if others:
            _merge(session, row, others, now=now)
            gone |= {other.id for other in others}
    return gone


def _merge(session: Session, lead: Delivery, others: Sequence[Delivery], *, now: datetime) -> None:
    told = [*_items(lead), *(item for other in others for item in _items(other))]
    lead.payload = {**lead.payload, "items": told}
    lead.kind = Kind.DIGEST
    session.flush()
    ids = [other.id for other in others]
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_(ids))
        .values(
            state=DeliveryState.SUPPRESSED,
            reason=ledger.WORDS[ledger.Rule.MERGED],
            merged_into=lead.id,
            bundle=None,
            leased_by=None,
            leased_until=None,
        )
        .execution_options(synchronize_session=False)
    )
    ledger.note(session, ids, ledger.What.MERGED, ledger.Rule.MERGED, detail=lead.id, now=now)


def _items(row: Delivery) -> list[dict[str, object]]:
    """What a message tells: itself, or what it gathered before."""
    if items := row.payload.get("items"):
        return list(items)
    return [
        {
            "id": row.id,
            "alertId": row.alert_id,
            "kind": row.kind,
            "priority": row.priority,
            "owner": bool(row.payload.get("owner")),
            "text": row.payload.get("text", ""),
            "at": row.created_at.isoformat(),
        }
    ]
