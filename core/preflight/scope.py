"""Whose report it is: an admin's covers the house, a manager's their own teams, others counted and not named."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from core.preflight.coverage import Coverage
from core.preflight.facts import Facts
from core.preflight.finding import counted, listed
from core.routing.directory import Agent


@dataclass(frozen=True, kw_only=True)
class Scope:
    facts: Facts
    coverage: Coverage
    team_ids: frozenset[str] | None
    """None: the whole house."""

    @cached_property
    def members(self) -> frozenset[int]:
        """Those it reports on by name."""
        directory = self.facts.house.directory
        return frozenset(agent.position for agent in directory.agents if self.sees(agent))

    @property
    def is_whole(self) -> bool:
        return self.team_ids is None

    def sees(self, agent: Agent) -> bool:
        return self.team_ids is None or agent.team_id in self.team_ids

    def sees_team(self, team_id: str | None) -> bool:
        return self.team_ids is None or team_id in self.team_ids

    def agents(self, positions: Iterable[int]) -> list[Agent]:
        agents = self.facts.house.directory.agents
        return sorted((agents[one] for one in positions), key=lambda agent: (agent.name, agent.id))

    def named(self, positions: Iterable[int]) -> str:
        """Ann, Bob and 2 others of another team."""
        agents = self.agents(positions)
        known = [agent.name for agent in agents if self.sees(agent)]
        others = len(agents) - len(known)
        return listed(
            [*known, *([counted(others, "person of another team", "people of other teams")] if others else [])]
        )

    def ids(self, positions: Iterable[int]) -> tuple[str, ...]:
        return tuple(agent.id for agent in self.agents(positions) if self.sees(agent))

    def teams_of(self, positions: Iterable[int]) -> tuple[str, ...]:
        found = {agent.team_id for agent in self.agents(positions) if agent.team_id and self.sees(agent)}
        return tuple(sorted(found))
