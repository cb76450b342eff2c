"""Two houses beside each other over several seeds: every figure of both, the difference and the range it lies in.

The seeds change the draws and nothing else, and both houses get the same ones, so the range says how much of a difference
is luck: nine of ten such periods with these alerts would fall into it.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from core.routing.rehearsal.measuring import ONE, WHOLE, Figure, Measured, Values, measure
from core.routing.rehearsal.people import People
from core.routing.rehearsal.replaying import Past, calendar_of, replay
from core.routing.state import House

MOST_SEEDS = 20
_T = (6.31, 2.92, 2.35, 2.13, 2.02, 1.94, 1.89, 1.86, 1.83, 1.81, 1.80, 1.78, 1.77, 1.76, 1.75, 1.75, 1.74, 1.73, 1.73)
"""Student's t for 90%, by degrees of freedom from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    figure: str
    before: float | None
    """Mean over the seeds; None where there was nothing to measure."""
    after: float | None
    change: float | None
    low: float | None
    high: float | None
    """Nine of ten such periods fall between them; None with one seed."""
    real: float | None = None
    """What it really was, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An agent or a team."""

    id: str
    name: str
    team_id: str | None
    figures: dict[str, Difference]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    alerts: int
    seeds: int
    days: float
    whole: dict[str, Difference]
    agents: tuple[Row, ...]
    teams: tuple[Row, ...]
    notes: tuple[str, ...]
    """What was assumed, in words."""


@dataclass(frozen=True, kw_only=True)
class Real:
    """What really happened to the same alerts, where it is known: figure -> value."""

    whole: Values = field(default_factory=dict)
    agents: Mapping[str, Values] = field(default_factory=dict)


def rehearse(
    alerts: Sequence[Past],
    *,
    before: House,
    after: House,
    people: People,
    seeds: int,
    real: Real | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Comparison:
    """Replay the alerts in both houses, once a seed.

    Args:
        alerts: at least one that counts, in the order they opened.
        seeds: how many, 1 to 20.
        progress: (alerts handed out so far, all there are to hand out), now and then.
    """
    total = 2 * seeds * len(alerts)
    found: tuple[list[Measured], list[Measured]] = ([], [])
    same = before is after
    for side, house in enumerate((before, after)):
        if side and same:
            found[1].extend(found[0])
            break
        calendar = calendar_of(house, alerts)
        for seed in range(seeds):
            done = (side * seeds + seed) * len(alerts)
            given = replay(
                alerts,
                house=house,
                people=people,
                calendar=calendar,
                seed=seed,
                progress=lambda share, done=done: progress(done + int(share * len(alerts)), total),  # type: ignore[misc]
            )
            found[side].append(measure(alerts, given, calendar=calendar, people=people))
            progress(done + len(alerts), total)
    counted = [one for one in alerts if one.counted]
    return Comparison(
        alerts=len(counted),
        seeds=seeds,
        days=(counted[-1].at - counted[0].at) / 86_400.0,
        whole=_differences(
            WHOLE, [one.whole for one in found[0]], [one.whole for one in found[1]], real.whole if real else None
        ),
        agents=tuple(_agents(before, after, *found, real=real or Real())),
        teams=tuple(_teams(after, *found)),
        notes=people.notes,
    )


def _agents(
    before: House, after: House, first: Sequence[Measured], second: Sequence[Measured], *, real: Real
) -> list[Row]:
    known = {agent.id: agent for house in (before, after) for agent in house.directory.agents}
    rows = [
        Row(
            id=agent.id,
            name=agent.name,
            team_id=agent.team_id,
            figures=_differences(
                ONE,
                [one.agents.get(agent.id, {}) for one in first],
                [one.agents.get(agent.id, {}) for one in second],
                real.agents.get(agent.id),
            ),
        )
        for agent in known.values()
    ]
    return sorted(rows, key=lambda row: (row.name, row.id))


def _teams(house: House, first: Sequence[Measured], second: Sequence[Measured]) -> list[Row]:
    teams = house.directory.teams
    ids = sorted({*first[0].teams, *second[0].teams}, key=lambda one: teams[one].name if one in teams else "~")
    return [
        Row(
            id=team_id,
            name=teams[team_id].name if team_id in teams else "In no team",
            team_id=team_id or None,
            figures=_differences(
                ONE, [one.teams.get(team_id, {}) for one in first], [one.teams.get(team_id, {}) for one in second], None
            ),
        )
        for team_id in ids
    ]


def _differences(
    figures: Sequence[Figure], before: Sequence[Values], after: Sequence[Values], real: Values | None
) -> dict[str, Difference]:
    return {
        one.id: _difference(
            one.id,
            [values.get(one.id) for values in before],
            [values.get(one.id) for values in after],
            (real or {}).get(one.id),
        )
        for one in figures
    }


def _difference(
    name: str, before: Sequence[float | None], after: Sequence[float | None], real: float | None
) -> Difference:
    changes = [
        second - first for first, second in zip(before, after, strict=True) if first is not None and second is not None
    ]
    change = fmean(changes) if changes else None
    low = high = None
    if change is not None and len(changes) > 1:
        reach = _T[len(changes) - 2] * stdev(changes) * math.sqrt(1 + 1 / len(changes))
        low, high = change - reach, change + reach
    return Difference(
        figure=name, before=_mean(before), after=_mean(after), change=change, low=low, high=high, real=real
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
