"""Until when somebody is on duty, or away: working hours, holidays and time off read together."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.routing.directory import Agent
from core.routing.roster import HOLIDAY, OFF_DUTY, TIME_OFF, why_not
from core.routing.schedule import ROUND_THE_CLOCK, shifts

_AHEAD = timedelta(days=60)
_PASSING = frozenset({TIME_OFF, HOLIDAY, OFF_DUTY})


@dataclass(frozen=True, slots=True)
class Duty:
    reason: str | None
    """Why nothing is given now, as in core.routing.roster; None on duty."""
    until: datetime | None
    """When that changes by itself; None where it does not within 60 days."""


def duty(agent: Agent, now: datetime) -> Duty:
    """Whether an agent is on duty at `now`, and until when."""
    reason = why_not(agent, now)
    if reason is not None and reason not in _PASSING:
        return Duty(reason, None)
    if reason is None and not (agent.week or agent.time_off or agent.holidays):
        return Duty(None, None)
    for begins, ends in spans(agent, now, until=now + _AHEAD):
        if reason is not None:
            return Duty(reason, begins)
        return Duty(None, ends if ends < now + _AHEAD else None)
    return Duty(reason, None)


def spans(agent: Agent, since: datetime, *, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of duty from `since` on, in UTC, in order; what touches is one. Switches and pauses do not count."""
    current: tuple[datetime, datetime] | None = None
    for begins, ends in shifts(agent.week or ROUND_THE_CLOCK, agent.zone, since, agent.holidays):
        if begins >= until:
            break
        for starts, stops in _without(agent, begins, min(ends, until)):
            if current is not None and starts <= current[1]:
                current = (current[0], stops)
                continue
            if current is not None:
                yield current
            current = (starts, stops)
    if current is not None:
        yield current


def _without(agent: Agent, begins: datetime, ends: datetime) -> Iterator[tuple[datetime, datetime]]:
    """One shift without the agent's times off."""
    for starts, stops, _ in sorted(agent.time_off, key=lambda off: off[0]):
        if stops <= begins or starts >= ends:
            continue
        if starts > begins:
            yield begins, starts
        begins = max(begins, stops)
    if begins < ends:
        yield begins, ends
