"""What a definition would do, before it does anything: alerts now, and alerts it would have opened lately.

Now: the present state of contacts that were active lately or show a signal, scored as the line would. Lately: every stored
scoring of the same contacts, with its features as they stood; own events counted as of that day, signals that were open then.
Both are bounded: from many contacts a fixed random sample is taken and the counts are scaled up, and said to be estimates.
What is not known of the past: homes and signals are taken at their last known values.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core import history, scoring, signals
from core.alert_types.definition import NewType, fields_of
from core.alert_types.fields import Facts
from core.alert_types.loaded import evidence, facts_of
from core.alert_types.own_type import Evidence, OwnType
from core.alerts import VALID_DAYS, priority
from core.db.tables import Alert, Contact, Score, Signal
from core.people import contact_scope
from core.scoring import Scored, features, generic
from core.signals import OpenSignal
from core.viewer import Viewer

MOST_CONTACTS = 2_000
MOST_SCORES = 20_000
LOOK_BACK_DAYS = 90
EXAMPLES = 5
_LOOKED_FOR_EXAMPLES = 200
_SEED = 20_260_302
_ACTIVE = timedelta(days=90)
_VALID = timedelta(days=VALID_DAYS)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """Counts are of contacts and of alerts; estimates where `sampled`."""

    now: int
    past: int
    past_days: int
    """How far back stored scores reach, at most LOOK_BACK_DAYS."""
    contacts: int
    """Contacts that were active lately or show a signal."""
    looked_at: int
    """How many of them were looked at."""
    threshold: float
    """The confidence from which such an alert opens now."""
    confidence: float | None
    """The mean of those that would alert now; None when none would."""
    examples: tuple[tuple[str, str], ...] = ()
    """(contact's name or id, why), the surest first."""
    scored_by: Literal["rule", "model", "nothing"] = "rule"
    """A trained type's model in use goes before its rule, and is looked at for now alone: what it looks at is not kept with
    every past score. Without either nothing scores it yet."""

    @property
    def sampled(self) -> bool:
        return self.looked_at < self.contacts


def preview(
    session: Session,
    new: NewType,
    *,
    type_id: str | None = None,
    models: scoring.Models,
    viewer: Viewer,
    now: datetime,
    days: int = LOOK_BACK_DAYS,
    most: int = MOST_CONTACTS,
) -> Preview:
    """Try a checked definition; writes nothing.

    Args:
        type_id: of the stored type it would change; its open alerts and outcomes are taken into account.
        viewer: only contacts of theirs are named as examples; the counts are of everybody.
        most: contacts to look at.
    """
    seen = evidence(session, [type_id]).get(type_id, Evidence()) if type_id else Evidence()
    ruled = OwnType(
        id=type_id or "PREVIEW",
        name=new.name,
        horizon_days=new.horizon_days,
        version="preview",
        definition=new.definition,
        evidence=seen,
    )
    tried = _Tried(ruled, models if any(one.intent == type_id for one in models.compiled.models) else None)
    thresholds = priority.in_force(session, now=now)
    everybody = _contacts(session, now=now)
    chosen = everybody
    if len(everybody) > most:
        chosen = sorted(random.Random(_SEED).sample(everybody, most))
    scale = len(everybody) / len(chosen) if chosen else 1.0
    states = _present(session, chosen, models=models, now=now) if tried.by != "nothing" else {}
    fitting = _alerting(session, tried, states, thresholds, type_id=type_id)
    past, reach = 0, 0
    if tried.by == "rule":
        past, reach = _past(session, ruled, chosen, states, thresholds, days=days, now=now)
    least = thresholds.opening(tried.id)
    return Preview(
        now=round(len(fitting) * scale),
        past=round(past * scale),
        past_days=reach,
        contacts=len(everybody),
        looked_at=len(chosen),
        threshold=least,
        confidence=sum(one.confidence for _, one in fitting) / len(fitting) if fitting else None,
        examples=_examples(session, tried, fitting, states, viewer=viewer),
        scored_by=tried.by,
    )


@dataclass(frozen=True)
class _Tried:
    """What would score: the type's model in use, else its rule."""

    rule: OwnType
    models: scoring.Models | None

    @property
    def id(self) -> str:
        return self.rule.id

    @property
    def by(self) -> Literal["rule", "model", "nothing"]:
        return "model" if self.models else "rule" if self.rule.definition.has_rule else "nothing"

    def score(self, facts: Facts) -> Scored:
        return facts.scores[self.id] if self.models else self.rule.score(facts)

    def explain(self, facts: Facts) -> str:
        if self.models is None:
            return self.rule.explain(facts).text
        return scoring.why(self.models, self.id, facts.vector, history=facts.history).text


def _contacts(session: Session, *, now: datetime) -> list[str]:
    return sorted(
        session.scalars(
            select(Contact.id).where(or_(Contact.last_human_event_at > now - _ACTIVE, Contact.rescore_at.is_not(None)))
        )
    )


def _present(
    session: Session, contact_ids: Sequence[str], *, models: scoring.Models, now: datetime
) -> dict[str, Facts]:
    """Contact id -> what a condition would read now."""
    if not contact_ids:
        return {}
    found: dict[str, Facts] = {}
    for start in range(0, len(contact_ids), 500):
        some = contact_ids[start : start + 500]
        histories = history.load(session, some, now=now)
        open_signals = signals.open_signals(session, some, now=now)
        vectors = [
            (
                *features.vector(histories[one], open_signals[one], now=now),
                *generic.values(histories[one], models.extra, now=now),
            )
            for one in some
        ]
        for contact_id, vector, scored in zip(some, vectors, scoring.score_batch(models, vectors), strict=True):
            found[contact_id] = facts_of(scored, vector, histories[contact_id], open_signals[contact_id])
    return found


def _alerting(
    session: Session,
    tried: _Tried,
    states: dict[str, Facts],
    thresholds: priority.Thresholds,
    *,
    type_id: str | None,
) -> list[tuple[str, Scored]]:
    """Who would get an alert and has none of this type open, the surest first."""
    open_now: set[str] = set()
    if type_id:
        open_now = set(
            session.scalars(select(Alert.contact_id).where(Alert.alert_type == type_id, Alert.closed_at.is_(None)))
        )
    found = []
    for contact_id, facts in states.items():
        scored = tried.score(facts)
        if contact_id not in open_now and _opens(tried, scored, facts, thresholds):
            found.append((contact_id, scored))
    return sorted(found, key=lambda each: (-each[1].confidence, each[0]))


def _opens(tried: OwnType | _Tried, scored: Scored, facts: Facts, thresholds: priority.Thresholds) -> bool:
    return thresholds.tier(tried.id, scored.confidence, scoring.strength(facts.signals)) is not None


def _past(
    session: Session,
    tried: OwnType,
    contact_ids: Sequence[str],
    states: dict[str, Facts],
    thresholds: priority.Thresholds,
    *,
    days: int,
    now: datetime,
) -> tuple[int, int]:
    """(alerts it would have opened, how many days back that looks): one a contact for as long as alerts stay valid."""
    rows = _scores(session, contact_ids, since=now - timedelta(days=days), now=now)
    if not rows:
        return 0, 0
    of_contact = _signals_of(session, contact_ids, since=rows[0].scored_at)
    asks_scores = any(name.startswith("score.") for name in fields_of(tried.definition))
    valid: dict[str, datetime] = {}
    opened = 0
    for row in rows:
        facts = _as_then(row, states[row.contact_id], of_contact.get(row.contact_id, ()), asks_scores=asks_scores)
        if not _opens(tried, tried.score(facts), facts, thresholds):
            continue
        if row.contact_id not in valid or valid[row.contact_id] < row.scored_at:
            opened += 1
        valid[row.contact_id] = row.scored_at + _VALID
    return opened, max((now - rows[0].scored_at).days, 1)


def _scores(session: Session, contact_ids: Sequence[str], *, since: datetime, now: datetime) -> list[Any]:
    """The stored scorings of these contacts, oldest first; the newest MOST_SCORES of them."""
    found: list[Any] = []
    for start in range(0, len(contact_ids), 500):
        found += session.execute(
            select(Score.contact_id, Score.scored_at, Score.features, Score.results)
            .where(
                Score.contact_id.in_(contact_ids[start : start + 500]),
                Score.scored_at > since,
                Score.scored_at <= now,
                Score.feature_set == features.FEATURE_SET,
            )
            .order_by(Score.scored_at.desc())
            .limit(MOST_SCORES)
        ).all()
    found.sort(key=lambda row: row.scored_at)
    return found[-MOST_SCORES:]


def _signals_of(session: Session, contact_ids: Sequence[str], *, since: datetime) -> dict[str, list[Any]]:
    """Signals that were open at some time since, with their last known strength."""
    found: dict[str, list[Any]] = {}
    for start in range(0, len(contact_ids), 500):
        for row in session.execute(
            select(
                Signal.contact_id,
                Signal.type,
                Signal.subtype,
                Signal.category,
                Signal.strength,
                Signal.confidence,
                Signal.event_count,
                Signal.first_seen_at,
                Signal.last_seen_at,
                Signal.closed_at,
            ).where(
                Signal.contact_id.in_(contact_ids[start : start + 500]),
                or_(Signal.closed_at.is_(None), Signal.closed_at > since),
            )
        ):
            found.setdefault(row.contact_id, []).append(row)
    return found


def _as_then(row: Any, state: Facts, known: Sequence[Any], *, asks_scores: bool) -> Facts:
    at = row.scored_at
    open_then = [
        OpenSignal(
            "",
            row.contact_id,
            one.type,
            one.subtype,
            one.category,
            one.strength,
            one.confidence,
            one.event_count,
            {},
            one.first_seen_at,
            one.last_seen_at,
        )
        for one in known
        if one.first_seen_at <= at and (one.closed_at is None or one.closed_at > at)
    ]
    scores = state.scores
    if asks_scores:
        scores = {
            intent: _with(scored, *row.results[intent][:2])
            for intent, scored in state.scores.items()
            if intent in row.results
        }
    return state._replace(vector=scoring.unpack(row.features).tolist(), signals=open_then, scores=scores, now=at)


def _with(scored: Scored, probability: float, confidence: float) -> Scored:
    """The score with the numbers that were stored."""
    return scored._replace(probability=probability, confidence=confidence, lift=probability / scored.base_rate)


def _examples(
    session: Session, tried: _Tried, fitting: Sequence[tuple[str, Scored]], states: dict[str, Facts], *, viewer: Viewer
) -> tuple[tuple[str, str], ...]:
    ids = [contact_id for contact_id, _ in fitting[:_LOOKED_FOR_EXAMPLES]]
    rows = session.execute(select(Contact.id, Contact.name).where(Contact.id.in_(ids), contact_scope(viewer)))
    names = {row.id: row.name or row.id for row in rows}
    shown = [one for one in ids if one in names][:EXAMPLES]
    return tuple((names[one], tried.explain(states[one])) for one in shown)
