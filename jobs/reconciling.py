"""Promise 3, checked: every open alert has an owner who can act, or a stated reason why not.

Five things can be wrong: the pool holds what somebody could take by now; an owner has left; an owner is away and never
touched it; the books disagree (an alert without its assignment, an agent's count that is off); an alert has neither an
owner nor a reason. The first three are routed; the others are put right, audited, and told to the admins, for they should
never have been.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, and_, func, or_, select, update
from sqlalchemy.orm import Session

from core import assignments, audit, delivery, escalation, feed, log, routing
from core.clock import Clock
from core.db import Database
from core.db.tables import Agent, Alert, Assignment, User
from core.delivery import Kind, Notice
from core.delivery.saying import Saying, saying, several
from core.routing import handing_on, moves
from core.routing.dispatch import Routed
from core.words import ChangeKind, PoolReason, Priority, Role

_SOME = 200
_log = log.get(__name__)


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """What one pass did."""

    routed: int = 0
    released: int = 0
    told: tuple[str, ...] = ()
    """What an admin was told."""

    def sentence(self) -> str:
        parts = [f"{self.routed} routed"] if self.routed else []
        parts += [f"{self.released} put back into the pool"] if self.released else []
        return ", ".join([*parts, *self.told])


def reconcile_once(database: Database, state: routing.State, clock: Clock) -> Reconciled:
    """One pass, in short transactions."""
    now = clock.now()
    with database.read() as session:
        state.refresh(session)
        pool = list(session.scalars(_pool(now)))
        left = list(session.scalars(_owner_left()))
        away = list(session.scalars(handing_on.untouched(now, limit=_SOME)))
        broken = list(session.scalars(_without_assignment()))
        unreasoned = list(session.scalars(_without_reason()))
        miscounted = list(session.scalars(_miscounted()))
    told = _mend_reasons(database, unreasoned, now=now)
    routed = _route(database, state, pool, trigger="returned", now=now)
    routed += _hand_on(database, state, away, now=now)
    moved, released = _from_who_left(database, state, left, now=now)
    told += [
        *_mend_assignments(database, broken, now=now),
        *_mend_counts(database, miscounted, now=now),
    ]
    if told:
        with database.write() as session:
            _tell_admins(session, told, now=now)
    return Reconciled(routed=routed + moved, released=released, told=tuple(map(str, told)))


def _pool(now: datetime) -> Select[str]:
    return (
        select(Alert.id)
        .where(Alert.closed_at.is_(None), Alert.assigned_agent_id.is_(None), ~moves.kept_for_claims(now))
        .order_by(Alert.opened_at)
        .limit(_SOME)
    )


def _owner_left() -> Select[str]:
    return (
        select(Alert.id)
        .join(User, User.id == Alert.assigned_agent_id)
        .where(Alert.closed_at.is_(None), ~User.active)
        .limit(_SOME)
    )


def _without_assignment() -> Select[str]:
    """Open alerts whose owner and open assignment are not the same."""
    return (
        select(Alert.id)
        .outerjoin(Assignment, and_(Assignment.alert_id == Alert.id, Assignment.ended_at.is_(None)))
        .where(
            Alert.closed_at.is_(None),
            or_(
                and_(Alert.assigned_agent_id.is_not(None), Assignment.agent_id.is_(None)),
                and_(Alert.assigned_agent_id.is_(None), Assignment.agent_id.is_not(None)),
                Alert.assigned_agent_id != Assignment.agent_id,
            ),
        )
        .limit(_SOME)
    )


def _without_reason() -> Select[str]:
    """Open alerts that nobody owns, and nobody says why in words a person is shown."""
    return (
        select(Alert.id)
        .where(
            Alert.closed_at.is_(None),
            Alert.assigned_agent_id.is_(None),
            or_(Alert.unassigned_reason.is_(None), Alert.unassigned_reason.not_in(list(PoolReason))),
        )
        .limit(_SOME)
    )


def _miscounted() -> Select[str]:
    counts = (
        select(Assignment.agent_id, func.count().label("open"), func.sum(Assignment.units).label("units"))
        .where(Assignment.ended_at.is_(None))
        .group_by(Assignment.agent_id)
        .subquery()
    )
    return (
        select(Agent.id)
        .outerjoin(counts, counts.c.agent_id == Agent.id)
        .where(
            or_(
                Agent.open_alerts != func.coalesce(counts.c.open, 0),
                Agent.open_units != func.coalesce(counts.c.units, 0),
            )
        )
    )


def _route(database: Database, state: routing.State, alert_ids: Sequence[str], *, trigger: str, now: datetime) -> int:
    """Both triggers used here leave alone, without a decision, what nobody can take."""
    if not alert_ids:
        return 0
    with database.write() as session:
        owners = _owners(session, alert_ids)
        moved = 0
        for owner_id in sorted(set(owners.values()), key=str):
            some = [alert_id for alert_id in alert_ids if owners.get(alert_id, "") == owner_id]
            exclude = frozenset([owner_id] if owner_id else [])
            moved += _move(session, state, some, trigger=trigger, exclude=exclude, now=now)
    return moved


def _move(
    session: Session,
    state: routing.State,
    alert_ids: Sequence[str],
    *,
    trigger: str,
    exclude: frozenset[str],
    now: datetime,
) -> int:
    routed = routing.route(session, alert_ids, state=state, trigger=trigger, now=now, exclude=exclude)
    moved = [one for one in routed if one.agent_id and one.agent_id not in exclude]
    _ring(session, moved, now=now)
    return len(moved)


def _ring(session: Session, moved: Sequence[Routed], *, now: datetime) -> None:
    delivery.enqueue(session, delivery.notices_of(session, moved, kind=Kind.ALERT_ASSIGNED), now=now)
    escalation.start(session, [one.alert_id for one in moved], now=now)


def _hand_on(database: Database, state: routing.State, alert_ids: Sequence[str], *, now: datetime) -> int:
    """What somebody away never touched: their cover first."""
    if not alert_ids:
        return 0
    with database.write() as session:
        moved = handing_on.hand_on(session, alert_ids, state=state, now=now)
        _ring(session, moved, now=now)
    return len(moved)


def _owners(session: Session, alert_ids: Sequence[str]) -> dict[str, str]:
    rows = session.execute(
        select(Alert.id, func.coalesce(Alert.assigned_agent_id, "")).where(
            Alert.id.in_(alert_ids), Alert.closed_at.is_(None)
        )
    )
    return {row[0]: row[1] for row in rows}


def _from_who_left(
    database: Database, state: routing.State, alert_ids: Sequence[str], *, now: datetime
) -> tuple[int, int]:
    """To the next person, else into the pool: an owner who is gone is no owner."""
    moved = released = 0
    for alert_id in alert_ids:
        with database.write() as session:
            owner = _owners(session, [alert_id]).get(alert_id)
            if not owner:
                continue
            exclude = frozenset([owner])
            if _move(session, state, [alert_id], trigger="released", exclude=exclude, now=now):
                moved += 1
                continue
            assignments.release(session, alert_id, reason=PoolReason.OWNER_LEFT, now=now)
            _audit(session, alert_id, {"agentId": owner}, {"agentId": None, "reason": PoolReason.OWNER_LEFT}, now=now)
            feed.tell_alerts(session, ChangeKind.ALERT_ASSIGNED, [alert_id], lost={alert_id: owner}, now=now)
            released += 1
    return moved, released


def _mend_assignments(database: Database, alert_ids: Sequence[str], *, now: datetime) -> list[Saying]:
    """An alert whose books disagree goes back into the pool, from where it is routed like any other."""
    told = []
    for alert_id in alert_ids:
        with database.write() as session:
            still = session.scalar(_without_assignment().where(Alert.id == alert_id))
            if still is None:
                continue
            _log.error("alert_books_disagree", alert_id=alert_id)
            owner = _owners(session, [alert_id])[alert_id]
            assigned = assignments.release(session, alert_id, reason=PoolReason.BOOKS_DISAGREED, now=now)
            _audit(
                session,
                alert_id,
                {"agentId": owner or None, "assignedTo": assigned},
                {"agentId": None, "reason": PoolReason.BOOKS_DISAGREED},
                now=now,
            )
            lost = {alert_id: owner} if owner else None
            feed.tell_alerts(session, ChangeKind.ALERT_ASSIGNED, [alert_id], lost=lost, now=now)
            told.append(
                saying(
                    "alert {id} had an owner other than its assignment says and was put back into the pool", id=alert_id
                )
                if assigned
                else saying("alert {id} had an owner without an assignment and was put back into the pool", id=alert_id)
            )
    return told


def _mend_reasons(database: Database, alert_ids: Sequence[str], *, now: datetime) -> list[Saying]:
    """An alert with neither an owner nor a reason is given one, and handed out with the rest of the pool."""
    told = []
    for alert_id in alert_ids:
        with database.write() as session:
            alert = session.scalar(_without_reason().where(Alert.id == alert_id).with_for_update())
            if alert is None:
                continue
            found = session.scalar(select(Alert.unassigned_reason).where(Alert.id == alert_id))
            _log.error("alert_without_reason", alert_id=alert_id)
            assignments.release(session, alert_id, reason=PoolReason.BOOKS_DISAGREED, now=now)
            _audit(session, alert_id, {"reason": found}, {"reason": PoolReason.BOOKS_DISAGREED}, now=now)
            feed.tell_alerts(session, ChangeKind.ALERT_UPDATED, [alert_id], now=now)
            told.append(
                saying(
                    "alert {id} had neither an owner nor a stated reason and is handed out with the pool", id=alert_id
                )
            )
    return told


def _audit(
    session: Session, alert_id: str, before: Mapping[str, object], after: Mapping[str, object], *, now: datetime
) -> None:
    audit.record(
        session,
        "alert.reconcile",
        subject_type="alert",
        subject_id=alert_id,
        actor_id=None,
        before=before,
        after=after,
        now=now,
    )


def _mend_counts(database: Database, agent_ids: Sequence[str], *, now: datetime) -> list[Saying]:
    """Count again under the agent's lock: whoever takes or gives back a place holds it until their commit."""
    told = []
    for agent_id in agent_ids:
        with database.write() as session:
            row = session.execute(
                select(Agent.open_alerts, Agent.open_units).where(Agent.id == agent_id).with_for_update()
            ).one_or_none()
            counted, units = session.execute(
                select(func.count(), func.coalesce(func.sum(Assignment.units), 0.0)).where(
                    Assignment.agent_id == agent_id, Assignment.ended_at.is_(None)
                )
            ).one()
            if row is None or tuple(row) == (counted, units):
                continue
            held = row.open_alerts
            _log.error("agent_count_wrong", agent_id=agent_id, held=held, counted=counted)
            session.execute(update(Agent).where(Agent.id == agent_id).values(open_alerts=counted, open_units=units))
            audit.record(
                session,
                "agent.recount",
                subject_type="agent",
                subject_id=agent_id,
                actor_id=None,
                before={"openAlerts": held},
                after={"openAlerts": counted},
                now=now,
            )
            told.append(
                saying(
                    "agent {id} was counted with {held} open alerts and has {counted}",
                    id=agent_id,
                    held=held,
                    counted=counted,
                )
            )
    return told


def _tell_admins(session: Session, facts: Sequence[Saying], *, now: datetime) -> None:
    admins = session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active)).all()
    text = saying("Found and put right: {fact}", fact=facts[0])
    if len(facts) > 1:
        text = several(
            "Found and put right: {fact}; and {number} more like it",
            "Found and put right: {fact}; and {number} more like it",
            len(facts) - 1,
            fact=facts[0],
        )
    delivery.enqueue(
        session,
        [
            Notice(
                alert_id=None,
                user_id=admin,
                kind=Kind.ADMIN_NOTICE,
                priority=Priority.HIGH,
                occasion=f"reconcile-{now:%Y%m%dT%H%M%S}",
                text=text,
            )
            for admin in admins
        ],
        now=now,
    )
