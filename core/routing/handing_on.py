"""What somebody away or out of reach had not touched goes on: to who covers, else to whom routing finds, else to the pool."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from core import assignments, clock, feed
from core.db.tables import Agent, Alert, Assignment, TimeOff, User
from core.routing import capacity, covers, moves
from core.routing.choosing import AWAY
from core.routing.directory import Agent as Known
from core.routing.dispatch import Routed, route_each
from core.routing.state import State
from core.words import ChangeKind, PoolReason, Status


def untouched(now: datetime, *, limit: int) -> Select[str]:
    """Open alerts that their owner, who is away or paused, has not looked at, oldest first.

    What was given or taken by hand since then is meant so, and what they snoozed they have seen.
    """
    off = and_(TimeOff.agent_id == Alert.assigned_agent_id, TimeOff.starts_at <= now, TimeOff.ends_at > now)
    absent = (
        select(Agent.id)
        .outerjoin(TimeOff, and_(TimeOff.agent_id == Agent.id, TimeOff.starts_at <= now, TimeOff.ends_at > now))
        .where(or_(Agent.paused_at.is_not(None), TimeOff.id.is_not(None)))
    )
    since = func.coalesce(TimeOff.starts_at, Agent.paused_at)
    by_hand = and_(Assignment.assigned_by.is_not(None), Assignment.assigned_at >= since)
    return (
        select(Alert.id)
        .join(Agent, Agent.id == Alert.assigned_agent_id)
        .join(User, User.id == Agent.id)
        .join(Assignment, and_(Assignment.alert_id == Alert.id, Assignment.ended_at.is_(None)))
        .outerjoin(TimeOff, off)
        .where(
            Alert.closed_at.is_(None),
            Alert.assigned_agent_id.in_(absent),  # few: what the others have need not be walked each time
            Alert.status == Status.NEW,
            Alert.acknowledged_at.is_(None),
            Alert.snoozed_until.is_(None),
            User.active.is_(True),
            ~by_hand,
        )
        .order_by(Alert.opened_at, Alert.id)
        .limit(limit)
    )


def hand_on(session: Session, alert_ids: Sequence[str], *, state: State, now: datetime) -> list[Routed]:
    """Hand these alerts on; those who have a new owner. The others wait in the pool and are drained oldest first.

    Looked at again under the lock: what was touched meanwhile stays where it is.
    """
    state.refresh(session)
    session.execute(select(Alert.id).where(Alert.id.in_(alert_ids)).order_by(Alert.id).with_for_update())
    still = set(session.scalars(untouched(now, limit=len(alert_ids) or 1).where(Alert.id.in_(alert_ids))))
    rows = session.execute(
        select(Alert.id, Alert.assigned_agent_id).where(Alert.id.in_(still)).order_by(Alert.opened_at, Alert.id)
    )
    by_owner: dict[str, list[str]] = {}
    for alert_id, owner_id in rows:
        by_owner.setdefault(str(owner_id), []).append(alert_id)
    if by_owner:
        capacity.take_turn(session)
    return [one for owner, some in sorted(by_owner.items()) for one in _of(session, owner, some, state=state, now=now)]


def _of(session: Session, owner_id: str, alert_ids: list[str], *, state: State, now: datetime) -> list[Routed]:
    owner = state.house.directory.by_id.get(owner_id)
    given: list[Routed] = []
    cover = covers.stand_in(state.house.directory, owner, now) if owner else None
    if owner is not None and cover is not None and cover is not owner and _can_take(cover):
        until = next(ends for starts, ends, _ in owner.time_off if starts <= now < ends)
        local = until.astimezone(clock.zone(cover.zone.key))
        reason = f"You cover for {owner.name} until {local.day} {local:%b, %H:%M}."
        given = moves.give_to_cover(session, alert_ids, cover.id, reason=reason, now=now)
    done = {one.alert_id for one in given}
    left = [alert_id for alert_id in alert_ids if alert_id not in done]
    routed = route_each(session, dict.fromkeys(left, frozenset({owner_id})), state=state, trigger=AWAY, now=now)
    moved = {one.alert_id for one in routed if one.agent_id and one.agent_id != owner_id}
    _release(session, [alert_id for alert_id in left if alert_id not in moved], owner_id, now=now)
    return [*given, *(one for one in routed if one.alert_id in moved)]


def _can_take(cover: Known) -> bool:
    """Working hours do not matter: the owner's nights were nobody's either, and the clock waits until they are on duty."""
    return cover.active and cover.available and cover.auto_assign and cover.capacity > 0 and cover.paused is None


def _release(session: Session, alert_ids: Sequence[str], owner_id: str, *, now: datetime) -> None:
    for alert_id in alert_ids:
        assignments.release(session, alert_id, reason=PoolReason.OWNER_AWAY, now=now)
    if alert_ids:
        lost = dict.fromkeys(alert_ids, owner_id)
        feed.tell_alerts(session, ChangeKind.ALERT_ASSIGNED, alert_ids, lost=lost, now=now)
