"""What is known by now that answers a question: transactions, events by name, and agents' outcomes, read for labelling."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from core.db.tables import Alert, AlertOutcome, Event, Transaction
from core.history import normal
from core.learning.examples import Examples, milliseconds
from core.learning.labels import Facts, Happenings
from core.learning.targets import Target
from core.words import DismissReason, Outcome

NO_LABEL = (DismissReason.DUPLICATE, DismissReason.UNREACHABLE, DismissReason.WRONG_PERSON)
"""An alert closed for these reasons says nothing about whether it was right, whatever outcome stands beside it."""

LABELLED = or_(
    AlertOutcome.outcome == Outcome.TRUE_POSITIVE,
    AlertOutcome.reason.is_(None),
    AlertOutcome.reason.not_in(NO_LABEL),
)


def known(session: Session, target: Target, examples: Examples, *, now: datetime) -> Facts:
    """The facts of these contacts that were recorded by `now`."""
    number = {contact_id: index for index, contact_id in enumerate(examples.contact_ids)}
    confirmed, refuted = _outcomes(session, target.intent, number, now=now)
    answers = None
    if target.answer == "event":
        named = events_named(target.subjects, now=now).with_only_columns(Event.contact_id, Event.occurred_at)
        answers = _happenings(number, session.execute(named))
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


def events_named(names: Sequence[str], *, now: datetime) -> Select[Any]:
    """A human's events of these names that had come by `now`, in any spelling that counts as the same."""
    return select(Event).where(_named(names), ~Event.is_machine, Event.received_at <= now)


def _named(names: Sequence[str]) -> ColumnElement[bool]:
    """Any spelling that counts as the same event (core.history.normal)."""
    spelled = func.lower(func.trim(Event.event_name))
    for sign in ("-", " "):
        spelled = func.replace(spelled, sign, "_")
    return spelled.in_([normal(name) for name in names])


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
            LABELLED,
        )
    ).all()
    return (
        _happenings(number, (row for row in rows if row.outcome == Outcome.TRUE_POSITIVE)),
        _happenings(number, (row for row in rows if row.outcome == Outcome.FALSE_POSITIVE)),
    )


def _reported(session: Session, target: Target, *, now: datetime) -> tuple[int, int] | None:
    """From the first thing reported to the newest report: outside of it, absence is not known."""
    first = known_since(session, target, now=now)
    if first is None:
        return None
    if target.answer == "event":
        return milliseconds(first), milliseconds(now)
    last = select(func.max(Transaction.recorded_at)).where(Transaction.recorded_at <= now)
    return milliseconds(first), milliseconds(session.scalars(last).one())


def known_since(session: Session, target: Target, *, now: datetime) -> datetime | None:
    """The first thing reported, None where nothing of the kind asked for ever was.

    Reports of any kind count as long as there is one of the kind asked for: a feed that brings sales brings them all.
    An event of a team's own is known to be absent from the first one on: before it, nobody may have sent any.
    """
    if target.answer == "event":
        return session.scalar(events_named(target.subjects, now=now).with_only_columns(func.min(Event.occurred_at)))
    of_kind = (
        select(Transaction.id).where(Transaction.kind.in_(target.subjects), Transaction.recorded_at <= now).limit(1)
    )
    if session.scalar(of_kind) is None:
        return None
    return session.scalar(select(func.min(Transaction.occurred_at)).where(Transaction.recorded_at <= now))


def _happenings(number: Mapping[str, int], rows: Iterable[Any]) -> Happenings:
    """(contact id, instant, ...) rows, of the contacts asked for."""
    contact, at = [], []
    for row in rows:
        if (index := number.get(row[0])) is not None:
            contact.append(index)
            at.append(milliseconds(row[1]))
    return Happenings.of(contact, at)
