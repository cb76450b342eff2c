"""The fewest moves that bring people under their limits and near each other: exact, by integer programming.

Four goals, each as good as it can be without harm to those before: the least over limits, the least outside the spread,
the fewest moves, the best fit. Alerts of one kind with one owner are one number; a kind is a hub that owners give into and
others take from, so the size grows with people and kinds, not with pairs of people. Only alerts somebody must not get
again go to each person directly. Solved by HiGHS (Huangfu and Hall, 2018) through scipy.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import ceil
from typing import Any

from core.errors import TooLarge
from core.routing.rebalancing.problem import (
    APART,
    MOVES,
    OVER,
    Gap,
    Item,
    Move,
    Person,
    Problem,
    Solution,
    excess,
    in_play,
    outside,
    receivers,
)

SECONDS = 8.0
"""After this the best that was found is taken, with what it may fall short by; goals that are left have a quarter of it each."""
_SOLVED, _OUT_OF_TIME = 0, 1
_FIT, _EVEN = 1_000, 100
"""A better fit comes first; among equals who has the smaller share of capacity in use."""
_MANY = 2_000
"""Arcs up to which it is looked for the best fit of all, and not only of those people whom the fewest moves name first."""
_MOST_PAIRED = 2_500
"""Alerts of one weight among whom it is chosen which fit best; of more, those that have waited longest move."""
_NEVER = 1e9
_CLOSE = 1e-6
_AGES = datetime(1, 1, 1, tzinfo=UTC)

_ANYBODY = Problem(people=(), items=(), spread=None).misfit
"""Nobody suits better than another."""

Hub = tuple[str, float]
"""A kind, and the units it weighs."""


@dataclass(slots=True)
class _Class:
    """Alerts that are alike but for their age."""

    owner: str
    kind: str
    gives: float
    takes: float
    barred: frozenset[str]
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class _Arc:
    """A number of alerts of a class that leave their owner for `to`, or for the hub (None); or that somebody takes of a hub."""

    out_of: _Class | None
    hub: Hub | None
    to: str | None
    most: int
    cost: float

    @property
    def weighs(self) -> float:
        return self.out_of.takes if self.out_of else self.hub[1] if self.hub else 0.0


def solve(problem: Problem, *, seconds: float = SECONDS) -> Solution:
    """The best moves; none where everybody is within limits and spread.

    Raises:
        TooLarge: nothing was found in time.
    """
    may_get = receivers(problem.people)
    apart = 0.0
    if problem.spread is not None:
        apart = outside(problem.people, problem.spread, counted=in_play(problem))
    if not problem.items or not may_get or (excess(problem.people) == 0 and apart < _CLOSE):
        return Solution(moves=())
    # How many moves it takes hardly depends on who suits and on who had which: without both the question is small and
    # its answer a lower bound. Where the whole question reaches it too, that is the proof.
    free = [replace(item, kind="", barred=frozenset()) for item in problem.items]
    best = _optimize(replace(problem, items=free, misfit=_ANYBODY), may_get, seconds=seconds)
    if best.numbers is not None and _size(problem, may_get) > _MANY:
        moves = paired(problem, best)
        if moves is not None:
            return Solution(moves=moves, gaps=best.gaps, is_bounded=best.is_bounded)
    suited = _suited(problem, best, may_get, seconds=seconds / 2)
    if suited is None:
        alike = [replace(item, kind="") for item in problem.items]
        best = _optimize(replace(problem, items=alike, misfit=_ANYBODY), may_get, seconds=seconds)
        if best.numbers is None:
            raise TooLarge("This is too much to work out at once; choose one team.")
        suited = _suited(problem, best, may_get, seconds=seconds / 2) or best
    return Solution(moves=_moves(suited), gaps=best.gaps, is_bounded=best.is_bounded)


def paired(problem: Problem, best: "_Optimum") -> tuple[Move, ...] | None:
    """The moves of an optimum in which all alerts were alike, given to whom they suit: of those weighing the same, which of an
    owner's alerts go to which of the free places, for the best fit in all (scipy's linear_sum_assignment; Crouse, 2016).

    None where somebody would have to get what they had before.
    """
    gives: dict[tuple[float, float], dict[str, int]] = {}
    takes: dict[tuple[float, float], dict[str, int]] = {}
    for arc, number in zip(best.arcs, best.numbers or [], strict=True):
        weight = (arc.out_of.gives, arc.out_of.takes) if arc.out_of else (arc.weighs, arc.weighs)
        for people, agent_id in ((gives, arc.out_of.owner if arc.out_of else None), (takes, arc.to)):
            if agent_id is not None and number:
                each = people.setdefault(weight, {})
                each[agent_id] = each.get(agent_id, 0) + number
    found: list[Move] = []
    for weight, owners in gives.items():
        some = _paired(problem, weight, owners, takes[weight])
        if some is None:
            return None
        found += some
    return _sorted(found)


def _paired(
    problem: Problem, weight: tuple[float, float], owners: Mapping[str, int], takers: Mapping[str, int]
) -> list[Move] | None:
    """The alerts of one weight: so many of each owner, to so many places of each taker."""
    import numpy as np  # noqa: PLC0415  only where there is something to move
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    theirs: dict[str, list[Item]] = {}
    for item in sorted(problem.items, key=lambda one: (one.since or _AGES, one.alert_id)):
        if item.owner_id in owners and (item.gives, item.takes) == weight:
            theirs.setdefault(item.owner_id, []).append(item)
    if sum(map(len, theirs.values())) > _MOST_PAIRED:
        theirs = {owner: some[: owners[owner]] for owner, some in theirs.items()}
    rows = [item for some in theirs.values() for item in some]
    people = {one.agent_id: one for one in problem.people}
    slots = [agent_id for agent_id, number in takers.items() for _ in range(number)]
    staying = [owner for owner, some in theirs.items() for _ in range(len(some) - owners[owner])]
    of_taker = list(takers)
    columns = np.repeat(np.arange(len(of_taker)), [takers[one] for one in of_taker])
    costs: dict[tuple[str, str], list[float]] = {}
    values = np.empty((len(rows), len(slots) + len(staying)))
    for number, item in enumerate(rows):
        key = (item.kind, item.owner_id)
        if key not in costs:
            own = _FIT * problem.misfit(item.kind, item.owner_id)
            costs[key] = [
                _NEVER if one == item.owner_id else _cost(problem, item.kind, people[one]) - own for one in of_taker
            ]
        each = np.array(costs[key])
        for place, one in enumerate(of_taker):
            if one in item.barred:
                each[place] = _NEVER
        values[number, : len(slots)] = each[columns]
    if staying:
        owner_of = np.array([item.owner_id for item in rows])
        for place, owner in enumerate(staying, start=len(slots)):
            values[:, place] = np.where(owner_of == owner, 0.0, _NEVER)
    # Among equals the one that has waited longest moves: places of an owner's alerts, far below any difference of fit.
    ages = np.array([place / max(len(some), 1) for some in theirs.values() for place in range(len(some))])
    values[:, : len(slots)] += ages[:, None] * 0.01
    chosen_rows, chosen_columns = linear_sum_assignment(values)
    if (values[chosen_rows, chosen_columns] >= _NEVER / 2).any():
        return None
    return [
        Move(rows[row], slots[column])
        for row, column in zip(chosen_rows.tolist(), chosen_columns.tolist(), strict=True)
        if column < len(slots)
    ]


def _suited(problem: Problem, best: "_Optimum", may_get: frozenset[str], *, seconds: float) -> "_Optimum | None":
    """As few moves as `best`, by those whom the alerts suit; where the house is large, of the same people as there."""
    if best.numbers is None:
        return None
    if not best.gaps and best.is_bounded and _size(problem, may_get) <= _MANY:
        found = _optimize(problem, may_get, reached=best.values, seconds=seconds)
        if found.numbers is not None:
            return found
    found = _optimize(problem, may_get, reached=best.values, totals=_totals(best), seconds=seconds)
    return found if found.numbers is not None else None


def _totals(best: "_Optimum") -> dict[str, tuple[int, int, float]]:
    """Agent id -> how many alerts they give, how many they get, and the units they gain."""
    found: dict[str, tuple[int, int, float]] = {}

    def count(agent_id: str, given: int, taken: int, units: float) -> None:
        had = found.get(agent_id, (0, 0, 0.0))
        found[agent_id] = (had[0] + given, had[1] + taken, had[2] + units)

    for arc, number in zip(best.arcs, best.numbers or [], strict=True):
        if arc.out_of is not None:
            count(arc.out_of.owner, number, 0, -number * arc.out_of.gives)
        if arc.to is not None:
            count(arc.to, 0, number, number * arc.weighs)
    return found


def _size(problem: Problem, may_get: frozenset[str]) -> int:
    """How many arcs there would be, at most."""
    classes = _classes(problem.items, may_get)
    apart = [one for one in classes if one.barred or one.gives != one.takes]
    hubs = {(one.kind, one.takes) for one in classes} if len(apart) < len(classes) else set()
    return len(classes) + len(may_get) * (len(apart) + len(hubs))


def _arcs(problem: Problem, may_get: frozenset[str]) -> list[_Arc]:
    people = {one.agent_id: one for one in problem.people}
    found: list[_Arc] = []
    hubs: dict[Hub, int] = {}
    for one in _classes(problem.items, may_get):
        own = _FIT * problem.misfit(one.kind, one.owner)
        # What weighs otherwise by now must not go round in a circle through its hub, to come back lighter.
        if not one.barred and one.gives == one.takes:
            hub = (one.kind, one.takes)
            hubs[hub] = hubs.get(hub, 0) + len(one.items)
            found.append(_Arc(one, hub, None, len(one.items), -own))
            continue
        for agent_id in sorted(may_get - one.barred - {one.owner}):
            most = _fitting(people[agent_id], one.takes, len(one.items))
            if most:
                cost = _cost(problem, one.kind, people[agent_id]) - own
                found.append(_Arc(one, None, agent_id, most, cost))
    for hub, number in hubs.items():
        for agent_id in sorted(may_get):
            most = _fitting(people[agent_id], hub[1], number)
            if most:
                found.append(_Arc(None, hub, agent_id, most, _cost(problem, hub[0], people[agent_id])))
    return found


def _classes(items: Sequence[Item], may_get: frozenset[str]) -> list[_Class]:
    found: dict[Any, _Class] = {}
    for item in sorted(items, key=lambda one: (one.since or _AGES, one.alert_id)):
        barred = item.barred & may_get
        key = (item.owner_id, item.kind, item.gives, item.takes, barred)
        if key not in found:
            found[key] = _Class(item.owner_id, item.kind, item.gives, item.takes, barred)
        found[key].items.append(item)
    return list(found.values())


def _fitting(person: Person, units: float, number: int) -> int:
    room = person.room if person.room_units == float("inf") else min(person.room, int(person.room_units // units))
    return min(room, number)


def _cost(problem: Problem, kind: str, person: Person) -> float:
    return _FIT * problem.misfit(kind, person.agent_id) + round(_EVEN * (person.share or 0.0))


class _Rows:
    """Rows low <= a x <= high of a sparse system."""

    def __init__(self) -> None:
        self.row: list[int] = []
        self.column: list[int] = []
        self.value: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []

    def add(self, terms: Mapping[int, float], *, low: float = -float("inf"), high: float = float("inf")) -> None:
        at = len(self.low)
        for column, value in terms.items():
            self.row.append(at)
            self.column.append(column)
            self.value.append(value)
        self.low.append(low)
        self.high.append(high)


@dataclass(frozen=True, slots=True)
class _Optimum:
    arcs: list[_Arc]
    numbers: list[int] | None
    """How many alerts go over each arc; None where nothing was found in time, or nothing reaches the values asked for."""
    values: list[float]
    """Of the goals, in their order."""
    gaps: tuple[Gap, ...] = ()
    is_bounded: bool = True


def _optimize(
    problem: Problem,
    may_get: frozenset[str],
    *,
    reached: Sequence[float] = (),
    totals: Mapping[str, tuple[int, int, float]] | None = None,
    seconds: float,
) -> _Optimum:
    """The goals but the last one after the other; with what was `reached` of those, only the last, with these totals."""
    import numpy as np  # noqa: PLC0415  only where there is something to move: importing it takes a second
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415
    from scipy.sparse import coo_array  # noqa: PLC0415

    arcs = _arcs(problem, may_get)
    rows, goals, width = _model(problem, arcs, totals)
    upper = np.full(width, np.inf)
    upper[: len(arcs)] = [arc.most for arc in arcs]
    whole = np.zeros(width)
    whole[: len(arcs)] = 1
    until = time.monotonic() + seconds
    best: list[int] | None = None
    values: list[float] = []

    def hold(goal: Mapping[int, float], value: float) -> None:
        values.append(value)
        if value < _CLOSE:  # every cost of these goals is above 0
            upper[list(goal)] = 0
        else:
            rows.add(goal, high=value + _CLOSE * max(1.0, value))

    for goal, value in zip(goals, reached, strict=False):
        hold(goal, value)
    names = [OVER, *([APART] if problem.spread is not None else []), MOVES]
    gaps: list[Gap] = []
    for name, goal in [("fit", goals[-1])] if reached else zip(names, goals, strict=False):
        if not goal:
            hold(goal, 0.0)
            continue
        costs = np.zeros(width)
        costs[list(goal)] = list(goal.values())
        matrix = coo_array((rows.value, (rows.row, rows.column)), shape=(len(rows.low), width)).tocsr()
        # HiGHS lets go of the GIL: beside a milp() of 6 s a thread that wants to wake every 5 ms did so 740 times, at worst
        # 150 ms late on two busy cores. So a heavy plan may be solved in the web process, which goes on answering.
        found = milp(
            costs,
            integrality=whole,
            bounds=Bounds(0, upper),
            constraints=LinearConstraint(matrix, rows.low, rows.high),
            options={"mip_rel_gap": 0.0, "time_limit": max(seconds / 4, until - time.monotonic())},
        )
        if found.x is None or found.status not in (_SOLVED, _OUT_OF_TIME):
            return _Optimum(arcs, best, values, tuple(gaps), is_bounded=False)
        best = [round(one) for one in found.x[: len(arcs)]]
        if found.status == _OUT_OF_TIME:  # as good as was found, and the goals after it without harm to that
            bound = max(0.0, float(found.mip_dual_bound))
            bound = float(ceil(bound - _CLOSE)) if name == MOVES else bound
            if found.fun - bound > _CLOSE:
                gaps.append(Gap(name, float(found.fun), bound))
        hold(goal, found.fun)
    return _Optimum(arcs, best, values, tuple(gaps))


def _model(
    problem: Problem,
    arcs: Sequence[_Arc],
    totals: Mapping[str, tuple[int, int, float]] | None,
) -> tuple[_Rows, list[dict[int, float]], int]:
    """The rows, the goals in their order as column -> cost, and how many columns there are. Arcs are the first columns."""
    rows = _Rows()
    counted = in_play(problem)
    hubs: dict[Hub, dict[int, float]] = {}
    leaving: dict[int, dict[int, float]] = {}
    given: dict[str, dict[int, float]] = {}
    taken: dict[str, dict[int, float]] = {}
    units: dict[str, dict[int, float]] = {}
    for column, arc in enumerate(arcs):
        if arc.hub is not None:
            hubs.setdefault(arc.hub, {})[column] = -1.0 if arc.out_of else 1.0
        if arc.out_of is not None:
            leaving.setdefault(id(arc.out_of), {})[column] = 1.0
            given.setdefault(arc.out_of.owner, {})[column] = 1.0
            units.setdefault(arc.out_of.owner, {})[column] = -arc.out_of.gives
        if arc.to is not None:
            taken.setdefault(arc.to, {})[column] = 1.0
            units.setdefault(arc.to, {})[column] = arc.weighs
    for balance in hubs.values():
        rows.add(balance, low=0, high=0)
    sizes = {id(arc.out_of): len(arc.out_of.items) for arc in arcs if arc.out_of}
    for key, terms in leaving.items():
        if len(terms) > 1:
            rows.add(terms, high=sizes[key])
    width = len(arcs)
    over: dict[int, float] = {}
    apart: dict[int, float] = {}
    for one in problem.people:
        out, into, weight = (found.get(one.agent_id, {}) for found in (given, taken, units))
        if into:
            rows.add(into, high=one.room)
            if one.max_units is not None:
                rows.add({column: weight[column] for column in into}, high=one.room_units)
        if totals is not None:
            number, got, gained = totals.get(one.agent_id, (0, 0, 0.0))
            rows.add(out, low=number, high=number)
            rows.add(into, low=got, high=got)
            rows.add(weight, low=gained, high=gained)
        if one.over:
            rows.add({**out, width: 1.0}, low=one.over)
            over[width] = 1.0
            width += 1
        if one.over_units:
            rows.add({**{column: -value for column, value in weight.items()}, width: 1.0}, low=one.over_units)
            over[width] = 1.0
            width += 1
    moves = {column: 1.0 for column, arc in enumerate(arcs) if arc.out_of is not None}
    fit = {column: arc.cost for column, arc in enumerate(arcs)}
    goals = [over]
    if problem.spread is not None:
        level, width = width, width + 1  # the lower edge of the band
        for one in problem.people:
            share = one.share
            if share is None or one.agent_id not in counted:
                continue
            if one.max_units is not None:
                moving = {column: value / one.max_units for column, value in units.get(one.agent_id, {}).items()}
            else:
                moving = dict.fromkeys(given.get(one.agent_id, {}), -1 / one.capacity)
                moving |= dict.fromkeys(taken.get(one.agent_id, {}), 1 / one.capacity)
            against = {column: -value for column, value in moving.items()}
            rows.add({**against, level: 1.0, width: 1.0}, low=share - problem.spread)
            rows.add({**moving, level: -1.0, width: 1.0}, low=-share)
            apart[width] = 1.0
            width += 1
        goals.append(apart)
    return rows, [*goals, moves, fit], width


def _moves(best: _Optimum) -> tuple[Move, ...]:
    """Which alerts: of each class those that have waited longest; of each hub any pairing is as good as another."""
    arcs, numbers = best.arcs, best.numbers or []
    left = {id(arc.out_of): list(arc.out_of.items) for arc in arcs if arc.out_of}
    waiting: dict[Hub, list[Item]] = {}
    takers: dict[Hub, list[str]] = {}
    found: list[Move] = []
    for arc, number in zip(arcs, numbers, strict=True):
        if arc.out_of is not None:
            some = [left[id(arc.out_of)].pop(0) for _ in range(number)]
            if arc.hub is not None:
                waiting.setdefault(arc.hub, []).extend(some)
            elif arc.to is not None:
                found += [Move(item, arc.to) for item in some]
        elif arc.hub is not None and arc.to is not None:
            takers.setdefault(arc.hub, []).extend([arc.to] * number)
    for hub, items in waiting.items():
        for item in items:
            to = next((one for one in takers[hub] if one != item.owner_id), None)
            if to is not None:  # what would come back to its owner stays where it is
                takers[hub].remove(to)
                found.append(Move(item, to))
    return _sorted(found)


def _sorted(found: Sequence[Move]) -> tuple[Move, ...]:
    return tuple(sorted(found, key=lambda move: (move.item.owner_id, move.to, move.item.alert_id)))
