"""From scores to alerts: open a new one, or refresh the one that is open (promise 2), in bulk."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from core.alerts.priority import VALID_DAYS, Thresholds
from core.db.base import table_of
from core.db.dialect import upsert
from core.db.tables import Alert, Contact, Property
from core.ids import new_id
from core.scoring import Explanation, Scored
from core.words import PoolReason, Priority, Status

QUIET_DAYS = {Status.DISMISSED: 30, Status.CONVERTED: 90}
"""How long a type stays quiet for a contact after its alert closed that way; a higher tier breaks a dismissal's quiet."""
_TELLING_STEP = 0.01
"""A confidence that moved less than this is not worth re-drawing screens for."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One intent of one contact, scored just now."""

    contact_id: str
    scored: Scored
    signal_strength: float
    signal_count: int
    explain: Callable[[], Explanation]
    """Called only for what becomes or refreshes an alert: explanations cost more than scores."""
    threshold: float | None = None
    """Of this candidate alone, where an experiment gives it another than the team's."""
    withheld: bool = False
    """Held out: no alert is opened for it, whatever its score; one that is open already is refreshed."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """Alert ids by what happened to them."""

    opened: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Refreshed in a way a screen should show."""
    raised: tuple[str, ...] = ()
    """Refreshed into a higher tier."""


def open_or_refresh(
    session: Session, candidates: Sequence[Candidate], *, thresholds: Thresholds | None = None, now: datetime
) -> Opening:
    """Open alerts for candidates over their threshold; refresh those whose alert is open, never lowering a priority."""
    if not candidates:
        return Opening()
    rules = thresholds or Thresholds()
    contact_ids = sorted({candidate.contact_id for candidate in candidates})
    present = _open_alerts(session, contact_ids)
    worthy: list[tuple[Candidate, Priority]] = []
    refreshed: list[tuple[Candidate, Any, Priority | None]] = []
    for candidate in candidates:
        scored = candidate.scored
        tier = rules.tier(scored.intent, scored.confidence, candidate.signal_strength, threshold=candidate.threshold)
        row = present.get((candidate.contact_id, scored.intent))
        if row is not None:
            refreshed.append((candidate, row, tier))
        elif tier is not None and not candidate.withheld:
            worthy.append((candidate, tier))
    opened = _open(session, worthy, now=now)
    changed, raised = _refresh(session, refreshed, now=now)
    return Opening(opened=opened, changed=changed, raised=raised)


def _open_alerts(session: Session, contact_ids: Sequence[str]) -> dict[tuple[str, str], Any]:
    rows = session.execute(
        select(Alert.id, Alert.contact_id, Alert.alert_type, Alert.priority, Alert.confidence, Alert.scored_at).where(
            Alert.contact_id.in_(contact_ids), Alert.closed_at.is_(None)
        )
    )
    return {(row.contact_id, row.alert_type): row for row in rows}


def _open(session: Session, worthy: Sequence[tuple[Candidate, Priority]], *, now: datetime) -> tuple[str, ...]:
    if not worthy:
        return ()
    contact_ids = sorted({candidate.contact_id for candidate, _ in worthy})
    quiet = _quiet(session, contact_ids, now=now)
    places = _places(session, contact_ids)
    rows = [
        {
            "id": new_id(),
            "contact_id": candidate.contact_id,
            "alert_type": candidate.scored.intent,
            "status": Status.NEW,
            "priority": tier,
            "territory": places.get(candidate.contact_id, (None, None))[0],
            "property_value": places.get(candidate.contact_id, (None, None))[1],
            "unassigned_reason": PoolReason.NOT_ROUTED_YET,
            "opened_at": now,
            "valid_until": now + timedelta(days=VALID_DAYS),
            "updated_at": now,
            "escalation_step": 0,
            "metadata": {},
            **_numbers(candidate, now=now),
        }
        for candidate, tier in worthy
        if not _is_quiet(quiet.get((candidate.contact_id, candidate.scored.intent), ()), tier)
    ]
    if not rows:
        return ()
    statement = upsert(session, Alert).on_conflict_do_nothing().returning(table_of(Alert).c.id)
    made = set(session.execute(statement, rows).scalars())
    return tuple(row["id"] for row in rows if row["id"] in made)


def _refresh(
    session: Session, refreshed: Sequence[tuple[Candidate, Any, Priority | None]], *, now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A score older than the one the alert shows (events decided late) changes nothing."""
    changes, changed, raised = [], [], []
    for candidate, row, tier in refreshed:
        if row.scored_at > now:
            continue
        before = Priority(row.priority)
        higher = tier is not None and tier.rank < before.rank
        changes.append(
            {
                "key": row.id,
                "priority": tier if higher else before,
                "still_valid": now + timedelta(days=VALID_DAYS) if tier is not None else None,
                **_numbers(candidate, now=now),
            }
        )
        if higher:
            raised.append(row.id)
        if higher or abs(candidate.scored.confidence - row.confidence) >= _TELLING_STEP:
            changed.append(row.id)
    if changes:
        numbers: dict[str, Any] = {name: bindparam(name) for name in changes[0] if name not in ("key", "still_valid")}
        table = table_of(Alert)
        still_valid = bindparam("still_valid", type_=table.c.valid_until.type)
        session.connection().execute(
            update(table)
            .where(table.c.id == bindparam("key"))
            .values(**numbers, updated_at=now, valid_until=func.coalesce(still_valid, table.c.valid_until)),
            changes,
        )
    return tuple(changed), tuple(raised)


def _numbers(candidate: Candidate, *, now: datetime) -> dict[str, Any]:
    scored, explanation = candidate.scored, candidate.explain()
    return {
        "confidence": scored.confidence,
        "confidence_low": scored.confidence_low,
        "confidence_high": scored.confidence_high,
        "probability": scored.probability,
        "probability_low": scored.probability_low,
        "probability_high": scored.probability_high,
        "lift": scored.lift,
        "signal_strength": candidate.signal_strength,
        "signal_count": candidate.signal_count,
        "model_version": scored.model_version,
        "explanation": explanation.stored(),
        "top_factors": explanation.top_factors,
        "scored_at": now,
    }


def _quiet(
    session: Session, contact_ids: Sequence[str], *, now: datetime
) -> dict[tuple[str, str], list[tuple[Status, Priority]]]:
    since = now - timedelta(days=max(QUIET_DAYS.values()))
    rows = session.execute(
        select(Alert.contact_id, Alert.alert_type, Alert.status, Alert.priority, Alert.closed_at).where(
            Alert.contact_id.in_(contact_ids), Alert.status.in_(list(QUIET_DAYS)), Alert.closed_at > since
        )
    )
    quiet: dict[tuple[str, str], list[tuple[Status, Priority]]] = {}
    for row in rows:
        status = Status(row.status)
        if row.closed_at > now - timedelta(days=QUIET_DAYS[status]):
            quiet.setdefault((row.contact_id, row.alert_type), []).append((status, Priority(row.priority)))
    return quiet


def _is_quiet(closed: Sequence[tuple[Status, Priority]], tier: Priority) -> bool:
    return any(status is Status.CONVERTED or tier.rank >= before.rank for status, before in closed)


def _places(session: Session, contact_ids: Sequence[str]) -> Mapping[str, tuple[str | None, float | None]]:
    """Contact id -> territory (the contact's own, else that of the dearest property that has one) and the dearest's value."""
    rows = session.execute(
        select(Contact.id, Contact.territory, Property.territory, Property.estimated_value)
        .outerjoin(Property, Property.contact_id == Contact.id)
        .where(Contact.id.in_(contact_ids))
        .order_by(Contact.id, Property.estimated_value.nulls_first(), Property.id)
    )
    places: dict[str, tuple[str | None, float | None]] = {}
    for contact_id, own, home, value in rows:
        places[contact_id] = (own or home or places.get(contact_id, (None, None))[0], value)
    return places
