"""What a rebalancing is worked out from and what comes of it: people with their loads, the alerts that may move, the moves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One agent with what they hold."""

    agent_id: str
    name: str
    open: int
    capacity: int
    units: float = 0.0
    max_units: float | None = None
    left_today: int | None = None
    """How many more they may be given today; None without such a limit."""
    why_not: str | None = None
    """Why they get nothing now, a word of core.routing.roster; None where nothing speaks against it."""

    @property
    def share(self) -> float | None:
        """The share of capacity in use: of units where those are limited, else of the number; None without any capacity."""
        if self.max_units is not None:
            return self.units / self.max_units if self.max_units > 0 else None
        return self.open / self.capacity if self.capacity > 0 else None

    @property
    def over(self) -> int:
        """Alerts over the number."""
        return max(0, self.open - self.capacity)

    @property
    def over_units(self) -> float:
        return 0.0 if self.max_units is None else max(0.0, self.units - self.max_units)

    @property
    def room(self) -> int:
        """How many alerts they may be given now, before any is taken from them: so each move stands on its own."""
        if self.why_not is not None or self.room_units <= 0:
            return 0
        free = max(0, self.capacity - self.open)
        return free if self.left_today is None else max(0, min(free, self.left_today))

    @property
    def room_units(self) -> float:
        return float("inf") if self.max_units is None else max(0.0, self.max_units - self.units)

    def after(self, *, opened: int, units: float) -> "Person":
        """With so many more (below 0: fewer)."""
        return replace(self, open=self.open + opened, units=self.units + units)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One alert that may move."""

    alert_id: str
    owner_id: str
    kind: str = ""
    """Alerts of one kind suit everybody alike: one area, one type, one client's own agent."""
    gives: float = 1.0
    """Units its owner gets back."""
    takes: float = 1.0
    """Units it takes of its new owner; another number where what alerts weigh was changed since."""
    barred: frozenset[str] = frozenset()
    """Who had it before, and so does not get it again."""
    since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    people: Sequence[Person]
    items: Sequence[Item]
    spread: float | None
    """How far apart the shares of capacity in use may lie, 0.3 is 30 points; None: only the limits count."""
    misfit: Callable[[str, str], int] = lambda _kind, _agent_id: 0
    """(kind, agent id) -> 0 where nobody suits better, more where somebody would."""


@dataclass(frozen=True, slots=True)
class Move:
    item: Item
    to: str


OVER, APART, MOVES = "over", "apart", "moves"
"""The goals that are proven, in their order: what is over limits, what lies outside the spread, how many move."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What is not certain of a goal, because the time ran out: what was found, and what no plan is better than."""

    goal: str
    found: float
    bound: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    moves: tuple[Move, ...]
    gaps: tuple[Gap, ...] = ()
    is_bounded: bool = True
    """Every goal is either reached for certain or has its gap. False where the time ran out before anything was known of one."""

    @property
    def proven(self) -> bool:
        """No smaller set of moves does as well."""
        return self.is_bounded and not self.gaps


def loads_after(people: Sequence[Person], moves: Sequence[Move]) -> list[Person]:
    """The same people once these are done."""
    number: dict[str, int] = {}
    units: dict[str, float] = {}
    for move in moves:
        for agent_id, one, weight in ((move.item.owner_id, -1, -move.item.gives), (move.to, 1, move.item.takes)):
            number[agent_id] = number.get(agent_id, 0) + one
            units[agent_id] = units.get(agent_id, 0.0) + weight
    return [one.after(opened=number.get(one.agent_id, 0), units=units.get(one.agent_id, 0.0)) for one in people]


def excess(people: Sequence[Person]) -> float:
    """How much is over limits in all: alerts over a number and units over a limit of units."""
    return sum(one.over + one.over_units for one in people)


def outside(people: Sequence[Person], spread: float, *, counted: frozenset[str]) -> float:
    """How far shares lie outside of a band as wide as `spread`, in all, where the band lies best.

    Args:
        counted: for whom something can change (`in_play`); the others would only drag the band away.
    """
    shares = [one.share for one in people if one.share is not None and one.agent_id in counted]
    edges = {0.0} | {edge for share in shares for edge in (share, max(0.0, share - spread))}
    return min(sum(max(0.0, share - low - spread, low - share) for share in shares) for low in edges)


def in_play(problem: Problem) -> frozenset[str]:
    """Who has something that may move, or may be given something."""
    return receivers(problem.people) | {one.owner_id for one in problem.items}


def receivers(people: Sequence[Person]) -> frozenset[str]:
    """Who may be given something now."""
    return frozenset(one.agent_id for one in people if one.room > 0)
