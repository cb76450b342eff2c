"""Several messages that go out as one: digests, what quiet hours held back, and storms.

Messages of a bundle wait under its name. When the first of them is due, all that are due by then or soon after are told by
it: the others end as merged into it, in the transaction that leases it, and it keeps their ids through every retry. What was
tried once tells what it told then and nothing more: the provider may have taken it, and drops a second one of its key.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.delivery import ledger, lost
from core.delivery.notices import Kind
from core.delivery.planning import STORM_PAUSE
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
    leads: set[str] = set()
    for row in rows:
        if row.bundle is None or row.id in gone or row.attempts > int(row.payload.get("deferrals", 0)):
            continue
        leads.add(row.id)
        others = session.scalars(
            select(Delivery)
            .where(
                Delivery.bundle == row.bundle,
                text("deliveries.state = 'queued'"),  # as the partial index says it (see core.delivery.pacing.WAITING)
                Delivery.due_at <= now + STORM_PAUSE,  # a storm's messages become due one after the other
                Delivery.attempts <= func.coalesce(Delivery.payload["deferrals"].as_integer(), 0),
                Delivery.id.not_in(leads),
            )
            .order_by(Delivery.created_at, Delivery.id)
            .limit(MOST - 1)
            .with_for_update(skip_locked=True)
        ).all()
        if fitting := _fitting(row, others):
            _merge(session, row, fitting, now=now)
            gone |= {other.id for other in fitting}
    return gone


def _fitting(lead: Delivery, others: Sequence[Delivery]) -> list[Delivery]:
    """Those that make no more than MOST with it: one that was put off may hold many already."""
    told, fitting = len(_items(lead)), []
    for other in others:
        told += len(_items(other))
        if told > MOST:
            break
        fitting.append(other)
    return fitting


def tried(attempts: int, payload: Mapping[str, Any]) -> int:
    """The tries that count since a message was queued or replayed: none put off, lost, or that found its provider down."""
    others = sum(int(payload.get(name, 0)) for name in ("replayed_after", "deferrals", "spared"))
    return attempts - others - lost.tries(payload)


def items(payload: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a message gathered; empty for one that tells one thing."""
    return list(payload.get("items") or ())


def untold(lead_id: str, payload: Mapping[str, Any], rule: ledger.Rule) -> dict[str, ledger.Rule]:
    """What a bundle that is not sent at all leaves untold beside its own news, each by the rule that stopped it."""
    return {item["id"]: rule for item in items(payload) if item["id"] != lead_id}


def tell_left_out(session: Session, lead_id: str, left_out: Mapping[str, ledger.Rule], *, now: datetime) -> None:
    """What a bundle did not tell when it came to it ends by the rule it was left out for, and not as told in another message.

    The message itself may have gone out with the others' news: of its own only the ledger says that it is not in it.
    """
    by_rule: dict[ledger.Rule, list[str]] = {}
    for delivery_id, rule in left_out.items():
        if delivery_id == lead_id:
            ledger.note(session, [lead_id], ledger.What.LEFT_OUT, rule, now=now)
        else:
            by_rule.setdefault(rule, []).append(delivery_id)
    for rule, delivery_ids in by_rule.items():
        session.execute(
            update(Delivery)
            .where(Delivery.id.in_(delivery_ids), Delivery.merged_into == lead_id)
            .values(reason=ledger.WORDS[rule], merged_into=None)
            .execution_options(synchronize_session=False)
        )
        ledger.note(session, delivery_ids, ledger.What.SUPPRESSED, rule, now=now)


def _merge(session: Session, lead: Delivery, others: Sequence[Delivery], *, now: datetime) -> None:
    told = [*_items(lead), *(item for other in others for item in _items(other))]
    lead.payload = {**lead.payload, "items": told}
    lead.kind = Kind.DIGEST
    session.flush()
    ids = [other.id for other in others]
    gathered = [item["id"] for other in others for item in items(other.payload)]  # by one that was put off
    session.execute(
        update(Delivery)
        .where(Delivery.id.in_({*ids, *gathered}))
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


def _items(row: Delivery) -> list[dict[str, Any]]:
    """What a message tells: itself, or what it gathered before."""
    return items(row.payload) or [
        {
            "id": row.id,
            "alertId": row.alert_id,
            "kind": row.kind,
            "priority": row.priority,
            "owner": bool(row.payload.get("owner")),
            "text": row.payload.get("text", ""),
            **({"said": row.payload["said"]} if "said" in row.payload else {}),
            "at": row.created_at.isoformat(),
            "key": row.idempotency_key,
            "after": row.payload.get("after", 0),
        }
    ]
