"""Alerts as routing sees them, read in bulk: the case itself and the facts that rules may ask about."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables import Alert, Contact, Property, Signal
from core.load import Units
from core.routing.state import House
from core.routing.strategy import Case
from core.words import Priority

_DAYS_IN_YEAR = 365.25


def load(
    session: Session, alert_ids: Sequence[str], *, house: House, now: datetime, lock: bool = False
) -> dict[str, Case]:
    """Open alerts by id; closed and unknown ones are left out. Loads only what some rule of the house reads.

    Args:
        lock: keep the alerts from being worked on until the transaction ends (in the order of their ids).
    """
    alert, contact = table_of(Alert).c, table_of(Contact).c
    statement = (
        select(
            alert.id,
            alert.contact_id,
            alert.alert_type,
            alert.status,
            alert.priority,
            alert.confidence,
            alert.probability,
            alert.lift,
            alert.signal_strength,
            alert.signal_count,
            alert.model_version,
            alert.territory,
            alert.property_value,
            alert.assigned_agent_id,
            alert.opened_at,
            alert["metadata"].label("details"),
            contact.territory.label("contact_territory"),
            contact.owner_agent_id,
            contact.first_seen_at,
            contact.attributes,
        )
        .join(Contact, contact.id == alert.contact_id)
        .where(alert.id.in_(alert_ids), alert.closed_at.is_(None))
        .order_by(alert.id)
    )
    if lock:
        statement = statement.with_for_update(of=table_of(Alert))
    rows = session.execute(statement).all()
    contact_ids = sorted({row.contact_id for row in rows})
    reads = house.rules.reads
    before = _previous_owners(session, rows) if house.asks_before else {}
    homes = _homes(session, contact_ids, now=now) if "property" in reads else {}
    signals = _signals(session, contact_ids) if "signals" in reads else {}
    time = _time(now, house)
    return {row.id: _case(row, before, homes, signals, time, house.units) for row in rows}


def _case(
    row: Any,
    before: Mapping[str, str],
    homes: Mapping[str, dict[str, Any]],
    signals: Mapping[str, list[str]],
    time: dict[str, Any],
    units: Units,
) -> Case:
    previous = row.assigned_agent_id or row.owner_agent_id or before.get(row.contact_id)
    territory = row.territory or row.contact_territory
    return Case(
        alert_id=row.id,
        contact_id=row.contact_id,
        alert_type=row.alert_type,
        priority=row.priority,
        priority_rank=Priority(row.priority).rank,
        confidence=row.confidence,
        territory=territory,
        owner_id=row.assigned_agent_id,
        previous_agent_id=previous,
        opened_at=row.opened_at,
        units=units.of(row.priority, row.alert_type),
        facts={
            "alert": {
                "id": row.id,
                "type": row.alert_type,
                "status": row.status,
                "priority": row.priority,
                "confidence": row.confidence,
                "probability": row.probability,
                "lift": row.lift,
                "signalStrength": row.signal_strength,
                "signalCount": row.signal_count,
                "territory": territory,
                "propertyValue": row.property_value,
                "modelVersion": row.model_version,
                "assignedAgentId": row.assigned_agent_id,
            },
            "contact": {
                "id": row.contact_id,
                "territory": row.contact_territory,
                "ownerAgentId": row.owner_agent_id,
                "firstSeenAt": row.first_seen_at.isoformat(),
                "attributes": row.attributes or {},
            },
            "property": homes.get(row.contact_id, {"count": 0}),
            "signals": signals.get(row.contact_id, []),
            "metadata": {"previousAgentId": previous, **(row.details or {})},
            "time": time,
        },
    )


def _previous_owners(session: Session, rows: Sequence[Any]) -> dict[str, str]:
    """Contact id -> who had an alert of this contact last, where no standing relation says so."""
    unknown = sorted({row.contact_id for row in rows if not row.assigned_agent_id and not row.owner_agent_id})
    if not unknown:
        return {}
    found = session.execute(
        select(Alert.contact_id, Alert.assigned_agent_id)
        .where(Alert.contact_id.in_(unknown), Alert.assigned_agent_id.is_not(None))
        .order_by(Alert.opened_at, Alert.id)
    )
    return {contact_id: agent_id for contact_id, agent_id in found if agent_id is not None}


def _homes(session: Session, contact_ids: Sequence[str], *, now: datetime) -> dict[str, dict[str, Any]]:
    """Contact id -> the most valuable property, with how many there are."""
    homes: dict[str, dict[str, Any]] = {}
    rows = session.execute(
        select(
            Property.id,
            Property.contact_id,
            Property.city,
            Property.zip,
            Property.territory,
            Property.estimated_value,
            Property.mortgage_balance,
            Property.purchased_on,
        )
        .where(Property.contact_id.in_(contact_ids))
        .order_by(Property.contact_id, Property.estimated_value.desc().nulls_last(), Property.id)
    )
    for row in rows:
        kept = homes.get(row.contact_id)
        if kept is not None:
            kept["count"] += 1
            continue
        known = row.estimated_value is not None and row.mortgage_balance is not None
        homes[row.contact_id] = {
            "id": row.id,
            "city": row.city,
            "zip": row.zip,
            "territory": row.territory,
            "estimatedValue": row.estimated_value,
            "mortgageBalance": row.mortgage_balance,
            "equity": row.estimated_value - row.mortgage_balance if known else None,
            "yearsOwned": (now.date() - row.purchased_on).days / _DAYS_IN_YEAR if row.purchased_on else None,
            "count": 1,
        }
    return homes


def _signals(session: Session, contact_ids: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = session.execute(
        select(Signal.contact_id, Signal.type)
        .where(Signal.contact_id.in_(contact_ids), Signal.closed_at.is_(None))
        .order_by(Signal.contact_id, Signal.type)
    )
    for contact_id, kind in rows:
        found.setdefault(contact_id, []).append(kind)
    return found


def _time(now: datetime, house: House) -> dict[str, Any]:
    local = now.astimezone(house.zone)
    return {
        "clock": f"{local:%H:%M}",
        "hour": local.hour,
        "minute": local.minute,
        "weekday": ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[local.weekday()],
        "isWeekend": local.weekday() >= 5,
        "month": local.month,
        "date": local.date().isoformat(),
    }
