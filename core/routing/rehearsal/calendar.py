"""Who works when over a span of virtual time, worked out once: adding working time and finding who is on duty are look-ups."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from core.routing.directory import Agent, Directory
from core.routing.roster import Roster, roster
from core.routing.schedule import shifts

_DAY = 86_400.0
_ALL_DAY = (((0, 24 * 60),),) * 7


class Hours:
    """One person's working spans, in seconds since 1970."""

    __slots__ = ("before", "ends", "starts")

    def __init__(self, spans: list[tuple[float, float]]) -> None:
        self.starts = [start for start, _ in spans]
        self.ends = [end for _, end in spans]
        self.before = [0.0, *accumulate(end - start for start, end in spans)]
        """Seconds worked before each span."""

    def worked(self, at: float) -> float:
        """Working seconds from the beginning until then."""
        number = bisect_right(self.starts, at)
        if number == 0:
            return 0.0
        return self.before[number - 1] + min(at, self.ends[number - 1]) - self.starts[number - 1]

    def later(self, at: float, seconds: float) -> float:
        """The instant at which so many working seconds have passed since; infinite beyond the calendar.

        With 0 it is the first instant at or after `at` at which they work.
        """
        wanted = self.worked(at) + seconds
        if wanted >= self.before[-1]:
            return float("inf")
        number = bisect_right(self.before, wanted) - 1
        return max(at, self.starts[number] + wanted - self.before[number])


class Calendar:
    """The working hours of everybody in a directory from `start` to `end`, and the rosters in between."""

    def __init__(self, directory: Directory, start: datetime, end: datetime) -> None:
        self.directory = directory
        self._start, self._end = start, end
        known: dict[object, Hours] = {}
        self.hours: list[Hours] = []
        """By position."""
        for agent in directory.agents:
            key = (agent.week, agent.zone.key, agent.holidays, agent.time_off)
            if key not in known:
                known[key] = Hours(list(_spans(agent, start, end)))
            self.hours.append(known[key])
        edges = {edge for one in known.values() for edge in (*one.starts, *one.ends)}
        edges.update(at.timestamp() for agent in directory.agents for off in agent.time_off for at in off[:2])
        edges.update(_midnights(directory, start, end))
        self._edges = sorted(edges)
        self._rosters: dict[int, Roster] = {}

    def interval(self, at: float) -> int:
        """The number of the stretch of time around `at` in which nobody comes or goes."""
        return bisect_right(self._edges, at)

    def next_change(self, at: float) -> float:
        """When somebody comes or goes next; infinite when nobody does any more."""
        number = self.interval(at)
        return self._edges[number] if number < len(self._edges) else float("inf")

    def roster(self, at: float) -> Roster:
        """Who may be given alerts then."""
        number = self.interval(at)
        found = self._rosters.get(number)
        if found is None:
            found = self._rosters[number] = roster(self.directory, datetime.fromtimestamp(at, UTC))
        return found


def day_seconds(agent: Agent) -> float:
    """How long this person's day is, on average over the days they work; 24 hours for who is always on duty."""
    days = [sum(end - start for start, end in spans) * 60.0 for spans in agent.week if spans]
    return sum(days) / len(days) if days else _DAY


def _spans(agent: Agent, start: datetime, end: datetime) -> Iterator[tuple[float, float]]:
    """Working spans without time off, merged where they touch."""
    off = sorted((begins.timestamp(), ends.timestamp()) for begins, ends, _ in agent.time_off)
    last: tuple[float, float] | None = None
    for begins, ends in _scheduled(agent, start, end):
        for piece in _without(begins, ends, off):
            if last is not None and piece[0] <= last[1]:
                last = (last[0], piece[1])
            else:
                if last is not None:
                    yield last
                last = piece
    if last is not None:
        yield last


def _scheduled(agent: Agent, start: datetime, end: datetime) -> Iterator[tuple[float, float]]:
    if not agent.week and not agent.holidays:
        yield start.timestamp(), end.timestamp()
        return
    for begins, ends in shifts(agent.week or _ALL_DAY, agent.zone, start, agent.holidays):
        if begins >= end:
            return
        yield begins.timestamp(), min(ends, end).timestamp()


def _without(begins: float, ends: float, off: list[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    for away, back in off:
        if away >= ends or begins >= ends:
            break
        if back <= begins:
            continue
        if away > begins:
            yield begins, away
        begins = max(begins, back)
    if begins < ends:
        yield begins, ends


def _midnights(directory: Directory, start: datetime, end: datetime) -> Iterator[float]:
    """Where a day's number begins anew."""
    for zone in {agent.zone for agent in directory.agents if agent.max_per_day is not None}:
        day = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        while day < end:
            day += timedelta(days=1)
            yield day.timestamp()
