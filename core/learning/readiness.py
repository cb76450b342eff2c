"""How far a question is from being learnt: what came true so far, what it takes, and from which night on it can be tried.

Quick enough for a screen, so it looks at the last score before each answer alone: the night, which looks at every score,
may know of a few more.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from core.db.tables import Alert, AlertOutcome, Event, Score, Transaction
from core.learning import facts
from core.learning.registry import LOOKS
from core.learning.split import FEWEST, FEWEST_HELD_OUT, SHORTEST
from core.learning.targets import Target
from core.scoring import features
from core.words import Outcome

NEEDED = FEWEST + 2 * FEWEST_HELD_OUT
SHADOW_DAYS = LOOKS[0]
"""At least so long a new version scores beside what serves before it is used."""
_MOST = 20_000


@dataclass(frozen=True, kw_only=True)
class Readiness:
    positives: int
    """Contacts of whom it came true within the horizon of a score, and whose time to come true is over."""
    waiting: int
    """Contacts of whom it came true and whose time is not over: they count later."""
    negatives: int | None
    """Of alerts, those found wrong; None where every other score answers no."""
    since: datetime | None
    """From when on answers can be known; None while there is none."""
    first_try: datetime | None
    """When the history is long enough for the first night; it may be past."""
    pace: float | None
    """Contacts of whom it comes true, a month."""

    @property
    def missing(self) -> int:
        """Contacts that are still needed, of the rarer of yes and no."""
        found = self.positives if self.negatives is None else min(self.positives, self.negatives)
        return max(NEEDED - found, 0)

    def begins(self, *, now: datetime) -> datetime | None:
        """About when there is enough to learn from, at the pace so far; None where that cannot be said."""
        if self.first_try is None or (self.missing and not self.pace):
            return None
        months = self.missing / self.pace if self.missing and self.pace else 0.0
        return max(self.first_try, now + timedelta(days=30 * months)) if months < 240 else None


def look(session: Session, target: Target, *, delay: timedelta, now: datetime) -> Readiness:
    """What there is to learn this target from at `now`."""
    rows = list(_rows(session, target, now=now))
    since = _since(session, target, rows, now=now)
    rows = [row for row in rows if since is not None and row.scored_at >= since]
    closed = now - target.horizon - delay
    yes = {row.contact_id for row in rows if row.scored_at <= closed}
    later = {row.contact_id for row in rows} - yes
    months = (closed - since).days / 30 if since else 0.0
    no = None
    if target.answer == "outcome":
        wrong = _outcomes(session, target, Outcome.FALSE_POSITIVE, now=now)
        no = len({row.contact_id for row in wrong if row.scored_at <= closed})
    known = len(yes) if no is None else min(len(yes), no)
    return Readiness(
        positives=len(yes),
        waiting=len(later),
        negatives=no,
        since=since,
        first_try=since + 2 * (target.horizon + delay) + timedelta(days=SHORTEST + 1) if since else None,
        pace=known / months if known and months >= 1 else None,
    )


def _rows(session: Session, target: Target, *, now: datetime) -> Iterable[Any]:
    """(contact, the score that came true), one an answer."""
    if target.answer == "outcome":
        return _outcomes(session, target, Outcome.TRUE_POSITIVE, now=now)
    if target.answer == "event":
        happened = facts.events_named(target.subjects, now=now)
        contact, at = Event.contact_id, Event.occurred_at
    else:
        happened = select(Transaction).where(Transaction.kind.in_(target.subjects), Transaction.recorded_at <= now)
        contact, at = Transaction.contact_id, Transaction.occurred_at
    score = aliased(Score)
    before = (
        select(func.max(score.scored_at))
        .where(score.contact_id == contact, score.scored_at < at, score.feature_set == features.FEATURE_SET)
        .correlate(Event, Transaction)
        .scalar_subquery()
    )
    found = session.execute(
        happened.with_only_columns(contact, at.label("at"), before.label("scored_at")).order_by(at.desc()).limit(_MOST)
    )
    return [row for row in found if row.scored_at is not None and row.at - row.scored_at <= target.horizon]


def _outcomes(session: Session, target: Target, outcome: Outcome, *, now: datetime) -> list[Any]:
    """Alerts of the type that an agent said this of, with the score that opened each."""
    return list(
        session.execute(
            select(Alert.contact_id, Alert.opened_at.label("scored_at"))
            .join(AlertOutcome, AlertOutcome.alert_id == Alert.id)
            .where(
                Alert.alert_type == target.intent,
                AlertOutcome.outcome == outcome,
                AlertOutcome.recorded_at <= now,
                facts.LABELLED,
            )
        )
    )


def _since(session: Session, target: Target, rows: Iterable[Any], *, now: datetime) -> datetime | None:
    if target.answer == "outcome":
        return min((row.scored_at for row in rows), default=None)
    first = session.scalar(select(func.min(Score.scored_at)).where(Score.feature_set == features.FEATURE_SET))
    known = facts.known_since(session, target, now=now)
    return None if first is None or known is None else max(first, known)
