"""What people do with an alert: acknowledge, start, contact, snooze, convert, dismiss, undo. One write path for one and for thousands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from core import assignments, audit, claim_terms, feed, wire
from core.db.base import table_of
from core.db.dialect import upsert
from core.db.tables import Alert, AlertOutcome
from core.errors import Conflict, DoorbellError, Forbidden, Invalid, NotFound
from core.viewer import SYSTEM, Viewer, alert_scope
from core.words import ChangeKind, DismissReason, Outcome, PoolReason, Role, Status

UNDO_MINUTES = 10
_ORDER = (Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS, Status.CONTACTED)
_REASON_LABEL = {DismissReason.NO_INTEREST: Outcome.FALSE_POSITIVE}
"""Only this reason says that the alert was wrong; the others say nothing about it."""
_UNDOABLE = (
    "status",
    "acknowledged_at",
    "contacted_at",
    "snoozed_until",
    "closed_at",
    "close_reason",
    "notified_at",
    "escalate_at",
    "claimed_until",
)
_CLOCKS = {"notified_at", "escalate_at", "claimed_until"}
"""Of one ownership: they come back only while that one goes on."""
_TIMES = {"acknowledged_at", "contacted_at", "snoozed_until", "closed_at"} | _CLOCKS


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one alert in a bulk action."""

    alert_id: str
    ok: bool
    status: str | None = None
    error: str | None = None


def steps(status: Status) -> tuple[Status, ...]:
    """The statuses that may legally follow; empty for a closed alert."""
    if not status.is_open:
        return ()
    return (*_ORDER[_ORDER.index(status) + 1 :], Status.CONVERTED, Status.DISMISSED)


def acknowledge(session: Session, alert_id: str, *, viewer: Viewer, now: datetime) -> Alert:
    """Say "I have it". An agent who acknowledges an alert of the pool takes it.

    Raises:
        NotFound: no such alert, or not for this viewer.
        Conflict: the status does not allow it, or the agent is at capacity.
    """
    return _one(session, alert_id, Status.ACKNOWLEDGED, viewer=viewer, now=now)


def start(session: Session, alert_id: str, *, viewer: Viewer, now: datetime) -> Alert:
    """Say that work on it has begun."""
    return _one(session, alert_id, Status.IN_PROGRESS, viewer=viewer, now=now)


def contact(session: Session, alert_id: str, *, viewer: Viewer, now: datetime) -> Alert:
    """Say that the homeowner was reached."""
    return _one(session, alert_id, Status.CONTACTED, viewer=viewer, now=now)


def convert(
    session: Session,
    alert_id: str,
    *,
    viewer: Viewer,
    value: float | None = None,
    transaction_type: str | None = None,
    notes: str | None = None,
    contact_methods: Sequence[str] = (),
    now: datetime,
) -> Alert:
    """Close it as won; the outcome is TRUE_POSITIVE. `value` in US dollars."""
    outcome = _outcome(
        Outcome.TRUE_POSITIVE,
        converted=True,
        value=value,
        transaction_type=transaction_type,
        notes=notes,
        contact_methods=contact_methods,
    )
    return _one(session, alert_id, Status.CONVERTED, viewer=viewer, outcome=outcome, now=now)


def dismiss(
    session: Session, alert_id: str, *, viewer: Viewer, reason: str, notes: str | None = None, now: datetime
) -> Alert:
    """Close it as not worth pursuing; only the reason decides whether that labels the alert as wrong."""
    why = _dismiss_reason(reason)
    return _one(session, alert_id, Status.DISMISSED, viewer=viewer, reason=why, outcome=_dismissal(why, notes), now=now)


def bulk(
    session: Session,
    alert_ids: Sequence[str],
    status: Status,
    *,
    viewer: Viewer,
    reason: str | None = None,
    notes: str | None = None,
    now: datetime,
) -> list[Result]:
    """The same step for many alerts: those that may take it do, each of the others says why not."""
    outcome: Mapping[str, Any] | None = None
    why: str | None = None
    if status is Status.DISMISSED:
        why = _dismiss_reason(reason or DismissReason.OTHER)
        outcome = _dismissal(why, notes)
    elif status is Status.CONVERTED:
        outcome = _outcome(Outcome.TRUE_POSITIVE, converted=True, notes=notes)
    elif status not in _ORDER[1:]:
        raise Invalid(f"An alert cannot be moved to {status}.", fields={"status": "not a step people take"})
    done, refused = _move(session, alert_ids, status, viewer=viewer, reason=why, outcome=outcome, now=now)
    return [
        Result(alert_id=alert_id, ok=True, status=status)
        if alert_id in done
        else Result(alert_id=alert_id, ok=False, error=refused[alert_id].detail)
        for alert_id in dict.fromkeys(alert_ids)
    ]


def snooze(session: Session, alert_id: str, *, viewer: Viewer, until: datetime, now: datetime) -> Alert:
    """Hide it until then (at most 30 days); the escalation clock stands still meanwhile."""
    if not now < until <= now + timedelta(days=30):
        raise Invalid("Snooze until a time within the next 30 days.", fields={"until": "must be within 30 days"})
    alert = _open_for(session, alert_id, viewer=viewer)
    before = _state(alert)
    if alert.escalate_at is not None:
        alert.escalate_at = until + max(alert.escalate_at - now, timedelta())
    alert.snoozed_until = until
    return _finish(session, alert, "alert.snoozed", before, viewer=viewer, now=now)


def unsnooze(session: Session, alert_id: str, *, viewer: Viewer, now: datetime) -> Alert:
    """Show it again."""
    alert = _open_for(session, alert_id, viewer=viewer)
    if alert.snoozed_until is None:
        raise Conflict("This alert is not snoozed.")
    before = _state(alert)
    if alert.escalate_at is not None and alert.snoozed_until > now:
        alert.escalate_at = now + (alert.escalate_at - alert.snoozed_until)
    alert.snoozed_until = None
    return _finish(session, alert, "alert.unsnoozed", before, viewer=viewer, now=now)


def undo(session: Session, alert_id: str, *, viewer: Viewer, now: datetime) -> Alert:
    """Take back the last action, within 10 minutes, by whoever did it (or a manager or admin).

    Raises:
        Conflict: too late, nothing to undo, or another alert of that type is open for the contact by now.
    """
    alert = _visible(session, alert_id, viewer=viewer)
    memory = alert.undo
    if memory is None or datetime.fromisoformat(memory["until"]) < now:
        raise Conflict(f"There is nothing to undo: an action can be taken back for {UNDO_MINUTES} minutes.")
    if viewer.role is Role.AGENT and memory["by"] != viewer.user_id:
        raise Forbidden("Only the person who did this, a manager or an admin can take it back.")
    reopening = alert.closed_at is not None
    if reopening and session.scalar(
        select(Alert.id).where(
            Alert.contact_id == alert.contact_id, Alert.alert_type == alert.alert_type, Alert.closed_at.is_(None)
        )
    ):
        raise Conflict("Another alert of this type has opened for this contact since; this one stays closed.")
    before = _state(alert)
    owner = alert.assigned_agent_id
    left = memory.get("notified_at")
    same = "notified_at" not in memory or alert.notified_at == (datetime.fromisoformat(left) if left else None)
    for name, value in memory["before"].items():
        if name in _CLOCKS and not same:
            continue
        setattr(alert, name, datetime.fromisoformat(value) if name in _TIMES and value else value)
    alert.undo = None
    if reopening:
        session.execute(delete(AlertOutcome).where(AlertOutcome.alert_id == alert_id))
        escalate_at, notified_at, step = alert.escalate_at, alert.notified_at, alert.escalation_step
        claimed_until = alert.claimed_until
        alert.assigned_agent_id = None
        alert.unassigned_reason = alert.unassigned_reason or PoolReason.REOPENED
        session.flush()
        if owner is not None:
            # The owner had this alert a moment ago: it comes back to them even over capacity, and says so.
            assignments.take(
                session,
                alert_id,
                owner,
                decision_id=None,
                reason="reopened by undo",
                by=viewer.user_id or None,
                overflow=True,
                anew=False,
                now=now,
            )
            session.refresh(alert)
            alert.escalate_at, alert.notified_at, alert.escalation_step = escalate_at, notified_at, step
            alert.claimed_until = claimed_until
    alert.updated_at = now
    _record(session, alert, "alert.undone", before, viewer=viewer, now=now)
    feed.tell_alerts(session, ChangeKind.ALERT_UPDATED, [alert_id], now=now)
    return alert


def expire(session: Session, *, now: datetime, limit: int = 1000) -> int:
    """Close NEW and ACKNOWLEDGED alerts whose time has run out; returns how many."""
    ids = session.scalars(
        select(Alert.id)
        .where(
            Alert.closed_at.is_(None),
            Alert.valid_until <= now,
            Alert.status.in_((Status.NEW, Status.ACKNOWLEDGED)),
        )
        .limit(limit)
    ).all()
    done, _ = _move(session, ids, Status.EXPIRED, viewer=SYSTEM, reason="expired", now=now)
    return len(done)


def record_outcome(
    session: Session,
    alert_id: str,
    outcome: str,
    *,
    viewer: Viewer,
    converted: bool = False,
    value: float | None = None,
    transaction_type: str | None = None,
    reason: str | None = None,
    notes: str | None = None,
    contact_methods: Sequence[str] = (),
    now: datetime,
) -> AlertOutcome:
    """Store what really happened; an open alert that converted is closed as CONVERTED.

    Raises:
        Invalid: TRUE_NEGATIVE and FALSE_NEGATIVE, which belong to scores that raised no alert; or a contradiction.
    """
    if outcome in (Outcome.TRUE_NEGATIVE, Outcome.FALSE_NEGATIVE):
        raise Invalid(
            f"{outcome} belongs to a score that raised no alert.", fields={"outcome": "not possible on an alert"}
        )
    if outcome not in set(Outcome):
        raise Invalid("There is no such outcome.", fields={"outcome": f"one of {', '.join(Outcome)}"})
    if converted and outcome != Outcome.TRUE_POSITIVE:
        raise Invalid("A converted alert was right.", fields={"outcome": "TRUE_POSITIVE when converted"})
    if value is not None and not 0 <= value < 1e12:
        raise Invalid("The value is in US dollars.", fields={"value": "0 or more"})
    alert = _visible(session, alert_id, viewer=viewer)
    row = _outcome(
        Outcome(outcome),
        converted=converted,
        value=value,
        transaction_type=transaction_type,
        reason=reason,
        notes=notes,
        contact_methods=contact_methods,
    )
    if converted and alert.closed_at is None:
        _one(session, alert_id, Status.CONVERTED, viewer=viewer, outcome=row, now=now)
    else:
        before = session.get(AlertOutcome, alert_id)
        audit.record(
            session,
            "alert.outcome",
            subject_type="alert",
            subject_id=alert_id,
            actor_id=viewer.user_id or None,
            before={"outcome": before.outcome, "converted": before.converted} if before else None,
            after={"outcome": outcome, "converted": converted},
            now=now,
        )
        _save_outcomes(session, [alert_id], row, viewer=viewer, now=now)
        feed.tell_alerts(session, ChangeKind.ALERT_UPDATED, [alert_id], now=now)
    stored = session.get(AlertOutcome, alert_id, populate_existing=True)
    if stored is None:
        raise NotFound("There is no such alert.")
    return stored


def _one(
    session: Session,
    alert_id: str,
    to: Status,
    *,
    viewer: Viewer,
    reason: str | None = None,
    outcome: Mapping[str, Any] | None = None,
    now: datetime,
) -> Alert:
    done, refused = _move(session, [alert_id], to, viewer=viewer, reason=reason, outcome=outcome, now=now)
    if alert_id not in done:
        raise refused[alert_id]
    return session.get_one(Alert, alert_id, populate_existing=True)


def _move(
    session: Session,
    alert_ids: Sequence[str],
    to: Status,
    *,
    viewer: Viewer,
    reason: str | None = None,
    outcome: Mapping[str, Any] | None = None,
    now: datetime,
) -> tuple[set[str], dict[str, DoorbellError]]:
    """Move alerts to a status: one read, one write each of alerts, assignments, outcomes, audit and feed."""
    session.flush()
    rows = session.scalars(
        select(Alert)
        .where(Alert.id.in_(alert_ids), alert_scope(viewer))
        .order_by(Alert.id)  # in one order by everybody, so that no two wait for each other
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    present = {alert.id: alert for alert in rows}
    refused: dict[str, DoorbellError] = {}
    moving: list[Alert] = []
    taken: dict[str, None] = {}
    for alert_id in dict.fromkeys(alert_ids):
        alert = present.get(alert_id)
        if alert is None:
            refused[alert_id] = NotFound("There is no such alert.")
        elif to is not Status.EXPIRED and to not in steps(Status(alert.status)):
            refused[alert_id] = _illegal(Status(alert.status), to)
        elif not _takes(alert, viewer):
            moving.append(alert)
        elif _take(session, alert, viewer=viewer, now=now):
            moving.append(alert)
            taken[alert_id] = None
        else:
            refused[alert_id] = Conflict("You are at capacity: close or hand over an alert before taking another.")
    if not moving:
        return set(), refused
    before = {alert.id: _state(alert) for alert in moving}
    _write(session, [_moved(alert, to, viewer=viewer, reason=reason, now=now) for alert in moving])
    ids = [alert.id for alert in moving]
    if not to.is_open:
        assignments.close_many(session, ids, reason=to.lower(), now=now)
    if outcome is not None:
        _save_outcomes(session, ids, outcome, viewer=viewer, now=now)
    for alert_id in ids:
        audit.record(
            session,
            f"alert.{to.lower()}",
            subject_type="alert",
            subject_id=alert_id,
            actor_id=viewer.user_id or None,
            before=before[alert_id],
            after={"status": to, "reason": reason} if reason else {"status": to},
            now=now,
        )
    kind = ChangeKind.ALERT_CONVERTED if to is Status.CONVERTED else ChangeKind.ALERT_UPDATED
    if taken:
        feed.tell_alerts(session, ChangeKind.ALERT_ASSIGNED, list(taken), lost=taken, now=now)
    feed.tell_alerts(session, kind, ids, now=now)
    return set(ids), refused


def _takes(alert: Alert, viewer: Viewer) -> bool:
    """An agent who acts on an alert of the pool becomes its owner."""
    return viewer.role is Role.AGENT and alert.assigned_agent_id is None


def _take(session: Session, alert: Alert, *, viewer: Viewer, now: datetime) -> bool:
    taken = assignments.take(
        session, alert.id, viewer.user_id, decision_id=None, reason="taken from the pool", by=viewer.user_id, now=now
    )
    if taken:
        session.refresh(alert)
        alert.claimed_until = now + claim_terms.terms(session).length  # a claim and the step that follows it, at once
        session.flush()
    return taken


def _moved(alert: Alert, to: Status, *, viewer: Viewer, reason: str | None, now: datetime) -> dict[str, Any]:
    """The new values of one alert's row."""
    reached = to in (Status.CONTACTED, Status.CONVERTED)
    # Only the assignee's own action stops the escalation clock; a closed alert has none.
    own = viewer.user_id == alert.assigned_agent_id
    stops = not to.is_open or own
    # Who acts on an alert of theirs has been reached, however it came to them.
    notified_at = alert.notified_at or (now if own and viewer.user_id else None)
    return {
        "key": alert.id,
        "status": to,
        "acknowledged_at": alert.acknowledged_at or (now if to is not Status.EXPIRED and viewer.user_id else None),
        "contacted_at": alert.contacted_at or (now if reached else None),
        "snoozed_until": None,
        "notified_at": notified_at,
        "escalate_at": None if stops else alert.escalate_at,
        "claimed_until": None,
        "closed_at": None if to.is_open else now,
        "close_reason": reason,
        "undo": None if to is Status.EXPIRED else _memory(alert, notified_at, viewer=viewer, now=now),
        "updated_at": now,
    }


def _write(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    table = table_of(Alert)
    names = [name for name in rows[0] if name != "key"]
    session.connection().execute(
        update(table)
        .where(table.c.id == bindparam("key"))
        .values({name: bindparam(name, type_=table.c[name].type) for name in names}),
        list(rows),
    )
    for alert_id in [row["key"] for row in rows]:
        known = session.identity_map.get(session.identity_key(Alert, alert_id))
        if known is not None:
            session.expire(known)


def _memory(alert: Alert, notified_at: datetime | None, *, viewer: Viewer, now: datetime) -> dict[str, Any]:
    """What undoing needs; `notified_at` as the step leaves it tells later whether it is the same ownership still."""
    return {
        "notified_at": notified_at.isoformat() if notified_at else None,
        "until": (now + timedelta(minutes=UNDO_MINUTES)).isoformat(),
        "by": viewer.user_id,
        "before": {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in ((name, getattr(alert, name)) for name in _UNDOABLE)
        },
    }


def _illegal(status: Status, to: Status) -> Conflict:
    legal = steps(status)
    if not legal:
        return Conflict(f"This alert is {status}; it is closed and cannot become {to}.")
    return Conflict(f"An alert that is {status} cannot become {to}; it can become {', '.join(legal)}.")


def _visible(session: Session, alert_id: str, *, viewer: Viewer) -> Alert:
    alert = session.scalar(select(Alert).where(Alert.id == alert_id, alert_scope(viewer)).with_for_update())
    if alert is None:
        raise NotFound("There is no such alert.")
    return alert


def _open_for(session: Session, alert_id: str, *, viewer: Viewer) -> Alert:
    alert = _visible(session, alert_id, viewer=viewer)
    if alert.closed_at is not None:
        raise Conflict(f"This alert is {alert.status}; it is closed.")
    return alert


def _finish(
    session: Session, alert: Alert, action: str, before: Mapping[str, Any], *, viewer: Viewer, now: datetime
) -> Alert:
    alert.updated_at = now
    _record(session, alert, action, before, viewer=viewer, now=now)
    feed.tell_alerts(session, ChangeKind.ALERT_UPDATED, [alert.id], now=now)
    return alert


def _record(
    session: Session, alert: Alert, action: str, before: Mapping[str, Any], *, viewer: Viewer, now: datetime
) -> None:
    audit.record(
        session,
        action,
        subject_type="alert",
        subject_id=alert.id,
        actor_id=viewer.user_id or None,
        before=before,
        after=_state(alert),
        now=now,
    )


def _state(alert: Alert) -> dict[str, Any]:
    return {
        "status": alert.status,
        "assignedAgentId": alert.assigned_agent_id,
        "snoozedUntil": wire.to_iso(alert.snoozed_until),
    }


def _dismiss_reason(reason: str) -> str:
    if reason not in set(DismissReason):
        raise Invalid("Say why.", fields={"reason": f"one of {', '.join(DismissReason)}"})
    return reason


def _dismissal(reason: str, notes: str | None) -> Mapping[str, Any] | None:
    label = _REASON_LABEL.get(DismissReason(reason), Outcome.PENDING)
    return _outcome(label, reason=reason, notes=notes)


def _outcome(
    outcome: Outcome,
    *,
    converted: bool = False,
    value: float | None = None,
    transaction_type: str | None = None,
    reason: str | None = None,
    notes: str | None = None,
    contact_methods: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "outcome": outcome,
        "converted": converted,
        "value": value,
        "transaction_type": transaction_type,
        "reason": reason,
        "notes": notes,
        "contact_methods": list(contact_methods),
    }


def _save_outcomes(
    session: Session, alert_ids: Sequence[str], outcome: Mapping[str, Any], *, viewer: Viewer, now: datetime
) -> None:
    statement = upsert(session, AlertOutcome)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["alert_id"],
            set_={name: statement.excluded[name] for name in (*outcome, "recorded_by", "recorded_at")},
        ),
        [
            {"alert_id": alert_id, **outcome, "recorded_by": viewer.user_id or None, "recorded_at": now}
            for alert_id in alert_ids
        ],
    )
