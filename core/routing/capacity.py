"""Many alerts handed to many agents in a few statements; `core.assignments` is the same for one alert.

The promise is the database's: a place is taken by `UPDATE ... WHERE open_alerts + n <= max_concurrent_alerts` (and the
like for units and a day's number), so no race of routers passes a capacity, whatever they read before.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Select, bindparam, case, func, insert, or_, select, text, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate, Update

from core.assignments import has_room, taken
from core.db.base import table_of
from core.db.dialect import is_postgres
from core.db.tables import Agent, Alert, Assignment
from core.ids import new_id
from core.words import Status

AT_A_TIME = 5
"""A backlog gives an agent no more while they have so many alerts they have not looked at."""
_TURN = 0x0D00_BE13


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One alert to its new owner, whose place was reserved before."""

    alert_id: str
    agent_id: str
    decision_id: str | None
    reason: str
    by: str | None
    units: float
    claimed_until: datetime | None = None


class Load(NamedTuple):
    """What one agent has, as read in this transaction."""

    open: int = 0
    turn: float = 0.0
    """Virtual time of the fair queue."""
    units: float = 0.0
    given_on: date | None = None
    given: int = 0
    """Alerts given on `given_on`, a date where the agent is."""


def take_turn(session: Session) -> bool:
    """Wait for whoever else is routing or changing rules and people, until that transaction ends; after the alerts are locked.

    Returns whether others may have changed things meanwhile.

    Routers that went side by side would hand out the same free place from the same reading of the loads, and on
    PostgreSQL lock agents in different orders. SQLite has one writer anyway.
    """
    if is_postgres(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURN})
        return True
    return False


Reading = tuple[str, int, float, float, date | None, int]
"""(agent id, *`Load`); the day is left out where nothing limits it."""


def read(session: Session) -> list[Reading]:
    """What everybody has, in one query."""
    rows: Sequence[Any] = session.connection().execute(_reading()).all()
    return list(rows)


def read_some(session: Session, agent_ids: Collection[str], *, limited: bool = False) -> list[Reading]:
    """What these have; with `limited` also of whoever is full, or has another limit than their number of alerts."""
    agents = table_of(Agent).c
    statement = _limited_too() if limited else _reading().where(agents.id.in_(bindparam("ids", expanding=True)))
    rows: Sequence[Any] = session.connection().execute(statement, {"ids": sorted(agent_ids)}).all()
    return list(rows)


@cache
def _limited_too() -> Select[Any]:
    agents = table_of(Agent).c
    return _reading().where(
        or_(
            agents.open_alerts >= agents.max_concurrent_alerts,
            agents.max_units.is_not(None),
            agents.max_per_day.is_not(None),
            agents.id.in_(bindparam("ids", expanding=True)),
        )
    )


def loads(session: Session) -> dict[str, Load]:
    """Agent id -> what they have."""
    return {row[0]: Load(*row[1:]) for row in read(session)}


@cache
def _reading() -> Select[Any]:
    agents = table_of(Agent).c
    return select(
        agents.id,
        agents.open_alerts,
        agents.round_robin_at,
        agents.open_units,
        case((agents.max_per_day.is_not(None), agents.given_on)),
        agents.given_today,
    )


def untouched_room(session: Session) -> dict[str, int]:
    """Agent id -> how many alerts of a backlog they may get now: what they have not looked at yet counts against it.

    Who comes back after two weeks is not handed all that waited: the rest stays in the pool, oldest first, for everybody.
    """
    agents, alerts = table_of(Agent).c, table_of(Alert).c
    waiting = (
        select(alerts.assigned_agent_id.label("agent_id"), func.count().label("number"))
        .where(alerts.closed_at.is_(None), alerts.status == Status.NEW, alerts.acknowledged_at.is_(None))
        .group_by(alerts.assigned_agent_id)
        .subquery()
    )
    rows = session.connection().execute(
        select(agents.id, waiting.c.number).outerjoin(waiting, waiting.c.agent_id == agents.id)
    )
    return {agent_id: max(0, AT_A_TIME - (number or 0)) for agent_id, number in rows}


def lock(session: Session, agent_ids: Iterable[str]) -> None:
    """Lock agents in the order of their ids, the one order everybody uses, before several of them are updated."""
    if is_postgres(session):
        agents = table_of(Agent)
        session.connection().execute(
            select(agents.c.id).where(agents.c.id.in_(sorted(agent_ids))).order_by(agents.c.id).with_for_update()
        )


def reserve(
    session: Session,
    wanted: Mapping[str, Sequence[float]],
    *,
    today: Callable[[str], date],
    overflow: bool = False,
) -> dict[str, list[bool]]:
    """Take places of several agents, never past a limit unless `overflow` is said; who got which, in the order wanted.

    Args:
        wanted: agent id -> the units of each alert.
        today: the date where the agent of that id is.
    """
    granted: dict[str, list[bool]] = {}
    alike: defaultdict[tuple[int, float, date], list[str]] = defaultdict(list)
    for agent_id, units in sorted(wanted.items()):
        alike[len(units), sum(units), today(agent_id)].append(agent_id)
    for (number, total, day), agent_ids in alike.items():
        for agent_id in _places(session, agent_ids, number, total, today=day, overflow=overflow):
            granted[agent_id] = [True] * number
    for agent_id, units in wanted.items():
        if agent_id not in granted:
            granted[agent_id] = _one_by_one(session, agent_id, units, today=today(agent_id), overflow=overflow)
    return granted


def _one_by_one(session: Session, agent_id: str, units: Sequence[float], *, today: date, overflow: bool) -> list[bool]:
    """Where not all fit: each in turn, until one is refused that weighs no more than any after it."""
    got: list[bool] = []
    refused = float("inf")
    for one in units:
        got.append(
            len(units) > 1
            and one < refused
            and bool(_places(session, [agent_id], 1, one, today=today, overflow=overflow))
        )
        if not got[-1]:
            refused = min(refused, one)
    return got


def hand_over(session: Session, handovers: Sequence[Handover], *, ended: str = "reassigned", now: datetime) -> None:
    """Make each agent the owner of a locked, open alert; places of previous owners are given back.

    Args:
        ended: why the previous assignments end.
    """
    if not handovers:
        return
    connection = session.connection()
    lost = connection.execute(_ending(), {"ids": [one.alert_id for one in handovers], "now": now, "why": ended})
    given_back: defaultdict[str, list[float]] = defaultdict(list)
    for agent_id, units in lost:
        given_back[agent_id].append(units)
    alike: defaultdict[tuple[int, float], list[str]] = defaultdict(list)
    for agent_id, each in sorted(given_back.items()):
        alike[len(each), sum(each)].append(agent_id)
    for (number, total), agent_ids in alike.items():
        _places(session, agent_ids, -number, -total, overflow=True)
    connection.execute(
        insert(table_of(Assignment)),
        [
            {
                "id": new_id(),
                "alert_id": one.alert_id,
                "agent_id": one.agent_id,
                "decision_id": one.decision_id,
                "reason": one.reason,
                "assigned_by": one.by,
                "assigned_at": now,
                "units": one.units,
            }
            for one in handovers
        ],
    )
    connection.execute(
        _owning(),
        [{"key": one.alert_id, "owner": one.agent_id, "until": one.claimed_until, "now": now} for one in handovers],
    )


@cache
def _ending() -> ReturningUpdate[Any]:
    assigned = table_of(Assignment)
    return (
        update(assigned)
        .where(assigned.c.alert_id.in_(bindparam("ids", expanding=True)), assigned.c.ended_at.is_(None))
        .values(ended_at=bindparam("now"), ended_reason=bindparam("why"))
        .returning(assigned.c.agent_id, assigned.c.units)
    )


@cache
def _owning() -> Update:
    alerts = table_of(Alert)
    return (
        update(alerts)
        .where(alerts.c.id == bindparam("key"))
        .values(
            assigned_agent_id=bindparam("owner"),
            unassigned_reason=None,
            notified_at=None,  # each reassignment starts the escalation clock again
            escalate_at=None,
            escalation_step=0,
            claimed_until=bindparam("until"),
            updated_at=bindparam("now"),
        )
    )


def set_turns(session: Session, turns: Mapping[str, float]) -> None:
    """Write virtual times of the fair queue; several agents carried to one floor share a statement."""
    agents = table_of(Agent)
    same: dict[float, list[str]] = {}
    for agent_id, turn in turns.items():
        same.setdefault(turn, []).append(agent_id)
    for turn, agent_ids in same.items():
        session.connection().execute(
            update(agents).where(agents.c.id.in_(agent_ids), agents.c.round_robin_at < turn).values(round_robin_at=turn)
        )


def add_turns(session: Session, given: Mapping[str, int]) -> None:
    """Count alerts given by hand in the fair queue."""
    agents = table_of(Agent)
    by_number: defaultdict[int, list[str]] = defaultdict(list)
    for agent_id, number in sorted(given.items()):
        by_number[number].append(agent_id)
    for number, agent_ids in by_number.items():
        session.connection().execute(
            update(agents)
            .where(agents.c.id.in_(agent_ids))
            .values(round_robin_at=agents.c.round_robin_at + number / agents.c.weight)
        )


def uncount(session: Session, given: Mapping[str, int], *, today: Callable[[str], date]) -> None:
    """Take alerts out of the day's number and the fair queue again, of which an undo says that they were never given."""
    agents = table_of(Agent)
    for agent_id, number in sorted(given.items()):
        today_too = case(
            (agents.c.given_on == today(agent_id), agents.c.given_today - number), else_=agents.c.given_today
        )
        session.connection().execute(
            update(agents)
            .where(agents.c.id == agent_id)
            .values(
                given_today=case((today_too > 0, today_too), else_=0),
                round_robin_at=agents.c.round_robin_at - number / agents.c.weight,
            )
        )


def _places(
    session: Session,
    agent_ids: Sequence[str],
    number: int,
    units: float,
    *,
    today: date | None = None,
    overflow: bool = False,
) -> list[str]:
    limited = not overflow
    assert today is not None or overflow
    values = {"ids": agent_ids, "number": number, "units": units} | ({"today": today} if today is not None else {})
    return list(session.connection().execute(_taking(limited, today is not None), values).scalars())


@cache
def _taking(limited: bool, counted: bool) -> ReturningUpdate[Any]:
    """The statement of `_places`, made once: building its expressions took longer than running it for one alert."""
    number: Any = bindparam("number")
    units: Any = bindparam("units")
    today: Any = bindparam("today") if counted else None
    statement = (
        update(Agent).where(Agent.id.in_(bindparam("ids", expanding=True))).values(**taken(number, units, today=today))
    )
    if limited:
        statement = statement.where(has_room(number, units, today=today))
    return statement.returning(Agent.id)
