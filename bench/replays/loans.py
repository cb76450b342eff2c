"""Loan applications of a Dutch bank (BPI Challenge 2012): who began which piece of work when."""

from collections import defaultdict
from pathlib import Path

import pandas as pd

from bench.evaluate.bpi2012 import ACCEPTED, REFUSED
from bench.evaluate.reading import csv
from bench.replays.logs import Job, Log, Source, Work

MACHINE = "112"
"""The resource that files, sorts and declines by itself."""
BEFORE = 0.6
YOUNG_DAYS = 14


def read(folder: Path) -> Log:
    """A case is there for people once the first piece of work is scheduled; the machine's quick refusals never are."""
    events = csv(folder / "events.csv.gz", dtype=str)
    events["at"] = pd.to_datetime(events["time:timestamp"], utc=True, format="ISO8601").astype("int64") / _unit(events)
    events = events.sort_values("at", kind="stable")
    opened: dict[str, tuple[float, str]] = {}
    works: defaultdict[str, list[Work]] = defaultdict(list)
    decided: dict[str, tuple[float, bool]] = {}
    columns = ("case:concept:name", "concept:name", "lifecycle:transition", "org:resource", "at")
    for case, activity, step, resource, at in events[list(columns)].itertuples(index=False):
        if step == "SCHEDULE":
            opened.setdefault(case, (at, activity))
        elif step == "START" and resource != MACHINE:
            works[case].append(Work(at=at, who=resource if isinstance(resource, str) else None))
        elif activity in ACCEPTED | REFUSED:
            decided.setdefault(case, (at, activity in ACCEPTED))
    jobs = []
    for case, (at, kind) in sorted(opened.items(), key=lambda item: (item[1][0], item[0])):
        end, won = decided.get(case, (None, None))
        mine = tuple(work for work in works[case] if work.at >= at)
        jobs.append(Job(id=case, kind=kind, opened=at, ended=end, works=mine, won=won))
    first, last = events["at"].iloc[0], events["at"].iloc[-1]
    return Log(
        zone="Europe/Amsterdam",
        jobs=jobs,
        touched=True,
        origin=first + BEFORE * (last - first),
        until=last - YOUNG_DAYS * 86_400.0,
    )


def _unit(events: pd.DataFrame) -> float:
    """Ticks a second of the dates as they were read."""
    unit = pd.to_datetime(events["time:timestamp"].iloc[:1], utc=True, format="ISO8601").dt.unit
    return {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[unit]


SOURCE = Source(folder="bpi2012_loans", read=read)
