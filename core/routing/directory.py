"""The house as routing sees it: agents, teams and territories, indexed so that no decision scans everybody."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple, TypeVar
from zlib import crc32
from zoneinfo import ZoneInfo

from core.routing.schedule import Week

SKILLS_OF_TYPE = {
    "LIKELY_TO_SELL": ("LIKELY_TO_SELL", "seller", "sellers", "selling", "listing"),
    "LIKELY_TO_BUY": ("LIKELY_TO_BUY", "buyer", "buyers", "buying"),
    "REFINANCE_OPPORTUNITY": ("REFINANCE_OPPORTUNITY", "refinance", "refinancing", "mortgage"),
    "INVESTMENT_INTEREST": ("INVESTMENT_INTEREST", "investment", "investor", "investors", "investing"),
}
"""Names under which people write the skill for an alert type."""
_MOST_KEPT = 40_000
_Made = TypeVar("_Made")
_FOLDED = {kind: tuple(name.casefold() for name in names) for kind, names in SKILLS_OF_TYPE.items()}


class Result(NamedTuple):
    """How an agent does with a type of alert (core.routing.results)."""

    ratio: float = 1.0
    """1: wins as many as the others do with alerts of the same confidence; shrunk towards that by how few there were."""
    closed: int = 0
    """Alerts that it is based on."""


@dataclass(frozen=True, kw_only=True)
class Agent:
    """What does not change with every alert. `position` is the agent's place in the directory."""

    id: str
    position: int
    name: str
    active: bool
    available: bool
    auto_assign: bool
    capacity: int
    team_id: str | None
    primary_territory: str | None
    territories: tuple[str, ...]
    skills: Mapping[str, int]
    specializations: frozenset[str]
    preferred: frozenset[str]
    week: Week
    zone: ZoneInfo
    time_off: tuple[tuple[datetime, datetime, str | None], ...]
    """(from, to, who covers)"""
    holidays: frozenset[date] = frozenset()
    """Local days off of everybody or of the team."""
    weight: float = 1.0
    """Share of turns."""
    max_units: float | None = None
    max_per_day: int | None = None
    paused: str | None = None
    """Why nothing new is given, where the agent cannot be reached."""
    results: Mapping[str, "Result"] = field(default_factory=dict)
    """By alert type; "" is all types together."""

    @cached_property
    def token(self) -> int:
        """The agent's fixed place among equals; with whom of them it begins is the alert's lot."""
        return crc32(self.id.encode())

    @cached_property
    def _named(self) -> Mapping[str, int]:
        named = {name.casefold(): level for name, level in self.skills.items()}
        for special in self.specializations:
            named.setdefault(special.casefold(), 3)
        return named

    @cached_property
    def _known(self) -> dict[str, int]:
        named = self._named
        found = dict.fromkeys(_FOLDED, 0)
        if named:
            for kind, names in _FOLDED.items():
                for name in names:
                    if (level := named.get(name, 0)) > found[kind]:
                        found[kind] = level
        return found

    def level(self, skill: str) -> int:
        """0 (does not know it) to 5, by the skill's name or the alert type it stands for."""
        known = self._known.get(skill)
        return self._named.get(skill.casefold(), 0) if known is None else known

    def result(self, alert_type: str) -> Result:
        return self.results.get(alert_type) or self.results.get("") or Result()

    def prefers(self, alert_type: str) -> bool:
        """An empty list prefers everything."""
        return not self.preferred or alert_type in self.preferred


@dataclass(frozen=True, kw_only=True)
class Team:
    id: str
    name: str
    manager_id: str | None
    default_strategy: str
    fallbacks: tuple[str, ...] = ()
    """Strategies tried after the default one."""


class Directory:
    """Frozen: a change in the house makes a new one."""

    def __init__(
        self,
        agents: Sequence[Agent],
        *,
        teams: Iterable[Team] = (),
        parents: Mapping[str, str | None] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> None:
        """`parents` is territory -> the one around it; `names` is territory -> how people call it."""
        self.agents = tuple(agents)
        self.teams = {team.id: team for team in teams}
        self.by_id = {agent.id: agent for agent in self.agents}
        self.place_of = {agent.id: agent.position for agent in self.agents}
        self.parents = dict(parents or {})
        self.names = dict(names or {})
        self._covering: dict[str, list[int]] = {}
        self._primary: dict[str, list[int]] = {}
        self._skilled: dict[str, tuple[int, ...]] = {}
        self._levels: dict[str, tuple[tuple[int, tuple[int, ...]], ...]] = {}
        self._able: dict[tuple[tuple[str, int], ...], frozenset[int]] = {}
        self._in_team: dict[str, list[int]] = {}
        for agent in self.agents:
            for territory in dict.fromkeys((agent.primary_territory, *agent.territories)):
                if territory:
                    self._covering.setdefault(territory, []).append(agent.position)
            if agent.primary_territory:
                self._primary.setdefault(agent.primary_territory, []).append(agent.position)
            if agent.team_id:
                self._in_team.setdefault(agent.team_id, []).append(agent.position)
        self.capacities = [agent.capacity for agent in self.agents]
        self.most = [float(agent.max_units or max(agent.capacity, 1)) for agent in self.agents]
        """What counts as a full load, in units."""
        self.by_units = [agent.position for agent in self.agents if agent.max_units is not None]
        self.by_day = [agent.position for agent in self.agents if agent.max_per_day is not None]
        self._kept: dict[Any, Any] = {}
        self._around: dict[str, tuple[str, ...]] = {}
        self._teams_of: dict[str, str | None] = {}

    def remember(self, key: Any, make: Callable[[], _Made]) -> _Made:
        """What `make` gives, made once for as long as this directory lives."""
        found: _Made | None = self._kept.get(key)
        if found is None:
            found = make()
            if len(self._kept) < _MOST_KEPT:
                self._kept[key] = found
        return found

    def covering(self, territory: str | None) -> Sequence[int]:
        """Agents who have exactly this territory."""
        return self._covering.get(territory, ()) if territory else ()

    def around(self, territory: str | None) -> tuple[str, ...]:
        """The territory and those that contain it, from the smallest to the largest."""
        if territory is None:
            return ()
        found = self._around.get(territory)
        if found is None:
            chain: list[str] = []
            at: str | None = territory
            while at is not None and at not in chain:  # a circle in the table must not hang routing
                chain.append(at)
                at = self.parents.get(at)
            found = tuple(chain)
            if len(self._around) < 100_000:
                self._around[territory] = found
        return found

    def skilled(self, skill: str) -> tuple[int, ...]:
        """Agents who know the skill at all."""
        found = self._skilled.get(skill)
        if found is None:
            found = tuple(agent.position for agent in self.agents if agent.level(skill) > 0)
            if len(self._skilled) < 10_000:
                self._skilled[skill] = found
        return found

    def skilled_at(self, skill: str) -> tuple[tuple[int, tuple[int, ...]], ...]:
        """(level, agents at that level), the best level first; those who do not know the skill are left out."""
        found = self._levels.get(skill)
        if found is None:
            levels: dict[int, list[int]] = {}
            for position in self.skilled(skill):
                levels.setdefault(self.agents[position].level(skill), []).append(position)
            found = tuple((level, tuple(levels[level])) for level in sorted(levels, reverse=True))
            if len(self._levels) < 10_000:
                self._levels[skill] = found
        return found

    def able(self, skills: tuple[tuple[str, int], ...]) -> frozenset[int]:
        """Agents who know every skill at its least level."""
        found = self._able.get(skills)
        if found is None:
            found = frozenset(
                agent.position for agent in self.agents if all(agent.level(skill) >= least for skill, least in skills)
            )
            if len(self._able) < 10_000:
                self._able[skills] = found
        return found

    def in_team(self, team_id: str) -> Sequence[int]:
        return self._in_team.get(team_id, ())

    def team_of(self, territory: str | None) -> Team | None:
        """The team at home in a territory: most primary territories there, else most who cover it; ties by id."""
        if territory is None:
            return None
        if territory not in self._teams_of and len(self._teams_of) < 100_000:
            self._teams_of[territory] = self._home_team(territory)
        found = self._teams_of.get(territory)
        return self.teams.get(found) if found else None

    def place(self, territory: str) -> str:
        """How people call a territory."""
        return self.names.get(territory) or territory.replace("-", " ").replace("_", " ").title()

    def knows_territory(self, territory: str) -> bool:
        return territory in self.names or territory in self._covering

    def _home_team(self, territory: str) -> str | None:
        for place in self.around(territory):
            for index in (self._primary, self._covering):
                counts: dict[str, int] = {}
                for position in index.get(place, ()):
                    team_id = self.agents[position].team_id
                    if team_id:
                        counts[team_id] = counts.get(team_id, 0) + 1
                if counts:
                    return min(counts, key=lambda team_id: (-counts[team_id], team_id))
        return None
