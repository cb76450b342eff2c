"""Bring played contacts into the product's database, in the caller's transaction: all or nothing.

Numbered rows (events, scores, audit) get new numbers; the feed is not told of the past. Contacts somebody has already
used while the history was being played keep what they have: their played history is left out.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from core import escalation
from core.assignments import taken
from core.db.base import table_of
from core.db.tables import (
    Agent,
    Alert,
    AlertOutcome,
    Assignment,
    AuditRow,
    Contact,
    ContactSession,
    Decision,
    Delivery,
    Event,
    LatestScore,
    Notification,
    Rollup,
    Score,
    Signal,
    Transaction,
)
from core.demo.scratch import rows_of
from core.words import DeliveryState, PoolReason, Status

_PAGE = 2_000
_READ_AFTER = timedelta(minutes=25)
_FRESH = timedelta(days=2)
"""Notifications younger than this stay unread in the inbox."""
_NO_ROOM = PoolReason.OVER_CAPACITY


def merge(scratch: Session, live: Session, contact_ids: Sequence[str], *, now: datetime) -> list[str]:
    """Copy everything of these contacts; returns the alerts that are open now.

    Args:
        now: the present, from which the clocks of unanswered alerts run.
    """
    used = set(live.scalars(select(Event.contact_id).where(Event.contact_id.in_(contact_ids)).distinct()))
    ids = [contact_id for contact_id in contact_ids if contact_id not in used]
    _contacts(scratch, live, ids)
    for table in (table_of(Event), table_of(Score)):
        _put(live, table, _numberless(rows_of(scratch, table, key="contact_id", values=ids)))
    for table in map(table_of, (Rollup, ContactSession, Signal, LatestScore, Transaction)):
        _put(live, table, rows_of(scratch, table, key="contact_id", values=ids))
    alerts = rows_of(scratch, table_of(Alert), key="contact_id", values=ids)
    decisions = rows_of(scratch, table_of(Decision), key="alert_id", values=[row["id"] for row in alerts])
    assignments = rows_of(scratch, table_of(Assignment), key="alert_id", values=[row["id"] for row in alerts])
    _give_room(live, alerts, assignments)
    _put(live, table_of(Alert), alerts)
    _put(live, table_of(Decision), decisions)
    _put(live, table_of(Assignment), assignments)
    alert_ids = [row["id"] for row in alerts]
    _inbox(scratch, live, alert_ids, now=now)
    _put(live, table_of(AlertOutcome), rows_of(scratch, table_of(AlertOutcome), key="alert_id", values=alert_ids))
    _put(
        live, table_of(AuditRow), _numberless(rows_of(scratch, table_of(AuditRow), key="subject_id", values=alert_ids))
    )
    still_open = [row["id"] for row in alerts if row["closed_at"] is None]
    unanswered = [row["id"] for row in alerts if row["closed_at"] is None and row["status"] == Status.NEW]
    escalation.start(live, unanswered, now=now)
    return still_open


def _contacts(scratch: Session, live: Session, ids: Sequence[str]) -> None:
    """What the line learnt of them: when they were last seen and scored."""
    table = table_of(Contact)
    names = ("last_human_event_at", "scored_at", "rescore_at")
    rows = rows_of(scratch, table, key="id", values=ids)
    if rows:
        live.connection().execute(
            update(table)
            .where(table.c.id == bindparam("key"))
            .values(**{name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}),
            [{"key": row["id"], **{f"new_{name}": row[name] for name in names}} for row in rows],
        )


def _give_room(live: Session, alerts: list[dict[str, Any]], assignments: list[dict[str, Any]]) -> None:
    """Take the capacity of open alerts where they now land; without room they go to the pool, and say why."""
    current = {row["alert_id"]: row for row in assignments if row["ended_at"] is None}
    for alert in alerts:
        alert["notified_at"] = alert["escalate_at"] = None  # the clock of an unanswered one starts now, in `merge`
        alert["undo"] = None
        assignment = current.get(alert["id"])
        if assignment is None:
            continue
        units = assignment["units"]
        room = (
            update(Agent)
            .where(
                Agent.id == assignment["agent_id"],
                Agent.open_alerts < Agent.max_concurrent_alerts,
                or_(Agent.max_units.is_(None), Agent.open_units + units <= Agent.max_units),
            )
            .values(**taken(1, units))
            .execution_options(synchronize_session=False)
        )
        if live.execute(room).rowcount == 0:  # type: ignore[attr-defined]
            assignment |= {"ended_at": alert["updated_at"], "ended_reason": _NO_ROOM}
            alert |= {"assigned_agent_id": None, "unassigned_reason": _NO_ROOM}


def _inbox(scratch: Session, live: Session, alert_ids: Sequence[str], *, now: datetime) -> None:
    """In-app messages only, old ones read: nothing is ever mailed about the past."""
    deliveries = [
        row
        for row in rows_of(scratch, table_of(Delivery), key="alert_id", values=alert_ids)
        if row["state"] == DeliveryState.DELIVERED
    ]
    kept = {row["id"] for row in deliveries}
    notifications = [
        row
        for row in rows_of(scratch, table_of(Notification), key="alert_id", values=alert_ids)
        if row["delivery_id"] in kept
    ]
    for row in notifications:
        if row["read_at"] is None and row["created_at"] < now - _FRESH:
            row["read_at"] = row["created_at"] + _READ_AFTER
    _put(live, table_of(Delivery), deliveries)
    _put(live, table_of(Notification), notifications)


def take_turns(scratch: Session, live: Session) -> None:
    """The fair queue goes on from where the history left it."""
    for agent_id, turn in scratch.execute(select(Agent.id, Agent.round_robin_at)):
        live.execute(
            update(Agent)
            .where(Agent.id == agent_id, Agent.round_robin_at < turn)
            .values(round_robin_at=turn)
            .execution_options(synchronize_session=False)
        )


def _numberless(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for row in rows:
        del row["id"]
    return rows


def _put(live: Session, table: Table, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), _PAGE):
        live.execute(insert(table), rows[start : start + _PAGE])
