"""How the demo's agents work their alerts: when they answer, whether they reach the homeowner, and how it ends.

What they record agrees with the generator's truth: a homeowner who is in the market (and candid) confirms it, one who
is not says so, and a conversion follows only a transaction that really happened.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zlib import crc32

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from core import alerts, delivery, escalation, viewer
from core.db.tables import Alert
from core.errors import DoorbellError
from core.generator import World
from core.pipeline import World as Line
from core.viewer import Viewer
from core.words import HORIZON_DAYS, DismissReason, Intent, Outcome, Priority

_ANSWER_MINUTES = {Priority.CRITICAL: 3.0, Priority.HIGH: 16.0, Priority.MEDIUM: 110.0, Priority.LOW: 600.0}
"""Median; people differ by a factor of about two."""
_NEVER = 0.05
_REACHED = 0.86
_WON = 0.7
"""Of the transactions of homeowners we spoke to, how many are ours."""

Deed = Callable[[Session, str, Viewer, datetime], None]


@dataclass(order=True)
class _Planned:
    at: datetime
    number: int
    alert_id: str = field(compare=False)
    deed: Deed = field(compare=False)


class Floor:
    """The agents' calendar: deeds in order of time."""

    def __init__(self, world: World, line: Line) -> None:
        self._world = world
        self._line = line
        self._calendar: list[_Planned] = []
        self._viewers: dict[str, Viewer | None] = {}

    def take_on(self, session: Session, alert_ids: tuple[str, ...], *, now: datetime) -> None:
        """Plan what will be done about alerts that have just opened."""
        rows = session.execute(
            select(Alert.id, Alert.contact_id, Alert.alert_type, Alert.priority, Alert.assigned_agent_id).where(
                Alert.id.in_(alert_ids)
            )
        ).all()
        for row in sorted(rows, key=lambda each: (each.contact_id, each.alert_type)):
            key = crc32(f"{row.contact_id}:{row.alert_type}:{now.date()}".encode())
            rng = np.random.default_rng((self._world.seed, key))
            self._plan(row.id, row.contact_id, Intent(row.alert_type), Priority(row.priority), now, rng)

    def work_until(self, session: Session, until: datetime) -> None:
        """Do everything planned up to then, each at its own time; what has become impossible is left."""
        while True:
            planned = self._calendar[0].at if self._calendar else None
            late = session.execute(
                select(Alert.id, Alert.escalate_at)
                .where(Alert.escalate_at <= until, Alert.closed_at.is_(None))
                .order_by(Alert.escalate_at)
                .limit(1)
            ).first()
            if late is not None and (planned is None or late.escalate_at < planned):
                self._escalate(session, late.id, now=late.escalate_at + timedelta(seconds=20))
            elif planned is not None and planned <= until:
                self._do(session, heapq.heappop(self._calendar))
            else:
                return

    def _escalate(self, session: Session, alert_id: str, *, now: datetime) -> None:
        notices = escalation.escalate(session, alert_id, state=self._line.routing, now=now)
        delivery.enqueue(session, notices, quiet=True, now=now)
        escalation.start(session, [alert_id], now=now)

    def _do(self, session: Session, planned: _Planned) -> None:
        owner = session.scalar(select(Alert.assigned_agent_id).where(Alert.id == planned.alert_id))
        who = self._viewer(session, owner)
        if who is None:
            return
        try:
            with session.begin_nested():
                planned.deed(session, planned.alert_id, who, planned.at)
        except DoorbellError:
            return  # expired or closed meanwhile: there is nothing left to do

    def _viewer(self, session: Session, agent_id: str | None) -> Viewer | None:
        if agent_id is None:
            return None
        if agent_id not in self._viewers:
            self._viewers[agent_id] = viewer.load(session, agent_id)
        return self._viewers[agent_id]

    def _plan(
        self,
        alert_id: str,
        contact_id: str,
        intent: Intent,
        priority: Priority,
        now: datetime,
        rng: np.random.Generator,
    ) -> None:
        if rng.random() < _NEVER:
            return
        answered = now + timedelta(minutes=float(rng.lognormal(np.log(_ANSWER_MINUTES[priority]), 0.8)) + 0.5)
        self._add(answered, alert_id, _acknowledge)
        called = answered + timedelta(hours=float(rng.lognormal(np.log(4.0), 1.0)) + 0.1)
        if rng.random() < 0.5:
            self._add(answered + (called - answered) * 0.4, alert_id, _start)
        if rng.random() > _REACHED:
            if rng.random() < 0.7:
                self._add(
                    called + timedelta(days=float(rng.uniform(3, 9))), alert_id, _dismiss(DismissReason.UNREACHABLE)
                )
            return
        self._add(called, alert_id, _contact)
        self._ending(alert_id, contact_id, intent, now, called, rng)

    def _ending(
        self,
        alert_id: str,
        contact_id: str,
        intent: Intent,
        opened: datetime,
        called: datetime,
        rng: np.random.Generator,
    ) -> None:
        closing = self._world.next_closing(contact_id, intent, opened)
        transacts = closing is not None and closing.at <= opened + timedelta(days=HORIZON_DAYS[intent])
        truth = self._world.truth(contact_id, intent, opened)
        soon = called + timedelta(minutes=float(rng.uniform(5, 40)))
        if not truth.right:
            odds = rng.random()
            reason = DismissReason.NO_INTEREST if odds < 0.9 else DismissReason.WRONG_PERSON
            self._add(soon, alert_id, _dismiss(reason))
            return
        self._add(soon, alert_id, _confirmed)
        if transacts and closing is not None and rng.random() < _WON:
            at = max(closing.at, soon) + timedelta(hours=float(rng.uniform(12, 72)))
            self._add(at, alert_id, _convert(closing.value, closing.kind))
        else:
            at = max(closing.at if transacts and closing else soon, soon) + timedelta(days=float(rng.uniform(10, 45)))
            self._add(at, alert_id, _let_go)

    def _add(self, at: datetime, alert_id: str, deed: Deed) -> None:
        heapq.heappush(self._calendar, _Planned(at, len(self._calendar), alert_id, deed))


def _acknowledge(session: Session, alert_id: str, who: Viewer, now: datetime) -> None:
    alerts.acknowledge(session, alert_id, viewer=who, now=now)


def _start(session: Session, alert_id: str, who: Viewer, now: datetime) -> None:
    alerts.start(session, alert_id, viewer=who, now=now)


def _contact(session: Session, alert_id: str, who: Viewer, now: datetime) -> None:
    alerts.contact(session, alert_id, viewer=who, now=now)


def _confirmed(session: Session, alert_id: str, who: Viewer, now: datetime) -> None:
    alerts.record_outcome(
        session,
        alert_id,
        Outcome.TRUE_POSITIVE,
        viewer=who,
        reason="intent_confirmed",
        notes="Confirmed the plan on the phone.",
        contact_methods=["phone"],
        now=now,
    )


def _let_go(session: Session, alert_id: str, who: Viewer, now: datetime) -> None:
    """The alert was right, and yet nothing came of it for us: the label stays what the homeowner confirmed."""
    alerts.dismiss(
        session, alert_id, viewer=who, reason=DismissReason.OTHER, notes="Postponed or went elsewhere.", now=now
    )
    _confirmed(session, alert_id, who, now)


def _dismiss(reason: DismissReason) -> Deed:
    def deed(session: Session, alert_id: str, who: Viewer, now: datetime) -> None:
        alerts.dismiss(session, alert_id, viewer=who, reason=reason, now=now)

    return deed


def _convert(value: float, kind: str) -> Deed:
    def deed(session: Session, alert_id: str, who: Viewer, now: datetime) -> None:
        alerts.convert(
            session,
            alert_id,
            viewer=who,
            value=value,
            transaction_type=kind,
            contact_methods=["phone", "email"],
            now=now,
        )

    return deed
