"""Strategies: a year of 10,000 simulated alerts in one house, handed out by every strategy and two chains, in one table.

`python -m bench strategies` prints it and puts it into docs/routing.md; so does `python -m bench.strategies`, without a database.
What agents win is what the product would have measured of them (core.routing.results) in the year before, not what they truly
win: a strategy that chose by the truth would look better than it can be.
"""

import math
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bench import pages
from core.routing import results
from core.routing.directory import Agent, Directory, Result, Team
from core.routing.rehearsal import Comparison, Past, People, rehearse
from core.routing.rehearsal.comparing import Difference
from core.routing.rehearsal.people import STEPS, assumed
from core.routing.results import Closed, Measured
from core.routing.rules import RuleSet
from core.routing.schedule import parse
from core.routing.state import House
from core.routing.strategies import LEAVE
from core.routing.strategy import Case
from core.words import Intent, Priority

ALERTS, SEEDS = 10_000, 5
START = datetime(2026, 1, 1, tzinfo=UTC)
CHAINS: tuple[tuple[str, ...], ...] = (
    ("territory",),
    ("skill",),
    ("workload",),
    ("round_robin",),
    ("confidence_ranking",),
    ("performance",),
    ("sticky_owner",),
    ("optimal_batch",),
    ("sticky_owner", "territory", "workload"),
    ("performance", "territory", LEAVE),
)
"""The first is what the others are compared with. `stale_escalation` is for what nobody acted on, and left out."""
_PLACES = tuple(f"area-{number}" for number in range(12))
_SKILLS = ("seller", "buyer", "refinance", "investment")
_PRIORITIES = ((Priority.CRITICAL, 0.05), (Priority.HIGH, 0.2), (Priority.MEDIUM, 0.75))
_TYPES = tuple(zip(Intent, (0.35, 0.3, 0.25, 0.1), strict=True))
_WON = 0.3
"""Wins for each unit of confidence."""
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
_SHIFTS: tuple[dict[str, Any], ...] = (
    {day: [["08:30", "12:30"], ["13:15", "17:30"]] for day in _WEEKDAYS},
    {day: [["11:00", "19:30"]] for day in _WEEKDAYS[1:]} | {"sat": [["09:00", "16:00"]]},
    {day: [["09:00", "18:00"]] for day in ("thu", "fri", "sat", "sun", "mon")},
)


def run(_scratch: Path, _postgres_url: str) -> dict[str, Any]:
    """The table's figures, and how long ten thousand alerts take in two houses."""
    alerts, house, people = year(), agency(), speeds()
    started = time.perf_counter()
    rehearse(alerts, before=house, after=chained(house, CHAINS[2]), people=people, seeds=1)
    took = time.perf_counter() - started
    found = {" → ".join(chain): one for chain, one in compared(alerts, house, people)}
    sys.stdout.write(table(found))
    pages.put("strategies", table(found), pages.ROUTING)
    plain = {
        name: {key: one.after for key, one in each.whole.items() if one.after is not None}
        for name, each in found.items()
    }
    return {"alerts": len(alerts), "both_sides_s": took, "strategies": plain}


def compared(
    alerts: Sequence[Past], house: House, people: People, *, seeds: int = SEEDS
) -> Iterator[tuple[tuple[str, ...], Comparison]]:
    """Each chain beside the first one."""
    usual = chained(house, CHAINS[0])
    for chain in CHAINS:
        after = usual if chain == CHAINS[0] else chained(house, chain)
        yield chain, rehearse(alerts, before=usual, after=after, people=people, seeds=seeds)


def chained(house: House, chain: Sequence[str]) -> House:
    """The same house with this chain everywhere."""
    return replace(house, default_strategy=chain[0], fallbacks=tuple(chain[1:]))


def table(found: dict[str, Comparison]) -> str:
    """Markdown; behind each figure of a later row the range of its difference to the first row."""
    lines = [
        f"| chain | {' | '.join(label for label, _, _ in COLUMNS)} |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for name, one in found.items():
        chain = " → ".join(f"`{part}`" for part in name.split(" → "))
        cells = [_cell(one.whole[figure], said) for _, figure, said in COLUMNS]
        lines.append(f"| {chain} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(found: Difference, said: Callable[[float], str]) -> str:
    if found.after is None:
        return "-"
    if not found.change or found.low is None or found.high is None:
        return said(found.after)
    low, high = (f"{'-' if one < 0 else '+'}{said(abs(one))}" for one in (found.low, found.high))
    return f"{said(found.after)} ({low} to {high})"


def _minutes(value: float) -> str:
    return f"{value:.0f} min" if value < 120 else f"{value / 60:.1f} h"


COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("load Gini", "gini", "{:.2f}".format),
    ("largest share", "largest_share", "{:.1%}".format),
    ("median first touch", "median_minutes", _minutes),
    ("slowest tenth", "p90_minutes", _minutes),
    ("predicted SLA breaches", "late", "{:,.0f}".format),
    ("nobody took", "never", "{:,.0f}".format),
    ("past capacity", "overflow", "{:,.0f}".format),
    ("expected conversions", "expected", "{:,.0f}".format),
)
"""What stands in the head, the figure of core.routing.rehearsal.measuring, and how it is said."""


def year(number: int = ALERTS, *, days: int = 365, seed: int = 5) -> list[Past]:
    """So many alerts over so many days: by day and hour as people use a site, a third of them of contacts seen before."""
    draw = random.Random(seed)
    moments = sorted(_moment(draw, days) for _ in range(number))
    return [_alert(draw, index, at, contacts=number * 2 // 3) for index, at in enumerate(moments)]


def agency(seed: int = 6) -> House:
    """Four teams of six, three areas each, who work in shifts, differ in skill and results, and go on holiday."""
    draw = random.Random(seed)
    measured = _results(draw)
    agents = [_agent(draw, position, measured) for position in range(24)]
    teams = [Team(id=f"team-{n}", name=f"Team {n}", manager_id=None, default_strategy="") for n in range(4)]
    parents: dict[str, str | None] = {place: f"city-{number // 3}" for number, place in enumerate(_PLACES)}
    parents |= {f"city-{number}": "region" for number in range(4)} | {"region": None}
    return House(version=1, directory=Directory(agents, teams=teams, parents=parents), rules=RuleSet(()))


def speeds(seed: int = 7) -> People:
    """Agents differ in how soon they answer, are slower when full, and an early answer wins more."""
    draw = random.Random(seed)
    own = {}
    for position in range(24):
        shift = draw.gauss(0.0, 0.5)
        own[f"agent-{position:02}"] = tuple(one + shift for one in assumed())
    assert len(own["agent-00"]) == STEPS
    days = {("", ""): sorted(draw.lognormvariate(math.log(4 * 86_400), 0.8) for _ in range(500))}
    return People(
        priorities={Priority.CRITICAL: -1.2, Priority.HIGH: -0.4, Priority.MEDIUM: 0.2},
        own=own,
        slope=0.6,
        usual_share=0.4,
        durations=days,
        speed=(1.25, 1.1, 1.0, 0.9, 0.75),
        rates=dict.fromkeys(Intent, _WON),
    )


def _moment(draw: random.Random, days: int) -> float:
    while True:
        at = START + timedelta(seconds=draw.random() * days * 86_400)
        local = at.astimezone(ZoneInfo("America/Chicago"))
        busy = math.exp(-(((local.hour - 15) / 6) ** 2)) * (0.6 if local.weekday() >= 5 else 1.0)
        if draw.random() < max(busy, 0.05):
            return at.timestamp()


def _alert(draw: random.Random, index: int, at: float, *, contacts: int) -> Past:
    kind = draw.choices([one for one, _ in _TYPES], [share for _, share in _TYPES])[0]
    priority = draw.choices([one for one, _ in _PRIORITIES], [share for _, share in _PRIORITIES])[0]
    place = _PLACES[min(int(draw.expovariate(0.25)), len(_PLACES) - 1)]
    confidence = _confidence(draw)
    alert = {"type": kind, "territory": place, "priority": priority, "confidence": confidence}
    facts = {"alert": alert, "contact": {}, "property": {}, "signals": [], "metadata": {}, "time": {}}
    return Past(
        at=at,
        case=Case(
            alert_id=f"alert-{index:05}",
            contact_id=f"contact-{draw.randrange(contacts)}",
            alert_type=kind,
            priority=priority,
            priority_rank=priority.rank,
            confidence=confidence,
            territory=place,
            owner_id=None,
            previous_agent_id=None,
            opened_at=datetime.fromtimestamp(at, UTC),
            facts=facts,
        ),
    )


def _results(draw: random.Random) -> dict[tuple[str, str], Measured]:
    """What the product measures of a year's closed alerts of 24 agents, of whom every eighth is new."""
    closed = []
    for position in range(24):
        wins = draw.gauss(0.0, 0.2)
        for kind in Intent:
            ratio = math.exp(wins + draw.gauss(0.0, 0.15))
            for _ in range(draw.randint(2, 8) if position % 8 == 7 else draw.randint(40, 120)):
                confidence = _confidence(draw)
                won = draw.random() < confidence * _WON * ratio
                closed.append(Closed(agent_id=f"agent-{position:02}", alert_type=kind, confidence=confidence, won=won))
    return results.measure(closed)


def _confidence(draw: random.Random) -> float:
    return 0.5 + 0.45 * draw.betavariate(2, 3)


def _agent(draw: random.Random, position: int, measured: Mapping[tuple[str, str], Measured]) -> Agent:
    team = position // 6
    places = _PLACES[team * 3 : team * 3 + 3]
    home = places[position % 3]
    away = START + timedelta(days=draw.randrange(20, 330))
    agent_id = f"agent-{position:02}"
    known = {kind: measured[agent_id, kind] for kind in (*Intent, results.ALL)}
    return Agent(
        id=agent_id,
        position=position,
        name=f"Agent {position}",
        active=True,
        available=True,
        auto_assign=True,
        capacity=12,
        team_id=f"team-{team}",
        primary_territory=home,
        territories=(home, places[(position + 1) % 3]),
        skills={_SKILLS[position % 4]: draw.randint(3, 5), _SKILLS[(position + 1) % 4]: draw.randint(1, 3)},
        specializations=frozenset(),
        preferred=frozenset(),
        week=parse(_SHIFTS[position % 3]),
        zone=ZoneInfo("America/Chicago"),
        time_off=((away, away + timedelta(days=14), f"agent-{(position + 1) % 24:02}"),),
        results={kind: Result(one.ratio, one.closed) for kind, one in known.items()},
    )


if __name__ == "__main__":
    run(Path(), "")
