"""One house handing out a stream of alerts in virtual time, with a simple model of people; pure and fixed by its seed.

An alert occupies its agent until it is closed: as long as it really lasted, else as long as such alerts do. The first touch
comes after a draw of the agent's own working time. Whatever nobody can take waits in the pool, and is tried again, the oldest
first, when a place is given back or somebody comes on duty. Both houses of a rehearsal use the same draws.
"""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from core.routing import matching
from core.routing.capacity import AT_A_TIME, Load
from core.routing.choosing import LEFT, choose
from core.routing.queues import Queues
from core.routing.rehearsal.calendar import Calendar, day_seconds
from core.routing.rehearsal.people import People
from core.routing.state import House
from core.routing.strategies import STRATEGIES
from core.routing.strategy import Case
from core.words import Priority

WALL = {Priority.CRITICAL: 5 * 60.0, Priority.HIGH: 30 * 60.0}
"""Seconds until escalation, from when the alert's agent is first on duty (DOMAIN's defaults)."""
WORKING = {Priority.MEDIUM: 4 * 3600.0}
WORKING_DAYS = 3
"""Of the agent's own working days, for the rest."""
PATIENCE = timedelta(days=30).total_seconds()
"""An alert nobody touched ends after this."""
BEYOND = timedelta(days=45)
"""How far past the last alert the calendar goes."""
TRIED_AT_ONCE = 100
"""Alerts of the pool that are tried when a place is free."""
_TOUCHED, _CLOSED, _DUTY = range(3)
Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One alert to hand out again."""

    case: Case
    at: float
    """When it opened, in seconds since 1970."""
    lasted: float | None = None
    """Seconds from opening to closing; None: drawn from what such alerts last."""
    units: float | None = None
    """What it weighs; None: as the house says."""
    counted: bool = True
    """False: it only fills the house before the first that counts."""


@dataclass(slots=True)
class Given:
    """What became of one alert."""

    position: int | None = None
    """Of the agent in the directory; None: nobody ever took it."""
    waited: float = 0.0
    """Seconds in the pool."""
    touched: float | None = None
    """Seconds from opening to the first touch."""
    late: bool = False
    """The first touch came after the escalation was due."""
    overflow: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    given: list[Given]
    """By alert."""
    busy: list[float]
    """By position: seconds times open alerts, over what is counted."""
    peak: list[int]
    """By position: most open alerts at once."""


def calendar_of(house: House, alerts: Sequence[Past]) -> Calendar:
    """Long enough for these alerts; to be made once for all seeds."""
    start = datetime.fromtimestamp(alerts[0].at, UTC) - timedelta(days=1)
    return Calendar(house.directory, start, datetime.fromtimestamp(alerts[-1].at, UTC) + BEYOND)


def replay(
    alerts: Sequence[Past],
    *,
    house: House,
    people: People,
    calendar: Calendar,
    seed: int,
    progress: Progress = lambda _share: None,
) -> Replay:
    """Hand the alerts out as they come.

    Args:
        alerts: in the order they opened.
        calendar: `calendar_of` this house and these alerts.
        seed: fixes every draw; the same one in another house gives each alert the same draws.
        progress: told the share that is done, now and then.
    """
    office = _Office(alerts, house=house, people=people, calendar=calendar, seed=seed)
    start = 0
    while start < len(alerts):
        end = start + 1
        while end < len(alerts) and alerts[end].at == alerts[start].at:
            end += 1
        office.pass_time(alerts[start].at)
        office.arrive(range(start, end), alerts[start].at)
        if start // 500 != end // 500:
            progress(end / len(alerts))
        start = end
    office.pass_time(alerts[-1].at + BEYOND.total_seconds())
    return Replay(given=office.given, busy=office.busy, peak=office.peak)


class _Office:
    """What one house has in hand at an instant of the replay."""

    def __init__(self, alerts: Sequence[Past], *, house: House, people: People, calendar: Calendar, seed: int) -> None:
        self.alerts, self.house, self.people, self.calendar = alerts, house, people, calendar
        number = len(house.directory.agents)
        self.draws = np.random.default_rng(seed).random((len(alerts), 2)).tolist()
        self.given = [Given() for _ in alerts]
        self.busy, self.peak = [0.0] * number, [0] * number
        self._open, self._fresh = [0] * number, [0] * number
        self._units, self._turn = [0.0] * number, [0.0] * number
        self._days: list[tuple[date | None, int]] = [(None, 0)] * number
        self._weights = [
            house.units.of(one.case.priority, one.case.alert_type) if one.units is None else one.units for one in alerts
        ]
        self._since = next((one.at for one in alerts if one.counted), alerts[-1].at)
        self._until = alerts[-1].at
        self._due: list[tuple[float, int, int]] = []
        """(when, what, alert): touches, closings, and changes of duty while somebody waits."""
        self._pool: list[int] = []
        self._left: list[int] = []
        """Those left for whoever takes them."""
        self._watching = False
        self._queues: Queues | None = None
        self._interval = -1
        self._before: dict[str, str] = {}
        """Contact -> who had them last, in this replay."""

    def pass_time(self, until: float) -> None:
        """Let happen what happens before then."""
        while self._due and self._due[0][0] <= until:
            at, what, number = heapq.heappop(self._due)
            if what == _TOUCHED:
                self._fresh[self._agent_of(number)] -= 1
            elif what == _CLOSED:
                self._close(number)
            else:
                self._watching = False
            if (self._pool or self._left) and what != _TOUCHED:
                self._drain(at, whole=what == _DUTY)
                self._watch(at)

    def arrive(self, numbers: Sequence[int], at: float) -> None:
        """New alerts, all of one instant."""
        order = STRATEGIES[self.house.default_strategy].order
        cases = sorted(((number, self._case(number)) for number in numbers), key=lambda one: order(one[1]))
        queues = self._queues_at(at)
        waiting = [
            (number, case)
            for number, case in cases
            if not self._try(number, case, queues, at, trigger="opened", together=len(cases) > 1)
        ]
        if waiting:
            plan = matching.match([case for _, case in waiting], queues, exclude={})
            for number, case in waiting:
                self._try(number, case, queues, at, trigger="opened", planned=plan.get(case.alert_id))
        if self._pool or self._left:
            self._watch(at)

    def _try(
        self,
        number: int,
        case: Case,
        queues: Queues,
        at: float,
        *,
        trigger: str,
        together: bool = False,
        planned: int | None = None,
    ) -> bool:
        """Whether it is decided: handed to somebody or put in the pool; False where it waits for its batch."""
        choice = choose(case, house=self.house, queues=queues, trigger=trigger, together=together, planned=planned)
        if choice.waits:
            return False
        if choice.position is not None:
            self._hand(number, choice.position, queues, at)
            self.given[number].overflow = choice.overflow
        elif trigger == "opened":
            (self._left if choice.unassigned_reason == LEFT else self._pool).append(number)
        return True

    def _hand(self, number: int, position: int, queues: Queues, at: float) -> None:
        alert, given = self.alerts[number], self.given[number]
        agent = self.house.directory.agents[position]
        touch_draw, last_draw = self.draws[number]
        seconds = self.people.touch_seconds(agent.id, alert.case.priority, touch_draw, queues.share(position))
        queues.hand(position, self._weights[number])
        self._count(position, at, units=self._weights[number])
        hours = self.calendar.hours[position]
        touched = hours.later(at, seconds)
        lasted = alert.lasted
        if lasted is None:
            lasted = self.people.lasts(alert.case.alert_type, alert.case.priority, last_draw)
        gone = min(max(touched, alert.at + lasted), alert.at + PATIENCE)
        given.position, given.waited = position, at - alert.at
        given.touched = touched - alert.at if touched <= gone else None
        given.late = given.touched is None or touched > self._deadline(position, alert.case.priority, at)
        self._before[alert.case.contact_id] = agent.id
        self._work(position, at, gone)
        heapq.heappush(self._due, (min(touched, gone), _TOUCHED, number))
        heapq.heappush(self._due, (max(gone, at), _CLOSED, number))

    def _deadline(self, position: int, priority: str, at: float) -> float:
        hours = self.calendar.hours[position]
        tier = Priority(priority)
        if tier in WALL:
            return hours.later(at, 0.0) + WALL[tier]
        return hours.later(at, WORKING.get(tier) or WORKING_DAYS * day_seconds(self.house.directory.agents[position]))

    def _count(self, position: int, at: float, *, units: float) -> None:
        agent = self.house.directory.agents[position]
        self._open[position] += 1
        self._fresh[position] += 1
        self._units[position] += units
        self._turn[position] += 1 / agent.weight
        self.peak[position] = max(self.peak[position], self._open[position]) if at >= self._since else 0
        if agent.max_per_day is not None:
            today = datetime.fromtimestamp(at, agent.zone).date()
            day, number = self._days[position]
            self._days[position] = (today, number + 1 if day == today else 1)

    def _work(self, position: int, start: float, end: float) -> None:
        self.busy[position] += max(0.0, min(end, self._until) - max(start, self._since))

    def _close(self, number: int) -> None:
        position = self._agent_of(number)
        self._open[position] -= 1
        self._units[position] -= self._weights[number]
        if self._queues is not None:
            if position in self._queues.full:
                self._carry(self._queues)
                self._queues.turn[position] = self._turn[position]  # they stand in no line while full
            self._queues.take_back(position, self._weights[number])

    def _agent_of(self, number: int) -> int:
        position = self.given[number].position
        assert position is not None
        return position

    def _drain(self, at: float, *, whole: bool) -> None:
        """The pool, oldest first, as the reconciler does: nobody gets more of a backlog than they can look at."""
        queues = self._queues_at(at)
        if len(queues.full) == len(queues.roster.eligible):
            return
        self._carry(queues)
        self._queues = None
        room = {
            agent.id: max(0, AT_A_TIME - fresh)
            for agent, fresh in zip(self.house.directory.agents, self._fresh, strict=True)
        }
        queues = Queues(self.house.directory, self.calendar.roster(at), self._loads(), at_most=room)
        for waiting in (self._pool, self._left) if whole else (self._pool,):
            for number in waiting[:TRIED_AT_ONCE]:
                if len(queues.full) == len(queues.roster.eligible):
                    break
                self._try(number, self._case(number), queues, at, trigger="returned")
            waiting[:] = [
                number
                for number in waiting
                if self.given[number].position is None and self.alerts[number].at + PATIENCE > at
            ]

    def _watch(self, at: float) -> None:
        """Look again when somebody comes on duty."""
        following = self.calendar.next_change(at)
        if not self._watching and (self._pool or self._left) and following < float("inf"):
            heapq.heappush(self._due, (following, _DUTY, -1))
            self._watching = True

    def _queues_at(self, at: float) -> Queues:
        interval = self.calendar.interval(at)
        if self._queues is None or interval != self._interval:
            if self._queues is not None:
                self._carry(self._queues)
            self._queues = Queues(self.house.directory, self.calendar.roster(at), self._loads())
            self._interval = interval
        return self._queues

    def _carry(self, queues: Queues) -> None:
        """Whoever could not be chosen is carried along in virtual time, so that absence earns no credit."""
        for agent_id, turn in queues.absent().items():
            self._turn[self.house.directory.by_id[agent_id].position] = turn

    def _loads(self) -> dict[str, Load]:
        return {
            agent.id: Load(
                self._open[agent.position],
                self._turn[agent.position],
                self._units[agent.position],
                *self._days[agent.position],
            )
            for agent in self.house.directory.agents
        }

    def _case(self, number: int) -> Case:
        """With what it weighs here, and who had the contact before here."""
        case = self.alerts[number].case
        before = self._before.get(case.contact_id) if self.house.asks_before else None
        if case.units != self._weights[number]:
            case = replace(case, units=self._weights[number])
        standing = case.facts.get("contact", {}).get("ownerAgentId")
        if before is None or standing or before == case.previous_agent_id:
            return case
        metadata = {**case.facts.get("metadata", {}), "previousAgentId": before}
        return replace(case, previous_agent_id=before, facts={**case.facts, "metadata": metadata})
