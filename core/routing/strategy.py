"""What a strategy is: pure functions that say, for one alert, which pools of agents to look in and how to rank them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.routing.directory import Agent, Directory

BY_LOAD = "load"
"""Within equal rank: the smallest share of capacity in use first, then virtual time."""
BY_TURN = "turn"
"""Within equal rank: the smallest virtual time first, then load."""

KNOWS = "knows this kind of client better"
HOME = "is at home in the area"
PREFERS = "prefers this kind of alert"
SUITS = "suits it better"
WINS = "wins more of such alerts"
FEWER = "has closed fewer of these so far, and this was a chance to show what they can"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One alert as routing sees it. Values only; two equal cases get equal answers."""

    alert_id: str
    contact_id: str
    alert_type: str
    priority: str
    priority_rank: int
    confidence: float
    territory: str | None
    owner_id: str | None
    """Who has it now."""
    previous_agent_id: str | None
    """Who had it last, or has a standing relation with the contact; who covers for them while they are away."""
    covered: str = ""
    """The name of the one who is away, where `previous_agent_id` covers for them."""
    opened_at: Any
    units: float = 1.0
    """What it takes of its agent's capacity."""
    facts: dict[str, Any] = field(compare=False)


class Trial(NamedTuple):
    """What an experiment says about one alert."""

    strategy: str | None
    """What stands for the team's default; None leaves it as it is."""
    arms: tuple[tuple[float, str | None], ...] = ()
    """The strategies it could have got, each with its share."""


class Pool(NamedTuple):
    """Agents to choose among, best first by `rank`, then by the moving part (`by`)."""

    key: tuple[str | None, ...]
    """Identity of members, ranking and reasons: equal keys of one strategy are one queue, kept in order between alerts."""
    members: Sequence[int]
    """Positions in the directory."""
    rank: Callable[[Agent], tuple[float, ...]]
    """The part of the ranking that loads do not change; smaller is better."""
    by: str
    why: Callable[[Agent], str]
    """Why such an agent fits, as the start of a sentence to the agent."""
    among: frozenset[int] | None = None
    """Only these of the members."""
    said: tuple[str, ...] = ()
    """For each part of the rank, what is true of whoever is ahead by it: "Ann knows this kind of client better"."""
    last_resort: bool = False
    """Looked in only when no other strategy comes after this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    id: str
    title: str
    about: str
    """One sentence for the settings page."""
    pools: Callable[[Case, Directory], Iterable[Pool]]
    """The pools in order of preference; the first that has a free agent decides."""
    order: Callable[[Case], tuple[Any, ...]]
    """Which alert of a batch is served first; smaller is earlier."""
    matches_batches: bool = False
    """Alerts handed out together are matched to agents all at once (core.routing.matching)."""
    ways: Callable[[Case, Directory], Sequence[tuple[float, Iterable[Pool]]]] | None = None
    """Where chance decides: every way `pools` may go for such an alert, with its probability."""


def most_urgent_first(case: Case) -> tuple[Any, ...]:
    return (case.priority_rank, -case.confidence, case.opened_at, case.alert_id)


def whole_house(directory: Directory) -> range:
    return range(len(directory.agents))


def fit(agent: Agent, alert_type: str) -> float:
    """How well an agent suits a kind of alert, 1 for an ordinary specialist: skill (a judgement) times results (measured)."""
    return (0.7 + 0.06 * agent.level(alert_type)) * agent.result(alert_type).ratio


def spoken(agent: Agent, alert_type: str, *, place: str | None) -> str:
    """What about this agent fits such an alert: "You cover Riverside and know sellers"."""
    parts = []
    if place:
        parts.append(f"cover {place}")
    if agent.level(alert_type) > 0:
        parts.append(f"know {TOPICS.get(alert_type, alert_type.lower().replace('_', ' '))}")
    return f"You {' and '.join(parts)}" if parts else "You are on duty"


TOPICS = {
    "LIKELY_TO_SELL": "sellers",
    "LIKELY_TO_BUY": "buyers",
    "REFINANCE_OPPORTUNITY": "refinancing",
    "INVESTMENT_INTEREST": "investors",
}
