"""The whole line, in one place: events in, the right agent rung. Read this first.

    record   (core.events)      validated, de-duplicated, committed: the web process answers 202
    decide   (this file)        one transaction: rollups -> signals -> features -> scores -> alerts -> route -> enqueue
    send     (core.delivery)    lease, commit, send outside any transaction, finish
    escalate (core.escalation)  nobody acted in time: the next person

Each stage is one call below; new behaviour is a line here, or a new file in a stage's folder.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from core import (
    alert_types,
    alerts,
    delivery,
    escalation,
    events,
    feed,
    history,
    routing,
    scoring,
    signals,
    traffic,
    versions,
)
from core.alerts import priority
from core.alerts.priority import Thresholds
from core.db.base import table_of
from core.db.tables import Alert, Contact
from core.errors import NotFound
from core.events import RecordedEvent
from core.experiments import Another, Running
from core.history import History
from core.scoring import Scored, features, generic
from core.signals import OpenSignal
from core.words import ChangeKind

LOOK_AGAIN = timedelta(hours=24)
"""A contact with open signals is scored again after this long, because silence changes windows too."""
_BUDGET_AGE = timedelta(minutes=5)
"""How long the use of the year's budget may be remembered; a change of the setting counts at once."""


@dataclass(kw_only=True)
class World:
    """What a process keeps in memory between batches: models and routing, refreshed by version counters."""

    models: scoring.Models
    routing: routing.State
    experiments: Running = field(default_factory=Running)
    types: alert_types.Types = field(default_factory=alert_types.Types)
    """The team's own, beside the four."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    _thresholds_version: int = -1
    _thresholds_at: datetime | None = None

    @classmethod
    def load(cls, session: Session) -> "World":
        return cls(models=scoring.Models.load(session), routing=routing.State.load(session))

    def refresh(self, session: Session, *, now: datetime) -> None:
        if self.models.is_stale(session):
            self.models = scoring.Models.load(session, last=self.models)
        self.routing.refresh(session)
        if self.types.is_stale(session, now=now):
            self.types = alert_types.Types.load(session, now=now)
        if self.experiments.is_stale(session):
            self.experiments = Running.load(session)
        version = versions.number(session, priority.SETTING)
        read_at = self._thresholds_at
        if version != self._thresholds_version or read_at is None or not timedelta() <= now - read_at < _BUDGET_AGE:
            self.thresholds = priority.in_force(session, now=now)
            self._thresholds_version, self._thresholds_at = version, now


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What one pass of the line did."""

    events: int = 0
    contacts: int = 0
    scores: dict[str, tuple[Scored, ...]] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    refreshed: tuple[str, ...] = ()


def decide(session: Session, *, world: World, limit: int = 1000, now: datetime, quiet: bool = False) -> Decided:
    """Take what waits (events, or contacts due to be looked at again) and run it through the line.

    Args:
        limit: events at most; a contact's waiting events are always taken together.
        quiet: tell people in the app only; for history loaded long after it happened.
    """
    batch = events.claim(session, limit=limit)
    contact_ids = sorted({event.contact_id for event in batch}) or _due_again(session, limit=limit // 4, now=now)
    return _run(session, batch, contact_ids, world=world, now=now, quiet=quiet)


def score_contact(session: Session, contact_id: str, *, world: World, now: datetime) -> Decided:
    """Run the line for one contact at once, with all its waiting events.

    Raises:
        NotFound: nobody has heard of this contact.
    """
    if session.get(Contact, contact_id) is None:
        raise NotFound("There is no such contact.")
    return _run(session, events.claim_contact(session, contact_id), [contact_id], world=world, now=now, quiet=False)


def _run(
    session: Session,
    batch: Sequence[RecordedEvent],
    contact_ids: Sequence[str],
    *,
    world: World,
    now: datetime,
    quiet: bool,
) -> Decided:
    if not contact_ids:
        return Decided()
    world.refresh(session, now=now)

    doubts = traffic.doubts(batch, session)
    history.absorb(session, batch, doubts)
    histories = history.load(session, contact_ids, now=now)

    found = {contact_id: signals.detect(past, now=now) for contact_id, past in histories.items()}
    open_signals = signals.refresh(session, histories, found, now=now)

    vectors = [features.vector(histories[contact], open_signals[contact], now=now) for contact in contact_ids]
    if names := world.models.extra:
        vectors = [
            (*vector, *generic.values(histories[contact], names, now=now))
            for contact, vector in zip(contact_ids, vectors, strict=True)
        ]
    by_models = dict(zip(contact_ids, scoring.score_batch(world.models, vectors), strict=True))
    by_contact = dict(zip(contact_ids, vectors, strict=True))
    scored = alert_types.score(
        world.types, by_models, vectors=by_contact, histories=histories, open_signals=open_signals
    )
    shadows = scoring.shadow_batch(world.models, vectors) if world.models.shadow.models else ()
    kept = [(contact, by_contact[contact], scored[contact]) for contact in contact_ids]
    scoring.store(session, kept, shadows=shadows, now=now)

    candidates = [
        candidate
        for contact in contact_ids
        for candidate in _candidates(
            world, contact, scored[contact], by_contact[contact], histories[contact], open_signals[contact]
        )
    ]
    tried = _tried(world, contact_ids, by_contact, histories, shadows) if shadows and world.experiments.models else None
    met = world.experiments.meet(session, candidates, thresholds=world.thresholds, another=tried, now=now)
    opening = alerts.open_or_refresh(session, met.candidates, thresholds=world.thresholds, now=now)

    strategies = met.opened(session, opening.opened)
    routed = routing.route(
        session, opening.opened, state=world.routing, trigger="opened", strategies=strategies, now=now
    )
    feed.tell_alerts(session, ChangeKind.ALERT_NEW, opening.opened, now=now)
    feed.tell_alerts(session, ChangeKind.ALERT_UPDATED, opening.changed, now=now)

    notices = delivery.notices_of(session, routed, raised=opening.raised)
    notices += escalation.on_call(session, opening.opened, state=world.routing, now=now)
    delivery.enqueue(session, notices, quiet=quiet, now=now)
    escalation.start(session, opening.opened, now=now)

    events.finish(session, [event.id for event in batch], doubts, now=now)
    _look_again(session, contact_ids, open_signals, now=now)
    return Decided(
        events=len(batch),
        contacts=len(contact_ids),
        scores=dict(scored),
        opened=opening.opened,
        refreshed=opening.changed,
    )


def _candidates(
    world: World,
    contact_id: str,
    scored: Sequence[Scored],
    vector: Sequence[float],
    past: History,
    open_signals: Sequence[OpenSignal],
) -> list[alerts.Candidate]:
    strength = scoring.strength(open_signals)
    return [
        alerts.Candidate(
            contact_id=contact_id,
            scored=one,
            signal_strength=strength,
            signal_count=len(open_signals),
            explain=partial(
                alert_types.explain,
                world.types,
                one.intent,
                scored,
                vector,
                history=past,
                open_signals=open_signals,
            )
            if world.types.ruled(one)
            else partial(scoring.why, world.models, one.intent, vector, history=past),
        )
        for one in scored
    ]


def _tried(
    world: World,
    contact_ids: Sequence[str],
    vectors: Mapping[str, Sequence[float]],
    histories: Mapping[str, History],
    shadows: Sequence[Sequence[Scored]],
) -> Another:
    """What models in shadow score, with their own explanations, for an experiment that serves one of them to some."""
    scores = {
        (contact, one.model_version): one for contact, each in zip(contact_ids, shadows, strict=True) for one in each
    }

    def another(contact_id: str, version: str) -> tuple[Scored, Callable[[], scoring.Explanation]] | None:
        one = scores.get((contact_id, version))
        if one is None:
            return None
        vector, past = vectors[contact_id], histories[contact_id]
        return one, lambda: scoring.why(world.models.trying(version), one.intent, vector, history=past)

    return another


def _due_again(session: Session, *, limit: int, now: datetime) -> list[str]:
    """Contacts whose time to be looked at again has come, locked so that two processes never take the same."""
    statement = (
        select(Contact.id)
        .where(Contact.rescore_at <= now)
        .order_by(Contact.rescore_at)
        .limit(limit)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return sorted(session.scalars(statement))


def _look_again(
    session: Session, contact_ids: Sequence[str], open_signals: dict[str, list[OpenSignal]], *, now: datetime
) -> None:
    contacts = table_of(Contact)
    session.connection().execute(
        update(contacts)
        .where(contacts.c.id == bindparam("key"))
        .values(scored_at=now, rescore_at=bindparam("again", type_=contacts.c.rescore_at.type)),
        [{"key": contact, "again": now + LOOK_AGAIN if open_signals[contact] else None} for contact in contact_ids],
    )


def open_alerts_of(session: Session, contact_id: str) -> list[Alert]:
    """The open alerts of a contact, most confident first."""
    return list(
        session.scalars(
            select(Alert)
            .where(Alert.contact_id == contact_id, Alert.closed_at.is_(None))
            .order_by(Alert.confidence.desc())
            .execution_options(populate_existing=True)
        )
    )
