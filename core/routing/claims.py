"""Claiming: an agent takes an alert from the pool, and acts on it in time or it goes back (`core.claim_terms`).

Acting on an alert of the pool is both at once (core.alerts). A claim is an ownership like any other, with `claimed_until`
on the alert until something follows; it takes a place of the agent's capacity, and no router sees the alert meanwhile.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from core import assignments, audit, claim_terms, clock, feed
from core.db.tables import Agent, Alert, Assignment, Contact, Decision, User
from core.errors import Conflict, Forbidden, NotFound
from core.routing import capacity, moves
from core.routing.dispatch import RETURNED, Routed
from core.routing.refusals import AGAIN_AFTER
from core.viewer import Viewer, alert_scope
from core.words import ChangeKind, PoolReason, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class RanOut:
    """A claim that nothing followed."""

    assignment_id: str
    agent_id: str
    contact: str


def claim(session: Session, alert_id: str, *, viewer: Viewer, now: datetime) -> Routed:
    """Take an alert of the pool for oneself, for as long as a claim holds. Of two at once, one has it.

    Raises:
        NotFound: no such alert for this viewer.
        Forbidden: only agents claim.
        Conflict: somebody has it by now, it is closed, one's claim on it just ran out, one has as many claims as one may,
            or no room.
    """
    if viewer.role is not Role.AGENT:
        raise Forbidden("Only agents claim from the pool; you give alerts to them.")
    could_see = session.scalar(select(Alert.id).where(Alert.id == alert_id, alert_scope(viewer))) is not None
    alert = session.execute(
        select(Alert.assigned_agent_id, Alert.closed_at).where(Alert.id == alert_id).with_for_update()
    ).one_or_none()
    if alert is None:
        raise NotFound("There is no such alert.")
    if alert.assigned_agent_id == viewer.user_id:
        raise Conflict("You have this alert already." if alert.closed_at is None else "This alert is closed.")
    if alert.assigned_agent_id is not None:
        if alert.closed_at is None and (could_see or _left_the_pool(session, alert_id)):
            raise Conflict("Somebody else has just taken this alert.")
        raise NotFound("There is no such alert.")
    terms = claim_terms.terms(session)
    _check_again(session, alert_id, viewer, now=now)
    capacity.take_turn(session)  # before counting: two claims of one agent at once count each other
    if claims_of(session, viewer.user_id) >= terms.limit:
        raise Conflict(_at_limit(terms.limit))
    session.execute(
        update(Alert)
        .where(Alert.id == alert_id)
        .values(snoozed_until=None)
        .execution_options(synchronize_session=False)
    )
    return moves.give_to_claimer(session, alert_id, viewer=viewer, until=now + terms.length, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimTerms:
    """What an agent is told before they claim."""

    minutes: int
    limit: int
    why_not: str | None
    """Why they cannot claim now."""


def terms_of(session: Session, viewer: Viewer) -> ClaimTerms:
    """What a claim of this agent's is worth now."""
    terms = claim_terms.terms(session)
    agent = session.execute(
        select(Agent.open_alerts, Agent.max_concurrent_alerts).where(Agent.id == viewer.user_id)
    ).one_or_none()
    why_not = None
    if agent is None:
        why_not = "You have no profile yet: an admin makes one by putting you into a team."
    elif agent.open_alerts >= agent.max_concurrent_alerts:
        why_not = f"You are at capacity ({agent.open_alerts} of {agent.max_concurrent_alerts}): close an alert first."
    elif claims_of(session, viewer.user_id) >= terms.limit:
        why_not = _at_limit(terms.limit)
    return ClaimTerms(minutes=terms.minutes, limit=terms.limit, why_not=why_not)


def _at_limit(limit: int) -> str:
    if limit == 1:
        return "You have 1 claim you have not acted on: act on it first."
    return f"You have {limit} claims you have not acted on: act on one of them first."


def claims_of(session: Session, agent_id: str) -> int:
    """How many claims of this agent nothing has followed yet."""
    mine = select(func.count()).select_from(Alert)
    return session.scalar(mine.where(Alert.assigned_agent_id == agent_id, Alert.claimed_until.is_not(None))) or 0


def due(session: Session, *, now: datetime, limit: int = 200) -> list[str]:
    """Alerts whose claim has run out, the longest ago first."""
    return list(
        session.scalars(
            select(Alert.id).where(Alert.claimed_until <= now).order_by(Alert.claimed_until, Alert.id).limit(limit)
        )
    )


def expire(session: Session, alert_id: str, *, now: datetime) -> RanOut | None:
    """Put it back into the pool; None where something followed in the last moment. Looked at again under the lock."""
    alert = session.execute(
        select(Alert.assigned_agent_id, Alert.claimed_until, Contact.name, Contact.id.label("contact_id"))
        .join(Contact, Contact.id == Alert.contact_id)
        .where(Alert.id == alert_id, Alert.closed_at.is_(None), Alert.claimed_until <= now)
        .with_for_update(of=Alert)
    ).one_or_none()
    if alert is None or alert.assigned_agent_id is None:
        return None
    held = select(Assignment.id).where(Assignment.alert_id == alert_id, Assignment.ended_at.is_(None))
    assignment_id = session.scalars(held).one()
    assignments.release(session, alert_id, reason=PoolReason.CLAIM_EXPIRED, now=now)
    session.execute(
        update(Alert)
        .where(Alert.id == alert_id)
        .values(snoozed_until=None)
        .execution_options(synchronize_session=False)
    )
    audit.record(
        session,
        "alert.claim_expired",
        subject_type="alert",
        subject_id=alert_id,
        actor_id=None,
        before={"agentId": alert.assigned_agent_id},
        after={"agentId": None, "reason": PoolReason.CLAIM_EXPIRED},
        now=now,
    )
    lost = {alert_id: alert.assigned_agent_id}
    feed.tell_alerts(session, ChangeKind.ALERT_ASSIGNED, [alert_id], lost=lost, now=now)
    return RanOut(assignment_id=assignment_id, agent_id=alert.assigned_agent_id, contact=alert.name or alert.contact_id)


def _left_the_pool(session: Session, alert_id: str) -> bool:
    """Whether everybody could see it until its owner took it, or was given it from the pool."""
    row = session.execute(
        select(Assignment.agent_id, Assignment.assigned_by, Decision.trigger)
        .outerjoin(Decision, Decision.id == Assignment.decision_id)
        .where(Assignment.alert_id == alert_id, Assignment.ended_at.is_(None))
    ).one_or_none()
    return row is not None and (row.assigned_by == row.agent_id or row.trigger == RETURNED)


def _check_again(session: Session, alert_id: str, viewer: Viewer, *, now: datetime) -> None:
    last = session.scalar(
        select(func.max(Assignment.ended_at)).where(
            Assignment.alert_id == alert_id,
            Assignment.agent_id == viewer.user_id,
            Assignment.ended_reason == PoolReason.CLAIM_EXPIRED,
        )
    )
    if last is not None and last + AGAIN_AFTER > now:
        zone = clock.zone(session.scalar(select(User.timezone).where(User.id == viewer.user_id)) or viewer.timezone)
        until = (last + AGAIN_AFTER).astimezone(zone)
        raise Conflict(
            f"Your claim on this alert ran out: it is for others until {until:%H:%M}. You can still acknowledge it."
        )
