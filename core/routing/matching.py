"""Alerts that arrive together, matched to agents all at once: the most wins to be expected in all.

The Hungarian method on alerts by free places (scipy's linear_sum_assignment: Jonker and Volgenant as improved by
Crouse, 2016). An agent's second place is worth less than the first, because attention is shared.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from core.routing.directory import Agent, Directory
from core.routing.queues import Queues
from core.routing.strategy import Case, fit

AT_ONCE = 200
"""Alerts matched in one go; a longer backlog is matched in slices, the most urgent first."""
NEAREST = 40
"""Agents looked at for each alert. More changes no total that can be told from noise, and costs time."""
BUSY = 0.3
"""How much less a win is likely with an agent who is full than with one who is free. A judgement."""
PLACE = (1.0, 0.9, 0.8, 0.7)
"""By how many territories around its own lie between the alert and the agent; the last for everybody. A judgement."""


def match(cases: Sequence[Case], queues: Queues, *, exclude: Mapping[str, frozenset[int]]) -> dict[str, int]:
    """Alert id -> position in the directory; alerts for which no place was left are missing.

    Args:
        exclude: alert id -> positions of agents who must not get it.
    """
    left = {position: _places(queues, position) for position in queues.roster.eligible if position not in queues.full}
    found: dict[str, int] = {}
    taken: dict[int, int] = {}
    for start in range(0, len(cases), AT_ONCE):
        some = cases[start : start + AT_ONCE]
        free = {position: number - taken.get(position, 0) for position, number in left.items()}
        for alert_id, position in _match(some, queues, free, taken, exclude).items():
            found[alert_id] = position
            taken[position] = taken.get(position, 0) + 1
    return found


def _match(
    cases: Sequence[Case],
    queues: Queues,
    free: Mapping[int, int],
    taken: Mapping[int, int],
    exclude: Mapping[str, frozenset[int]],
) -> dict[str, int]:
    import numpy as np  # noqa: PLC0415  only where batches are matched: the other strategies start without it
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    worth = [_worth(case, queues.directory, free, exclude.get(case.alert_id, frozenset())) for case in cases]
    slots = [
        (position, place)
        for position in sorted(set().union(*worth))
        for place in range(min(free[position], len(cases)))
    ]
    if not slots:
        return {}
    values: Any = np.zeros((len(cases), len(slots)))
    columns: dict[int, list[int]] = {}
    for number, (position, _) in enumerate(slots):
        columns.setdefault(position, []).append(number)
    for row, known in enumerate(worth):
        units = cases[row].units
        for position, value in known.items():
            capacity = queues.directory.agents[position].max_units or queues.directory.agents[position].capacity
            had = queues.units[position] + taken.get(position, 0)
            for place, column in enumerate(columns[position]):
                values[row, column] = value * (1 - BUSY * min(1.0, (had + place * units) / capacity))
    rows, chosen = linear_sum_assignment(values, maximize=True)
    return {
        cases[row].alert_id: slots[column][0]
        for row, column in zip(rows.tolist(), chosen.tolist(), strict=True)
        if values[row, column] > 0
    }


def _worth(case: Case, directory: Directory, free: Mapping[int, int], exclude: frozenset[int]) -> dict[int, float]:
    """Position -> what the alert is worth with that agent, for the nearest and best who have a place."""
    found: dict[int, float] = {}

    def add(positions: Sequence[int], place: float) -> None:
        fresh = [one for one in positions if one not in found and one not in exclude and free.get(one, 0) > 0]
        ranked = sorted(fresh, key=lambda one: (-_value(case, directory.agents[one]), directory.agents[one].token))
        for position in ranked[: NEAREST - len(found)]:
            found[position] = place * _value(case, directory.agents[position])

    for distance, territory in enumerate(directory.around(case.territory)):
        add(directory.covering(territory), PLACE[min(distance, len(PLACE) - 2)])
        if len(found) >= NEAREST:
            return found
    add(range(len(directory.agents)), PLACE[-1])
    return found


def _value(case: Case, agent: Agent) -> float:
    return case.confidence * fit(agent, case.alert_type) * (1.0 if agent.prefers(case.alert_type) else 0.9)


def _places(queues: Queues, position: int) -> int:
    agent = queues.directory.agents[position]
    return max(0, min(agent.capacity - queues.open[position], queues.left.get(position, agent.capacity)))
