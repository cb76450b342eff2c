"""The numbers behind GET /alerts/stats and the `stats:updated` push."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables import Alert, AlertOutcome
from core.viewer import Viewer, alert_scope
from core.views.days import day_of, start_of
from core.views.intervals import Share, share
from core.words import OPEN_STATUSES, Outcome, Priority, Role, Status


@dataclass(frozen=True, kw_only=True)
class AlertStats:
    open: int
    by_priority: dict[str, int]
    """Open ones; every priority is there."""
    by_status: dict[str, int]
    """Open ones; every open status is there."""
    by_type: dict[str, int]
    """Open ones, of the types that have any."""
    unassigned: int
    snoozed: int
    opened_today: int
    """Since midnight in the viewer's zone, as the next two."""
    converted_today: int
    dismissed_today: int
    right: Share
    """TRUE_POSITIVE of TRUE_POSITIVE and FALSE_POSITIVE, of all outcomes recorded."""


def alert_stats(session: Session, viewer: Viewer, *, now: datetime) -> AlertStats:
    """What is open and what happened today, of the alerts this viewer may see."""
    scope = alert_scope(viewer)
    groups = session.execute(
        select(
            Alert.priority,
            Alert.status,
            Alert.alert_type,
            func.count().label("number"),
            func.count().filter(Alert.assigned_agent_id.is_(None)).label("unassigned"),
            func.count().filter(Alert.snoozed_until > now).label("snoozed"),
        )
        .where(Alert.closed_at.is_(None), scope)
        .group_by(Alert.priority, Alert.status, Alert.alert_type)
    ).all()
    by_priority = {str(priority): 0 for priority in Priority}
    by_status = {str(status): 0 for status in OPEN_STATUSES}
    by_type: dict[str, int] = {}
    for row in groups:
        by_priority[row.priority] += row.number
        by_status[row.status] += row.number
        by_type[row.alert_type] = by_type.get(row.alert_type, 0) + row.number
    midnight = start_of(day_of(now, viewer.timezone), viewer.timezone)
    closed = session.execute(
        select(Alert.status, func.count().label("number"))
        .where(Alert.status.in_((Status.CONVERTED, Status.DISMISSED)), Alert.closed_at >= midnight, scope)
        .group_by(Alert.status)
    ).all()
    today = {row.status: row.number for row in closed}
    opened = session.scalar(select(func.count()).select_from(Alert).where(Alert.opened_at >= midnight, scope))
    return AlertStats(
        open=sum(row.number for row in groups),
        by_priority=by_priority,
        by_status=by_status,
        by_type=dict(sorted(by_type.items())),
        unassigned=sum(row.unassigned for row in groups),
        snoozed=sum(row.snoozed for row in groups),
        opened_today=opened or 0,
        converted_today=today.get(Status.CONVERTED, 0),
        dismissed_today=today.get(Status.DISMISSED, 0),
        right=_right(session, viewer),
    )


def _right(session: Session, viewer: Viewer) -> Share:
    everything = viewer.role is Role.ADMIN
    scope = [] if everything else [AlertOutcome.alert_id.in_(select(Alert.id).where(alert_scope(viewer)))]
    row = session.execute(
        select(
            func.count().filter(AlertOutcome.outcome == Outcome.TRUE_POSITIVE).label("right"),
            func.count().filter(AlertOutcome.outcome == Outcome.FALSE_POSITIVE).label("wrong"),
        )
        .select_from(AlertOutcome)
        .where(*scope)
    ).one()
    return share(row.right, row.right + row.wrong)
