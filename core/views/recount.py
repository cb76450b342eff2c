"""An alert's score computed again from the events it was made of: what machines would have added, what is in doubt, and
what would lower it. Nothing of it is stored; it is worked out when somebody asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core import history as histories
from core.db.tables import Event
from core.history import History
from core.scoring import features
from core.scoring.deployed import one_version
from core.scoring.lowering import Lowering, scored, what_lowers
from core.scoring.model import Compiled
from core.signals import posted_then
from core.traffic import DOUBTFUL_BELOW
from core.words import EventType

WINDOW_DAYS = 90
"""The longest window of any feature."""
_MOST_EVENTS = 20_000


@dataclass(frozen=True, kw_only=True)
class Recount:
    window_days: int
    events: int
    """Of the window, at the time of the score; mails we sent are nobody's doing."""
    machine: int
    """Of them, those that look machine-made: they do not count."""
    doubtful: int
    """Of the rest, those whose P(human) is below 0.9: they count."""
    confidence: float | None = None
    """Computed again, without machines, as alerts are; None where the model is gone, or no model made this alert."""
    without_doubtful: float | None = None
    """With everything doubtful left out too."""
    with_machines: float | None = None
    """As it would have been had machines counted."""
    lowering: tuple[Lowering, ...] = ()
    """What would lower it, each change alone, the greatest fall first."""


def recount(session: Session, contact_id: str, model_version: str, *, first_seen_at: datetime, at: datetime) -> Recount:
    """Look again at one contact's score of the instant `at`, by the same version of the model."""
    rows = _events(session, contact_id, at=at)
    machines = {row.id for row in rows if row.is_machine}
    doubtful = {row.id for row in rows if row.p_human is not None and row.p_human < DOUBTFUL_BELOW}
    since = at - timedelta(days=WINDOW_DAYS)
    seen = [row.id for row in rows if row.event_type != EventType.EMAIL_SENT and row.occurred_at > since]
    found = Recount(
        window_days=WINDOW_DAYS,
        events=len(seen),
        machine=len(machines.intersection(seen)),
        doubtful=len(doubtful.difference(machines).intersection(seen)),
    )
    model = one_version(session, model_version)
    if model is None:
        return found
    known = histories.load(session, [contact_id], now=at)[contact_id]
    posted = posted_then(session, contact_id, at=at)

    def without(left_out: set[int]) -> History:
        return histories.of(
            contact_id,
            rows,
            machine_ids=left_out,
            homes=known.homes,
            facts=known.facts,
            first_seen_at=first_seen_at,
            now=at,
        )

    names = (*features.NAMES, *sorted(model.features - features.INDEX.keys()))
    compiled = Compiled([model], names)
    past = without(machines)
    as_it_is = scored(compiled, past, posted).confidence
    return Recount(
        window_days=found.window_days,
        events=found.events,
        machine=found.machine,
        doubtful=found.doubtful,
        confidence=as_it_is,
        without_doubtful=scored(compiled, without(machines | doubtful), posted).confidence if doubtful else as_it_is,
        with_machines=scored(compiled, without(set()), posted).confidence if machines else as_it_is,
        lowering=what_lowers(model, past, posted, names=names),
    )


def _events(session: Session, contact_id: str, *, at: datetime) -> Sequence[Any]:
    rows = session.execute(
        select(
            Event.id,
            Event.contact_id,
            Event.event_type,
            Event.event_name,
            Event.occurred_at,
            Event.received_at,
            Event.session_id,
            Event.device,
            Event.properties,
            Event.is_machine,
            Event.p_human,
        )
        .where(
            Event.contact_id == contact_id,
            Event.occurred_at > at - timedelta(days=histories.REACH_DAYS),
            or_(Event.occurred_at <= at, Event.received_at <= at),
            Event.processed_at.is_not(None),
        )
        .order_by(Event.occurred_at.desc())
        .limit(_MOST_EVENTS)
    ).all()
    return rows[::-1]
