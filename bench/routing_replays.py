"""Replays: two logs of people at work as they were, and the same later arrivals handed out by routing, in one table.

`python -m bench.routing_replays --data <folder>` prints it and puts it into docs/routing.md; `python -m bench routing_replays` looks
where `make evaluate` does. A set that is not there is left out, and its figures stay as they are.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from bench import pages
from bench.__main__ import RESULTS
from bench.evaluate.__main__ import SHARED
from bench.replays import funnel, loans
from bench.replays.estimating import hours_a_week, house_of
from bench.replays.following import follow
from bench.replays.logs import Job, Log, as_it_was, spread
from core.routing.rehearsal import Past, People, replay
from core.routing.rehearsal.measuring import quantile
from core.routing.rehearsal.replaying import calendar_of
from core.routing.state import House
from core.routing.strategy import Case
from core.words import Priority

SETS = {"loans": loans.SOURCE, "funnel": funnel.SOURCE}
CHAINS: tuple[tuple[str, ...], ...] = (
    ("workload",),
    ("round_robin",),
    ("skill",),
    ("performance",),
    ("optimal_batch",),
)
"""Those that a log without areas, confidences and clients who come back can tell apart."""
SEEDS = 5
WARM_UP = 21 * 86_400.0
"""Cases opened so long before the origin fill the house and are not counted."""
_T = 2.13
"""Student's t for 90% and five seeds."""


def run(_scratch: Path, _postgres_url: str, *, data: Path = SHARED) -> dict[str, Any]:
    """Set -> its real figures and those of each chain."""
    found: dict[str, Any] = {}
    for name, source in SETS.items():
        folder = data / source.folder
        if folder.is_dir():
            found[name] = one(source.read(folder))
        else:
            sys.stdout.write(f"{name} is left out: there is no {folder}\n")
            found[name] = {"missing": f"no folder {source.folder}"}
    sys.stdout.write(table(found))
    if not any("missing" in each for each in found.values()):
        pages.put("routing_replays", table(found), pages.ROUTING)
    return found


def one(log: Log, *, seeds: int = SEEDS) -> dict[str, Any]:
    """What happened after the origin, and what the chains make of the same arrivals."""
    house, people = house_of(log)
    counted = [job for job in log.jobs if log.origin <= job.opened <= log.until]
    jobs = [job for job in log.jobs if log.origin - WARM_UP <= job.opened <= log.until]
    agents = house.directory.agents
    return {
        "estimated": {
            "agents": len(agents),
            "mean_capacity": fmean(agent.capacity for agent in agents),
            "mean_hours_a_week": fmean(hours_a_week(agent) for agent in agents),
        },
        "as it was": as_it_was(counted, touched=log.touched),
        "chains": {
            " → ".join(chain): _over_seeds(
                [
                    handed_out(jobs, counted, chain, house=house, people=people, seed=seed, touched=log.touched)
                    for seed in range(seeds)
                ]
            )
            for chain in CHAINS
        },
    }


def handed_out(
    jobs: Sequence[Job],
    counted: Sequence[Job],
    chain: Sequence[str],
    *,
    house: House,
    people: People,
    seed: int,
    touched: bool,
) -> dict[str, float | None]:
    """One replay: who got what, when they looked, and how often later work would have gone to somebody else."""
    house = replace(house, default_strategy=chain[0], fallbacks=tuple(chain[1:]))
    alerts = [past(job) for job in jobs]
    calendar = calendar_of(house, alerts)
    found = replay(alerts, house=house, people=people, calendar=calendar, seed=seed)
    given = {job.id: one for job, one in zip(jobs, found.given, strict=True)}
    mine = [(job, given[job.id]) for job in counted]
    owned = [(job, one.position) for job, one in mine if one.position is not None]
    everybody = range(len(house.directory.agents))
    moved = follow(owned, calendar)
    minutes = [one.touched / 60.0 for _, one in mine if one.touched is not None] if touched else []
    begun = spread(Counter(position for _, position in owned), everybody)
    works = spread(moved.works, everybody)
    return {
        "begun_gini": begun["gini"],
        "begun_largest": begun["largest_share"],
        "works_gini": works["gini"],
        "works_largest": works["largest_share"],
        "handovers": moved.handovers / max(len(owned), 1),
        "wait_hours": moved.wait_hours,
        "median_minutes": quantile(minutes, 0.5),
        "p90_minutes": quantile(minutes, 0.9),
        "overflow": float(sum(one.overflow for _, one in mine)),
        "never": float(len(mine) - len(owned)),
    }


def past(job: Job) -> Past:
    """A case as an alert: its length is what it really was, where that is known; routing does not look at it."""
    case = Case(
        alert_id=job.id,
        contact_id=job.id,
        alert_type=job.kind,
        priority=Priority.MEDIUM,
        priority_rank=Priority.MEDIUM.rank,
        confidence=0.5,
        territory=None,
        owner_id=None,
        previous_agent_id=None,
        opened_at=datetime.fromtimestamp(job.opened, UTC),
        facts={"alert": {"type": job.kind}, "contact": {}, "property": {}, "signals": [], "metadata": {}, "time": {}},
    )
    return Past(case=case, at=job.opened, lasted=None if job.ended is None else job.ended - job.opened)


def _over_seeds(found: Sequence[Mapping[str, float | None]]) -> dict[str, dict[str, float]]:
    """Mean, and the range in which nine of ten such replays lie."""
    figures = {}
    for name in found[0]:
        values = [value for each in found if (value := each[name]) is not None]
        if values:
            reach = _T * stdev(values) * (1 + 1 / len(values)) ** 0.5 if len(values) > 1 else 0.0
            mean = fmean(values)
            figures[name] = {"value": mean, "low": mean - reach, "high": mean + reach}
    return figures


def _minutes(value: float) -> str:
    return f"{value:.0f} min" if value < 120 else f"{value / 60:.1f} h"


COLUMNS: tuple[tuple[str, str, Callable[[float], str]], ...] = (
    ("cases a person: Gini", "begun_gini", "{:.2f}".format),
    ("largest share", "begun_largest", "{:.1%}".format),
    ("pieces of work: Gini", "works_gini", "{:.2f}".format),
    ("largest share of work", "works_largest", "{:.1%}".format),
    ("hand-overs a case", "handovers", "{:.2f}".format),
    ("median first touch", "median_minutes", _minutes),
    ("slowest tenth", "p90_minutes", _minutes),
    ("past capacity", "overflow", "{:,.0f}".format),
)


def table(found: Mapping[str, Any]) -> str:
    """Markdown: each set as it was, then by each chain, every figure with its 90% range."""
    lines = [f"| set | | {' | '.join(label for label, _, _ in COLUMNS)} |", "|---" * (len(COLUMNS) + 2) + "|"]
    for name, each in found.items():
        if "missing" in each:
            continue
        real = each["as it was"]
        plain = real | {
            f"{what}_{figure}": {"value": real[what][key]}
            for what in ("begun", "works")
            for figure, key in (("gini", "gini"), ("largest", "largest_share"))
        }
        rows = {f"as it was, {real['cases']:,} cases": plain}
        rows |= {" → ".join(f"`{part}`" for part in chain.split(" → ")): row for chain, row in each["chains"].items()}
        for label, row in rows.items():
            cells = [_cell(row.get(figure), said) for _, figure, said in COLUMNS]
            lines.append(f"| {name} | {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(found: Mapping[str, float] | None, said: Callable[[float], str]) -> str:
    if found is None:
        return "-"
    shown, low, high = (said(found.get(part, found["value"])) for part in ("value", "low", "high"))
    return shown if low == high == shown else f"{shown} ({low} to {high})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.routing_replays", description=__doc__)
    parser.add_argument("--data", type=Path, default=SHARED, help="the folder of public sets")
    measured = run(Path(), "", data=parser.parse_args().data)
    results = json.loads(RESULTS.read_text())
    results["routing_replays"] = {
        name: results.get("routing_replays", {}).get(name, each) if "missing" in each else each
        for name, each in measured.items()
    }
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
