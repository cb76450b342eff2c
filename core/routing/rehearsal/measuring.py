"""What a replay comes to: load, fairness, time to the first touch, missed times, overflow, waits and expected conversions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.routing.directory import Agent
from core.routing.rehearsal.calendar import Calendar
from core.routing.rehearsal.people import People
from core.routing.rehearsal.replaying import Given, Past, Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that is measured."""

    id: str
    label: str
    unit: str
    """alerts, minutes, share, hours or index."""
    better: str
    """lower, higher, or empty where neither is."""


# Gini of alerts per working hour and weight, over those who may get alerts.
WHOLE = (
    Figure(id="alerts", label="Alerts given to somebody", unit="alerts", better="higher"),
    Figure(id="gini", label="Unfairness (Gini)", unit="index", better="lower"),
    Figure(id="largest_share", label="Largest share of one agent", unit="share", better="lower"),
    Figure(id="median_minutes", label="Median time to first touch", unit="minutes", better="lower"),
    Figure(id="p90_minutes", label="First touch of the slowest tenth", unit="minutes", better="lower"),
    Figure(id="late", label="Alerts that miss their time", unit="alerts", better="lower"),
    Figure(id="overflow", label="Alerts given past a capacity", unit="alerts", better="lower"),
    Figure(id="waited", label="Alerts that wait in the pool", unit="alerts", better="lower"),
    Figure(id="wait_hours", label="Mean wait in the pool", unit="hours", better="lower"),
    Figure(id="never", label="Alerts nobody ever takes", unit="alerts", better="lower"),
    Figure(id="mean_load", label="Mean share of capacity in use", unit="share", better=""),
    Figure(id="peak_load", label="Highest share of a capacity in use", unit="share", better="lower"),
    Figure(id="expected", label="Expected conversions", unit="alerts", better="higher"),
)
ONE = (
    Figure(id="alerts", label="Alerts", unit="alerts", better=""),
    Figure(id="share", label="Share of all", unit="share", better=""),
    Figure(id="mean_open", label="Mean open", unit="alerts", better=""),
    Figure(id="peak_open", label="Most open", unit="alerts", better="lower"),
    Figure(id="working_hours", label="Working hours", unit="hours", better=""),
    Figure(id="median_minutes", label="Median first touch", unit="minutes", better="lower"),
    Figure(id="p90_minutes", label="First touch of the slowest tenth", unit="minutes", better="lower"),
    Figure(id="late", label="Miss their time", unit="alerts", better="lower"),
    Figure(id="overflow", label="Past capacity", unit="alerts", better="lower"),
    Figure(id="expected", label="Expected conversions", unit="alerts", better="higher"),
)
"""Of an agent or a team."""
Values = dict[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    whole: Values
    agents: dict[str, Values]
    teams: dict[str, Values]


@dataclass(slots=True)
class _Sum:
    alerts: int = 0
    late: int = 0
    overflow: int = 0
    expected: float = 0.0
    minutes: list[float] | None = None

    def add(self, given: Given, worth: float) -> None:
        self.alerts += 1
        self.late += given.late
        self.overflow += given.overflow
        self.expected += worth
        if given.touched is not None:
            self.minutes = self.minutes or []
            self.minutes.append(given.touched / 60.0)


def measure(alerts: Sequence[Past], found: Replay, *, calendar: Calendar, people: People) -> Measured:
    """The figures of one replay, over the alerts that count."""
    agents = calendar.directory.agents
    since = next((one.at for one in alerts if one.counted), alerts[-1].at)
    span = max(alerts[-1].at - since, 1.0)
    sums = [_Sum() for _ in agents]
    everybody = _Sum()
    waits: list[float] = []
    never = 0
    for alert, given in zip(alerts, found.given, strict=True):
        if not alert.counted:
            continue
        if given.position is None:
            never += 1
            continue
        if given.waited > 0:
            waits.append(given.waited)
        worth = _worth(alert, given, agents[given.position], people)
        sums[given.position].add(given, worth)
        everybody.add(given, worth)
    hours = [(one.worked(alerts[-1].at) - one.worked(since)) / 3600.0 for one in calendar.hours]
    total = max(everybody.alerts, 1)
    rows = [_one([agent.position], sums, hours, total, found.busy, found.peak, span) for agent in agents]
    in_use = [agent.position for agent in agents if agent.capacity > 0 and _may_get(agent)]
    loads = [found.busy[one] / span / agents[one].capacity for one in in_use]
    whole = {
        "alerts": everybody.alerts,
        "gini": gini(sums[one].alerts / (hours[one] * agents[one].weight) for one in in_use if hours[one] > 0),
        "largest_share": max((one.alerts for one in sums), default=0) / total,
        "median_minutes": quantile(everybody.minutes, 0.5),
        "p90_minutes": quantile(everybody.minutes, 0.9),
        "late": everybody.late,
        "overflow": everybody.overflow,
        "waited": len(waits) + never,
        "wait_hours": fmean(waits) / 3600.0 if waits else 0.0,
        "never": never,
        "mean_load": fmean(loads) if loads else 0.0,
        "peak_load": max((found.peak[one] / agents[one].capacity for one in in_use), default=0.0),
        "expected": everybody.expected,
    }
    of_team: dict[str, list[int]] = {}
    for agent in agents:
        of_team.setdefault(agent.team_id or "", []).append(agent.position)
    return Measured(
        whole=whole,
        agents={agent.id: row for agent, row in zip(agents, rows, strict=True)},
        teams={
            team_id: _one(members, sums, hours, total, found.busy, found.peak, span)
            for team_id, members in of_team.items()
        },
    )


def gini(values: Iterable[float]) -> float:
    """0 where all have the same, towards 1 where one has everything."""
    ordered = sorted(values)
    total, number = sum(ordered), len(ordered)
    if total <= 0:
        return 0.0
    return (
        2 * sum(place * value for place, value in enumerate(ordered, start=1)) / (number * total)
        - (number + 1) / number
    )


def quantile(values: Sequence[float] | None, level: float) -> float | None:
    """None where there is nothing to measure."""
    if not values:
        return None
    ordered = sorted(values)
    place = level * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _one(
    members: Sequence[int],
    sums: Sequence[_Sum],
    hours: Sequence[float],
    total: int,
    busy: Sequence[float],
    peak: Sequence[int],
    span: float,
) -> Values:
    minutes = [value for one in members for value in sums[one].minutes or ()]
    alerts = sum(sums[one].alerts for one in members)
    return {
        "alerts": alerts,
        "share": alerts / total,
        "mean_open": sum(busy[one] for one in members) / span,
        "peak_open": max(peak[one] for one in members),
        "working_hours": sum(hours[one] for one in members),
        "median_minutes": quantile(minutes, 0.5),
        "p90_minutes": quantile(minutes, 0.9),
        "late": sum(sums[one].late for one in members),
        "overflow": sum(sums[one].overflow for one in members),
        "expected": sum(sums[one].expected for one in members),
    }


def _worth(alert: Past, given: Given, agent: Agent, people: People) -> float:
    if given.touched is None:
        return 0.0
    kind = alert.case.alert_type
    return min(1.0, alert.case.confidence * agent.result(kind).ratio * people.worth(kind, given.touched / 60.0))


def _may_get(agent: Agent) -> bool:
    return agent.active and agent.available and agent.auto_assign and agent.paused is None
