"""How fast the people of a house answer, how long alerts last with them and what answering soon is worth, as measured.

Times to the first touch are compared on a log scale: priorities differ by their mean, and each agent's quantiles are drawn
towards everybody's by how few answers there are of them. Values in, values out; the same draw gives the same time.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

STEPS = 41
"""Points of a quantile function; between them it is straight."""
OWN_WEIGHT = 15.0
"""So many answers of an agent count as much as what everybody's say of them. A judgement."""
FEWEST = 20
"""Answers from which a house's times are taken instead of the assumed ones."""
FEWEST_CLOSED = 50
"""Closed alerts from which the worth of speed is measured."""
ASSUMED_MINUTES, ASSUMED_SPREAD = 20.0, 1.3
"""Median and log spread of a first touch in working time where a house has none yet. A judgement."""
ASSUMED_DAYS = 5.0
SHORTEST = 30.0
"""Seconds: nobody answers sooner, and a touch outside working hours counts as this."""
SPEED_EDGES = (15.0, 60.0, 240.0, 1440.0)
"""Minutes from opening to the first touch, between which speed is taken as one."""
SPEED_WEIGHT = 10.0
"""Expected wins that a class of speed needs to count half. A judgement."""


Numbers = npt.NDArray[np.float64]


def assumed() -> tuple[float, ...]:
    """Quantiles of log seconds where nothing is known: a log-normal."""
    known = NormalDist(math.log(ASSUMED_MINUTES * 60.0), ASSUMED_SPREAD)
    return tuple(known.inv_cdf((number + 0.5) / STEPS) for number in range(STEPS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """One first touch."""

    agent_id: str
    priority: str
    seconds: float
    """Of the agent's working time, from being given it."""
    share: float
    """Of the agent's capacity in use when they got it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """One alert that came to an end."""

    alert_type: str
    priority: str
    confidence: float
    seconds: float
    """From opening to closing."""
    minutes: float | None
    """To the first touch; None: nobody touched it."""
    won: bool | None
    """None: the end says nothing about the agent."""


@dataclass(frozen=True, kw_only=True)
class People:
    """What was measured, ready to be drawn from."""

    priorities: Mapping[str, float] = field(default_factory=dict)
    """Priority -> log seconds, the mean of its answers beside everybody's."""
    everybody: Sequence[float] = field(default_factory=assumed)
    """Quantiles of log seconds."""
    own: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Agent id -> quantiles, drawn towards everybody's."""
    slope: float = 0.0
    """Log seconds for a capacity that is full instead of empty; 0 where the data do not say so."""
    usual_share: float = 0.0
    durations: Mapping[tuple[str, str], Sequence[float]] = field(default_factory=dict)
    """(alert type, priority), and (type, ""), ("", "") -> seconds, sorted."""
    speed: Sequence[float] = ()
    """What an alert is worth by how soon it was touched (SPEED_EDGES), beside all; empty: not known."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Alert type -> wins for each unit of confidence; 1 where not known."""
    notes: tuple[str, ...] = ()
    """What had to be assumed, in words."""

    def touch_seconds(self, agent_id: str, priority: str, draw: float, share: float) -> float:
        """Working seconds until the first touch; `draw` is from 0 to 1, and a larger one is slower."""
        found = _at(self.own.get(agent_id) or self.everybody, draw) + self.priorities.get(priority, 0.0)
        return max(SHORTEST, math.exp(found + self.slope * (share - self.usual_share)))

    def lasts(self, alert_type: str, priority: str, draw: float) -> float:
        """Seconds from opening to closing, of such alerts."""
        known = (
            self.durations.get((alert_type, priority))
            or self.durations.get((alert_type, ""))
            or self.durations.get(("", ""))
        )
        return known[min(len(known) - 1, int(draw * len(known)))] if known else ASSUMED_DAYS * 86_400.0

    def worth(self, alert_type: str, minutes: float) -> float:
        """Wins to be expected for each unit of confidence, touched after so many minutes, with an ordinary agent."""
        factor = self.speed[bisect_right(SPEED_EDGES, minutes)] if self.speed else 1.0
        return self.rates.get(alert_type, 1.0) * factor


def measure(touched: Sequence[Touched], ended: Sequence[Ended]) -> People:
    """From what is known of the last year."""
    notes: list[str] = []
    priorities, everybody, own, slope, usual = _responses(touched, notes)
    speed = _speed(ended)
    if not speed:
        notes.append(
            f"Fewer than {FEWEST_CLOSED} alerts were closed with a known first touch: answering sooner counts as worth "
            "no more."
        )
    rates = _rates(ended)
    if not rates:
        notes.append("No alert was won or lost yet: expected conversions are the sum of confidences.")
    durations = _durations(ended)
    if not durations:
        notes.append(f"No alert was closed yet: each is taken to last {ASSUMED_DAYS:g} days.")
    return People(
        priorities=priorities,
        everybody=everybody,
        own=own,
        slope=slope,
        usual_share=usual,
        durations=durations,
        speed=speed,
        rates=rates,
        notes=tuple(notes),
    )


def _responses(
    touched: Sequence[Touched], notes: list[str]
) -> tuple[dict[str, float], tuple[float, ...], dict[str, tuple[float, ...]], float, float]:
    if len(touched) < FEWEST:
        notes.append(
            f"Only {len(touched)} answered alerts are known: everybody is taken to answer in {ASSUMED_MINUTES:g} minutes "
            "of working time, half of them sooner."
        )
        return {}, assumed(), {}, 0.0, 0.0
    logs = np.log(np.maximum([one.seconds for one in touched], SHORTEST))
    shares = np.array([one.share for one in touched])
    mean = float(logs.mean())
    offsets: dict[str, float] = {}
    for priority in {one.priority for one in touched}:
        mine = np.array([one.priority == priority for one in touched])
        offsets[priority] = float((logs[mine] - mean).sum() / (mine.sum() + OWN_WEIGHT))
    rest = logs - np.array([offsets[one.priority] for one in touched])
    usual = float(shares.mean())
    slope = _slope(shares - usual, rest, [one.agent_id for one in touched])
    rest = rest - slope * (shares - usual)
    levels = (np.arange(STEPS) + 0.5) / STEPS
    everybody = np.quantile(rest, levels)
    of: defaultdict[str, list[float]] = defaultdict(list)
    for one, value in zip(touched, rest.tolist(), strict=True):
        of[one.agent_id].append(value)
    own = {
        agent_id: tuple(_shrunk(np.quantile(values, levels), everybody, len(values)).tolist())
        for agent_id, values in of.items()
    }
    return offsets, tuple(everybody.tolist()), own, slope, usual


def _shrunk(own: Numbers, everybody: Numbers, number: int) -> Numbers:
    share = number / (number + OWN_WEIGHT)
    return share * own + (1 - share) * everybody


def _slope(shares: Numbers, rest: Numbers, agent_ids: Sequence[str]) -> float:
    """How much slower a full agent is than an empty one, within agents; 0 unless it is twice its own error."""
    values, inside = rest.copy(), shares.copy()
    _, numbers = np.unique(np.array(agent_ids), return_inverse=True)
    counts = np.bincount(numbers)
    values -= (np.bincount(numbers, values) / counts)[numbers]
    inside -= (np.bincount(numbers, inside) / counts)[numbers]
    spread = float((inside**2).sum())
    left = len(values) - len(counts) - 1
    if spread < 1e-9 or left < FEWEST:
        return 0.0
    slope = float((inside * values).sum() / spread)
    error = math.sqrt(float(((values - slope * inside) ** 2).sum()) / left / spread)
    return slope if slope > 2 * error else 0.0


def _durations(ended: Sequence[Ended]) -> dict[tuple[str, str], list[float]]:
    found: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for one in ended:
        for key in ((one.alert_type, one.priority), (one.alert_type, ""), ("", "")):
            found[key].append(one.seconds)
    return {key: sorted(values) for key, values in found.items() if key == ("", "") or len(values) >= 5}


def _rates(ended: Sequence[Ended]) -> dict[str, float]:
    sums: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for one in ended:
        if one.won is not None:
            sums[one.alert_type][0] += one.won
            sums[one.alert_type][1] += one.confidence
    return {kind: won / confidence for kind, (won, confidence) in sums.items() if confidence > 0}


def _speed(ended: Sequence[Ended]) -> tuple[float, ...]:
    """Wins beside those expected of the same types and confidences, by class of speed, drawn towards 1."""
    known = [(one, one.minutes) for one in ended if one.won is not None and one.minutes is not None]
    if len(known) < FEWEST_CLOSED:
        return ()
    rates = _rates([one for one, _ in known])
    won, expected = [SPEED_WEIGHT] * (len(SPEED_EDGES) + 1), [SPEED_WEIGHT] * (len(SPEED_EDGES) + 1)
    for one, minutes in known:
        number = bisect_right(SPEED_EDGES, minutes)
        won[number] += bool(one.won)
        expected[number] += rates[one.alert_type] * one.confidence
    return tuple(some / many for some, many in zip(won, expected, strict=True))


def _at(quantiles: Sequence[float], draw: float) -> float:
    place = min(max(draw * STEPS - 0.5, 0.0), STEPS - 1.0)
    low = int(place)
    if low >= STEPS - 1:
        return quantiles[-1]
    return quantiles[low] + (quantiles[low + 1] - quantiles[low]) * (place - low)
