"""Policies at work: clocks start, steps are done under a lock and audited, and what was acknowledged is not forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, exists, func, or_, select, true, update
from sqlalchemy.orm import Session

from core import audit, feed, routing
from core.db.base import table_of
from core.db.tables import Agent, Alert, Assignment, Delivery, Team, TimeOff, User
from core.delivery import announcing
from core.delivery.endpoints import ESCALATED
from core.delivery.knowing import People
from core.delivery.notices import Kind, Notice
from core.delivery.planning import plan
from core.delivery.registry import CHANNELS
from core.delivery.saying import Saying, saying, several
from core.errors import DoorbellError
from core.escalation import book, clocks, policy
from core.escalation.clocks import Hours
from core.escalation.policy import Policy, Step
from core.routing import covers, days_off
from core.viewer import SYSTEM
from core.words import ChangeKind, DeliveryState, PoolReason, Priority, Role, Status

OVERDUE = timedelta(seconds=60)
"""A step this late means that whoever should do it does not."""
ON_CALL = "on-call"
_REACHED = (DeliveryState.SENT, DeliveryState.DELIVERED)
_REACHED_OWNER = exists().where(
    Delivery.alert_id == Alert.id, Delivery.user_id == Alert.assigned_agent_id, Delivery.state.in_(_REACHED)
)
_SAID = {
    policy.REMIND: saying("You have not answered it yet"),
    policy.OTHER_CHANNEL: saying("You have not answered it yet"),
    policy.MANAGER: saying("Its time to answer has run out"),
    policy.EVERYONE: saying("Nobody has answered it yet"),
    policy.WEBHOOK: saying("Nobody has answered it yet, and the system that should be told is gone or switched off"),
}
_NOBODY_LEFT = saying("Its time to answer has run out and there is nobody else to give it to")
_ON_CALL = saying("Nobody has it, and you are on call")
_ON_CALL_BECAUSE = {
    PoolReason.DECLINED: saying("It was declined and nobody else is free, and you are on call"),
    PoolReason.NOBODY_ON_DUTY: saying("Nobody is on duty for it, and you are on call"),
}


@dataclass(frozen=True, slots=True)
class _Owner:
    agent_id: str
    name: str
    team_id: str | None
    hours: Hours


def start(session: Session, alert_ids: Sequence[str], *, now: datetime) -> list[str]:
    """Start the clock of those whose owner has been reached and is on duty; the rest wait. Returns the started ones."""
    ready = _ready(session, alert_ids, now=now)
    if not ready:
        return []
    policies = book.load(session)
    holidays = days_off.covering(session, {row.agent_id for row in ready})
    changes = []
    for row in ready:
        fitting = policy.choose(policies, team_id=row.team_id, priority=row.priority, alert_type=row.alert_type)
        step = fitting.step_at(row.escalation_step)
        hours = _hours(row, holidays)
        changes.append({"key": row.id, "until": clocks.due(step.after, now, hours) if step else None})
    _set_clocks(session, changes, notified_at=now)
    return [row.id for row in ready]


def waiting_to_start(session: Session, *, now: datetime, limit: int = 1000) -> list[str]:
    """Alerts told while their owner was off, whose owner is on duty by now; oldest first.

    Only those count against the limit: what waits for owners who are away or never reached takes nobody's place.
    """
    waiting = (Alert.closed_at.is_(None), Alert.status == Status.NEW, Alert.notified_at.is_(None))
    owners = session.scalars(select(Alert.assigned_agent_id).where(*waiting).distinct())
    here = _here(session, {one for one in owners if one is not None}, now=now)
    if not here:
        return []
    return list(
        session.scalars(
            select(Alert.id)
            .where(*waiting, Alert.assigned_agent_id.in_(here), Alert.claimed_until.is_(None), _REACHED_OWNER)
            .order_by(Alert.opened_at, Alert.id)
            .limit(limit)
        )
    )


def rearm(session: Session, *, now: datetime, limit: int = 1000) -> int:
    """Start the clock of what its owner acknowledged and then left, where a policy says how long; how many."""
    policies = book.load(session)
    patient = [one for one in policies if one.enabled and one.ack_timeout]
    if not patient:
        return 0
    rows = session.execute(
        _owned(Alert.acknowledged_at, Alert.snoozed_until)
        .where(or_(*(_reach(one) for one in patient)))  # so that the rest, which stays as it is, takes nobody's place
        .where(
            Alert.status == Status.ACKNOWLEDGED,
            Alert.closed_at.is_(None),
            Alert.escalate_at.is_(None),
            Alert.notified_at.is_not(None),
            Alert.acknowledged_at.is_not(None),
            _awake(now),
        )
        .limit(limit)
        .with_for_update(of=table_of(Alert), skip_locked=True)
    ).all()
    holidays = days_off.covering(session, {row.agent_id for row in rows})
    changes = []
    for row in rows:
        fitting = policy.choose(policies, team_id=row.team_id, priority=row.priority, alert_type=row.alert_type)
        if fitting.ack_timeout is None or fitting.step_at(row.escalation_step) is None:
            continue
        since = max(row.acknowledged_at, row.snoozed_until or row.acknowledged_at)
        changes.append({"key": row.id, "until": clocks.due(fitting.ack_timeout, since, _hours(row, holidays))})
    _set_clocks(session, changes)
    return len(changes)


def _reach(one: Policy) -> ColumnElement[bool]:
    """The condition on alerts and their owners under which a policy may fit."""
    return and_(
        true() if one.team_id is None else Agent.team_id == one.team_id,
        Alert.priority.in_(one.priorities) if one.priorities else true(),
        Alert.alert_type.in_(one.alert_types) if one.alert_types else true(),
    )


def may_be_forgotten(session: Session) -> bool:
    """Whether anybody has acknowledged something and left it where a policy says how long: a look before the write lock."""
    if not any(one.enabled and one.ack_timeout for one in book.load(session)):
        return False
    left = select(Alert.id).where(
        Alert.status == Status.ACKNOWLEDGED,
        Alert.closed_at.is_(None),
        Alert.escalate_at.is_(None),
        Alert.notified_at.is_not(None),
    )
    return session.scalar(left.limit(1)) is not None


def in_pool(session: Session, *, limit: int = 500) -> list[str]:
    """Open alerts without an owner, newest first."""
    return list(
        session.scalars(
            select(Alert.id)
            .where(Alert.closed_at.is_(None), Alert.assigned_agent_id.is_(None))
            .order_by(Alert.opened_at.desc(), Alert.id)
            .limit(limit)
        )
    )


def watchdog_notices(session: Session, late: int, since: datetime) -> list[Notice]:
    """What admins are told of overdue steps; the same stretch is told once."""
    admins = session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active).order_by(User.id))
    text = several(
        "1 escalation step is overdue: alerts nobody answered are not going on. Look at the jobs process and its log.",
        "{number} escalation steps are overdue: alerts nobody answered are not going on. Look at the jobs process and its log.",
        late,
    )
    return [
        Notice(
            alert_id=None,
            user_id=admin,
            kind=Kind.ADMIN_NOTICE,
            priority=Priority.HIGH,
            occasion=f"overdue-{since:%Y%m%dT%H%M%S}",
            text=text,
        )
        for admin in admins
    ]


def due(session: Session, *, now: datetime, limit: int = 100) -> list[str]:
    """Alerts whose time has run out, longest overdue first. A snoozed alert waits until its snooze ends."""
    return list(
        session.scalars(
            select(Alert.id)
            .where(Alert.escalate_at <= now, Alert.closed_at.is_(None), _awake(now))
            .order_by(Alert.escalate_at)
            .limit(limit)
        )
    )


def overdue(session: Session, *, now: datetime) -> tuple[int, datetime | None]:
    """How many steps are later than they may ever be, and since when the latest of them."""
    number, since = session.execute(
        select(func.count(), func.min(Alert.escalate_at)).where(
            Alert.escalate_at < now - OVERDUE, Alert.closed_at.is_(None), _awake(now - OVERDUE)
        )
    ).one()
    return number, since


def on_call(session: Session, alert_ids: Sequence[str], *, state: routing.State, now: datetime) -> list[Notice]:
    """Whom policies name to be told of alerts that nobody on duty could take; each is told of an alert once."""
    policies = [one for one in book.load(session) if one.enabled and one.on_call]
    if not policies or not alert_ids:
        return []
    rows = session.execute(
        select(Alert.id, Alert.priority, Alert.alert_type, Alert.territory, Alert.unassigned_reason).where(
            Alert.id.in_(alert_ids),
            Alert.closed_at.is_(None),
            Alert.assigned_agent_id.is_(None),
            Alert.unassigned_reason.not_in((PoolReason.LEFT_TO_CLAIM, PoolReason.CLAIM_EXPIRED)),
            _awake(now),
        )
    ).all()
    notices = []
    for row in rows:
        team = state.house.directory.team_of(row.territory)
        fitting = policy.choose(
            policies, team_id=team.id if team else None, priority=row.priority, alert_type=row.alert_type
        )
        notices += [
            _notice(row.id, user_id, row.priority, ON_CALL, _ON_CALL_BECAUSE.get(row.unassigned_reason, _ON_CALL))
            for user_id in fitting.on_call
        ]
    return notices


def declined(session: Session, alert_id: str, agent_id: str, *, now: datetime) -> list[Notice]:
    """What the manager is told of an alert that its owner declined and that nobody else took: it waits in the pool."""
    owner = _owner(session, agent_id)
    alert = session.execute(select(Alert.priority, Alert.assigned_agent_id).where(Alert.id == alert_id)).one()
    if owner is None or alert.assigned_agent_id is not None:
        return []
    text = saying("{name} declined it and nobody else is free: it waits in the pool", name=owner.name)
    occasion = f"declined-{agent_id}"
    return [_notice(alert_id, one, alert.priority, occasion, text) for one in _managers(session, owner.team_id)]


def escalate(session: Session, alert_id: str, *, state: routing.State, now: datetime) -> list[Notice]:
    """Do the step that is due for an alert; the notices to enqueue.

    Checked again under the lock: what was answered, closed or snoozed meanwhile stays where it is, and gives no notice.
    """
    alert = session.scalars(
        select(Alert).where(Alert.id == alert_id).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()
    if alert is None or not _is_due(alert, now=now):
        return []
    owner = _owner(session, alert.assigned_agent_id)
    fitting = policy.choose(
        book.load(session),
        team_id=owner.team_id if owner else None,
        priority=alert.priority,
        alert_type=alert.alert_type,
    )
    number, step = alert.escalation_step, fitting.step_at(alert.escalation_step)
    if step is None or owner is None:
        return _wait_until(session, alert, None, step=number, now=now)
    if step.after.is_working and alert.snoozed_until is not None and not owner.hours.at_work(now):
        # What was left of working time when it was snoozed has run out in a night: it waits for the morning.
        return _wait_until(session, alert, _morning(owner.hours, now), step=number, now=now)
    before = {"agentId": alert.assigned_agent_id, "step": number}
    forgotten = alert.status == Status.ACKNOWLEDGED
    next_id = (
        _hand_over(session, alert_id, step, owner, state=state, now=now) if step.deed in policy.HANDS_OVER else None
    )
    session.expire(alert)
    if step.deed in policy.HANDS_OVER and next_id is None:
        number, step = _skip(fitting, number)
        text: Saying | None = _NOBODY_LEFT
    else:
        text = _SAID.get(step.deed)
    unheard = step.deed != policy.WEBHOOK or not _tell(session, alert_id, step, fitting, number, now=now)
    if next_id is not None:
        told, text = [next_id], saying("It was not answered in time, so it is yours now")
        until = None  # the new owner's clock starts when they are reached
    else:
        told = _told(session, step, owner, state=state, now=now) if unheard else []
        after = fitting.step_at(number + 1)
        until = clocks.due(after.after, now, owner.hours) if after else None
        if forgotten and step.deed in _SAID:
            text = saying("It was acknowledged, and nothing more has happened")
    _wait_until(session, alert, until, step=number + 1, now=now)
    audit.record(
        session,
        "alert.escalate",
        subject_type="alert",
        subject_id=alert_id,
        actor_id=None,
        before=before,
        after={
            "agentId": next_id or owner.agent_id,
            "step": number + 1,
            "do": step.deed,
            "told": told,
            **({"endpoint": step.endpoint_id} if step.endpoint_id else {}),
            "policy": fitting.id,
            "version": fitting.version,
        },
        now=now,
    )
    channels = _untried(session, alert, owner.agent_id, now=now) if step.deed == policy.OTHER_CHANNEL else ()
    return [
        _notice(
            alert_id,
            user_id,
            alert.priority,
            "" if user_id == next_id else f"step-{number + 1}",
            text or "",
            channels=channels,
        )
        for user_id in told
    ]


def _hand_over(
    session: Session, alert_id: str, step: Step, owner: _Owner, *, state: routing.State, now: datetime
) -> str | None:
    """The new owner: who stands in, else whoever routing finds among those who never had it; None where nobody is left."""
    if step.deed == policy.COVER:
        state.refresh(session)
        directory = state.house.directory
        agent = directory.by_id.get(owner.agent_id)
        cover = covers.stand_in(directory, agent, now) if agent else None
        wanted = cover.id if cover and cover.id != owner.agent_id else step.agent_id
        if wanted and wanted != owner.agent_id:
            try:
                reason = f"You stand in for {owner.name}, who has not answered."
                return routing.reassign(session, alert_id, wanted, viewer=SYSTEM, reason=reason, now=now).agent_id
            except DoorbellError:  # full, away or gone: the next by routing
                pass
    had = frozenset(session.scalars(select(Assignment.agent_id).where(Assignment.alert_id == alert_id).distinct()))
    routed = routing.route(session, [alert_id], state=state, trigger="escalated", now=now, exclude=had)
    return routed[0].agent_id if routed else None


def _tell(session: Session, alert_id: str, step: Step, fitting: Policy, number: int, *, now: datetime) -> bool:
    """Tell the other system; False where it is gone, off, or of another team."""
    return announcing.tell_of_alert(
        session,
        step.endpoint_id or "",
        ESCALATED,
        alert_id,
        occasion=f"{alert_id}-{int(now.timestamp() * 1000)}",
        also={"escalation": {"policyId": fitting.id, "policyName": fitting.name, "step": number + 1}},
        now=now,
    )


def _skip(fitting: Policy, number: int) -> tuple[int, Step]:
    """Where nobody is left to hand it to: the next step of this round that tells somebody, else the manager at once."""
    last = (number // len(fitting.steps) + 1) * len(fitting.steps)
    for place in range(number + 1, last):
        step = fitting.step_at(place)
        if step is not None and step.deed not in (*policy.HANDS_OVER, policy.WEBHOOK):
            return place, step
    step = fitting.step_at(number)
    assert step is not None
    return last - 1, Step(step.after, policy.MANAGER)


def _told(session: Session, step: Step, owner: _Owner, *, state: routing.State, now: datetime) -> list[str]:
    if step.deed in (policy.REMIND, policy.OTHER_CHANNEL):
        return [owner.agent_id]
    if step.deed == policy.EVERYONE:
        state.refresh(session)
        directory, eligible = state.house.directory, state.roster(now).eligible
        team = [one for one in directory.in_team(owner.team_id or "") if one in eligible]
        people = [directory.agents[one].id for one in team or sorted(eligible)]
        return [owner.agent_id, *(one for one in people if one != owner.agent_id)]
    return _managers(session, owner.team_id)


def _untried(session: Session, alert: Alert, user_id: str, *, now: datetime) -> tuple[str, ...]:
    """Channels by which nothing about this alert has reached them; all where none is left that they have an address for."""
    tried = set(
        session.scalars(
            select(Delivery.channel).where(
                Delivery.alert_id == alert.id, Delivery.user_id == user_id, Delivery.state.in_(_REACHED)
            )
        )
    )
    left = tuple(name for name in CHANNELS if name not in tried)
    person = People(session, {user_id}, now=now).about(user_id, alert.contact_id)
    able = left and plan(user_id, person, priority=alert.priority, only=left, now=now).messages
    return left if able else tuple(CHANNELS)


def _notice(
    alert_id: str, user_id: str, priority: str, occasion: str, text: str | Saying, *, channels: tuple[str, ...] = ()
) -> Notice:
    return Notice(
        alert_id=alert_id,
        user_id=user_id,
        kind=Kind.ALERT_ESCALATED,
        priority=priority,
        occasion=occasion,
        text=text,
        channels=channels,
    )


def _wait_until(session: Session, alert: Alert, until: datetime | None, *, step: int, now: datetime) -> list[Notice]:
    """Write the clock; nobody is told by that."""
    session.execute(
        update(Alert)
        .where(Alert.id == alert.id)
        .values(escalation_step=step, escalate_at=until, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    session.expire(alert)
    feed.tell_alerts(session, ChangeKind.ALERT_UPDATED, [alert.id], now=now)
    return []


def _set_clocks(session: Session, changes: Sequence[Mapping[str, Any]], **values: Any) -> None:
    if changes:
        alerts = table_of(Alert)
        session.connection().execute(
            update(alerts)
            .where(alerts.c.id == bindparam("key"))
            .values(escalate_at=bindparam("until", type_=alerts.c.escalate_at.type), **values),
            sorted(changes, key=itemgetter("key")),  # locked in one order by everybody
        )


def _is_due(alert: Alert, *, now: datetime) -> bool:
    return (
        alert.closed_at is None
        and alert.escalate_at is not None
        and alert.escalate_at <= now
        and (alert.snoozed_until is None or alert.snoozed_until <= now)
    )


def _awake(now: datetime) -> ColumnElement[bool]:
    return or_(Alert.snoozed_until.is_(None), Alert.snoozed_until <= now)


def _owned(*more: Any) -> Any:
    """Open alerts with their owner's team and hours."""
    return (
        select(
            Alert.id,
            Alert.priority,
            Alert.alert_type,
            Alert.escalation_step,
            Agent.id.label("agent_id"),
            Agent.team_id,
            Agent.schedule,
            Agent.available,
            User.timezone,
            *more,
        )
        .join(Agent, Agent.id == Alert.assigned_agent_id)
        .join(User, User.id == Agent.id)
    )


def _ready(session: Session, alert_ids: Sequence[str], *, now: datetime) -> list[Row[Any]]:
    """Those of the open alerts whose owner has been reached, is on duty, and whose clock has not been started."""
    if not alert_ids:
        return []
    rows = session.execute(
        _owned().where(
            Alert.id.in_(alert_ids),
            Alert.closed_at.is_(None),
            Alert.notified_at.is_(None),
            Alert.claimed_until.is_(None),  # a claim has a clock of its own
            _REACHED_OWNER,
        )
    ).all()
    here = _here(session, {row.agent_id for row in rows}, now=now)
    return [row for row in rows if row.agent_id in here]


def _here(session: Session, agent_ids: set[str], *, now: datetime) -> set[str]:
    """Those who are on duty."""
    if not agent_ids:
        return set()
    rows = session.execute(
        select(Agent.id.label("agent_id"), Agent.schedule, User.timezone)
        .join(User, User.id == Agent.id)
        .where(Agent.id.in_(agent_ids), Agent.available, User.active)
    ).all()
    off = _time_off(session, agent_ids, now=now)
    days = days_off.covering(session, agent_ids)
    return {row.agent_id for row in rows if row.agent_id not in off and _hours(row, days).at_work(now)}


def _hours(row: Any, holidays: Mapping[str, frozenset[Any]]) -> Hours:
    return Hours(schedule=row.schedule, timezone=row.timezone, holidays=holidays.get(row.agent_id, days_off.NONE))


def _owner(session: Session, agent_id: str | None) -> _Owner | None:
    row = session.execute(
        select(Agent.id.label("agent_id"), User.name, Agent.team_id, Agent.schedule, User.timezone)
        .join(User, User.id == Agent.id)
        .where(Agent.id == agent_id)
    ).one_or_none()
    if row is None:
        return None
    return _Owner(row.agent_id, row.name, row.team_id, _hours(row, days_off.covering(session, [row.agent_id])))


def _morning(hours: Hours, now: datetime) -> datetime:
    """When their next working time begins, a moment into it."""
    return clocks.due(policy.Wait("workingHours", 1 / 3600), now, hours)


def _time_off(session: Session, agent_ids: set[str], *, now: datetime) -> set[str]:
    return set(
        session.scalars(
            select(TimeOff.agent_id).where(
                TimeOff.agent_id.in_(agent_ids), TimeOff.starts_at <= now, TimeOff.ends_at > now
            )
        )
    )


def _managers(session: Session, team_id: str | None) -> list[str]:
    """The manager of the owner's team, else the administrators."""
    manager = session.scalar(
        select(Team.manager_id).join(User, User.id == Team.manager_id).where(Team.id == team_id, User.active)
    )
    if manager:
        return [manager]
    return list(session.scalars(select(User.id).where(User.role == Role.ADMIN, User.active).order_by(User.id)))
