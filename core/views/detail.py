"""One alert in full: why, what it rests on, what happened to it, who it is about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from core import alerts
from core.db.tables import (
    Alert,
    AlertOutcome,
    Assignment,
    AuditRow,
    Contact,
    Decision,
    Event,
    Property,
    Signal,
    User,
)
from core.errors import NotFound
from core.viewer import Viewer, alert_scope
from core.views.alert_types import name_of
from core.views.card import AlertCard, card, columns
from core.views.page import well_formed
from core.views.recount import Recount, recount
from core.words import EventType, Role, Status

_EVENTS = 25
_ACTIONS = 100
_MAX_ID = 64


@dataclass(frozen=True, kw_only=True)
class SignalRow:
    id: str
    type: str
    subtype: str
    category: str
    source: str
    strength: float
    confidence: float
    event_count: int
    evidence: dict[str, Any]
    window_start: datetime
    window_end: datetime
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    at: datetime
    kind: str
    """opened, assigned, released, action or outcome; who was told is core.views.deliveries.of_alert."""
    text: str
    """One plain sentence."""
    actor: str | None = None
    """Whose doing it was; None for the product itself."""


@dataclass(frozen=True, kw_only=True)
class AssignmentRow:
    id: str
    agent_id: str
    agent_name: str
    assigned_at: datetime
    ended_at: datetime | None
    reason: str
    ended_reason: str | None
    assigned_by: str | None
    """The name of the person who decided; None when routing did."""


@dataclass(frozen=True, kw_only=True)
class DecisionRow:
    id: str
    decided_at: datetime
    trigger: str
    agent_id: str | None
    agent_name: str | None
    strategy: str
    rule_id: str | None
    overflow: bool
    reason: str
    trace: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class OutcomeRow:
    outcome: str
    converted: bool
    value: float | None
    transaction_type: str | None
    reason: str | None
    notes: str | None
    contact_methods: tuple[str, ...]
    recorded_by: str | None
    recorded_at: datetime


@dataclass(frozen=True, kw_only=True)
class ContactRow:
    id: str
    name: str | None
    email: str | None
    phone: str | None
    territory: str | None
    owner_agent_id: str | None
    owner_name: str | None
    first_seen_at: datetime
    last_human_event_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class PropertyRow:
    id: str
    address: str | None
    city: str | None
    zip: str | None
    territory: str | None
    estimated_value: float | None
    mortgage_balance: float | None
    purchased_on: date | None


@dataclass(frozen=True, kw_only=True)
class EventRow:
    at: datetime
    event_type: str
    event_name: str | None
    page_url: str | None


@dataclass(frozen=True, kw_only=True)
class AlertDetail:
    card: AlertCard
    explanation: dict[str, Any]
    """{base, contributions: [{feature, label, value, contribution}], logOdds, text, calibrator, evidence}; base +
    contributions = logOdds, which the calibrator turns into probability and confidence (core.scoring.why)."""
    recount: Recount
    """The score computed again: machines, doubts, and what would lower it."""
    signals: tuple[SignalRow, ...] = ()
    timeline: tuple[TimelineEntry, ...] = ()
    """Newest first."""
    assignments: tuple[AssignmentRow, ...] = ()
    """Newest first; the open one has no `ended_at`."""
    decision: DecisionRow | None = None
    outcome: OutcomeRow | None = None
    contact: ContactRow
    properties: tuple[PropertyRow, ...] = ()
    events: tuple[EventRow, ...] = ()
    """The contact's newest human behaviour, newest first, at most 25."""
    next_steps: tuple[str, ...] = ()
    """The statuses that may legally follow."""


def get_alert(session: Session, viewer: Viewer, alert_id: str, *, now: datetime) -> AlertDetail:
    """Everything about one alert.

    Raises:
        NotFound: no such alert, or not for this viewer (which must not be told apart).
    """
    row = None
    if len(alert_id) <= _MAX_ID and well_formed(alert_id):
        row = session.execute(
            columns().add_columns(Alert.explanation).where(Alert.id == alert_id, alert_scope(viewer))
        ).one_or_none()
    if row is None:
        raise NotFound("There is no such alert.")
    shown = card(row, viewer_id=viewer.user_id, may_undo_others=viewer.role is not Role.AGENT, now=now)
    assignments = _assignments(session, alert_id)
    outcome = _outcome(session, alert_id)
    contact = _contact(session, shown.contact_id)
    return AlertDetail(
        card=shown,
        explanation=row.explanation,
        recount=recount(
            session, shown.contact_id, shown.model_version, first_seen_at=contact.first_seen_at, at=shown.scored_at
        ),
        signals=_signals(session, shown.contact_id),
        timeline=_timeline(session, viewer, shown, assignments),
        assignments=assignments,
        decision=_decision(session, alert_id),
        outcome=outcome,
        contact=contact,
        properties=_properties(session, shown.contact_id),
        events=_events(session, shown.contact_id),
        next_steps=tuple(alerts.steps(Status(shown.status))),
    )


def get_card(session: Session, viewer: Viewer, alert_id: str, *, now: datetime) -> AlertCard:
    """One alert as lists show it; raises NotFound as `get_alert` does."""
    row = None
    if len(alert_id) <= _MAX_ID and well_formed(alert_id):
        row = session.execute(columns().where(Alert.id == alert_id, alert_scope(viewer))).one_or_none()
    if row is None:
        raise NotFound("There is no such alert.")
    return card(row, viewer_id=viewer.user_id, may_undo_others=viewer.role is not Role.AGENT, now=now)


def _signals(session: Session, contact_id: str) -> tuple[SignalRow, ...]:
    rows = session.execute(
        select(
            Signal.id,
            Signal.type,
            Signal.subtype,
            Signal.category,
            Signal.source,
            Signal.strength,
            Signal.confidence,
            Signal.event_count,
            Signal.evidence,
            Signal.window_start,
            Signal.window_end,
            Signal.first_seen_at,
            Signal.last_seen_at,
        )
        .where(Signal.contact_id == contact_id, Signal.closed_at.is_(None))
        .order_by((Signal.strength * Signal.confidence).desc(), Signal.type, Signal.subtype)
    )
    return tuple(SignalRow(**row._mapping) for row in rows)


def _assignments(session: Session, alert_id: str) -> tuple[AssignmentRow, ...]:
    by = aliased(User)
    rows = session.execute(
        select(
            Assignment.id,
            Assignment.agent_id,
            User.name.label("agent_name"),
            Assignment.assigned_at,
            Assignment.ended_at,
            Assignment.reason,
            Assignment.ended_reason,
            by.name.label("assigned_by"),
        )
        .join(User, User.id == Assignment.agent_id)
        .outerjoin(by, by.id == Assignment.assigned_by)
        .where(Assignment.alert_id == alert_id)
        .order_by(Assignment.assigned_at.desc(), Assignment.id.desc())
    )
    return tuple(AssignmentRow(**row._mapping) for row in rows)


def _decision(session: Session, alert_id: str) -> DecisionRow | None:
    row = session.execute(
        select(
            Decision.id,
            Decision.decided_at,
            Decision.trigger,
            Decision.agent_id,
            User.name.label("agent_name"),
            Decision.strategy,
            Decision.rule_id,
            Decision.overflow,
            Decision.reason,
            Decision.trace,
        )
        .outerjoin(User, User.id == Decision.agent_id)
        .where(Decision.alert_id == alert_id)
        .order_by(Decision.decided_at.desc(), Decision.id.desc())
        .limit(1)
    ).one_or_none()
    return DecisionRow(**row._mapping) if row else None


def _outcome(session: Session, alert_id: str) -> OutcomeRow | None:
    row = session.execute(
        select(
            AlertOutcome.outcome,
            AlertOutcome.converted,
            AlertOutcome.value,
            AlertOutcome.transaction_type,
            AlertOutcome.reason,
            AlertOutcome.notes,
            AlertOutcome.contact_methods,
            User.name.label("recorded_by"),
            AlertOutcome.recorded_at,
        )
        .outerjoin(User, User.id == AlertOutcome.recorded_by)
        .where(AlertOutcome.alert_id == alert_id)
    ).one_or_none()
    return OutcomeRow(**{**row._mapping, "contact_methods": tuple(row.contact_methods)}) if row else None


def _contact(session: Session, contact_id: str) -> ContactRow:
    row = session.execute(
        select(
            Contact.id,
            Contact.name,
            Contact.email,
            Contact.phone,
            Contact.territory,
            Contact.owner_agent_id,
            User.name.label("owner_name"),
            Contact.first_seen_at,
            Contact.last_human_event_at,
        )
        .outerjoin(User, User.id == Contact.owner_agent_id)
        .where(Contact.id == contact_id)
    ).one()
    return ContactRow(**row._mapping)


def _properties(session: Session, contact_id: str) -> tuple[PropertyRow, ...]:
    rows = session.execute(
        select(
            Property.id,
            Property.address,
            Property.city,
            Property.zip,
            Property.territory,
            Property.estimated_value,
            Property.mortgage_balance,
            Property.purchased_on,
        )
        .where(Property.contact_id == contact_id)
        .order_by(Property.estimated_value.desc(), Property.id)
        .limit(50)
    )
    return tuple(PropertyRow(**row._mapping) for row in rows)


def _events(session: Session, contact_id: str) -> tuple[EventRow, ...]:
    rows = session.execute(
        select(Event.occurred_at.label("at"), Event.event_type, Event.event_name, Event.page_url)
        .where(Event.contact_id == contact_id, Event.is_machine.is_(False), Event.event_type != EventType.EMAIL_SENT)
        .order_by(Event.occurred_at.desc(), Event.id.desc())
        .limit(_EVENTS)
    )
    return tuple(EventRow(**row._mapping) for row in rows)


def _timeline(
    session: Session, viewer: Viewer, shown: AlertCard, assignments: Sequence[AssignmentRow]
) -> tuple[TimelineEntry, ...]:
    """What happened to the alert, told from the ledger rows that made it happen."""
    entries = [
        TimelineEntry(at=shown.opened_at, kind="opened", text=f"{name_of(session, shown.alert_type)}: alert opened")
    ]
    for row in assignments:
        entries.append(
            TimelineEntry(
                at=row.assigned_at,
                kind="assigned",
                text=f"Assigned to {row.agent_name}: {row.reason}",
                actor=row.assigned_by,
            )
        )
        if row.ended_at is not None:
            why = (row.ended_reason or "ended").replace("_", " ")
            entries.append(
                TimelineEntry(at=row.ended_at, kind="released", text=f"No longer with {row.agent_name}: {why}")
            )
    entries += _actions(session, viewer, shown.id)
    return tuple(sorted(entries, key=lambda entry: entry.at, reverse=True))


def _actions(session: Session, viewer: Viewer, alert_id: str) -> list[TimelineEntry]:
    rows = session.execute(
        select(AuditRow.at, AuditRow.action, AuditRow.after, AuditRow.actor_id, User.name)
        .outerjoin(User, User.id == AuditRow.actor_id)
        .where(AuditRow.subject_type == "alert", AuditRow.subject_id == alert_id)
        .order_by(AuditRow.id.desc())
        .limit(_ACTIONS)
    )
    return [
        TimelineEntry(
            at=row.at,
            kind="outcome" if row.action == "alert.outcome" else "action",
            text=_declined(row.after or {}, own=viewer.role is not Role.AGENT or viewer.user_id == row.actor_id)
            if row.action == "alert.decline"
            else row.action.partition(".")[2].replace("_", " ").capitalize(),
            actor=row.name,
        )
        for row in rows
    ]


def _declined(after: dict[str, Any], *, own: bool) -> str:
    """The note is for those who lead and whoever wrote it: it may be about people."""
    why = str(after.get("reason") or "other").replace("_", " ")
    return f"Declined: {why}" + (f" – “{after['notes']}”" if own and after.get("notes") else "")
