"""Who has what: each agent's load, their open alerts with the overdue first, and the pool that nobody owns; by the page."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, case, func, literal, select, tuple_
from sqlalchemy.orm import Session

from core.db.tables import Agent, Alert, Assignment, Contact, Team, User
from core.routing.refusals import AGAIN_AFTER
from core.viewer import Viewer
from core.views.page import Page, checked_limit, cursor_of, key_of
from core.views.scope import compared_scope
from core.words import PoolReason, Priority, Role

PER_PAGE = 50
_RANK = case({str(priority): priority.rank for priority in Priority}, value=Alert.priority, else_=9)
_HELD, _POOL = "board_held", "board_pool"


@dataclass(frozen=True, kw_only=True)
class BoardAlert:
    alert_id: str
    contact_id: str
    contact_name: str | None
    alert_type: str
    priority: str
    status: str
    confidence: float
    agent_id: str | None
    agent_name: str | None
    opened_at: datetime
    since: datetime
    """With its present owner, or in the pool, since then."""
    escalate_at: datetime | None
    snoozed_until: datetime | None
    claimed_until: datetime | None
    unassigned_reason: str | None
    overdue: bool
    """Its time to be acknowledged has passed."""
    not_again_until: datetime | None = None
    """In the pool: the viewer's own claim on it ran out, and they may claim it again then."""

    @property
    def who(self) -> str:
        return self.contact_name or self.contact_id


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One agent and what they carry."""

    agent_id: str
    agent_name: str
    team_id: str | None
    team_name: str | None
    available: bool
    load: int
    capacity: int
    overdue: int
    claims: int
    """Claims that nothing followed yet."""


def lanes(session: Session, viewer: Viewer, *, now: datetime) -> tuple[Lane, ...]:
    """An admin's everybody, a manager's teams, an agent themself; by team, then name."""
    late = _counted(Alert.closed_at.is_(None), Alert.escalate_at <= now)
    claimed = _counted(Alert.claimed_until.is_not(None))
    rows = session.execute(
        select(
            Agent.id.label("agent_id"),
            User.name.label("agent_name"),
            Agent.team_id,
            Team.name.label("team_name"),
            Agent.available,
            Agent.open_alerts.label("load"),
            Agent.max_concurrent_alerts.label("capacity"),
            func.coalesce(late.c.number, 0).label("overdue"),
            func.coalesce(claimed.c.number, 0).label("claims"),
        )
        .join(User, User.id == Agent.id)
        .outerjoin(Team, Team.id == Agent.team_id)
        .outerjoin(late, late.c.agent_id == Agent.id)
        .outerjoin(claimed, claimed.c.agent_id == Agent.id)
        .where(compared_scope(viewer), User.active.is_(True))
        .order_by(Team.name, User.name, Agent.id)
    )
    return tuple(Lane(**row._mapping) for row in rows)


def held(
    session: Session,
    viewer: Viewer,
    *,
    agent_ids: Sequence[str] | None = None,
    overdue_only: bool = False,
    cursor: str | None = None,
    limit: int = PER_PAGE,
    now: datetime,
) -> Page[BoardAlert]:
    """Open alerts of the agents this viewer answers for: the overdue first, then the most urgent, then the oldest.

    Args:
        agent_ids: only of these.
        cursor: of the page before; what is overdue stays as it was on the first page.
    """
    key = key_of(cursor, _HELD, (datetime, int, int, datetime, str)) if cursor else None
    as_of = key[0] if key else now
    late = case((Alert.escalate_at <= as_of, 0), else_=1)
    order = (late, _RANK, Alert.opened_at, Alert.id)
    picked = select(Alert.id, late.label("late"), _RANK.label("rank")).where(
        Alert.closed_at.is_(None), Alert.assigned_agent_id.in_(select(Agent.id).where(compared_scope(viewer)))
    )
    if agent_ids is not None:
        picked = picked.where(Alert.assigned_agent_id.in_(agent_ids))
    if overdue_only:
        picked = picked.where(Alert.escalate_at <= as_of)
    if key:
        picked = picked.where(_after(order, key[1:]))
    rows = _read(session, picked.order_by(*order).limit(checked_limit(limit) + 1), Assignment.assigned_at, now=now)
    more = None
    if len(rows) > limit:
        (place, rank), one = rows[limit - 1]
        more = cursor_of(_HELD, as_of, place, rank, one.opened_at, one.alert_id)
    return Page(items=tuple(one for _, one in rows[:limit]), next_cursor=more)


def pool(
    session: Session, viewer: Viewer, *, cursor: str | None = None, limit: int = PER_PAGE, now: datetime
) -> Page[BoardAlert]:
    """What nobody owns, the most urgent and longest waiting first; the same for everybody."""
    key = key_of(cursor, _POOL, (int, datetime, str)) if cursor else None
    order = (_RANK, Alert.opened_at, Alert.id)
    picked = select(Alert.id, literal(1).label("late"), _RANK.label("rank")).where(
        Alert.closed_at.is_(None), Alert.assigned_agent_id.is_(None)
    )
    if key:
        picked = picked.where(_after(order, key))
    came = select(func.max(Assignment.ended_at)).where(Assignment.alert_id == Alert.id).correlate(Alert)
    since = func.coalesce(came.scalar_subquery(), Alert.opened_at)
    rows = _read(session, picked.order_by(*order).limit(checked_limit(limit) + 1), since, now=now)
    more = None
    if len(rows) > limit:
        (_, rank), one = rows[limit - 1]
        more = cursor_of(_POOL, rank, one.opened_at, one.alert_id)
    shown = [one for _, one in rows[:limit]]
    if viewer.role is Role.AGENT:
        until = _not_again(session, viewer, [one.alert_id for one in shown], now=now)
        shown = [replace(one, not_again_until=until.get(one.alert_id)) for one in shown]
    return Page(items=tuple(shown), next_cursor=more)


def pool_total(session: Session) -> int:
    nobodys = select(func.count()).select_from(Alert)
    return session.scalar(nobodys.where(Alert.closed_at.is_(None), Alert.assigned_agent_id.is_(None))) or 0


def _counted(*which: ColumnElement[bool]) -> Subquery:
    return (
        select(Alert.assigned_agent_id.label("agent_id"), func.count().label("number"))
        .where(Alert.assigned_agent_id.is_not(None), *which)
        .group_by(Alert.assigned_agent_id)
        .subquery()
    )


def _after(order: Sequence[Any], key: Sequence[Any]) -> ColumnElement[bool]:
    return tuple_(*order) > tuple_(
        *(literal(value, type_=column.type) for column, value in zip(order, key, strict=True))
    )


def _read(
    session: Session, picked: Select[Any], since: Any, *, now: datetime
) -> list[tuple[tuple[int, int], BoardAlert]]:
    """The picked alerts in their order, each with its place among late and rank."""
    few = picked.subquery()
    rows = session.execute(
        select(
            few.c.late,
            few.c.rank,
            Alert.id.label("alert_id"),
            Alert.contact_id,
            Contact.name.label("contact_name"),
            Alert.alert_type,
            Alert.priority,
            Alert.status,
            Alert.confidence,
            Alert.assigned_agent_id.label("agent_id"),
            User.name.label("agent_name"),
            Alert.opened_at,
            since.label("since"),
            Alert.escalate_at,
            Alert.snoozed_until,
            Alert.claimed_until,
            Alert.unassigned_reason,
        )
        .join(few, few.c.id == Alert.id)
        .join(Contact, Contact.id == Alert.contact_id)
        .outerjoin(Assignment, (Assignment.alert_id == Alert.id) & Assignment.ended_at.is_(None))
        .outerjoin(User, User.id == Alert.assigned_agent_id)
        .order_by(few.c.late, few.c.rank, Alert.opened_at, Alert.id)
    )
    found = []
    for row in rows:
        values = dict(row._mapping)
        place = values.pop("late"), values.pop("rank")
        values["since"] = values["since"] or row.opened_at
        late = row.escalate_at is not None and row.escalate_at <= now
        found.append((place, BoardAlert(**values, overdue=late)))
    return found


def _not_again(session: Session, viewer: Viewer, alert_ids: Sequence[str], *, now: datetime) -> dict[str, datetime]:
    rows = session.execute(
        select(Assignment.alert_id, func.max(Assignment.ended_at))
        .where(
            Assignment.alert_id.in_(alert_ids),
            Assignment.agent_id == viewer.user_id,
            Assignment.ended_reason == PoolReason.CLAIM_EXPIRED,
            Assignment.ended_at > now - AGAIN_AFTER,
        )
        .group_by(Assignment.alert_id)
    )
    return {alert_id: at + AGAIN_AFTER for alert_id, at in rows if at is not None}
