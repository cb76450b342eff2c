"""Whether what is expected to come fits into what people can hold: open now, plus opened, minus closed, with a range."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean, stdev

from core.preflight.facts import Flow
from core.preflight.finding import Finding, Severity, counted, people
from core.preflight.scope import Scope

PAST_DAYS = 28
"""Whole weeks, so that weekends weigh as they should."""
_LEAST = 10
"""With fewer alerts in that time nothing can be said."""
_Z = 1.96  # two-sided 95%


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    open: int
    capacity: int
    """Alerts that those who are there at some time can hold at once."""
    opens: float
    """Expected to open until the end, as in the last four weeks."""
    closes: float
    expected: float
    """Open at the end."""
    low: float
    high: float
    """The 95% range of that."""

    @property
    def is_likely_over(self) -> bool:
        return self.low > self.capacity

    @property
    def is_possibly_over(self) -> bool:
        return self.high > self.capacity


def outlook(scope: Scope) -> Outlook | None:
    """None where too little has happened to say anything."""
    flow = _together(
        one for team_id, one in scope.facts.flows.items() if scope.is_whole or (team_id and scope.sees_team(team_id))
    )
    coverage = scope.coverage
    days = (coverage.until - coverage.since) / timedelta(days=1)
    present = [one for one in scope.members & coverage.takes if coverage.on_duty(one)]
    capacity = sum(scope.facts.house.directory.agents[one].capacity for one in present)
    if sum(flow.opened) + sum(flow.closed) < _LEAST and flow.open <= capacity:
        return None
    nets = [opened - closed for opened, closed in zip(flow.opened, flow.closed, strict=True)]
    mean, spread = fmean(nets), stdev(nets)
    # The sum of so many days varies by itself, and the mean it rests on is itself an estimate from PAST_DAYS of them.
    error = _Z * spread * math.sqrt(days + days**2 / len(nets))
    expected = flow.open + days * mean
    return Outlook(
        open=flow.open,
        capacity=capacity,
        opens=days * fmean(flow.opened),
        closes=days * fmean(flow.closed),
        expected=max(expected, 0.0),
        low=max(expected - error, 0.0),
        high=max(expected + error, 0.0),
    )


def check(found: Outlook | None) -> Iterator[Finding]:
    if found is None or not found.is_possibly_over:
        return
    now = found.open > found.capacity
    likely = found.is_likely_over
    ahead = f"{found.expected:.0f} open at the end (range {found.low:.0f} to {found.high:.0f})"
    places = counted(found.capacity, "place")
    yield Finding(
        id="capacity",
        kind="capacity",
        severity=Severity.SERIOUS if likely else Severity.ATTENTION,
        text=(
            f"{'Likely' if likely else 'Possibly'} more alerts than people can hold: {counted(found.open, 'alert')} open now"
            f"{', already more than there is room for' if now else ''}; if it goes on as in the last four weeks, {ahead}, "
            f"for {places}."
        ),
        todo="Close what is done, raise somebody's capacity, let one more person take alerts, or raise the thresholds.",
        link=people(label="Capacities"),
        causes=frozenset({"likely" if likely else "possible"}),
        weight=found.expected - found.capacity,
    )


def _together(flows: Iterable[Flow]) -> Flow:
    some = list(flows)

    def sums(rows: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
        return tuple(map(sum, zip(*rows, strict=True))) if rows else (0,) * PAST_DAYS

    return Flow(
        open=sum(one.open for one in some),
        opened=sums([one.opened for one in some]),
        closed=sums([one.closed for one in some]),
    )
