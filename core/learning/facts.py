"""What is known by now that answers a question: transactions, events by name, and agents' outcomes, read for labelling."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from core.db.tables import Alert, AlertOutcome, Event, Transaction
from core.learning.examples import Examples, milliseconds
from core.learning.labels import Facts, Happenings
from core.learning.targets import Target
from core.words import DismissReason, Outcome

NO_LABEL = (DismissReason.DUPLICATE, DismissReason.UNREACHABLE, DismissReason.WRONG_PERSON)
"""An alert closed for these reasons says nothing about whether it was right, whatever outcome stands beside it."""


def known(session: Session, target: Target, examples: Examples, *, now: datetime) -> Facts:
    """The facts of these contacts that were recorded by `now`."""
    number = {contact_id: index for index, contact_id in enumerate(examples.contact_ids)}
    confirmed, refuted = _outcomes(session, target.intent, number, now=now)
    answers = _events(session, target.subjects, number, now=now) if target.answer == "event" else None
    return Facts(
        answers=answers if answers is not None else _transactions(session, number, *target.subjects, now=now),
        sales=_transactions(session, number, *(["sale"] if target.needs_a_home else []), now=now),
        bought=_transactions(session, number, "purchase", "investment", now=now),
        confirmed=confirmed,
        refuted=refuted,
        reported=_reported(session, target, now=now),
    )


def _transactions(session: Session, number: Mapping[str, int], *kinds: str, now: datetime) -> Happenings:
    if not kinds:
        return Happenings.of([], [])
    return _happenings(
        number,
        session.execute(
            select(Transaction.contact_id, Transaction.occurred_at).where(
                Transaction.kind.in_(kinds), Transaction.recorded_at <= now
            )
        ),
    )


def _events(session: Session, names: Sequence[str], number: Mapping[str, int], *, now: datetime) -> Happenings:
    return _happenings(
        number,
        session.execute(
            select(Event.contact_id, Event.occurred_at).where(
                Event.event_name.in_(names), ~Event.is_machine, Event.received_at <= now
            )
        ),
    )


def _outcomes(
    session: Session, intent: str, number: Mapping[str, int], *, now: datetime
) -> tuple[Happenings, Happenings]:
    """When alerts opened that an agent found right, and wrong."""
    rows = session.execute(
        select(Alert.contact_id, Alert.opened_at, AlertOutcome.outcome)
        .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(
            Alert.alert_type == intent,
            AlertOutcome.recorded_at <= now,
            AlertOutcome.outcome.in_((Outcome.TRUE_POSITIVE, Outcome.FALSE_POSITIVE)),
            or_(
                AlertOutcome.outcome == Outcome.TRUE_POSITIVE,
                AlertOutcome.reason.is_(None),
                AlertOutcome.reason.not_in(NO_LABEL),
            ),
        )
    ).all()
    return (
        _happenings(number, (row for row in rows if row.outcome == Outcome.TRUE_POSITIVE)),
        _happenings(number, (row for row in rows if row.outcome == Outcome.FALSE_POSITIVE)),
    )


def _reported(session: Session, target: Target, *, now: datetime) -> tuple[int, int] | None:
    """From the first thing reported to the newest report: outside of it, absence is not known.

    Reports of any kind count as long as there is one of the kind asked for: a feed that brings sales brings them all.
    """
    if target.answer == "event":
        row = session.execute(select(func.min(Event.occurred_at), func.max(Event.received_at))).one()
        return None if row[0] is None else (milliseconds(row[0]), milliseconds(now))
    of_kind = (
        select(Transaction.id).where(Transaction.kind.in_(target.subjects), Transaction.recorded_at <= now).limit(1)
    )
    if session.scalar(of_kind) is None:
        return None
    row = session.execute(
        select(func.min(Transaction.occurred_at), func.max(Transaction.recorded_at)).where(
            Transaction.recorded_at <= now
        )
    ).one()
    return milliseconds(row[0]), milliseconds(row[1])


def _happenings(number: Mapping[str, int], rows: Iterable[Any]) -> Happenings:
    """(contact id, instant, ...) rows, of the contacts asked for."""
    contact, at = [], []
    for row in rows:
        if (index := number.get(row[0])) is not None:
            contact.append(index)
            at.append(milliseconds(row[1]))
    return Happenings.of(contact, at)
