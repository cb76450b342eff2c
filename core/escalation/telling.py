"""Where one alert stands: its policy, the steps done, and the next one or why there is none."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Agent, Alert, AuditRow, Endpoint, Team, User
from core.errors import NotFound
from core.escalation import book, policy
from core.escalation.policy import Policy, Step
from core.viewer import Viewer, alert_scope
from core.words import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One step that was done."""

    at: datetime
    number: int
    """1 is the first of the policy."""
    deed: str
    agent: str | None
    """Who has had it since, by name."""
    told: tuple[str, ...]
    """Names."""
    endpoint: str | None = None
    """The other system that the step names, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    policy: Policy
    team: str | None
    """The name of the team it is for; None for every team's."""
    done: tuple[Done, ...]
    """Oldest first."""
    next_step: Step | None
    next_at: datetime | None
    state: str
    """running, paused (snoozed), waiting (the owner is not reached or on duty yet), answered, ended, in_pool or closed."""


def standing(session: Session, viewer: Viewer, alert_id: str, *, now: datetime) -> Standing:
    """Where an alert stands.

    Raises:
        NotFound: no such alert for this viewer.
    """
    row = session.execute(
        select(Alert, Agent.team_id)
        .outerjoin(Agent, Agent.id == Alert.assigned_agent_id)
        .where(Alert.id == alert_id, alert_scope(viewer))
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such alert.")
    alert, team_id = row
    fitting = policy.choose(book.load(session), team_id=team_id, priority=alert.priority, alert_type=alert.alert_type)
    state = _state(alert, fitting, now=now)
    runs = state in ("running", "paused", "waiting")
    return Standing(
        policy=fitting,
        team=session.scalar(select(Team.name).where(Team.id == fitting.team_id)) if fitting.team_id else None,
        done=_done(session, alert_id),
        next_step=fitting.step_at(alert.escalation_step) if runs else None,
        next_at=alert.escalate_at if runs else None,
        state=state,
    )


def _state(alert: Alert, fitting: Policy, *, now: datetime) -> str:
    if alert.closed_at is not None:
        return "closed"
    if alert.assigned_agent_id is None:
        return "in_pool"
    if alert.escalate_at is not None:
        snoozed = alert.snoozed_until is not None and alert.snoozed_until > now
        return "paused" if snoozed else "running"
    if alert.status != Status.NEW:
        return "answered"
    return "waiting" if fitting.step_at(alert.escalation_step) is not None and alert.notified_at is None else "ended"


def _done(session: Session, alert_id: str) -> tuple[Done, ...]:
    rows = session.execute(
        select(AuditRow.at, AuditRow.after)
        .where(AuditRow.subject_type == "alert", AuditRow.subject_id == alert_id, AuditRow.action == "alert.escalate")
        .order_by(AuditRow.id)
    ).all()
    entries = [(row.at, row.after or {}) for row in rows]
    people = {one for _, after in entries for one in [*after.get("told", []), after.get("agentId")] if one}
    found = session.execute(select(User.id, User.name).where(User.id.in_(people)))
    names = {row.id: row.name for row in found}
    named = {after["endpoint"] for _, after in entries if "endpoint" in after}
    endpoints = dict(session.execute(select(Endpoint.id, Endpoint.name).where(Endpoint.id.in_(named))).all())
    return tuple(
        Done(
            at=at,
            number=after.get("step", 0),
            deed=after.get("do", policy.NEXT),
            agent=names.get(after.get("agentId") or ""),
            told=tuple(names[one] for one in after.get("told", []) if one in names),
            endpoint=endpoints.get(after.get("endpoint", "")),
        )
        for at, after in entries
    )
