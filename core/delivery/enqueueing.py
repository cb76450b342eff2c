"""Notices in, deliveries out: which channels carry each, when, and why not the others; written with the decision that wanted it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from core import ids
from core.db import dialect
from core.db.tables.acting import Assignment, Decision, Delivery
from core.delivery import content, ledger, saying
from core.delivery.channel import Inbox
from core.delivery.knowing import People
from core.delivery.notices import Notice, idempotency_key
from core.delivery.planning import Plan, Planned, plan
from core.delivery.registry import CHANNELS
from core.delivery.saying import Saying
from core.delivery.speaking import Voice
from core.words import DeliveryState


@dataclass(frozen=True, kw_only=True)
class _Told:
    """A notice with what is known around it."""

    notice: Notice
    alert: Row[Any] | None
    occasion: str
    owns: bool


def enqueue(session: Session, notices: Sequence[Notice], *, quiet: bool = False, now: datetime) -> None:
    """Have these people told, by every way their preferences want for the priority.

    The inbox is delivered here and now; the rest waits in the outbox. The same notice twice is one: its idempotency key
    is the row's, and a key that is already there adds nothing. `quiet` tells in the app only. Why other channels carry
    nothing is kept with the inbox's delivery.
    """
    if not notices:
        return
    told = _around(session, notices)
    people = People(session, {notice.user_id for notice in notices}, now=now)
    rows: list[dict[str, Any]] = []
    planned_of: dict[str, Planned] = {}
    inbox: dict[str, Inbox] = {}
    for one in told:
        contact_id = one.alert.contact_id if one.alert else None
        person = people.about(one.notice.user_id, contact_id)
        found = plan(
            one.notice.user_id,
            person,
            priority=one.notice.priority,
            only=one.notice.channels,
            together=one.notice.together,
            now=now,
        )
        messages = [message for message in found.messages if not quiet or CHANNELS[message.channel].write]
        people.told(one.notice.user_id, contact_id, [message.channel for message in messages if not message.bundle])
        for message in messages:
            row = _row(one, message, found, now=now)
            rows.append(row)
            planned_of[row["id"]] = message
            if CHANNELS[message.channel].write:
                inbox[row["id"]] = _inbox(row, one, Voice(person.preferences.language, person.hours.timezone))
    written = _insert(session, rows)
    _note(session, planned_of, written, now=now)
    _deliver_inside(session, rows, inbox, written, now=now)
    if any(row["state"] == DeliveryState.QUEUED for row in rows):
        dialect.wake(session, "deliveries")


def untold(session: Session, notices: Sequence[Notice]) -> list[Notice]:
    """Those with an occasion of their own that nothing was ever written for; to be asked before a write."""
    keys = {idempotency_key(notice, notice.occasion, channel): notice for notice in notices for channel in CHANNELS}
    written = set(session.scalars(select(Delivery.idempotency_key).where(Delivery.idempotency_key.in_(keys))))
    told = {id(notice) for key, notice in keys.items() if key in written}
    return [notice for notice in notices if id(notice) not in told]


def _around(session: Session, notices: Sequence[Notice]) -> list[_Told]:
    alerts = content.brief(session, {notice.alert_id for notice in notices if notice.alert_id})
    occasions = _occasions(session, alerts)
    found = []
    for notice in notices:
        alert = alerts.get(notice.alert_id or "")
        owns = alert is not None and alert.assigned_agent_id == notice.user_id
        occasion = notice.occasion or occasions.get((notice.alert_id or "", notice.user_id if owns else ""), "-")
        found.append(_Told(notice=notice, alert=alert, occasion=occasion, owns=owns))
    return found


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


def _row(told: _Told, planned: Planned, found: Plan, *, now: datetime) -> dict[str, Any]:
    notice, at_once = told.notice, CHANNELS[planned.channel].write is not None
    payload: dict[str, Any] = {"owner": told.owns, "text": str(notice.text)}
    if isinstance(notice.text, Saying):
        payload["said"] = saying.kept(notice.text)
    if planned.after:
        payload["after"] = planned.after
    if at_once and found.skipped:
        payload["skipped"] = {channel: str(rule) for channel, rule in found.skipped.items()}
    return {
        "id": ids.new_id(),
        "alert_id": notice.alert_id,
        "user_id": notice.user_id,
        "address_id": planned.address_id,
        "channel": planned.channel,
        "kind": str(notice.kind),
        "priority": str(notice.priority),
        "state": DeliveryState.DELIVERED if at_once else DeliveryState.QUEUED,
        "reason": ledger.WORDS[planned.rules[-1]] if planned.rules else None,
        "idempotency_key": idempotency_key(notice, told.occasion, planned.channel, address_id=planned.address_id),
        "payload": payload,
        "due_at": planned.due_at,
        "wanted_at": planned.due_at,
        "bundle": planned.bundle,
        "attempts": 0,
        "created_at": now,
        "sent_at": now if at_once else None,
        "delivered_at": now if at_once else None,
    }


def _inbox(row: Mapping[str, Any], told: _Told, voice: Voice) -> Inbox:
    notice, alert, text = told.notice, told.alert, saying.by(told.notice.text, voice)
    if alert is None:
        title, body = content.one_line(text), text
    else:
        who, language = alert.contact_name or alert.contact_id, voice.language
        title = content.headline(row["kind"], alert.alert_type, who, type_name=alert.type_name, language=language)
        said = (text, "; ".join(content.factors(alert.top_factors, language=language)))
        body = ". ".join(part[:1].upper() + part[1:] for part in said if part)
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


def _note(session: Session, planned_of: Mapping[str, Planned], written: Collection[str], *, now: datetime) -> None:
    by_rules: dict[ledger.Rule, list[str]] = {}
    for delivery_id, planned in planned_of.items():
        for rule in planned.rules if delivery_id in written else ():
            by_rules.setdefault(rule, []).append(delivery_id)
    for rule, delivery_ids in by_rules.items():
        ledger.note(session, delivery_ids, ledger.What.DEFERRED, rule, now=now)


def _deliver_inside(
    session: Session,
    rows: Sequence[Mapping[str, Any]],
    inbox: Mapping[str, Inbox],
    written: Collection[str],
    *,
    now: datetime,
) -> None:
    for channel in CHANNELS.values():
        if channel.write:
            fresh = [inbox[row["id"]] for row in rows if row["channel"] == channel.name and row["id"] in written]
            if fresh:
                channel.write(session, fresh, now)
