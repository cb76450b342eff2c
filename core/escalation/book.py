"""The stored policies: list, add, replace, change, delete; each change audited and in force from the next step on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from core import audit, log
from core.db.base import table_of
from core.db.tables import Agent, Endpoint, EscalationPolicy, Team, User
from core.delivery import endpoint_book
from core.errors import Conflict, Forbidden, Invalid, NotFound
from core.escalation import policy
from core.escalation.policy import DEFAULTS, Policy
from core.ids import new_id
from core.viewer import Viewer
from core.words import Role

MOST = 200
_log = log.get(__name__)
_COLUMNS = {
    "name": "name",
    "description": "description",
    "teamId": "team_id",
    "priorities": "priorities",
    "alertTypes": "alert_types",
    "steps": "steps",
    "repeat": "repeat",
    "ackTimeout": "ack_timeout",
    "onCall": "on_call",
    "enabled": "enabled",
}


def load(session: Session) -> list[Policy]:
    """The house's own, the most specific first. One that no longer reads counts as switched off and has no steps."""
    rows = session.execute(select(table_of(EscalationPolicy)))
    return sorted((_read(row) for row in rows), key=Policy.rank)


def listed(session: Session, viewer: Viewer) -> list[Policy]:
    """Those this viewer may see (an admin all, others those of every team and of their own), then the defaults."""
    own = [
        one
        for one in load(session)
        if viewer.role is Role.ADMIN or one.team_id is None or one.team_id in viewer.team_ids
    ]
    return [*own, *DEFAULTS.values()]


def get(session: Session, viewer: Viewer, policy_id: str) -> Policy:
    """One policy, also a default.

    Raises:
        NotFound: there is none with this id for this viewer.
    """
    found = next((one for one in listed(session, viewer) if one.id == policy_id), None)
    if found is None:
        raise NotFound("There is no such policy.")
    return found


def add(session: Session, raw: object, *, viewer: Viewer, now: datetime) -> Policy:
    """Store a new policy.

    Raises:
        Invalid: naming what is wrong with it.
        Forbidden: a manager writes policies of their own teams.
        Conflict: there are too many.
    """
    made = policy.read(new_id(), raw, version=1)
    _check(session, made, viewer=viewer)
    if len(load(session)) >= MOST:
        raise Conflict(f"There are {MOST} policies already; delete some first.")
    session.execute(insert(table_of(EscalationPolicy)).values(id=made.id, version=1, updated_at=now, **_values(made)))
    _record(session, "policy.create", made.id, None, made, viewer=viewer, now=now)
    return made


def replace(
    session: Session, policy_id: str, raw: object, *, version: int | None, viewer: Viewer, now: datetime
) -> Policy:
    """Store another text under the same id; errors as in `add`.

    Args:
        version: the version the writer saw; None writes over whatever is there.

    Raises:
        NotFound: there is no such policy.
        Conflict: somebody else changed it in between, or it is a default: copy it instead.
    """
    before = get(session, viewer, policy_id)
    if before.is_default:
        raise Conflict("This is a default: make a copy of it and change that.")
    _may(before, viewer)
    seen = before.version if version is None else version
    made = policy.read(policy_id, raw, version=seen + 1)
    known = frozenset(step.endpoint_id for step in before.steps if step.endpoint_id)
    _check(session, made, viewer=viewer, known=known)
    table = table_of(EscalationPolicy)
    done = session.execute(
        update(table)
        .where(table.c.id == policy_id, table.c.version == seen)
        .values(version=seen + 1, updated_at=now, **_values(made))
        .returning(table.c.id)
    ).one_or_none()
    if done is None:
        raise Conflict(f"Somebody changed this policy in between (it is at version {before.version}); look again.")
    _record(session, "policy.change", policy_id, before, made, viewer=viewer, now=now)
    return made


def change(
    session: Session,
    policy_id: str,
    changes: Mapping[str, Any],
    *,
    version: int | None,
    viewer: Viewer,
    now: datetime,
) -> Policy:
    """Change the named fields and leave the rest; errors as in `replace`."""
    raw = get(session, viewer, policy_id).plain()
    return replace(session, policy_id, raw | dict(changes), version=version, viewer=viewer, now=now)


def remove(session: Session, policy_id: str, *, version: int | None, viewer: Viewer, now: datetime) -> None:
    """Delete a policy: the alerts it fitted go by the next one that does. Errors as in `replace`."""
    before = get(session, viewer, policy_id)
    if before.is_default:
        raise Conflict("A default cannot be deleted; a policy of your own takes its place.")
    _may(before, viewer)
    if version is not None and version != before.version:
        raise Conflict(f"Somebody changed this policy in between (it is at version {before.version}); look again.")
    session.execute(delete(table_of(EscalationPolicy)).where(table_of(EscalationPolicy).c.id == policy_id))
    _record(session, "policy.delete", policy_id, before, None, viewer=viewer, now=now)


def doubts(session: Session, one: Policy) -> list[str]:
    """What is odd about a valid policy, in words."""
    if not one.steps:
        return ["It no longer reads, so it is left out: write its steps anew, or delete it."]
    found = []
    if any(step.deed == policy.MANAGER for step in one.steps) and one.team_id is not None:
        manager = session.scalar(
            select(User.id).join(Team, Team.manager_id == User.id).where(Team.id == one.team_id, User.active)
        )
        if manager is None:
            found.append("The team has no manager: that step tells the administrators instead.")
    active = set(session.scalars(select(User.id).where(User.id.in_(one.on_call), User.active)))
    found += [f"{user_id}, on call, is no active user." for user_id in one.on_call if user_id not in active]
    covers = {step.agent_id for step in one.steps if step.agent_id}
    known = set(
        session.scalars(select(Agent.id).join(User, User.id == Agent.id).where(Agent.id.in_(covers), User.active))
    )
    found += [f"{agent_id}, who is to stand in, is no active agent." for agent_id in sorted(covers - known)]
    found += _endpoint_doubts(session, one)
    if not any(step.deed in policy.HANDS_OVER or step.deed in (policy.MANAGER, policy.EVERYONE) for step in one.steps):
        found.append("Only the owner is ever told: nobody else hears of an alert that nobody answers.")
    taken = [
        other
        for other in load(session)
        if other.id != one.id and other.enabled and one.enabled and _same_reach(other, one)
    ]
    found += [
        f"“{other.name}” is for exactly the same alerts; the first of them by name of id is used." for other in taken
    ]
    return found


def _endpoint_doubts(session: Session, one: Policy) -> list[str]:
    wanted = {step.endpoint_id for step in one.steps if step.endpoint_id}
    stored = {row.id: row for row in session.scalars(select(Endpoint).where(Endpoint.id.in_(wanted)))}
    found = []
    for endpoint_id in sorted(wanted):
        row = stored.get(endpoint_id)
        if row is None:
            found.append("The system that should be told is gone: that step tells the manager instead.")
        elif not row.enabled:
            found.append(f"“{row.name}” is switched off: until it is on again that step tells the manager instead.")
        elif row.team_id not in (None, one.team_id):
            found.append(f"“{row.name}” hears of one team only: for the others that step tells the manager instead.")
    return found


def _same_reach(one: Policy, other: Policy) -> bool:
    return (one.team_id, set(one.priorities), set(one.alert_types)) == (
        other.team_id,
        set(other.priorities),
        set(other.alert_types),
    )


def _check(session: Session, made: Policy, *, viewer: Viewer, known: frozenset[str] = frozenset()) -> None:
    """`known` are the endpoints that it names already: one that is gone meanwhile is a doubt and stops no other change."""
    if made.team_id is not None and session.scalar(select(Team.id).where(Team.id == made.team_id)) is None:
        raise Invalid("The policy is not valid.", fields={"teamId": "there is no such team"})
    _may(made, viewer)
    wanted = {step.endpoint_id for step in made.steps if step.endpoint_id}
    theirs = {one.id for one in endpoint_book.listed(session, viewer)} if wanted else set()
    for number, step in enumerate(made.steps):
        if step.endpoint_id and step.endpoint_id not in theirs | known:
            raise Invalid(
                "The policy is not valid.", fields={f"steps.{number}.params": "there is no such endpoint of yours"}
            )


def _may(one: Policy, viewer: Viewer) -> None:
    if viewer.role is Role.ADMIN or (viewer.role is Role.MANAGER and one.team_id in viewer.team_ids):
        return
    raise Forbidden("A manager writes policies of their own teams; those of every team are an admin's.")


def _read(row: Any) -> Policy:
    raw = {name: getattr(row, column) for name, column in _COLUMNS.items()}
    try:
        return policy.read(row.id, raw, version=row.version)
    except Invalid as error:
        # Written by another version, or by hand: escalation of everybody else's alerts goes on.
        _log.error("escalation_policy_unreadable", policy_id=row.id, fields=error.fields)
        return Policy(id=row.id, name=str(row.name), team_id=row.team_id, steps=(), enabled=False, version=row.version)


def _values(made: Policy) -> dict[str, Any]:
    plain = made.plain()
    return {column: plain[name] for name, column in _COLUMNS.items()}


def _record(
    session: Session,
    action: str,
    policy_id: str,
    before: Policy | None,
    after: Policy | None,
    *,
    viewer: Viewer,
    now: datetime,
) -> None:
    audit.record(
        session,
        action,
        subject_type="policy",
        subject_id=policy_id,
        actor_id=viewer.user_id or None,
        before=before.plain() if before else None,
        after=after.plain() if after else None,
        now=now,
    )
