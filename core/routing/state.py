"""What routing keeps in memory: the house and its compiled rules, refreshed when the version counter moves."""

from collections import deque
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import clock, load, log, versions
from core.db import tables
from core.errors import Invalid
from core.load import Units
from core.routing import days_off
from core.routing.directory import Agent, Directory, Result, Team
from core.routing.roster import Roster, roster
from core.routing.rules import Compiled, RuleSet, compile_rule
from core.routing.schedule import ALWAYS, Week, parse
from core.routing.strategies import DEFAULT, LEAVE, STRATEGIES
from core.words import Role

VERSION = "routing"
FALLBACK_ZONE = "America/Chicago"
_log = log.get(__name__)


@dataclass(frozen=True, kw_only=True)
class House:
    """One consistent reading of the house. Frozen; a newer version is another object."""

    version: int
    directory: Directory
    rules: RuleSet
    default_strategy: str = DEFAULT
    fallbacks: tuple[str, ...] = ()
    """Strategies tried after the house's default."""
    units: Units = field(default_factory=Units)
    """What alerts weigh."""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo(FALLBACK_ZONE))
    """The house's own zone, for rules over time.*"""
    admin_ids: tuple[str, ...] = ()
    broken_rules: Mapping[str, str] = field(default_factory=dict)
    """Rule id -> why it was left out."""

    def chain_for(self, territory: str | None) -> tuple[str, ...]:
        """The strategies tried one after the other: those of the team at home in the territory, else the house's."""
        team = self.directory.team_of(territory)
        if team and team.default_strategy in STRATEGIES:
            return (team.default_strategy, *team.fallbacks)
        return (self.default_strategy, *self.fallbacks)

    @cached_property
    def asks_before(self) -> bool:
        """Whether anything here asks who had the contact's last alert: what nobody asks is not read."""
        teams = self.directory.teams.values()
        chains = {self.default_strategy, *self.fallbacks}.union(
            *((one.default_strategy, *one.fallbacks) for one in teams)
        )
        return "metadata" in self.rules.reads or "sticky_owner" in chains


class State:
    """The newest `House` this process has seen. Threads may share it: a refresh swaps one reference."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.hits = 0
        self.misses = 0
        self.kept: tuple[House, str, bytes | None] | None = None
        """What core.routing.ledger knows of its copy of the house."""
        self.queues: deque[Any] = deque(maxlen=1)
        """What core.routing.dispatch keeps for its next batch: whoever takes it out has it alone."""
        self.shadow: tuple[House, Any] | None = None
        """What core.routing.shadowing found beside this house."""
        self._roster: tuple[House, Roster] | None = None
        self._own = False
        """The house has changes of a transaction that had not ended, and may have been rolled back."""

    @classmethod
    def load(cls, session: Session) -> "State":
        state = cls(read(session))
        state._own = versions.is_own(session, VERSION)
        return state

    def refresh(self, session: Session, *, again: bool = False) -> bool:
        """Read the house again when somebody changed it; one tiny query when nobody did.

        Args:
            again: asked once more in the same transaction, which has waited meanwhile: no further hit.
        """
        if again:
            versions.look_again(session)
        own = versions.is_own(session, VERSION)
        if not (own or self._own) and versions.number(session, VERSION) == self.house.version:
            self.hits += not again
            return False
        self.misses += 1
        self.house, self._own = read(session), own
        return True

    def held(self, session: Session) -> "State":
        """The newest house for one transaction alone: another thread's refresh changes nothing in it. `keep` takes it back."""
        mine = copy(self)
        mine.hits = mine.misses = 0
        mine.refresh(session)
        return mine

    def keep(self, mine: "State") -> None:
        """Take over what `held` gave and what was found with it; each thing names the house that it belongs to."""
        self.hits, self.misses = self.hits + mine.hits, self.misses + mine.misses
        self.house, self._own = mine.house, mine._own
        self.kept, self.shadow, self._roster = mine.kept, mine.shadow, mine._roster

    def roster(self, now: datetime) -> Roster:
        """Who is on duty, worked out at most once a minute."""
        house, kept = self.house, self._roster
        if kept is None or kept[0] is not house or not kept[1].since <= now < kept[1].until:
            kept = (house, roster(house.directory, now))
            self._roster = kept
        return kept[1]


def read(session: Session) -> House:
    """The whole house in a handful of queries. The version is read first: a change in between is seen as newer next time."""
    version = versions.number(session, VERSION)
    setting = session.scalar(select(tables.Setting.value).where(tables.Setting.key == "routing")) or {}
    default = setting.get("default_strategy")
    rules, broken = _rules(session)
    admins = session.scalars(
        select(tables.User.id).where(tables.User.role == Role.ADMIN, tables.User.active).order_by(tables.User.id)
    )
    return House(
        version=version,
        directory=_directory(session, _results(session)),
        rules=rules,
        default_strategy=default if default in STRATEGIES else DEFAULT,
        fallbacks=_known(setting.get("fallbacks")),
        units=load.read(setting.get("units") or {}),
        zone=clock.zone(setting.get("timezone") or FALLBACK_ZONE),
        admin_ids=tuple(admins),
        broken_rules=broken,
    )


def _directory(session: Session, results: Mapping[str, Mapping[str, Result]]) -> Directory:
    off: dict[str, list[tuple[datetime, datetime, str | None]]] = {}
    times = select(
        tables.TimeOff.agent_id, tables.TimeOff.starts_at, tables.TimeOff.ends_at, tables.TimeOff.cover_agent_id
    ).order_by(tables.TimeOff.starts_at, tables.TimeOff.id)
    for agent_id, starts, ends, cover in session.execute(times):
        off.setdefault(agent_id, []).append((starts, ends, cover))
    table = tables.Agent.__table__.c
    rows = session.execute(
        select(*table, tables.User.name, tables.User.active, tables.User.timezone)
        .join(tables.User, tables.User.id == tables.Agent.id)
        .order_by(tables.Agent.id)
    ).all()
    weeks: dict[str, Week] = {}
    days = days_off.by_team(session)
    places = session.execute(select(tables.Territory.id, tables.Territory.parent_id, tables.Territory.name)).all()
    return Directory(
        [
            _agent(
                row,
                position,
                weeks,
                tuple(off.get(row.id, ())),
                results.get(row.id, {}),
                days_off.of_team(days, row.team_id),
            )
            for position, row in enumerate(rows)
        ],
        teams=[
            Team(
                id=row.id,
                name=row.name,
                manager_id=row.manager_id,
                default_strategy=row.default_strategy,
                fallbacks=_known(row.fallbacks),
            )
            for row in session.execute(select(tables.Team.__table__).order_by(tables.Team.id))
        ],
        parents={place.id: place.parent_id for place in places},
        names={place.id: place.name for place in places},
    )


def _agent(
    row: Any,
    position: int,
    weeks: dict[str, Week],
    time_off: tuple[tuple[datetime, datetime, str | None], ...],
    results: Mapping[str, Result],
    holidays: frozenset[date],
) -> Agent:
    key = repr(row.schedule)
    if key not in weeks:
        try:
            weeks[key] = parse(row.schedule or {})
        except Invalid:
            _log.error("schedule_unreadable", agent_id=row.id)
            weeks[key] = ALWAYS
    return Agent(
        id=row.id,
        position=position,
        name=row.name,
        active=row.active,
        available=row.available,
        auto_assign=row.auto_assign,
        capacity=row.max_concurrent_alerts,
        team_id=row.team_id,
        primary_territory=row.primary_territory,
        territories=tuple(row.territories or ()),
        skills={name: int(level) for name, level in (row.skills or {}).items()},
        specializations=frozenset(row.specializations or ()),
        preferred=frozenset(row.preferred_alert_types or ()),
        week=weeks[key],
        zone=clock.zone(row.timezone),
        time_off=time_off,
        weight=row.weight,
        max_units=row.max_units,
        max_per_day=row.max_per_day,
        paused=None if row.paused_at is None else row.paused_reason or "",
        results=results,
        holidays=holidays,
    )


def _known(names: object) -> tuple[str, ...]:
    """A chain as stored, without names that are no strategy (any more)."""
    return tuple(name for name in names if name in STRATEGIES or name == LEAVE) if isinstance(names, list) else ()


def _results(session: Session) -> dict[str, dict[str, Result]]:
    found: dict[str, dict[str, Result]] = {}
    table = tables.AgentResult.__table__.c
    for agent_id, alert_type, ratio, closed in session.execute(
        select(table.agent_id, table.alert_type, table.ratio, table.closed)
    ):
        found.setdefault(agent_id, {})[alert_type] = Result(ratio, closed)
    return found


def _rules(session: Session) -> tuple[RuleSet, dict[str, str]]:
    """A rule that no longer reads must not stop everybody's alerts: it is left out, logged, and shown as broken."""
    compiled: list[Compiled] = []
    broken: dict[str, str] = {}
    stored = session.execute(
        select(tables.Rule.__table__).where(tables.Rule.enabled).order_by(tables.Rule.priority.desc(), tables.Rule.id)
    )
    for row in stored:
        try:
            compiled.append(_compiled(row))
        except Invalid as error:
            broken[row.id] = "; ".join(f"{name}: {why}" for name, why in error.fields.items())
            _log.error("rule_unreadable", rule_id=row.id, why=broken[row.id])
    return RuleSet(compiled), broken


def stored_rule(session: Session, rule_id: str) -> Compiled:
    """One rule as it would be tried, also where it is not enabled.

    Raises:
        Invalid: it no longer reads.
    """
    row = session.execute(select(tables.Rule.__table__).where(tables.Rule.id == rule_id)).one()
    return _compiled(row)


def _compiled(row: Any) -> Compiled:
    return compile_rule(
        row.id,
        name=row.name,
        version=row.version,
        conditions=row.conditions,
        actions=row.actions,
        priority=row.priority,
    )
