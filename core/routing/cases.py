"""Alerts as routing sees them, read in bulk: the case itself and the facts that rules may ask about."""

from collections.abc import Sequence, Set
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables import Alert, Contact, Property, Signal
from core.load import Units
from core.routing.state import House
from core.routing.strategy import Case
from core.words import Priority, Status

_DAYS_IN_YEAR = 365.25


def load(
    session: Session,
    alert_ids: Sequence[str],
    *,
    house: House,
    also: House | None = None,
    now: datetime,
    lock: bool = False,
) -> dict[str, Case]:
    """Open alerts by id; closed and unknown ones are left out. Loads only what some rule of the house reads.

    Args:
        also: another house whose rules are tried on them too.
        lock: keep the alerts from being worked on until the transaction ends (in the order of their ids).
    """
    alert = table_of(Alert).c
    statement = _statement().where(alert.id.in_(alert_ids), alert.closed_at.is_(None)).order_by(alert.id)
    if lock:
        statement = statement.with_for_update(of=table_of(Alert))
    rows = session.execute(statement).all()
    contact_ids = sorted({row.contact_id for row in rows})
    reads, asks_before = _asked(house, also)
    before = _previous_owners(session, rows) if asks_before else {}
    homes = _homes(session, contact_ids, now=now) if "property" in reads else {}
    signals = _signals(session, contact_ids) if "signals" in reads else {}
    time = time_facts(now, house)
    return {
        row.id: _case(
            row,
            status=row.status,
            owner=row.assigned_agent_id,
            previous=row.assigned_agent_id or row.owner_agent_id or before.get(row.contact_id),
            home=homes.get(row.contact_id),
            signals=signals.get(row.contact_id, []),
            time=time,
            units=house.units,
        )
        for row in rows
    }


def as_opened(
    session: Session,
    which: ColumnElement[bool],
    *,
    since: datetime,
    most: int,
    house: House,
    also: House | None = None,
    now: datetime,
) -> list[Case]:
    """The newest alerts opened since then, closed ones too, as they stood on opening: new, nobody's, at that hour, with the
    signals that were open and whoever had the contact before. What is not kept of the past is taken as it is now: scores,
    priority, homes, the contact's own agent.

    Args:
        which: the alerts that may be looked at.
        most: how many at most.
        also: another house whose rules are tried on them too.
    """
    alert = table_of(Alert).c
    rows = session.execute(
        _statement()
        .where(alert.opened_at > since, alert.opened_at <= now, which)
        .order_by(alert.opened_at.desc(), alert.id)
        .limit(most)
    ).all()
    contact_ids = sorted({row.contact_id for row in rows})
    reads, asks_before = _asked(house, also)
    owners = _owners(session, contact_ids) if asks_before else {}
    homes = _homes(session, contact_ids, now=now) if "property" in reads else {}
    spans = _signal_spans(session, contact_ids, since=since) if "signals" in reads else {}
    return [
        _case(
            row,
            status=Status.NEW,
            owner=None,
            previous=row.owner_agent_id or _last_before(owners.get(row.contact_id, ()), row.opened_at),
            home=homes.get(row.contact_id),
            signals=sorted(
                {kind for kind, start, end in spans.get(row.contact_id, ()) if start <= row.opened_at < (end or now)}
            ),
            time=time_facts(row.opened_at, house),
            units=house.units,
        )
        for row in rows
    ]


def _asked(house: House, also: House | None) -> tuple[Set[str], bool]:
    """The namespaces that rules of either house read, and whether who had the contact before is asked for."""
    if also is None:
        return house.rules.reads, house.asks_before
    return house.rules.reads | also.rules.reads, house.asks_before or also.asks_before


@cache
def _statement() -> Select[Any]:
    alert, contact = table_of(Alert).c, table_of(Contact).c
    return select(
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
    ).join(Contact, contact.id == alert.contact_id)


def _case(
    row: Any,
    *,
    status: str,
    owner: str | None,
    previous: str | None,
    home: dict[str, Any] | None,
    signals: list[str],
    time: dict[str, Any],
    units: Units,
) -> Case:
    territory = row.territory or row.contact_territory
    return Case(
        alert_id=row.id,
        contact_id=row.contact_id,
        alert_type=row.alert_type,
        priority=row.priority,
        priority_rank=Priority(row.priority).rank,
        confidence=row.confidence,
        territory=territory,
        owner_id=owner,
        previous_agent_id=previous,
        opened_at=row.opened_at,
        units=units.of(row.priority, row.alert_type),
        facts={
            "alert": {
                "id": row.id,
                "type": row.alert_type,
                "status": status,
                "priority": row.priority,
                "confidence": row.confidence,
                "probability": row.probability,
                "lift": row.lift,
                "signalStrength": row.signal_strength,
                "signalCount": row.signal_count,
                "territory": territory,
                "propertyValue": row.property_value,
                "modelVersion": row.model_version,
                "assignedAgentId": owner,
            },
            "contact": {
                "id": row.contact_id,
                "territory": row.contact_territory,
                "ownerAgentId": row.owner_agent_id,
                "firstSeenAt": row.first_seen_at.isoformat(),
                "attributes": row.attributes or {},
            },
            "property": home or {"count": 0},
            "signals": signals,
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


def _owners(session: Session, contact_ids: Sequence[str]) -> dict[str, list[tuple[datetime, str]]]:
    """Contact id -> (when an alert opened, who has or had it), the oldest first."""
    found: dict[str, list[tuple[datetime, str]]] = {}
    rows = session.execute(
        select(Alert.contact_id, Alert.opened_at, Alert.assigned_agent_id)
        .where(Alert.contact_id.in_(contact_ids), Alert.assigned_agent_id.is_not(None))
        .order_by(Alert.opened_at, Alert.id)
    )
    for contact_id, opened_at, agent_id in rows:
        assert agent_id is not None
        found.setdefault(contact_id, []).append((opened_at, agent_id))
    return found


def _last_before(owners: Sequence[tuple[datetime, str]], at: datetime) -> str | None:
    return next((agent_id for opened_at, agent_id in reversed(owners) if opened_at < at), None)


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


def _signal_spans(
    session: Session, contact_ids: Sequence[str], *, since: datetime
) -> dict[str, list[tuple[str, datetime, datetime | None]]]:
    """Contact id -> (type, first seen, closed) of the signals that were open at some time since."""
    found: dict[str, list[tuple[str, datetime, datetime | None]]] = {}
    rows = session.execute(
        select(Signal.contact_id, Signal.type, Signal.first_seen_at, Signal.closed_at).where(
            Signal.contact_id.in_(contact_ids), or_(Signal.closed_at.is_(None), Signal.closed_at > since)
        )
    )
    for contact_id, kind, start, end in rows:
        found.setdefault(contact_id, []).append((kind, start, end))
    return found


def time_facts(now: datetime, house: House) -> dict[str, Any]:
    """What rules may read as time.*, in the house's zone."""
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
