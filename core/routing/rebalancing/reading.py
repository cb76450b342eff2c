"""Who holds what now, which of it may move, and why the rest may not: read for a whole scope, or under lock for some alerts."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from core.db.base import table_of
from core.db.tables import Alert, Assignment, Contact, Decision
from core.errors import Forbidden, Invalid, NotFound
from core.load import Units
from core.routing import capacity, moves
from core.routing.directory import Agent, Directory
from core.routing.queues import Today
from core.routing.rebalancing.problem import Person
from core.routing.roster import why_not
from core.routing.state import State
from core.viewer import Viewer
from core.words import Role, Status

SNOOZED, WORKED, ACKNOWLEDGED = "snoozed", "worked", "acknowledged"
OWN_CLIENT, BY_HAND, BY_RULE = "own_client", "by_hand", "by_rule"
KEPT = {
    WORKED: "being worked on",
    ACKNOWLEDGED: "acknowledged",
    SNOOZED: "snoozed",
    OWN_CLIENT: "of their own clients",
    BY_HAND: "given or taken by hand",
    BY_RULE: "given to them by name by a rule",
}
"""Why an alert stays, in words."""
SPREAD = 0.5
_LONGEST = 24 * 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What is asked for."""

    team_id: str | None = None
    """One team; None: everybody the viewer manages."""
    spread: float | None = SPREAD
    """How far apart the shares of capacity in use may lie; None: only the limits count."""
    acknowledged_hours: float | None = None
    """Acknowledged alerts that are older than this move too."""

    def check(self) -> None:
        """Raises Invalid, naming each wrong field."""
        wrong = {}
        if self.spread is not None and not 0 <= self.spread <= 1:
            wrong["spread"] = "0 to 1, such as 0.3 for 30 points; null for the limits alone"
        if self.acknowledged_hours is not None and not 0 < self.acknowledged_hours <= _LONGEST:
            wrong["acknowledgedHours"] = f"more than 0, at most {_LONGEST:g}; null where they stay"
        if wrong:
            raise Invalid("The options are not valid.", fields=wrong)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An open alert with its owner."""

    alert_id: str
    owner_id: str
    assignment_id: str
    status: str
    acknowledged_at: datetime | None
    snoozed_until: datetime | None
    territory: str | None
    alert_type: str
    own_agent_id: str | None
    """Who has a standing relation with the contact."""
    gives: float
    takes: float
    since: datetime
    kept: str | None
    """Why it stays with its owner, a word of `KEPT`; None where it may move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A scope as it stands."""

    people: tuple[Person, ...]
    held: tuple[Held, ...]
    had: Mapping[str, frozenset[str]]
    """Alert id -> who had it before."""
    directory: Directory


def standing(session: Session, options: Options, *, state: State, viewer: Viewer, now: datetime) -> Standing:
    """The active agents of the scope with their loads, and every open alert they hold.

    Raises:
        Forbidden: the viewer is an agent.
        NotFound: there is no such team for this viewer.
        Invalid: naming each wrong option.
    """
    options.check()
    state.refresh(session)
    agents = [one for one in _in_scope(state, options.team_id, viewer) if one.active]
    loads, today = capacity.loads(session), Today(now)
    people = []
    for agent in agents:
        load = loads.get(agent.id, capacity.Load())
        given = load.given if load.given_on == today(agent) else 0
        people.append(
            Person(
                agent_id=agent.id,
                name=agent.name,
                open=load.open,
                capacity=agent.capacity,
                units=load.units,
                max_units=agent.max_units,
                left_today=None if agent.max_per_day is None else max(0, agent.max_per_day - given),
                why_not=why_not(agent, now),
            )
        )
    theirs = Alert.assigned_agent_id.in_([one.id for one in agents])
    held = _read(session, theirs, options, units=state.house.units, now=now)
    return Standing(
        people=tuple(people),
        held=held,
        had=_had(session, [one.alert_id for one in held if one.kept is None]),
        directory=state.house.directory,
    )


def locked(
    session: Session, alert_ids: Collection[str], options: Options, *, units: Units, now: datetime
) -> dict[str, Held]:
    """Those of the alerts that are open and somebody's, kept from being worked on until the transaction ends."""
    alert = table_of(Alert).c
    session.execute(select(alert.id).where(alert.id.in_(alert_ids)).order_by(alert.id).with_for_update())
    held = _read(session, Alert.id.in_(alert_ids), options, units=units, now=now)
    return {one.alert_id: one for one in held}


def _in_scope(state: State, team_id: str | None, viewer: Viewer) -> Sequence[Agent]:
    if viewer.role is Role.AGENT:
        raise Forbidden("A manager or an admin evens out the work.")
    directory = state.house.directory
    mine = viewer.role is Role.ADMIN
    if team_id is not None:
        if team_id not in directory.teams or not (mine or team_id in viewer.team_ids):
            raise NotFound("There is no such team.")
        return [directory.agents[position] for position in directory.in_team(team_id)]
    return [one for one in directory.agents if mine or one.team_id in viewer.team_ids]


def _read(
    session: Session, which: ColumnElement[bool], options: Options, *, units: Units, now: datetime
) -> tuple[Held, ...]:
    alert, assigned, decided = table_of(Alert).c, table_of(Assignment).c, table_of(Decision).c
    rows = session.execute(
        select(
            alert.id,
            alert.assigned_agent_id,
            alert.status,
            alert.acknowledged_at,
            alert.snoozed_until,
            alert.priority,
            alert.alert_type,
            alert.territory,
            table_of(Contact).c.territory.label("contact_territory"),
            table_of(Contact).c.owner_agent_id,
            assigned.id.label("assignment_id"),
            assigned.assigned_at,
            assigned.assigned_by,
            assigned.units,
            decided.strategy,
        )
        .join(table_of(Contact), table_of(Contact).c.id == alert.contact_id)
        .join(table_of(Assignment), (assigned.alert_id == alert.id) & assigned.ended_at.is_(None))
        .outerjoin(table_of(Decision), decided.id == assigned.decision_id)
        .where(alert.closed_at.is_(None), alert.assigned_agent_id.is_not(None), which)
        .order_by(assigned.assigned_at, alert.id)
    )
    return tuple(
        Held(
            alert_id=row.id,
            owner_id=row.assigned_agent_id,
            assignment_id=row.assignment_id,
            status=row.status,
            acknowledged_at=row.acknowledged_at,
            snoozed_until=row.snoozed_until,
            territory=row.territory or row.contact_territory,
            alert_type=row.alert_type,
            own_agent_id=row.owner_agent_id,
            gives=row.units,
            takes=units.of(row.priority, row.alert_type),
            since=row.assigned_at,
            kept=_kept(row, options, now=now),
        )
        for row in rows
    )


def _kept(row: Any, options: Options, *, now: datetime) -> str | None:
    if row.owner_agent_id == row.assigned_agent_id:
        return OWN_CLIENT
    if row.snoozed_until is not None:
        return SNOOZED
    if row.status == Status.ACKNOWLEDGED or (row.status == Status.NEW and row.acknowledged_at is not None):
        hours = options.acknowledged_hours
        if hours is None or row.acknowledged_at is None or row.acknowledged_at > now - timedelta(hours=hours):
            return ACKNOWLEDGED
    elif row.status != Status.NEW:
        return WORKED
    if row.assigned_by is not None and row.strategy in (None, moves.MANUAL, moves.CLAIM):
        return BY_HAND
    return BY_RULE if row.strategy == "assign_to_agent" else None


def _had(session: Session, alert_ids: Sequence[str]) -> dict[str, frozenset[str]]:
    """Whoever had an alert before let it go on, gave it away, or was asked in vain: not to them again."""
    found: dict[str, set[str]] = {}
    table = table_of(Assignment).c
    rows = session.execute(
        select(table.alert_id, table.agent_id).where(table.alert_id.in_(alert_ids), table.ended_at.is_not(None))
    )
    for alert_id, agent_id in rows:
        found.setdefault(alert_id, set()).add(agent_id)
    return {alert_id: frozenset(agents) for alert_id, agents in found.items()}
