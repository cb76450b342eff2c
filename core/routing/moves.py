"""What people do to assignments: give an alert to somebody, many at once, claim one from the pool, move stale ones on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, and_, exists, func, insert, or_, select
from sqlalchemy.orm import Session

from core import audit, clock, feed, load
from core.db.base import table_of
from core.db.tables import Agent, Alert, Assignment, Decision, TimeOff, User
from core.errors import Conflict, DoorbellError, Forbidden, Invalid, NotFound
from core.ids import new_id
from core.routing import capacity, refusals
from core.routing.capacity import Handover
from core.routing.choosing import AWAY
from core.routing.dispatch import Routed, route_each
from core.routing.state import State
from core.viewer import SYSTEM, Viewer, alert_scope
from core.words import ChangeKind, PoolReason, Role, Status

MANUAL = "manual"
CLAIM = "claim"
"""How an alert came to who took it from the pool."""
COVER = "cover"
"""How an alert came to who covers for its owner."""
EVENED, EVENED_BACK = "rebalanced", "rebalance_undone"
"""By a rebalancing that somebody approved, and by taking it back."""
MOST_AT_ONCE = 5_000
PART = 250
"""Alerts moved in one transaction where the whole is done in parts: 0.2 to 0.3 s of work."""
STALE_HOURS = 24.0
Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of one item of a bulk: `routed`, or the error that would have been raised for it alone."""

    alert_id: str
    agent_id: str
    routed: Routed | None = None
    error: DoorbellError | None = None


def reassign(
    session: Session,
    alert_id: str,
    agent_id: str,
    *,
    viewer: Viewer,
    reason: str = "",
    overflow: bool = False,
    now: datetime,
) -> Routed:
    """Give one alert to an agent by hand.

    Args:
        reason: shown to the new owner; made up from who did it when empty.
        overflow: give it even past the agent's capacity. For managers and admins.

    Raises:
        NotFound: no such alert for this viewer.
        Forbidden: the agent is not in this manager's teams, or the viewer is an agent, who claims instead (`claims`).
        Invalid: there is no such agent, or they are no longer active.
        Conflict: the alert is closed, or the agent is at capacity and overflow was not said.
    """
    moved = bulk_reassign(session, [(alert_id, agent_id)], viewer=viewer, reason=reason, overflow=overflow, now=now)[0]
    if moved.error is not None:
        raise moved.error
    assert moved.routed is not None
    return moved.routed


def bulk_reassign(
    session: Session,
    wanted: Sequence[tuple[str, str]],
    *,
    viewer: Viewer,
    reason: str = "",
    overflow: bool = False,
    now: datetime,
) -> list[Moved]:
    """Give (alert, agent) pairs by hand, in a handful of statements however many; one result each, in their order.

    An item that cannot be done says why and leaves the others alone. An alert named twice goes to the last one named.

    Raises:
        Invalid: more than `MOST_AT_ONCE`.
    """
    check_number(wanted)
    last = dict(wanted)
    alerts = _visible(session, list(last), viewer=viewer)
    agents = _agents(session, set(last.values()), now=now)
    results: dict[str, Moved] = {}
    moving: list[tuple[str, str]] = []
    for alert_id, agent_id in last.items():
        error = _refusal(alerts.get(alert_id), agents.get(agent_id), agent_id, viewer=viewer)
        if error is not None:
            results[alert_id] = Moved(alert_id=alert_id, agent_id=agent_id, error=error)
        else:
            moving.append((alert_id, agent_id))
    results |= _give(session, moving, alerts, agents, viewer=viewer, reason=reason, overflow=overflow, now=now)
    return in_order(wanted, results)


def check_number(wanted: Sequence[Any]) -> None:
    """Raises Invalid where they are more than `MOST_AT_ONCE`."""
    if len(wanted) > MOST_AT_ONCE:
        raise Invalid("Too many at once.", fields={"items": f"at most {MOST_AT_ONCE}"})


def parts(wanted: Sequence[Part]) -> list[Sequence[Part]]:
    """The same in pieces for a transaction each: routing and everybody else waits no longer than one of them takes."""
    return [wanted[start : start + PART] for start in range(0, len(wanted), PART)]


def in_order(wanted: Sequence[tuple[str, str]], results: Mapping[str, Moved]) -> list[Moved]:
    """A result for each of the wanted pairs that was tried; of an alert named twice the last one counts."""
    last = dict(wanted)
    return [
        results[alert_id]
        if last[alert_id] == agent_id
        else Moved(alert_id=alert_id, agent_id=agent_id, error=Conflict("The same request names it again later."))
        for alert_id, agent_id in wanted
        if alert_id in results
    ]


def give_to_cover(
    session: Session, alert_ids: Sequence[str], agent_id: str, *, reason: str, now: datetime
) -> list[Routed]:
    """Give open alerts to who covers for their owner, as far as there is room; those that were given."""
    alerts = {row_id: row for row_id, row in _visible(session, alert_ids, viewer=SYSTEM).items() if not row.closed_at}
    moving = [(alert_id, agent_id) for alert_id in alert_ids if alert_id in alerts]
    agents = _agents(session, {agent_id}, now=now)
    moved = _give(
        session, moving, alerts, agents, viewer=SYSTEM, reason=reason, overflow=False, how=COVER, now=now
    ).values()
    return [one.routed for one in moved if one.routed is not None]


def give_to_claimer(session: Session, alert_id: str, *, viewer: Viewer, until: datetime, now: datetime) -> Routed:
    """Give an alert of the pool to the viewer, who claimed it until then.

    Raises:
        Conflict: it is closed, or there is no room.
    """
    alerts = _visible(session, [alert_id], viewer=viewer)
    agents = _agents(session, {viewer.user_id}, now=now)
    if viewer.user_id not in agents:
        raise Forbidden("You have no profile yet: an admin makes one by putting you into a team.")
    if alerts[alert_id].closed_at is not None:
        raise Conflict("This alert is closed; it cannot be claimed.")
    moved = _give(
        session,
        [(alert_id, viewer.user_id)],
        alerts,
        agents,
        viewer=viewer,
        reason="",
        overflow=False,
        how=CLAIM,
        claimed_until=until,
        now=now,
    )[alert_id]
    if moved.routed is None:
        raise Conflict("You are at capacity: close or hand over an alert before taking another.")
    return moved.routed


def give_planned(
    session: Session,
    wanted: Mapping[str, tuple[str, str]],
    *,
    how: str,
    viewer: Viewer,
    overflow: bool = False,
    now: datetime,
) -> dict[str, Moved]:
    """Give alerts as a rebalancing says: alert id -> (agent id, what they are told); a result for each.

    Args:
        how: EVENED or EVENED_BACK.
        overflow: past a capacity too, where an undo brings back what somebody had.
    """
    alerts = _visible(session, list(wanted), viewer=viewer)
    agents = _agents(session, {agent_id for agent_id, _ in wanted.values()}, now=now)
    results: dict[str, Moved] = {}
    moving: list[tuple[str, str]] = []
    for alert_id, (agent_id, _) in wanted.items():
        error = _refusal(alerts.get(alert_id), agents.get(agent_id), agent_id, viewer=viewer)
        if error is not None:
            results[alert_id] = Moved(alert_id=alert_id, agent_id=agent_id, error=error)
        else:
            moving.append((alert_id, agent_id))
    said = {alert_id: reason for alert_id, (_, reason) in wanted.items()}
    return results | _give(
        session, moving, alerts, agents, viewer=viewer, reason=said, overflow=overflow, how=how, now=now
    )


def handle_stale(
    session: Session,
    *,
    state: State,
    hours: float = STALE_HOURS,
    viewer: Viewer | None = None,
    limit: int = 500,
    now: datetime,
) -> list[Routed]:
    """Route alerts their owner has not touched for so many hours to somebody else; who cannot be moved stays.

    Snoozed alerts rest. With a viewer, only those they may see.
    """
    if not 0 < hours <= 24 * 365:
        raise Invalid("The age is not valid.", fields={"hours": "more than 0, at most 8760"})
    statement = (
        select(Alert.id, Assignment.agent_id)
        .join(Assignment, (Assignment.alert_id == Alert.id) & Assignment.ended_at.is_(None))
        .where(
            Alert.closed_at.is_(None),
            Alert.status == Status.NEW,
            Assignment.assigned_at <= now - timedelta(hours=hours),
            or_(Alert.snoozed_until.is_(None), Alert.snoozed_until <= now),
        )
        .order_by(Alert.opened_at, Alert.id)
        .limit(limit)
    )
    if viewer is not None:
        statement = statement.where(alert_scope(viewer), Alert.assigned_agent_id.is_not(None))
    owners = {alert_id: frozenset({agent_id}) for alert_id, agent_id in session.execute(statement)}
    actor = viewer.user_id if viewer and viewer.user_id else None
    return route_each(session, owners, state=state, trigger="stale", by=actor, now=now)


def kept_for_claims(now: datetime) -> ColumnElement[bool]:
    """The condition on `alerts` of the pool that somebody put it there a short while ago, for whoever claims it."""
    lately = exists().where(
        Assignment.alert_id == Alert.id,
        Assignment.ended_reason == PoolReason.PUT_BACK,
        Assignment.ended_at > now - refusals.AGAIN_AFTER,
    )
    return and_(Alert.unassigned_reason == PoolReason.PUT_BACK, lately)


def drain_pool(session: Session, *, state: State, limit: int = 500, now: datetime) -> list[Routed]:
    """Route what waits in the pool, oldest first, now that somebody may be back; what nobody can take stays there."""
    state.refresh(session)
    if not state.roster(now).eligible:
        return []
    waiting = session.scalars(
        select(Alert.id)
        .where(
            Alert.closed_at.is_(None),
            Alert.assigned_agent_id.is_(None),
            ~kept_for_claims(now),
            or_(Alert.snoozed_until.is_(None), Alert.snoozed_until <= now),
        )
        .order_by(Alert.opened_at, Alert.id)
        .limit(limit)
    ).all()
    if not waiting:
        return []
    return route_each(session, dict.fromkeys(waiting, frozenset()), state=state, trigger="returned", now=now)


def _visible(session: Session, alert_ids: Sequence[str], *, viewer: Viewer) -> dict[str, Any]:
    """The alerts this viewer may see, locked in the order of their ids."""
    rows = session.execute(
        select(Alert.id, Alert.assigned_agent_id, Alert.closed_at, Alert.priority, Alert.alert_type)
        .where(Alert.id.in_(alert_ids), alert_scope(viewer))
        .order_by(Alert.id)
        .with_for_update()
    )
    return {row.id: row for row in rows}


def _agents(session: Session, agent_ids: set[str], *, now: datetime) -> dict[str, Any]:
    off = select(func.max(TimeOff.ends_at)).where(
        TimeOff.agent_id == Agent.id, TimeOff.starts_at <= now, TimeOff.ends_at > now
    )
    rows = session.execute(
        select(
            Agent.id,
            Agent.team_id,
            Agent.max_concurrent_alerts,
            User.name,
            User.active,
            User.timezone,
            off.scalar_subquery().label("off_until"),
        )
        .join(User, User.id == Agent.id)
        .where(Agent.id.in_(agent_ids))
    )
    return {row.id: row for row in rows}


def _refusal(alert: Any, agent: Any, agent_id: str, *, viewer: Viewer) -> DoorbellError | None:
    if alert is None:
        return NotFound("There is no such alert.")
    if viewer.role is Role.AGENT:
        return Forbidden("You can claim an alert from the pool for yourself; a manager gives alerts to others.")
    if agent is None:
        return Invalid("There is no such agent.", fields={"agentId": "there is no such agent"})
    if not agent.active:
        return Invalid("This agent is no longer active.", fields={"agentId": "no longer active"})
    if viewer.role is Role.MANAGER and agent.team_id not in viewer.team_ids:
        return Forbidden("This agent is not in your teams.")
    if alert.closed_at is not None:
        return Conflict("This alert is closed; it cannot be assigned.")
    if agent.off_until is not None and viewer.user_id != agent_id:
        until = agent.off_until.astimezone(clock.zone(agent.timezone))
        return Conflict(f"{agent.name} is on time off until {until.day} {until:%b, %H:%M}.")
    return None


def _give(
    session: Session,
    moving: Sequence[tuple[str, str]],
    alerts: Mapping[str, Any],
    agents: Mapping[str, Any],
    *,
    viewer: Viewer,
    reason: str | Mapping[str, str],
    overflow: bool,
    how: str = MANUAL,
    claimed_until: datetime | None = None,
    now: datetime,
) -> dict[str, Moved]:
    results: dict[str, Moved] = {}
    if not viewer.user_id:  # nobody's word: who said no is not asked again
        said_no = refusals.of(session, [alert_id for alert_id, _ in moving], now=now)
        for alert_id, agent_id in moving:
            if agent_id in said_no.get(alert_id, ()):
                error: DoorbellError = Conflict(f"{agents[agent_id].name} has declined it.")
                results[alert_id] = Moved(alert_id=alert_id, agent_id=agent_id, error=error)
        moving = [(alert_id, agent_id) for alert_id, agent_id in moving if alert_id not in results]
    real = [(alert_id, agent_id) for alert_id, agent_id in moving if alerts[alert_id].assigned_agent_id != agent_id]
    owners = {alerts[alert_id].assigned_agent_id for alert_id, _ in real} - {None}
    if real:
        capacity.take_turn(session)
        capacity.lock(session, {agent_id for _, agent_id in real} | owners)
    weights = load.load(session)
    units = {alert_id: weights.of(alerts[alert_id].priority, alerts[alert_id].alert_type) for alert_id, _ in real}
    wanted: dict[str, list[float]] = {}
    for alert_id, agent_id in real:
        wanted.setdefault(agent_id, []).append(units[alert_id])

    def today(agent_id: str) -> date:
        return now.astimezone(clock.zone(agents[agent_id].timezone)).date()

    places = capacity.reserve(session, wanted, today=today)
    over: dict[str, list[float]] = {}
    done: list[tuple[str, str, str, Routed]] = []
    for alert_id, agent_id in moving:
        owner = alerts[alert_id].assigned_agent_id
        is_over = owner != agent_id and not places[agent_id].pop(0)
        if is_over and not overflow:
            agent = agents[agent_id]
            error = Conflict(f"{agent.name} is at capacity ({agent.max_concurrent_alerts}).")
            results[alert_id] = Moved(alert_id=alert_id, agent_id=agent_id, error=error)
            continue
        if is_over:
            over.setdefault(agent_id, []).append(units[alert_id])
        given = reason if isinstance(reason, str) else reason[alert_id]
        said = given.strip() or _made_up(viewer, agent_id, again=owner == agent_id)
        routed = _routed(alert_id, agent_id, how=how, reason=said, overflow=is_over)
        results[alert_id] = Moved(alert_id=alert_id, agent_id=agent_id, routed=routed)
        if owner != agent_id:
            done.append((alert_id, agent_id, owner or "", routed))
    capacity.reserve(session, over, today=today, overflow=True)
    _write(session, done, alerts, units=units, viewer=viewer, how=how, claimed_until=claimed_until, now=now)
    return results


def _write(
    session: Session,
    done: Sequence[tuple[str, str, str, Routed]],
    alerts: Mapping[str, Any],
    *,
    units: Mapping[str, float],
    viewer: Viewer,
    how: str,
    claimed_until: datetime | None,
    now: datetime,
) -> None:
    if not done:
        return
    session.connection().execute(
        insert(table_of(Decision)),
        [
            {
                "id": routed.decision_id,
                "alert_id": alert_id,
                "decided_at": now,
                "trigger": AWAY if how == COVER else how,
                "agent_id": agent_id,
                "strategy": how,
                "rule_id": None,
                "overflow": routed.overflow,
                "reason": routed.reason,
                "trace": {"by": viewer.user_id or None, "rules": [], "excluded": {}, "candidates": []},
            }
            for alert_id, agent_id, _, routed in done
        ],
    )
    capacity.hand_over(
        session,
        [
            Handover(
                alert_id=alert_id,
                agent_id=agent_id,
                decision_id=routed.decision_id,
                reason=routed.reason,
                by=viewer.user_id or None,
                units=units[alert_id],
                claimed_until=claimed_until,
            )
            for alert_id, agent_id, _, routed in done
        ],
        now=now,
    )
    capacity.add_turns(session, Counter(agent_id for _, agent_id, _, _ in done))
    audit.record_each(
        session,
        "alert.claim" if how == CLAIM else "alert.assign",
        subject_type="alert",
        actor_id=viewer.user_id or None,
        changes={
            alert_id: (
                {"agentId": owner or None},
                {"agentId": agent_id, "reason": routed.reason, "overflow": routed.overflow},
            )
            for alert_id, agent_id, owner, routed in done
        },
        now=now,
    )
    lost = {alert_id: owner for alert_id, _, owner, _ in done}
    feed.tell_alerts(session, ChangeKind.ALERT_ASSIGNED, [alert_id for alert_id, *_ in done], lost=lost, now=now)


def _made_up(viewer: Viewer, agent_id: str, *, again: bool) -> str:
    if again:
        return "You have it already."
    if viewer.user_id == agent_id:
        return "You took it from the pool."
    return f"{viewer.name} gave it to you."


def _routed(alert_id: str, agent_id: str, *, how: str, reason: str, overflow: bool) -> Routed:
    return Routed(
        alert_id=alert_id,
        agent_id=agent_id,
        decision_id=new_id(),
        strategy=how,
        rule_id=None,
        reason=reason,
        overflow=overflow,
        notify_user_ids=(),
        user_ids=(agent_id,),
    )
