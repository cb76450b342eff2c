"""Notices in, deliveries out: which channels carry each, written with the decision that wanted them told."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core import ids
from core.db import dialect
from core.db.tables.acting import Assignment, Decision, Delivery
from core.delivery import content
from core.delivery.channel import Inbox
from core.delivery.notices import Notice, idempotency_key
from core.delivery.registry import CHANNELS
from core.words import DeliveryState


def enqueue(session: Session, notices: Sequence[Notice], *, quiet: bool = False, now: datetime) -> None:
    """Have these people told, by every channel that carries the priority.

    The inbox is delivered here and now; the rest waits in the outbox. The same notice twice is one: its idempotency key
    is the row's, and a key that is already there adds nothing. `quiet` tells in the app only.
    """
    if not notices:
        return
    alerts = content.brief(session, {notice.alert_id for notice in notices if notice.alert_id})
    occasions = _occasions(session, alerts)
    rows: list[dict[str, Any]] = []
    inbox: dict[str, Inbox] = {}
    for notice in notices:
        alert = alerts.get(notice.alert_id or "")
        owns = alert is not None and alert.assigned_agent_id == notice.user_id
        occasion = notice.occasion or occasions.get((notice.alert_id or "", notice.user_id if owns else ""), "-")
        for channel in CHANNELS.values():
            carries = channel.name in notice.channels if notice.channels else notice.priority in channel.priorities
            if not carries or (quiet and channel.write is None):
                continue
            row = _row(notice, channel.name, occasion, owns=owns, at_once=channel.write is not None, now=now)
            rows.append(row)
            if channel.write:
                inbox[row["id"]] = _inbox(row, notice, alert)
    written = _insert(session, rows)
    for channel in CHANNELS.values():
        if channel.write:
            fresh = [inbox[row["id"]] for row in rows if row["channel"] == channel.name and row["id"] in written]
            if fresh:
                channel.write(session, fresh, now)
    if any(row["state"] == DeliveryState.QUEUED for row in rows):
        dialect.wake(session, "deliveries")


def untold(session: Session, notices: Sequence[Notice]) -> list[Notice]:
    """Those with an occasion of their own that nothing was ever written for; to be asked before a write."""
    keys = {idempotency_key(notice, notice.occasion, channel): notice for notice in notices for channel in CHANNELS}
    written = set(session.scalars(select(Delivery.idempotency_key).where(Delivery.idempotency_key.in_(keys))))
    told = {id(notice) for key, notice in keys.items() if key in written}
    return [notice for notice in notices if id(notice) not in told]


def _occasions(session: Session, alert_ids: Collection[str]) -> Mapping[tuple[str, str], str]:
    """(alert, owner) to its open assignment, and (alert, "") to its newest decision."""
    if not alert_ids:
        return {}
    assignments = session.execute(
        select(Assignment.alert_id, Assignment.agent_id, Assignment.id).where(
            Assignment.alert_id.in_(alert_ids), Assignment.ended_at.is_(None)
        )
    )
    decisions = session.execute(
        select(Decision.alert_id, func.max(Decision.id))
        .where(Decision.alert_id.in_(alert_ids))
        .group_by(Decision.alert_id)
    )
    found = {(alert_id, agent_id): id_ for alert_id, agent_id, id_ in assignments}
    return found | {(alert_id, ""): id_ for alert_id, id_ in decisions}


def _row(notice: Notice, channel: str, occasion: str, *, owns: bool, at_once: bool, now: datetime) -> dict[str, Any]:
    return {
        "id": ids.new_id(),
        "alert_id": notice.alert_id,
        "user_id": notice.user_id,
        "channel": channel,
        "kind": str(notice.kind),
        "priority": str(notice.priority),
        "state": DeliveryState.DELIVERED if at_once else DeliveryState.QUEUED,
        "idempotency_key": idempotency_key(notice, occasion, channel),
        "payload": {"owner": owns, "text": notice.text},
        "due_at": now,
        "attempts": 0,
        "created_at": now,
        "sent_at": now if at_once else None,
        "delivered_at": now if at_once else None,
    }


def _inbox(row: Mapping[str, Any], notice: Notice, alert: Row[Any] | None) -> Inbox:
    if alert is None:
        title, body = content.one_line(notice.text), notice.text
    else:
        who = alert.contact_name or alert.contact_id
        title = content.headline(row["kind"], alert.alert_type, who, type_name=alert.type_name)
        body = ". ".join(part for part in (notice.text, "; ".join(content.factors(alert.top_factors))) if part)
    return Inbox(
        delivery_id=row["id"],
        user_id=notice.user_id,
        alert_id=notice.alert_id,
        kind=row["kind"],
        priority=row["priority"],
        title=title,
        body=body,
    )


def _insert(session: Session, rows: Sequence[dict[str, Any]]) -> set[str]:
    """The ids that were really new."""
    if not rows:
        return set()
    statement = (
        dialect.upsert(session, Delivery)
        .on_conflict_do_nothing(index_elements=["idempotency_key"])
        .returning(Delivery.id)
    )
    return set(session.scalars(statement, list(rows)))
