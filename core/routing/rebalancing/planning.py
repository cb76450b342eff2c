"""The plan of a scope, in words: each move with why, loads before and after, and what cannot be brought under a limit."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from core.routing.directory import Agent, Directory
from core.routing.rebalancing.problem import (
    APART,
    MOVES,
    Gap,
    Item,
    Person,
    Problem,
    in_play,
    loads_after,
    receivers,
)
from core.routing.rebalancing.reading import KEPT, Held, Options, Standing
from core.routing.rebalancing.solving import SECONDS, solve
from core.routing.strategy import TOPICS

_ELSEWHERE = 3
"""Territories away, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMove:
    alert_id: str
    from_id: str
    to_id: str
    assignment_id: str
    """How it was held when the plan was made."""
    why: str
    """For who approves: "Ana has 12 of 10, Ben covers Riverside and has 3 of 10."."""
    told: str
    """For its new owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One agent, before and after."""

    agent_id: str
    name: str
    open: int
    open_after: int
    capacity: int
    units: float
    units_after: float
    max_units: float | None
    share: float | None
    """Of the capacity, in use; None without any capacity."""
    share_after: float | None
    why_not: str | None
    """Why they get nothing now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    moves: tuple[PlannedMove, ...]
    loads: tuple[Load, ...]
    """The fullest first."""
    notes: tuple[str, ...]
    """What cannot be had, and why."""
    proven: bool
    gaps: tuple[Gap, ...] = ()
    """What may still be better, where the time ran out."""


def plan(now: Standing, options: Options, *, seconds: float = SECONDS) -> Plan:
    """The fewest moves. Pure but for the time it may take.

    Raises:
        TooLarge: no plan was found in time.
    """
    movable = {one.alert_id: one for one in now.held if one.kept is None}
    problem = Problem(
        people=now.people,
        items=[_item(one, now.had) for one in movable.values()],
        spread=options.spread,
        misfit=_misfits(movable.values(), now.directory),
    )
    solution = solve(problem, seconds=seconds)
    after = loads_after(now.people, solution.moves)
    people = {one.agent_id: one for one in now.people}
    moves = [
        _planned(movable[move.item.alert_id], people[move.item.owner_id], people[move.to], now.directory)
        for move in solution.moves
    ]
    loads = [_load(one, then) for one, then in zip(now.people, after, strict=True)]
    return Plan(
        moves=tuple(moves),
        loads=tuple(sorted(loads, key=lambda one: (-(one.share or 0.0), one.name, one.agent_id))),
        notes=(*_notes(now, problem, after), *map(_falls_short, solution.gaps)),
        proven=solution.proven,
        gaps=solution.gaps,
    )


def _item(one: Held, had: Mapping[str, frozenset[str]]) -> Item:
    return Item(
        alert_id=one.alert_id,
        owner_id=one.owner_id,
        kind=_kind(one),
        gives=one.gives,
        takes=one.takes,
        barred=had.get(one.alert_id, frozenset()),
        since=one.since,
    )


def _kind(one: Held) -> str:
    return f"{one.territory or ''}|{one.alert_type}|{one.own_agent_id or ''}"


def _misfits(held: Collection[Held], directory: Directory) -> Callable[[str, str], int]:
    """How little an agent suits a kind: far from the area, without the skill, not to their liking. The weights are a judgement."""
    examples = {_kind(one): one for one in held}

    @cache
    def misfit(kind: str, agent_id: str) -> int:
        one, agent = examples.get(kind), directory.by_id.get(agent_id)
        if one is None or agent is None or one.own_agent_id == agent_id:
            return 0
        far = _distance(agent, one.territory, directory) if one.territory else 0
        return 1 + 2 * far + (5 - agent.level(one.alert_type)) + (not agent.prefers(one.alert_type))

    return misfit


def _distance(agent: Agent, territory: str, directory: Directory) -> int:
    """How many territories around its own lie between the alert and the agent."""
    theirs = {agent.primary_territory, *agent.territories}
    around = directory.around(territory)[:_ELSEWHERE]
    return next((steps for steps, place in enumerate(around) if place in theirs), _ELSEWHERE)


def _planned(one: Held, owner: Person, to: Person, directory: Directory) -> PlannedMove:
    agent = directory.by_id[to.agent_id]
    place = None
    if one.territory and (far := _distance(agent, one.territory, directory)) < _ELSEWHERE:
        place = directory.place(directory.around(one.territory)[far])
    knows = TOPICS.get(one.alert_type) if agent.level(one.alert_type) > 0 else None
    theirs, yours = [], []
    if one.own_agent_id == to.agent_id:
        theirs, yours = ["is this client's own agent"], ["are this client's own agent"]
    elif place:
        theirs, yours = [f"covers {place}"], [f"cover {place}"]
    if knows:
        theirs, yours = [*theirs, f"knows {knows}"], [*yours, f"know {knows}"]
    has = f"{to.open} of {to.capacity}"
    giver = directory.by_id[owner.agent_id]
    known = owner.name if giver.team_id == agent.team_id else "A colleague"  # agents see nobody of other teams by name
    return PlannedMove(
        alert_id=one.alert_id,
        from_id=owner.agent_id,
        to_id=to.agent_id,
        assignment_id=one.assignment_id,
        why=f"{owner.name} has {_used(owner)}, {to.name} {listed([*theirs, f'has {has}'])}.",
        told=f"{known} had more to do: you {listed([*yours, f'have {has} open'])}.",
    )


def listed(words: Sequence[str]) -> str:
    """As in "a, b and c"."""
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def _used(one: Person) -> str:
    if one.max_units is not None and one.over_units and not one.over:
        return f"{one.units:g} of {one.max_units:g} units"
    return f"{one.open} of {one.capacity}"


def _load(one: Person, then: Person) -> Load:
    return Load(
        agent_id=one.agent_id,
        name=one.name,
        open=one.open,
        open_after=then.open,
        capacity=one.capacity,
        units=one.units,
        units_after=then.units,
        max_units=one.max_units,
        share=one.share,
        share_after=then.share,
        why_not=one.why_not,
    )


def _notes(now: Standing, problem: Problem, after: Sequence[Person]) -> list[str]:
    """One sentence for each who stays over a limit, and one where the shares stay further apart than asked for."""
    kept = {one.agent_id: Counter(held.kept for held in now.held if held.owner_id == one.agent_id) for one in after}
    moved = {one.agent_id: one.open - then.open for one, then in zip(now.people, after, strict=True)}
    may_get = receivers(problem.people)
    found = []
    for one in sorted(after, key=lambda person: person.name):
        if not (one.over or one.over_units):
            continue
        left = kept[one.agent_id][None] - moved[one.agent_id]
        if left <= 0:
            reasons = [f"{kept[one.agent_id][word]} {said}" for word, said in KEPT.items() if kept[one.agent_id][word]]
            because = f"the rest may not move ({', '.join(reasons)})" if reasons else "the rest may not move"
        elif not may_get - {one.agent_id}:
            because = "nobody else here is on duty with room"
        else:
            because = "whoever else is on duty has no more room for them, or had them before"
        found.append(f"{one.name} stays at {_used(one)}: {because}.")
    if problem.spread is not None and (apart := _apart(problem, after)) > problem.spread + 0.005:
        found.append(
            f"The shares of capacity in use end {apart * 100:.0f} points apart, not within {problem.spread * 100:.0f}: "
            "nothing else may move that would bring them nearer."
        )
    return found


def _falls_short(gap: Gap) -> str:
    """What is not certain, with the solver's own bound."""
    if gap.goal == MOVES:
        return (
            f"Time ran out: what was found takes {gap.found:.0f}, and no plan takes fewer moves than {gap.bound:.0f}."
        )
    if gap.goal == APART:
        points = (gap.found - gap.bound) * 100
        return f"Time ran out: the shares of capacity in use may come nearer by {points:.0f} points in all, over everybody."
    return f"Time ran out: up to {gap.found - gap.bound:g} more of what is over limits may be brought under them."


def _apart(problem: Problem, after: Sequence[Person]) -> float:
    counted = in_play(problem)
    shares = [one.share for one in after if one.share is not None and one.agent_id in counted]
    return max(shares) - min(shares) if shares else 0.0
