"""Many alerts handed to many agents in a few statements; `core.assignments` is the same for one alert.

The promise is the database's: a place is taken by `UPDATE ... WHERE open_alerts + n <= max_concurrent_alerts`, so no
race of routers passes a capacity, whatever they read before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, insert, select, text, update
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.dialect import is_postgres
from core.db.tables import Agent, Alert, Assignment
from core.ids import new_id

_TURN = 0x0D00_BE13


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """One alert to its new owner, whose place was reserved before."""

    alert_id: str
    agent_id: str
    decision_id: str | None
    reason: str
    by: str | None


def take_turn(session: Session) -> None:
    """Wait for whoever else is routing, until that transaction ends. To be called after the alerts are locked.

    Routers that went side by side would hand out the same free place from the same reading of the loads, and on
    PostgreSQL lock agents in different orders. SQLite has one writer anyway.
    """
    if is_postgres(session):
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _TURN})


def loads(session: Session) -> dict[str, tuple[int, float]]:
    """Agent id -> (open alerts, virtual time), in one query."""
    agents = table_of(Agent).c
    rows = session.connection().execute(select(agents.id, agents.open_alerts, agents.round_robin_at))
    return {agent_id: (open_alerts, turn) for agent_id, open_alerts, turn in rows}


def lock(session: Session, agent_ids: Iterable[str]) -> None:
    """Lock agents in the order of their ids, the one order everybody uses, before several of them are updated."""
    if is_postgres(session):
        agents = table_of(Agent)
        session.connection().execute(
            select(agents.c.id).where(agents.c.id.in_(sorted(agent_ids))).order_by(agents.c.id).with_for_update()
        )


def reserve(session: Session, wanted: Mapping[str, int], *, overflow: bool = False) -> dict[str, int]:
    """Take places of several agents, never past a capacity unless `overflow` is said; who got how many.

    An agent with fewer free places than wanted gives as many as there are.
    """
    granted: dict[str, int] = {}
    for number, agent_ids in _by_number(wanted).items():
        granted |= dict.fromkeys(_places(session, agent_ids, number, overflow=overflow), number)
    for agent_id, number in wanted.items():
        if agent_id not in granted:
            granted[agent_id] = 0
            while granted[agent_id] < number - 1 and _places(session, [agent_id], 1, overflow=overflow):
                granted[agent_id] += 1
    return granted


def hand_over(session: Session, handovers: Sequence[Handover], *, now: datetime) -> None:
    """Make each agent the owner of a locked, open alert; places of previous owners are given back."""
    if not handovers:
        return
    alerts, assigned = table_of(Alert), table_of(Assignment)
    connection = session.connection()
    lost = connection.execute(
        update(assigned)
        .where(assigned.c.alert_id.in_([one.alert_id for one in handovers]), assigned.c.ended_at.is_(None))
        .values(ended_at=now, ended_reason="reassigned")
        .returning(assigned.c.agent_id)
    ).scalars()
    for number, agent_ids in _by_number(Counter(lost)).items():
        _places(session, agent_ids, -number, overflow=True)
    connection.execute(
        insert(assigned),
        [
            {
                "id": new_id(),
                "alert_id": one.alert_id,
                "agent_id": one.agent_id,
                "decision_id": one.decision_id,
                "reason": one.reason,
                "assigned_by": one.by,
                "assigned_at": now,
            }
            for one in handovers
        ],
    )
    connection.execute(
        update(alerts)
        .where(alerts.c.id == bindparam("key"))
        .values(
            assigned_agent_id=bindparam("owner"),
            unassigned_reason=None,
            notified_at=None,  # each reassignment starts the escalation clock again
            escalate_at=None,
            updated_at=now,
        ),
        [{"key": one.alert_id, "owner": one.agent_id} for one in handovers],
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
    for number, agent_ids in _by_number(given).items():
        session.connection().execute(
            update(agents).where(agents.c.id.in_(agent_ids)).values(round_robin_at=agents.c.round_robin_at + number)
        )


def _by_number(wanted: Mapping[str, int]) -> dict[int, list[str]]:
    grouped: dict[int, list[str]] = {}
    for agent_id, number in sorted(wanted.items()):
        grouped.setdefault(number, []).append(agent_id)
    return grouped


def _places(session: Session, agent_ids: Sequence[str], number: int, *, overflow: bool) -> list[str]:
    agents = table_of(Agent)
    statement = (
        update(agents)
        .where(agents.c.id.in_(agent_ids))
        .values(open_alerts=agents.c.open_alerts + number)
        .returning(agents.c.id)
    )
    if not overflow:
        statement = statement.where(agents.c.open_alerts + number <= agents.c.max_concurrent_alerts)
    return list(session.connection().execute(statement).scalars())
