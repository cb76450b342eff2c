"""How the alerts of a period did: volume, conversion, funnel, response times, agents beside each other.

Every share and quantile carries its 95% interval, so that ten alerts do not look like a trend. Alerts count in the
period they were opened in, and in the present owner's row.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Date, String, and_, column, func, select, values
from sqlalchemy.orm import Session

from core.db.base import UtcDateTime
from core.db.dialect import seconds
from core.db.tables import Agent, Alert, AlertOutcome, Team, User
from core.viewer import Viewer, alert_scope
from core.views.days import check_period, spans
from core.views.intervals import Quantile, Share, quantile, share
from core.views.scope import compared_scope
from core.words import CLOSED_STATUSES, Outcome, Priority, Status

By = Literal["alert_type", "priority", "territory"]
_GROUPS = {"alert_type": Alert.alert_type, "priority": Alert.priority, "territory": Alert.territory}
_TOP = 1000
ALL = "all"


@dataclass(frozen=True, kw_only=True, slots=True)
class VolumeRow:
    day: date
    """In the viewer's zone."""
    alert_type: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ConversionRow:
    group: str
    """A value of what it is grouped by; `all` for everything together, which comes first."""
    opened: int
    closed: int
    """Converted, dismissed or expired."""
    converted: int
    rate: Share
    """Converted of closed: an alert still being worked on is neither a success nor a failure."""
    right: Share
    """TRUE_POSITIVE of TRUE_POSITIVE and FALSE_POSITIVE outcomes; the goal is 70%."""
    value: float
    """US dollars, of the conversions that named one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FunnelStep:
    step: str
    """new, acknowledged, contacted or converted."""
    count: int
    of_first: Share
    of_previous: Share


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseRow:
    group: str
    """A priority; `all` for all of them, which comes first."""
    waiting: int
    """Open and not acknowledged yet: not in the numbers, so the true times are longer while this is large."""
    median: Quantile | None
    """Seconds from opening to acknowledging."""
    p90: Quantile | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedAgent:
    agent_id: str
    name: str
    team_name: str | None
    received: int
    open: int
    acknowledged: int
    contacted: int
    closed: int
    converted: int
    rate: Share
    """Converted of closed."""
    response: Quantile | None
    """Median seconds from opening to acknowledging."""
    value: float
    """US dollars."""


def volume(session: Session, viewer: Viewer, *, since: datetime, until: datetime) -> tuple[VolumeRow, ...]:
    """Alerts opened per local day of the viewer and type; every day of the period has a row for every type met.

    Raises:
        Invalid: the period is empty or longer than three years.
    """
    days = list(spans(since, until, viewer.timezone))
    bounds = (
        values(column("day", Date), column("begins", UtcDateTime()), column("ends", UtcDateTime()), name="bounds")
        .data(days)
        .cte("days")
    )
    rows = session.execute(
        select(bounds.c.day, Alert.alert_type, func.count().label("number"))
        .join(Alert, and_(Alert.opened_at >= bounds.c.begins, Alert.opened_at < bounds.c.ends))
        .where(alert_scope(viewer))
        .group_by(bounds.c.day, Alert.alert_type)
    ).all()
    counts = {(row.day, row.alert_type): row.number for row in rows}
    types = sorted({alert_type for _, alert_type in counts})
    return tuple(
        VolumeRow(day=day, alert_type=alert_type, count=counts.get((day, alert_type), 0))
        for day, _, _ in days
        for alert_type in types
    )


def conversion(
    session: Session, viewer: Viewer, *, since: datetime, until: datetime, by: By = "alert_type"
) -> tuple[ConversionRow, ...]:
    """How many of the alerts opened in the period converted, together and by group."""
    group = _GROUPS[by]
    rows = session.execute(
        select(
            group.label("group"),
            func.count().label("opened"),
            _count(Alert.status.in_(CLOSED_STATUSES), "closed"),
            _count(Alert.status == Status.CONVERTED, "converted"),
            _count(AlertOutcome.outcome == Outcome.TRUE_POSITIVE, "right"),
            _count(AlertOutcome.outcome == Outcome.FALSE_POSITIVE, "wrong"),
            func.coalesce(func.sum(AlertOutcome.value), 0.0).label("value"),
        )
        .select_from(Alert)
        .outerjoin(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(*_opened(viewer, since, until))
        .group_by(group)
        .order_by(func.count().desc(), group)
        .limit(_TOP)
    ).all()
    order = {str(priority): priority.rank for priority in Priority} if by == "priority" else {}
    groups = [_converted(row.group or "unknown", [row]) for row in rows]
    return (_converted(ALL, rows), *sorted(groups, key=lambda row: order.get(row.group, 0)))


def funnel(session: Session, viewer: Viewer, *, since: datetime, until: datetime) -> tuple[FunnelStep, ...]:
    """How far the alerts opened in the period came: new, acknowledged, contacted, converted."""
    row = session.execute(
        select(
            func.count().label("new"),
            _count(Alert.acknowledged_at.is_not(None), "acknowledged"),
            _count(Alert.contacted_at.is_not(None), "contacted"),
            _count(Alert.status == Status.CONVERTED, "converted"),
        ).where(*_opened(viewer, since, until))
    ).one()
    counts = row._mapping
    first = previous = row.new
    steps = []
    for name in ("new", "acknowledged", "contacted", "converted"):
        count = counts[name]
        steps.append(
            FunnelStep(
                step=name, count=count, of_first=share(count, first), of_previous=share(min(count, previous), previous)
            )
        )
        previous = count
    return tuple(steps)


def response_times(session: Session, viewer: Viewer, *, since: datetime, until: datetime) -> tuple[ResponseRow, ...]:
    """How long the alerts opened in the period waited for somebody to acknowledge them, together and by priority."""
    waits = _waits(session, Alert.priority, _opened(viewer, since, until))
    rows = session.execute(
        select(Alert.priority, func.count().label("number"))
        .where(Alert.closed_at.is_(None), Alert.acknowledged_at.is_(None), *_opened(viewer, since, until))
        .group_by(Alert.priority)
    )
    waiting: dict[str, int] = {row.priority: row.number for row in rows}
    together = sorted(wait for group in waits.values() for wait in group)
    found = [ResponseRow(group=ALL, waiting=sum(waiting.values()), **_quantiles(together))]
    for priority in Priority:
        if priority in waits or priority in waiting:
            one = _quantiles(waits.get(priority, []))
            found.append(ResponseRow(group=priority, waiting=waiting.get(priority, 0), **one))
    return tuple(found)


def agents_compared(session: Session, viewer: Viewer, *, since: datetime, until: datetime) -> tuple[ComparedAgent, ...]:
    """Each agent's work on the alerts opened in the period, by name; an agent sees only their own row."""
    opened = _opened(viewer, since, until)
    people = session.execute(
        select(Agent.id, User.name, Team.name.label("team_name"))
        .join(User, User.id == Agent.id)
        .outerjoin(Team, Team.id == Agent.team_id)
        .where(compared_scope(viewer))
        .order_by(User.name, Agent.id)
    ).all()
    rows = session.execute(
        select(
            Alert.assigned_agent_id.label("agent_id"),
            func.count().label("received"),
            _count(Alert.closed_at.is_(None), "open"),
            _count(Alert.acknowledged_at.is_not(None), "acknowledged"),
            _count(Alert.contacted_at.is_not(None), "contacted"),
            _count(Alert.status.in_(CLOSED_STATUSES), "closed"),
            _count(Alert.status == Status.CONVERTED, "converted"),
            func.coalesce(func.sum(AlertOutcome.value), 0.0).label("value"),
        )
        .select_from(Alert)
        .outerjoin(AlertOutcome, AlertOutcome.alert_id == Alert.id)
        .where(Alert.assigned_agent_id.is_not(None), *opened)
        .group_by(Alert.assigned_agent_id)
    )
    worked = {row.agent_id: row._mapping for row in rows}
    waits = _waits(session, Alert.assigned_agent_id, opened)
    return tuple(_compared(person, worked.get(person.id, {}), waits.get(person.id, [])) for person in people)


def _opened(viewer: Viewer, since: datetime, until: datetime) -> list[ColumnElement[bool]]:
    check_period(since, until)
    return [Alert.opened_at >= since, Alert.opened_at < until, alert_scope(viewer)]


def _count(condition: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.count().filter(condition).label(name)


def _waits(session: Session, group: Any, opened: Sequence[ColumnElement[bool]]) -> dict[str, list[float]]:
    """Ascending seconds from opening to acknowledging, by group."""
    wait = seconds(session, Alert.opened_at, Alert.acknowledged_at)
    rows = session.execute(
        select(group.cast(String), wait).where(Alert.acknowledged_at.is_not(None), group.is_not(None), *opened)
    )
    found: dict[str, list[float]] = defaultdict(list)
    for name, waited in rows:
        found[name].append(max(float(waited), 0.0))
    return {name: sorted(waited) for name, waited in found.items()}


def _quantiles(waits: Sequence[float]) -> dict[str, Quantile | None]:
    return {"median": quantile(waits, 0.5), "p90": quantile(waits, 0.9)}


def _converted(group: str, rows: Sequence[Any]) -> ConversionRow:
    closed, converted = sum(row.closed for row in rows), sum(row.converted for row in rows)
    right, wrong = sum(row.right for row in rows), sum(row.wrong for row in rows)
    return ConversionRow(
        group=group,
        opened=sum(row.opened for row in rows),
        closed=closed,
        converted=converted,
        rate=share(converted, closed),
        right=share(right, right + wrong),
        value=float(sum(row.value for row in rows)),
    )


def _compared(person: Any, worked: Any, waits: Sequence[float]) -> ComparedAgent:
    closed, converted = worked.get("closed", 0), worked.get("converted", 0)
    return ComparedAgent(
        agent_id=person.id,
        name=person.name,
        team_name=person.team_name,
        received=worked.get("received", 0),
        open=worked.get("open", 0),
        acknowledged=worked.get("acknowledged", 0),
        contacted=worked.get("contacted", 0),
        closed=closed,
        converted=converted,
        rate=share(converted, closed),
        response=quantile(waits, 0.5),
        value=float(worked.get("value", 0)),
    )
