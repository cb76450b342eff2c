"""A log of people at work, and what it says of the process as it was: spread of work, hand-overs, times to the first touch."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from core.routing.rehearsal.measuring import gini, quantile

RESAMPLES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Somebody began a piece of work."""

    at: float
    """Seconds since 1970."""
    who: str | None
    """None: the log does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One case that needed a person."""

    id: str
    kind: str
    opened: float
    ended: float | None
    """None: still open when the log ends."""
    works: tuple[Work, ...]
    """In order of time."""
    won: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Log:
    """What a set gives."""

    zone: str
    jobs: Sequence[Job]
    """By opening."""
    touched: bool
    """Whether the log knows when somebody first looked at a case."""
    origin: float
    """What is estimated rests on the time before, what is evaluated opened after it."""
    until: float
    """Cases opened after this are too young to be judged."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A set that can be replayed: where it lies and how it is read."""

    folder: str
    read: Callable[[Path], Log]


def as_it_was(jobs: Sequence[Job], *, touched: bool) -> dict[str, Any]:
    """The real figures, with 90% intervals where cases can be resampled."""
    begun = Counter(job.works[0].who for job in jobs if job.works and job.works[0].who)
    done = Counter(work.who for job in jobs for work in job.works if work.who)
    found: dict[str, Any] = {
        "cases": len(jobs),
        "people": len(done),
        "begun": spread(begun, done),
        "works": spread(done, done),
        "handovers": resampled([float(changes(job)) for job in jobs], lambda values: float(np.mean(values))),
    }
    gaps = [
        (second.at - first.at) / 3600.0
        for job in jobs
        for first, second in pairwise(known(job))
        if first.who != second.who
    ]
    found["hours_to_handover"] = resampled(gaps, lambda values: float(np.median(values))) if gaps else None
    if touched:
        minutes = [(job.works[0].at - job.opened) / 60.0 for job in jobs if job.works]
        found["median_minutes"] = resampled(minutes, lambda values: float(np.median(values)))
        found["p90_minutes"] = resampled(minutes, lambda values: float(np.quantile(values, 0.9)))
        found["never"] = sum(not job.works for job in jobs)
    return found


def known(job: Job) -> list[Work]:
    """Its pieces of work of which the log says whose they were."""
    return [work for work in job.works if work.who]


def changes(job: Job) -> int:
    """How often it went from one person to another."""
    return sum(first.who != second.who for first, second in pairwise(known(job)))


def spread(counts: Mapping[Any, int], everybody: Iterable[Any]) -> dict[str, float]:
    """How evenly it lies on people; who had none counts too."""
    values = [counts.get(one, 0) for one in everybody]
    return {"gini": gini(values), "largest_share": max(values, default=0) / max(sum(values), 1)}


def resampled(values: Sequence[float], figure: Callable[[Any], float]) -> dict[str, float]:
    """A figure with the 90% interval that drawing the cases anew gives."""
    draw, plain = np.random.default_rng(11), np.array(values)
    again = [figure(draw.choice(plain, len(plain))) for _ in range(RESAMPLES)]
    return {"value": figure(plain), "low": quantile(again, 0.05) or 0.0, "high": quantile(again, 0.95) or 0.0}
