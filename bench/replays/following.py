"""The later work of cases that routing gave to somebody: done by its owner, handed over, or kept waiting."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.replays.logs import Job
from core.routing.rehearsal.calendar import Calendar


@dataclass(frozen=True, kw_only=True)
class Followed:
    works: Counter[int]
    """By position: pieces of work done."""
    handovers: int
    wait_hours: float
    """Mean over the pieces of work, if instead each waited for its owner."""


def follow(owned: Sequence[tuple[Job, int]], calendar: Calendar) -> Followed:
    """Each later piece of work happens when it really did; where its owner is off duty then, it goes to whoever is on duty and
    has had the least, who keeps the case from then on. The first is the owner's own, whenever they come to it."""
    works: Counter[int] = Counter()
    owner, handovers, waits = {}, 0, []
    later = sorted((work.at, number) for number, (job, _) in enumerate(owned) for work in job.works[1:])
    for number, (_, position) in enumerate(owned):
        owner[number] = position
        works[position] += 1
    for at, number in later:
        position = owner[number]
        back = calendar.hours[position].later(at, 0.0)
        waits.append((back - at) / 3600.0)
        if back > at:
            there = calendar.roster(at).eligible
            if there:
                position = owner[number] = min(there, key=lambda one: (works[one], one))
                handovers += 1
        works[position] += 1
    finite = [one for one in waits if one != float("inf")]
    return Followed(works=works, handovers=handovers, wait_hours=fmean(finite) if finite else 0.0)
