"""Agents whom nobody reaches are paused: they get nothing new until they do anything, or somebody says they are here.

Two things count, since the agent's last own action: messages that did not arrive, and alerts that went on to others
unanswered while the agent was on duty. Deciding is apart from reading; nobody is paused for what is a channel's fault.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from core import audit, load, versions
from core.db.tables import Agent, Assignment, AuditRow, Decision, Delivery, Setting, User
from core.errors import Forbidden, NotFound
from core.routing.state import VERSION
from core.viewer import Viewer
from core.words import DeliveryState, Role

IN_A_ROW = 3
SETTINGS = ("pause_after_failures", "pause_after_escalations")
_MOST = 100
_LOOK_BACK = timedelta(days=14)
_INBOX = "in_app"
"""Arrives always, and says nothing of whether anybody looks."""
_FAILED = (DeliveryState.DEAD, DeliveryState.BOUNCED)
_ENDED = (*_FAILED, DeliveryState.SENT, DeliveryState.DELIVERED)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How many in a row are too many; 0 never pauses for it."""

    failures: int = IN_A_ROW
    escalations: int = IN_A_ROW


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of one agent who is not paused."""

    agent_id: str
    team_id: str | None
    messages: int = 0
    """Their newest messages that count, at most the limit."""
    failed: int = 0
    last_failed: bool = False
    """Whether the very newest failed, whatever they did since."""
    ended: int = 0
    """Their newest alerts that left them, at most the limit."""
    escalated: int = 0
    """Those of them that went on to somebody else unanswered."""


NOT_ARRIVED = "The last {number} messages did not arrive."
UNANSWERED = "The last {number} alerts went on to others unanswered."
IN_VAIN = (
    "Messages to {in_vain} of {written_to} agents do not arrive. That looks like the channel, not the people: nobody was "
    "paused. Check the mail server."
)
LAST_ONE = "1 agent does not answer, and there is nobody else in the team. Nobody was paused: look into it."
LAST_ONES = "{number} agents do not answer, and there is nobody else in the team. Nobody was paused: look into it."


@dataclass(frozen=True)
class Sentence:
    """One of those above, with its numbers; as a string it is English."""

    words: str
    numbers: Mapping[str, int]

    def __str__(self) -> str:
        return self.words.format(**self.numbers)


@dataclass(frozen=True, kw_only=True)
class Decided:
    pause: Mapping[str, Sentence]
    """By agent, and why."""
    tell: Sequence[Sentence] = ()
    """What an admin should hear instead: nobody was paused for it."""


def limits(session: Session) -> Limits:
    """As the house has set them."""
    found = stored(session.scalar(select(Setting.value).where(Setting.key == load.SETTING)) or {})
    return Limits(failures=found[SETTINGS[0]], escalations=found[SETTINGS[1]])


def stored(row: Mapping[str, object]) -> dict[str, int]:
    """The two settings of the row `routing`; the default stands for what is missing or malformed."""
    found = {name: row.get(name, IN_A_ROW) for name in SETTINGS}
    return {name: value if _is_number(value) else IN_A_ROW for name, value in found.items()}  # type: ignore[misc]


def wrong(raw: Mapping[str, object]) -> dict[str, str]:
    """Those of the two settings that are no numbers, with why."""
    return {name: f"a whole number, 0 (never) to {_MOST}" for name in SETTINGS if not _is_number(raw.get(name, 0))}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def decide(facts: Sequence[Facts], at: Limits) -> Decided:
    """Whom to pause. Where most fail at once it is the channel, and nobody of a team is paused as its last one."""
    failing = {one.agent_id for one in facts if at.failures and one.messages == one.failed == at.failures}
    written_to = sum(1 for one in facts if one.messages or one.last_failed)
    in_vain = sum(1 for one in facts if one.last_failed)
    tell = []
    if failing and 2 * in_vain > written_to:
        tell.append(Sentence(IN_VAIN, {"in_vain": in_vain, "written_to": written_to}))
        failing = set()
    reasons = {}
    for one in facts:
        if one.agent_id in failing:
            reasons[one.agent_id] = Sentence(NOT_ARRIVED, {"number": at.failures})
        elif at.escalations and one.ended == one.escalated == at.escalations:
            reasons[one.agent_id] = Sentence(UNANSWERED, {"number": at.escalations})
    members = Counter(one.team_id for one in facts)
    paused = Counter(one.team_id for one in facts if one.agent_id in reasons)
    emptied = {team for team in paused if paused[team] == members[team]}
    if emptied:
        whole = [one.agent_id for one in facts if one.agent_id in reasons and one.team_id in emptied]
        tell.append(Sentence(LAST_ONE if len(whole) == 1 else LAST_ONES, {"number": len(whole)}))
        reasons = {agent_id: why for agent_id, why in reasons.items() if agent_id not in whole}
    return Decided(pause=reasons, tell=tell)


def read(session: Session, at: Limits, *, now: datetime) -> list[Facts]:
    """The facts of every active agent who is neither paused nor switched off."""
    agents = session.execute(
        select(Agent.id, Agent.team_id)
        .join(User, User.id == Agent.id)
        .where(User.active.is_(True), Agent.available.is_(True), Agent.paused_at.is_(None))
        .order_by(Agent.id)
    ).all()
    messages, ended = _messages(session, at.failures, now=now), _ended(session, at.escalations, now=now)
    suspects = [
        agent.id
        for agent in agents
        if any(
            len(rows) and all(bad for _, bad in rows) for rows in (messages.get(agent.id, []), ended.get(agent.id, []))
        )
    ]
    acted = _acted(session, suspects, now=now)
    found = []
    for agent in agents:
        since = acted.get(agent.id)
        sent = [bad for when, bad in messages.get(agent.id, []) if since is None or when > since]
        left = [bad for when, bad in ended.get(agent.id, []) if since is None or when > since]
        found.append(
            Facts(
                agent_id=agent.id,
                team_id=agent.team_id,
                messages=len(sent),
                failed=sum(sent),
                last_failed=bool(messages.get(agent.id)) and max(messages[agent.id])[1],
                ended=len(left),
                escalated=sum(left),
            )
        )
    return found


def pause(session: Session, agent_id: str, why: str, *, now: datetime) -> bool:
    """Give the agent nothing new from now on; False where they were paused already."""
    done = session.execute(
        update(Agent)
        .where(Agent.id == agent_id, Agent.paused_at.is_(None))
        .values(paused_at=now, paused_reason=why[:200], updated_at=now)
        .execution_options(synchronize_session=False)
    )
    if not done.rowcount:  # type: ignore[attr-defined]
        return False
    versions.bump_at_commit(session, VERSION)
    _record(session, "agent.pause", agent_id, None, before=None, after={"reason": why}, now=now)
    return True


def resume(session: Session, agent_id: str, *, viewer: Viewer | None, now: datetime) -> bool:
    """The agent is here again; False where they were not paused. Without a viewer: their own action said so.

    Raises:
        NotFound: no such agent, or not one of this manager's.
        Forbidden: an agent speaks for somebody else.
    """
    row = session.execute(
        select(Agent.team_id, Agent.paused_reason, Agent.paused_at).where(Agent.id == agent_id)
    ).one_or_none()
    if row is None or (viewer is not None and viewer.role is Role.MANAGER and row.team_id not in viewer.team_ids):
        raise NotFound("There is no such agent among yours.")
    if viewer is not None and viewer.role is Role.AGENT and viewer.user_id != agent_id:
        raise Forbidden("You can say so only for yourself.")
    if row.paused_at is None:
        return False
    session.execute(
        update(Agent)
        .where(Agent.id == agent_id)
        .values(paused_at=None, paused_reason=None, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    versions.bump_at_commit(session, VERSION)
    actor = agent_id if viewer is None else viewer.user_id or None
    _record(session, "agent.resume", agent_id, actor, before={"reason": row.paused_reason}, after=None, now=now)
    return True


def back(session: Session) -> list[str]:
    """Paused agents who have done something in the product since."""
    acted = exists().where(AuditRow.actor_id == Agent.id, AuditRow.at > Agent.paused_at)
    return list(session.scalars(select(Agent.id).where(Agent.paused_at.is_not(None), acted).order_by(Agent.id)))


def _record(
    session: Session,
    action: str,
    agent_id: str,
    actor_id: str | None,
    *,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
    now: datetime,
) -> None:
    audit.record(
        session,
        action,
        subject_type="agent",
        subject_id=agent_id,
        actor_id=actor_id,
        before=before,
        after=after,
        now=now,
    )


def _messages(session: Session, most: int, *, now: datetime) -> dict[str, list[tuple[datetime, bool]]]:
    """Agent -> (when, whether it failed) of the newest messages outside the inbox."""
    place = func.row_number().over(partition_by=Delivery.user_id, order_by=(Delivery.created_at.desc(), Delivery.id))
    newest = (
        select(Delivery.user_id, Delivery.created_at, Delivery.state, place.label("place"))
        .where(Delivery.channel != _INBOX, Delivery.state.in_(_ENDED), Delivery.created_at > now - _LOOK_BACK)
        .subquery()
    )
    rows = session.execute(select(newest.c.user_id, newest.c.created_at, newest.c.state).where(newest.c.place <= most))
    return _grouped((row.user_id, row.created_at, row.state in _FAILED) for row in rows)


def _ended(session: Session, most: int, *, now: datetime) -> dict[str, list[tuple[datetime, bool]]]:
    """Agent -> (when, whether it went on unanswered) of the newest alerts that left them."""
    following = aliased(Assignment)
    place = func.row_number().over(
        partition_by=Assignment.agent_id, order_by=(Assignment.ended_at.desc(), Assignment.id)
    )
    newest = (
        select(Assignment.agent_id, Assignment.ended_at, Decision.trigger, place.label("place"))
        .outerjoin(
            following,
            and_(following.alert_id == Assignment.alert_id, following.assigned_at == Assignment.ended_at),
        )
        .outerjoin(Decision, Decision.id == following.decision_id)
        .where(Assignment.ended_at > now - _LOOK_BACK)
        .subquery()
    )
    rows = session.execute(select(newest.c.agent_id, newest.c.ended_at, newest.c.trigger).where(newest.c.place <= most))
    return _grouped((row.agent_id, row.ended_at, row.trigger == "escalated") for row in rows)


def _acted(session: Session, agent_ids: Sequence[str], *, now: datetime) -> dict[str, datetime]:
    """Agent -> when they last did anything, or somebody said they were here."""
    if not agent_ids:
        return {}
    own = select(AuditRow.actor_id, func.max(AuditRow.at)).where(
        AuditRow.actor_id.in_(agent_ids), AuditRow.at > now - _LOOK_BACK
    )
    found = {str(who): at for who, at in session.execute(own.group_by(AuditRow.actor_id))}
    said = select(AuditRow.subject_id, func.max(AuditRow.at)).where(
        AuditRow.subject_type == "agent", AuditRow.subject_id.in_(agent_ids), AuditRow.action == "agent.resume"
    )
    for who, at in session.execute(said.group_by(AuditRow.subject_id)):
        found[who] = max(at, found.get(who, at))
    return found


def _grouped(rows: Iterable[tuple[str, datetime, bool]]) -> dict[str, list[tuple[datetime, bool]]]:
    found: dict[str, list[tuple[datetime, bool]]] = {}
    for who, at, bad in rows:
        found.setdefault(who, []).append((at, bad))
    return found
