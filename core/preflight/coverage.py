"""Who is on duty when in the days to come: hours, holidays, time off, covers and switches read together; pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from core.preflight.spans import Span, common, length, minus, union
from core.routing.directory import Agent, Directory
from core.routing.duty import spans
from core.routing.roster import NO_AUTO_ASSIGN, NO_CAPACITY, switched_off
from core.routing.schedule import Week, shifts

DAY = (8, 20)
"""Local hours of the house in which people expect an answer; the others are told apart."""
_DAYTIME: Week = (((DAY[0] * 60, DAY[1] * 60),),) * 7
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """When nobody of some people is on duty and nobody stands in for them."""

    day: list[Span]
    """Of the hours of DAY."""
    night: list[Span]
    """All others."""
    missed: list[Span]
    """Of `day`: where one of them would be there, but for time off, a pause or a switch."""
    missed_at_night: list[Span]


class Coverage:
    """The hours of a house between two instants. Switches and pauses are taken to last: nobody knows when they end."""

    def __init__(self, directory: Directory, *, since: datetime, until: datetime, zone: ZoneInfo) -> None:
        """`zone` is the house's: it says when it is day."""
        self.directory = directory
        self.since, self.until, self.zone = since, until, zone
        self._by_hours: dict[tuple[object, ...], list[Span]] = {}
        self._on: dict[int, list[Span]] = {}
        self._gaps: dict[frozenset[int], Gaps] = {}

    @cached_property
    def takes(self) -> frozenset[int]:
        """Those whom only their hours keep from getting alerts."""
        return frozenset(agent.position for agent in self.directory.agents if switched_off(agent) is None)

    @cached_property
    def regular(self) -> frozenset[int]:
        """Those who are meant to get alerts: a pause or switching oneself off for a while does not count."""
        return frozenset(
            agent.position
            for agent in self.directory.agents
            if agent.active and switched_off(agent) not in (NO_AUTO_ASSIGN, NO_CAPACITY)
        )

    @cached_property
    def daytime(self) -> list[Span]:
        found = []
        for begins, ends in shifts(_DAYTIME, self.zone, self.since):
            if begins >= self.until:
                break
            found.append((begins, min(ends, self.until)))
        return found

    def by_hours(self, agent: Agent) -> list[Span]:
        """When they work by their hours and holidays alone."""
        key = (agent.week, agent.zone.key, agent.holidays)
        found = self._by_hours.get(key)
        if found is None:
            always = replace(agent, time_off=())
            found = self._by_hours[key] = list(spans(always, self.since, until=self.until))
        return found

    def on_duty(self, position: int) -> list[Span]:
        """When this agent is given alerts."""
        if position not in self.takes:
            return []
        found = self._on.get(position)
        if found is None:
            agent = self.directory.agents[position]
            away = union((starts, ends) for starts, ends, _ in agent.time_off)
            found = self._on[position] = minus(self.by_hours(agent), away) if away else self.by_hours(agent)
        return found

    def stood_in(self, agent: Agent) -> list[Span]:
        """When somebody on duty stands in while the agent is away: the cover, or the cover's cover."""
        return self._stand_ins(agent, [(self.since, self.until)], frozenset())

    def _stand_ins(self, agent: Agent, within: Sequence[Span], seen: frozenset[str]) -> list[Span]:
        found: list[Span] = []
        for starts, ends, cover_id in agent.time_off:
            cover = self.directory.by_id.get(cover_id or "")
            away = common([(starts, ends)], within)
            if cover is None or not away or cover.id in seen or cover.id == agent.id:
                continue
            found += common(self.on_duty(cover.position), away)
            found += self._stand_ins(cover, away, seen | {agent.id})
        return found

    def covered(self, positions: Iterable[int]) -> list[Span]:
        """When one of them is on duty, or somebody on duty stands in for one of them."""
        found: list[Span] = []
        for position in positions:
            agent = self.directory.agents[position]
            found += self.on_duty(position)
            if agent.time_off and position in self.regular:
                found += self.stood_in(agent)
        return union(found)

    def gaps(self, positions: frozenset[int]) -> Gaps:
        """When nobody of them is there."""
        known = self._gaps.get(positions)
        if known is None:
            empty = minus([(self.since, self.until)], self.covered(positions))
            day = common(empty, self.daytime)
            usual = union(
                span for one in positions & self.regular for span in self.by_hours(self.directory.agents[one])
            )
            night = minus(empty, self.daytime)
            known = Gaps(day=day, night=night, missed=common(day, usual), missed_at_night=common(night, usual))
            self._gaps[positions] = known
        return known

    def per_hour(self, positions: Iterable[int], zone: ZoneInfo) -> list[tuple[datetime, int]]:
        """(the hour's start, how many of them are on duty throughout: the fewest at any instant of it), in UTC.

        Args:
            zone: whose hours; some zones begin theirs at half past.
        """
        edges: Counter[datetime] = Counter()
        for position in positions:
            for begins, ends in self.on_duty(position):
                edges[begins] += 1
                edges[ends] -= 1
        ordered = sorted(edges.items())
        at, now_on, found = 0, 0, []
        hour = _hour_of(self.since, zone)
        while hour < self.until:
            while at < len(ordered) and ordered[at][0] <= max(hour, self.since):
                now_on += ordered[at][1]
                at += 1
            fewest = now_on
            while at < len(ordered) and ordered[at][0] < min(hour + _HOUR, self.until):
                now_on += ordered[at][1]
                fewest = min(fewest, now_on)
                at += 1
            found.append((hour, fewest))
            hour += _HOUR
        return found


def window(since: datetime, days: int, zone: ZoneInfo) -> datetime:
    """The midnight at which so many days, today included, are over."""
    last = since.astimezone(zone).date() + timedelta(days=days)
    return datetime.combine(last, time(), zone).astimezone(since.tzinfo)


def hours(found: Iterable[Span]) -> float:
    return length(found).total_seconds() / 3600


def _hour_of(at: datetime, zone: ZoneInfo) -> datetime:
    local = at.astimezone(zone)
    return at - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
