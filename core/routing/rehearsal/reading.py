"""What a rehearsal reads: the alerts of the last days as they stood on opening, how people did in the last year, what was real."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables import Alert, Assignment, Decision
from core.routing import cases
from core.routing.rehearsal.calendar import Calendar
from core.routing.rehearsal.comparing import Real
from core.routing.rehearsal.measuring import Values, gini, quantile
from core.routing.rehearsal.people import Ended, People, Touched, measure
from core.routing.rehearsal.replaying import Past
from core.routing.results import NOBODYS
from core.routing.state import House
from core.words import Status

MOST_ALERTS = 20_000
MOST_KNOWN = 50_000
"""Assignments that people are measured by, the newest."""
MEMORY = timedelta(days=365)
WARM_UP = timedelta(days=30)
"""Alerts of so long before fill the house, so that it is not empty when counting begins."""
_WORKED = (Status.CONVERTED, Status.DISMISSED)


@dataclass(frozen=True, kw_only=True)
class Stream:
    alerts: list[Past]
    capped: bool
    """Only the newest are counted."""


def stream(session: Session, *, days: int, house: House, also: House, now: datetime) -> Stream:
    """The alerts of the last days, at most 20,000, and those of the month before to fill the house."""
    since = now - timedelta(days=days)
    known = cases.as_opened(session, true(), since=since - WARM_UP, most=MOST_ALERTS, house=house, also=also, now=now)
    ends = dict(
        session.execute(
            select(Alert.id, Alert.closed_at).where(Alert.opened_at > since - WARM_UP, Alert.closed_at.is_not(None))
        ).all()
    )
    alerts = [
        Past(
            case=one,
            at=one.opened_at.timestamp(),
            lasted=(end - one.opened_at).total_seconds() if (end := ends.get(one.alert_id)) else None,
            counted=one.opened_at > since,
        )
        for one in known
    ]
    alerts.sort(key=lambda one: (one.at, one.case.alert_id))
    return Stream(alerts=alerts, capped=len(known) == MOST_ALERTS and known[-1].opened_at > since)


def people(session: Session, *, house: House, now: datetime) -> People:
    """How the people of the house did in the last year."""
    calendar = Calendar(house.directory, now - MEMORY, now + timedelta(days=1))
    return measure(list(_touched(session, calendar, now=now)), list(_ended(session, now=now)))


def real(session: Session, alerts: Sequence[Past], *, house: House) -> Real:
    """What really became of these alerts: who had them first, when they were touched, and what was won."""
    counted = {one.case.alert_id: one for one in alerts if one.counted}
    if not counted:
        return Real()
    since = next(one.case.opened_at for one in counted.values())
    first = dict(
        session.execute(
            select(Assignment.alert_id, Assignment.agent_id)
            .join(Alert, Alert.id == Assignment.alert_id)
            .where(Alert.opened_at >= since)
            .order_by(Assignment.assigned_at.desc(), Assignment.id.desc())
        ).all()
    )  # the oldest is read last, and stays
    over = set(session.scalars(select(Decision.alert_id).where(Decision.overflow, Decision.decided_at >= since)))
    minutes: defaultdict[str, list[float]] = defaultdict(list)
    number: defaultdict[str, int] = defaultdict(int)
    won: defaultdict[str, float] = defaultdict(float)
    late = 0
    for row in session.execute(_alerts().where(Alert.opened_at >= since)):
        agent_id = first.get(row.id)
        if row.id not in counted or agent_id is None:
            continue
        number[agent_id] += 1
        late += row.escalation_step > 0
        won[agent_id] += row.status == Status.CONVERTED
        touched = _first_touch(row)
        if touched is not None:
            minutes[agent_id].append((touched - row.opened_at).total_seconds() / 60.0)
    every = [value for values in minutes.values() for value in values]
    total = sum(number.values())
    hours = _hours(house, alerts)
    whole: Values = {
        "alerts": total,
        "gini": gini(number[agent_id] / value for agent_id, value in hours.items() if value > 0),
        "largest_share": max(number.values(), default=0) / max(total, 1),
        "median_minutes": quantile(every, 0.5),
        "p90_minutes": quantile(every, 0.9),
        "late": late,
        "overflow": len(over & counted.keys()),
        "never": len(counted) - total,
        "expected": sum(won.values()),
    }
    agents: dict[str, Values] = {
        agent_id: {
            "alerts": count,
            "share": count / max(total, 1),
            "median_minutes": quantile(minutes[agent_id], 0.5),
            "p90_minutes": quantile(minutes[agent_id], 0.9),
            "expected": won[agent_id],
        }
        for agent_id, count in number.items()
    }
    return Real(whole=whole, agents=agents)


def _hours(house: House, alerts: Sequence[Past]) -> dict[str, float]:
    """Agent id -> working hours over what is counted, times the weight."""
    start = next(one.case.opened_at for one in alerts if one.counted)
    calendar = Calendar(house.directory, start, alerts[-1].case.opened_at + timedelta(days=1))
    end = alerts[-1].at
    return {
        agent.id: calendar.hours[agent.position].worked(end) / 3600.0 * agent.weight
        for agent in house.directory.agents
        if agent.active and agent.available and agent.auto_assign and agent.capacity > 0 and agent.paused is None
    }


def _alerts() -> Any:
    return select(
        Alert.id,
        Alert.alert_type,
        Alert.priority,
        Alert.confidence,
        Alert.status,
        Alert.opened_at,
        Alert.acknowledged_at,
        Alert.contacted_at,
        Alert.closed_at,
        Alert.close_reason,
        Alert.escalation_step,
    )


def _first_touch(row: Any) -> datetime | None:
    closed = row.closed_at if row.status in _WORKED else None
    return min((at for at in (row.acknowledged_at, row.contacted_at, closed) if at is not None), default=None)


def _touched(session: Session, calendar: Calendar, *, now: datetime) -> Iterator[Touched]:
    """Every first touch by whoever had the alert then, with what else they had when they got it."""
    table = table_of(Assignment).c
    rows = session.execute(
        _alerts()
        .add_columns(table.agent_id, table.assigned_at, table.ended_at, table.units)
        .join(table_of(Assignment), table.alert_id == Alert.id)
        .where(table.assigned_at > now - MEMORY)
        .order_by(table.assigned_at.desc(), table.id)
        .limit(MOST_KNOWN)
    ).all()
    of: defaultdict[str, list[Any]] = defaultdict(list)
    for row in reversed(rows):
        of[row.agent_id].append(row)
    for agent_id, theirs in of.items():
        agent = calendar.directory.by_id.get(agent_id)
        if agent is None:
            continue
        hours = calendar.hours[agent.position]
        most = float(agent.max_units or max(agent.capacity, 1))
        for row, had in zip(theirs, _had(theirs), strict=True):
            touched = _first_touch(row)
            if touched is None or touched < row.assigned_at or (row.ended_at and touched > row.ended_at):
                continue
            seconds = hours.worked(touched.timestamp()) - hours.worked(row.assigned_at.timestamp())
            yield Touched(agent_id=agent_id, priority=row.priority, seconds=seconds, share=had / most)


def _had(theirs: Sequence[Any]) -> Iterator[float]:
    """Units this agent had when each of these came, which are in the order they came."""
    ends = sorted((row.ended_at, row.units) for row in theirs if row.ended_at is not None)
    units, gone = 0.0, 0
    for row in theirs:
        while gone < len(ends) and ends[gone][0] <= row.assigned_at:
            units -= ends[gone][1]
            gone += 1
        yield max(0.0, units)
        units += row.units


def _ended(session: Session, *, now: datetime) -> Iterator[Ended]:
    rows = session.execute(
        _alerts().where(Alert.closed_at > now - MEMORY).order_by(Alert.closed_at.desc()).limit(MOST_KNOWN)
    )
    for row in rows:
        touched = _first_touch(row)
        says_something = row.close_reason not in NOBODYS and touched is not None
        yield Ended(
            alert_type=row.alert_type,
            priority=row.priority,
            confidence=row.confidence,
            seconds=(row.closed_at - row.opened_at).total_seconds(),
            minutes=(touched - row.opened_at).total_seconds() / 60.0 if touched else None,
            won=row.status == Status.CONVERTED if says_something else None,
        )
