"""Features that any team's events have, by names that say what they are: `count:brochure_order:30d`, `recency:brochure_order`.

`values` computes them for one contact, `matrix` for thousands at once with numpy: the same numbers to the last bit,
because both only add whole numbers and divide once. Everything is point in time, as `core.history` is. Unknown is NaN.

| name | meaning |
|---|---|
| `count:NAME:Nd` | how often a human did NAME in N days (today and the N - 1 UTC days before it) |
| `share:NAME:Nd` | that, of all a human did in N days (at most 1); missing when nothing was done |
| `recency:NAME`, `first:NAME` | days since a human last did NAME, and first (within half a year); missing when never |
| `events:Nd` | everything a human did, mails opened not counted |
| `days_active:Nd` | days with at least one of those |
| `hour_mean:Nd` | mean hour of the day (UTC) of those |
| `gap_mean:Nd`, `gap_last` | days between one active hour and the next: the mean, and the newest |
| `sessions:Nd`, `minutes:Nd` | visits by session id that began in the last N times 24 hours, their mean length; N is 30 at most |
| `first_seen_days` | days since the contact was first known |

NAME is an event name of the team's own (any spelling that normalises to it) or one of `core.history.KINDS`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import nan

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import errors, fairness, history, own_names
from core.db.tables import Rollup
from core.history import KINDS, REACH_DAYS, SESSION_DAYS, History
from core.scoring import features
from core.scoring.columns import MICROSECOND, Columns, Floats, Ints, distinct, over, within

WINDOWS = (7, 30, 90)
FEWEST_CONTACTS = 5
"""A name that fewer contacts ever did is not worth a feature."""
ALWAYS = (
    *(f"events:{days}d" for days in WINDOWS),
    "days_active:30d",
    "days_active:90d",
    "hour_mean:90d",
    "gap_mean:90d",
    "gap_last",
    "sessions:7d",
    "sessions:30d",
    "minutes:30d",
    "first_seen_days",
)
"""What is worth having whatever a team's events are."""

_OF_A_NAME = ("count", "share", "recency", "first")
_OF_SESSIONS = ("sessions", "minutes")
_WITHOUT_WINDOW = ("recency", "first", "gap_last", "first_seen_days")
_HOUR_OF_DAY = 24
_LONGEST_VISIT = timedelta(minutes=features.LONGEST_VISIT)


@dataclass(frozen=True, slots=True)
class Generic:
    """A feature's name, taken apart."""

    what: str
    kind: str = ""
    """The rollup kind it counts; empty for those of all behaviour."""
    days: int = REACH_DAYS


@lru_cache(maxsize=4096)
def parse(name: str) -> Generic:
    """Take a feature's name apart.

    Raises:
        Invalid: no such feature, or its event name speaks of a protected class.
    """
    what, _, rest = name.partition(":")
    if what not in _ONE:
        raise _wrong(name, f"there is no generic feature {what!r}")
    days = REACH_DAYS
    if what not in _WITHOUT_WINDOW:
        rest, _, window = rest.rpartition(":")
        longest = SESSION_DAYS if what in _OF_SESSIONS else REACH_DAYS
        if not window.endswith("d") or not window[:-1].isdecimal() or not 1 <= int(window[:-1]) <= longest:
            raise _wrong(name, f"ends in a window of 1d to {longest}d")
        days = int(window[:-1])
    if what not in _OF_A_NAME:
        if rest:
            raise _wrong(name, "speaks of all behaviour, not of one event name")
        return Generic(what, days=days)
    return Generic(what, _kind(name, rest), days)


def values(of: History, names: Sequence[str], *, now: datetime | None = None) -> list[float]:
    """The named features of one contact at `now`, by default the instant of the history."""
    now = now or of.now
    return [_ONE[each.what](of, each, now) for each in map(parse, names)]


def matrix(of: Iterable[History], names: Sequence[str], *, now: datetime | None = None) -> Floats:
    """(contacts, names): each row is that contact's `values`."""
    wanted = [parse(name) for name in names]
    seen = Columns(of, now=now)
    found = np.empty((seen.size, len(wanted)))
    for column, each in enumerate(wanted):
        found[:, column] = _MANY[each.what](seen, each)
    return found


def discover(of: Iterable[History], *, most: int = 30) -> tuple[str, ...]:
    """The features worth having for what these contacts do.

    Args:
        most: own event names at most, those that most contacts did; each brings six features.
    """
    contacts: Counter[str] = Counter()
    for each in of:
        contacts.update(
            kind
            for kind, rows in each.days.items()
            if kind.startswith(own_names.PREFIX) and any(row[1] for row in rows)
        )
    return _worth(contacts, most)


def discover_in(session: Session, *, most: int = 30, now: datetime) -> tuple[str, ...]:
    """The same from everything the database counted in the half-year before `now`."""
    today = history.today(now)
    rows = session.execute(
        select(Rollup.kind, func.count(Rollup.contact_id.distinct()))
        .where(
            Rollup.kind.startswith(own_names.PREFIX),
            Rollup.human > 0,
            Rollup.day > date.fromordinal(today - REACH_DAYS),
            Rollup.day <= date.fromordinal(today),
        )
        .group_by(Rollup.kind)
    )
    return _worth(Counter({row[0]: row[1] for row in rows}), most)


def _worth(contacts: Counter[str], most: int) -> tuple[str, ...]:
    ranked = sorted(contacts.items(), key=lambda item: (-item[1], item[0]))
    names = [kind.removeprefix(own_names.PREFIX) for kind, count in ranked[:most] if count >= FEWEST_CONTACTS]
    return (
        *(f"count:{name}:{days}d" for name in names for days in WINDOWS),
        *(f"share:{name}:90d" for name in names),
        *(f"{what}:{name}" for what in ("recency", "first") for name in names),
        *ALWAYS,
    )


def _kind(feature: str, name: str) -> str:
    normal = history.normal(name)
    if normal in KINDS:
        return normal
    if named := fairness.protected(normal):
        raise errors.Invalid(
            f"{feature} speaks of {named}: fair housing and fair lending law forbid to score it",
            fields={feature: "protected"},
        )
    if (kind := own_names.kind_of(normal)) is None:
        raise _wrong(feature, "needs an event name")
    return kind


def _wrong(name: str, why: str) -> errors.Invalid:
    return errors.Invalid(f"{name}: {why}", fields={name: why})


# One contact. Each of these has its twin for many contacts below; a property test holds them equal.


def _count(of: History, asked: Generic, now: datetime) -> float:
    return of.human(asked.kind, history.today(now), days=asked.days)


def _share(of: History, asked: Generic, now: datetime) -> float:
    everything = _events(of, asked, now)
    return min(1.0, _count(of, asked, now) / everything) if everything else nan


def _recency(of: History, asked: Generic, now: datetime) -> float:
    return min(_ages(of, asked, now), default=nan)


def _first(of: History, asked: Generic, now: datetime) -> float:
    return max(_ages(of, asked, now), default=nan)


def _ages(of: History, asked: Generic, now: datetime) -> list[int]:
    """How many days ago each of the days lies on which a human did it."""
    today = history.today(now)
    return [today - row[0] for row in of.days.get(asked.kind, ()) if row[1] > 0 and 0 <= today - row[0] < asked.days]


def _recent_visits(of: History, days: int, now: datetime) -> list[tuple[int, int, int]]:
    """(UTC day, hour, human events)"""
    today = history.today(now)
    return [(day, hour, count) for day, hour, _, count in of.visits if 0 <= today - day < days]


def _events(of: History, asked: Generic, now: datetime) -> float:
    return sum(count for _, _, count in _recent_visits(of, asked.days, now))


def _days_active(of: History, asked: Generic, now: datetime) -> float:
    return len({day for day, _, _ in _recent_visits(of, asked.days, now)})


def _hour_mean(of: History, asked: Generic, now: datetime) -> float:
    visits = _recent_visits(of, asked.days, now)
    total = sum(count for _, _, count in visits)
    return sum(hour * count for _, hour, count in visits) / total if total else nan


def _active_hours(of: History, asked: Generic, now: datetime) -> list[int]:
    """Ascending, each once, in hours since day 0."""
    return sorted({day * _HOUR_OF_DAY + hour for day, hour, _ in _recent_visits(of, asked.days, now)})


def _gap_mean(of: History, asked: Generic, now: datetime) -> float:
    hours = _active_hours(of, asked, now)
    return (hours[-1] - hours[0]) / ((len(hours) - 1) * _HOUR_OF_DAY) if len(hours) > 1 else nan


def _gap_last(of: History, asked: Generic, now: datetime) -> float:
    hours = _active_hours(of, asked, now)
    return (hours[-1] - hours[-2]) / _HOUR_OF_DAY if len(hours) > 1 else nan


def _lengths(of: History, days: int, now: datetime) -> list[timedelta]:
    since = now - timedelta(days=days)
    return [last - start for start, last in of.sessions if since < start <= now]


def _sessions(of: History, asked: Generic, now: datetime) -> float:
    return len(_lengths(of, asked.days, now))


def _minutes(of: History, asked: Generic, now: datetime) -> float:
    known = [length // MICROSECOND for length in _lengths(of, asked.days, now) if length <= _LONGEST_VISIT]
    return sum(known) / (len(known) * 60_000_000) if known else nan


def _first_seen_days(of: History, _asked: Generic, now: datetime) -> float:
    return nan if of.first_day is None else history.today(now) - of.first_day


_ONE: dict[str, Callable[[History, Generic, datetime], float]] = {
    "count": _count,
    "share": _share,
    "recency": _recency,
    "first": _first,
    "events": _events,
    "days_active": _days_active,
    "hour_mean": _hour_mean,
    "gap_mean": _gap_mean,
    "gap_last": _gap_last,
    "sessions": _sessions,
    "minutes": _minutes,
    "first_seen_days": _first_seen_days,
}


def _counts(seen: Columns, asked: Generic) -> Floats:
    return seen.human(asked.kind, days=asked.days)


def _shares(seen: Columns, asked: Generic) -> Floats:
    return np.minimum(1.0, over(_counts(seen, asked), _all_events(seen, asked)))


def _recencies(seen: Columns, asked: Generic) -> Floats:
    return seen.newest([asked.kind], days=asked.days)


def _firsts(seen: Columns, asked: Generic) -> Floats:
    who, age, human = within(seen.done(asked.kind), asked.days)
    found = np.full(seen.size, nan)
    np.fmax.at(found, who[human > 0], age[human > 0].astype(np.float64))
    return found


def _all_events(seen: Columns, asked: Generic) -> Floats:
    who, _, _, count = within(seen.visits, asked.days)
    return seen.add(who, count)


def _active_days(seen: Columns, asked: Generic) -> Floats:
    who, age, _, _ = within(seen.visits, asked.days)
    return seen.add(distinct(who, age)[0])


def _mean_hours(seen: Columns, asked: Generic) -> Floats:
    who, _, hour, count = within(seen.visits, asked.days)
    return over(seen.add(who, hour * count), seen.add(who, count))


def _mean_gaps(seen: Columns, asked: Generic) -> Floats:
    who, hours = seen.active_hours(asked.days)
    first = np.flatnonzero(np.diff(who, prepend=-1))
    found = np.full(seen.size, nan)
    if len(who):
        last = np.append(first[1:], len(who)) - 1
        gaps = (last - first) * _HOUR_OF_DAY
        found[who[first]] = over((hours[last] - hours[first]).astype(np.float64), gaps.astype(np.float64))
    return found


def _last_gaps(seen: Columns, asked: Generic) -> Floats:
    who, hours = seen.active_hours(asked.days)
    found = np.full(seen.size, nan)
    first = np.flatnonzero(np.diff(who, prepend=-1))
    first = first[first + 1 < len(who)]
    first = first[who[first + 1] == who[first]]
    found[who[first]] = (hours[first + 1] - hours[first]) / _HOUR_OF_DAY
    return found


def _recent_lengths(seen: Columns, days: int) -> Ints:
    return within(seen.sessions, timedelta(days=days) // MICROSECOND)


def _session_counts(seen: Columns, asked: Generic) -> Floats:
    return seen.add(_recent_lengths(seen, asked.days)[0])


def _mean_minutes(seen: Columns, asked: Generic) -> Floats:
    who, _, length = _recent_lengths(seen, asked.days)
    known = length <= _LONGEST_VISIT // MICROSECOND
    return over(seen.add(who[known], length[known]), seen.add(who[known]) * 60_000_000)


_MANY: dict[str, Callable[[Columns, Generic], Floats]] = {
    "count": _counts,
    "share": _shares,
    "recency": _recencies,
    "first": _firsts,
    "events": _all_events,
    "days_active": _active_days,
    "hour_mean": _mean_hours,
    "gap_mean": _mean_gaps,
    "gap_last": _last_gaps,
    "sessions": _session_counts,
    "minutes": _mean_minutes,
    "first_seen_days": lambda seen, _asked: seen.first_seen,
}
