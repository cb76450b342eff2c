"""The people of a log as agents of a house: hours, capacity, skills, results and pace, all from before the origin."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from statistics import fmean, median
from zoneinfo import ZoneInfo

import numpy as np

from bench.replays.logs import Job, Log, Work, known
from core.routing import results
from core.routing.directory import Agent, Directory, Result
from core.routing.rehearsal.calendar import Calendar
from core.routing.rehearsal.people import Ended, People, Touched, measure
from core.routing.results import Closed
from core.routing.rules import RuleSet
from core.routing.schedule import Week, parse
from core.routing.state import House
from core.words import Priority

FEWEST_WORKS = 20
"""Of somebody known by fewer nothing is estimated, and nothing is given to them."""
LATELY = timedelta(days=14)
"""Who did nothing so long before the origin has left."""
REGULAR = 1 / 3
"""A weekday is worked by whoever was seen on this share of them."""
BUSIEST = 0.95
"""A capacity is what somebody had in hand on all but one day in twenty."""
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def house_of(log: Log) -> tuple[House, People]:
    """Nothing after the origin is looked at."""
    past = [known_before(job, log.origin) for job in log.jobs if job.opened < log.origin]
    zone = ZoneInfo(log.zone)
    moments: defaultdict[str, list[datetime]] = defaultdict(list)
    for job in past:
        for work in known(job):
            moments[work.who or ""].append(datetime.fromtimestamp(work.at, zone))
    recent = datetime.fromtimestamp(log.origin, UTC) - LATELY
    who = sorted(one for one, at in moments.items() if len(at) >= FEWEST_WORKS and max(at) >= recent)
    start = datetime.fromtimestamp(past[0].opened, zone).date()
    in_hand = _in_hand(past, log.origin)
    skills, won = _skills(past), _results(past)
    agents = [
        Agent(
            id=one,
            position=position,
            name=one,
            active=True,
            available=True,
            auto_assign=True,
            capacity=max(3, math.ceil(np.quantile(in_hand[one], BUSIEST))),
            team_id=None,
            primary_territory=None,
            territories=(),
            skills=skills.get(one, {}),
            specializations=frozenset(),
            preferred=frozenset(),
            week=_week(moments[one], start, datetime.fromtimestamp(log.origin, zone).date()),
            zone=zone,
            time_off=(),
            results=won.get(one, {}),
        )
        for position, one in enumerate(who)
    ]
    house = House(version=1, directory=Directory(agents), rules=RuleSet(()))
    return house, _people(past, house, touched=log.touched)


def known_before(job: Job, origin: float) -> Job:
    """The case as the log knew it then."""
    ended = job.ended if job.ended is not None and job.ended < origin else None
    works = tuple(work for work in job.works if work.at < origin)
    return Job(
        id=job.id,
        kind=job.kind,
        opened=job.opened,
        ended=ended,
        works=works,
        won=job.won if ended is not None else None,
    )


def _week(moments: Sequence[datetime], start: date, end: date) -> Week:
    """Per weekday from the usual first to the usual last sign of work, where there mostly was one."""
    firsts: defaultdict[int, dict[date, datetime]] = defaultdict(dict)
    lasts: defaultdict[int, dict[date, datetime]] = defaultdict(dict)
    for at in sorted(moments):
        firsts[at.weekday()].setdefault(at.date(), at)
        lasts[at.weekday()][at.date()] = at
    weeks = max(1.0, (end - max(start, min(moments).date())).days / 7)
    spans = {}
    for day, seen in firsts.items():
        begins, ends = (int(median(at.hour * 60 + at.minute for at in each.values())) for each in (seen, lasts[day]))
        if len(seen) >= REGULAR * weeks and ends > begins:
            spans[_DAYS[day]] = [[f"{begins // 60:02}:{begins % 60:02}", f"{ends // 60:02}:{ends % 60:02}"]]
    return parse(spans or {"sun": [["00:00", "00:01"]]})  # an empty week would mean always there


def _in_hand(jobs: Sequence[Job], origin: float) -> dict[str, list[int]]:
    """Person -> on each day how many open cases had last been worked on by them."""
    days = np.arange(jobs[0].opened, origin, 86_400.0)
    found: defaultdict[str, np.ndarray] = defaultdict(lambda: np.zeros(len(days), dtype=int))
    for job in jobs:
        works: list[Work] = known(job)
        if not works:
            continue
        for work, after in zip(works, [*(one.at for one in works[1:]), job.ended or origin], strict=True):
            first, last = np.searchsorted(days, (work.at, after))
            found[work.who or ""][first:last] += 1
    return {who: counts.tolist() for who, counts in found.items()}


def _skills(jobs: Sequence[Job]) -> dict[str, dict[str, int]]:
    """Person -> kind of case -> 1 to 5, by how many of them they had beside the others who had any."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for job in jobs:
        for who in {work.who for work in known(job)}:
            counts[job.kind][who or ""] += 1
    levels: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for kind, of in counts.items():
        for place, (who, _) in enumerate(sorted(of.items(), key=lambda item: (item[1], item[0]))):
            levels[who][kind] = 1 + 5 * place // len(of)
    return levels


def _results(jobs: Sequence[Job]) -> dict[str, dict[str, Result]]:
    """Wins of whoever worked on a case first, as the product measures them."""
    closed = [
        Closed(agent_id=known(job)[0].who or "", alert_type=job.kind, confidence=0.5, won=job.won)
        for job in jobs
        if job.won is not None and known(job)
    ]
    found: defaultdict[str, dict[str, Result]] = defaultdict(dict)
    for (who, kind), one in results.measure(closed).items() if closed else ():
        found[who][kind] = Result(one.ratio, one.closed)
    return found


def _people(jobs: Sequence[Job], house: House, *, touched: bool) -> People:
    """Their pace, in their own working time from when the case was there."""
    agents = house.directory.by_id
    calendar = Calendar(
        house.directory,
        datetime.fromtimestamp(jobs[0].opened, UTC) - timedelta(days=1),
        datetime.fromtimestamp(max(job.works[-1].at for job in jobs if job.works), UTC) + timedelta(days=1),
    )
    first = [(job, job.works[0]) for job in jobs if job.works and job.works[0].who in agents] if touched else []
    answers = []
    for job, work in first:
        hours = calendar.hours[agents[work.who or ""].position]
        seconds = hours.worked(work.at) - hours.worked(job.opened)
        answers.append(Touched(agent_id=work.who or "", priority=Priority.MEDIUM, seconds=seconds, share=0.0))
    ended = [
        Ended(
            alert_type=job.kind,
            priority=Priority.MEDIUM,
            confidence=0.5,
            seconds=job.ended - job.opened,
            minutes=None,
            won=job.won,
        )
        for job in jobs
        if job.ended is not None
    ]
    return measure(answers, ended)


def hours_a_week(agent: Agent) -> float:
    return fmean([sum(end - start for start, end in day) for day in agent.week]) * 7 / 60
