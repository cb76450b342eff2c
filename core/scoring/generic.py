"""Features that any team's events have, by names that say what they are: `count:brochure_order:30d`, `recency:brochure_order`.

`values` computes them for one contact, `matrix` for thousands at once with numpy: the same numbers to the last bit,
because both only add whole numbers and divide once. Everything is point in time, as `core.history` is. Unknown is NaN.

| name | meaning |
|---|---|
| `count:NAME:Nd` | how often a human did NAME in N days (today and the N - 1 UTC days before it) |
| `share:NAME:Nd` | that, of all a human did in N days (at most 1); missing when nothing was done |
| `recency:NAME` | days since a human last did NAME; missing when never |
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
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import errors, fairness, history, own_names
from core.db.tables import Rollup
from core.history import KINDS, REACH_DAYS, SESSION_DAYS, History
from core.scoring import features

T = TypeVar("T")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

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

_OF_A_NAME = ("count", "share", "recency")
_OF_SESSIONS = ("sessions", "minutes")
_WITHOUT_WINDOW = ("recency", "gap_last", "first_seen_days")
_HOUR_OF_DAY = 24
_MICROSECOND = timedelta(microseconds=1)
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
    seen = _Seen(list(of), {each.kind for each in wanted if each.kind}, now)
    found = np.empty((seen.size, len(wanted)))
    for column, each in enumerate(wanted):
        found[:, column] = _MANY[each.what](seen, each)
    return found


def discover(of: Iterable[History], *, most: int = 30) -> tuple[str, ...]:
    """The features worth having for what these contacts do.

    Args:
        most: own event names at most, those that most contacts did; each brings five features.
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
        *(f"recency:{name}" for name in names),
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
    today = history.today(now)
    days = [today - row[0] for row in of.days.get(asked.kind, ()) if row[1] > 0 and 0 <= today - row[0] < asked.days]
    return min(days) if days else nan


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
    known = [length // _MICROSECOND for length in _lengths(of, asked.days, now) if length <= _LONGEST_VISIT]
    return sum(known) / (len(known) * 60_000_000) if known else nan


def _first_seen_days(of: History, _asked: Generic, now: datetime) -> float:
    return nan if of.first_day is None else history.today(now) - of.first_day


_ONE: dict[str, Callable[[History, Generic, datetime], float]] = {
    "count": _count,
    "share": _share,
    "recency": _recency,
    "events": _events,
    "days_active": _days_active,
    "hour_mean": _hour_mean,
    "gap_mean": _gap_mean,
    "gap_last": _gap_last,
    "sessions": _sessions,
    "minutes": _minutes,
    "first_seen_days": _first_seen_days,
}


class _Seen:
    """What many contacts did, as columns; `who` is a contact's row and `age` days before its today."""

    def __init__(self, of: Sequence[History], kinds: set[str], now: datetime | None) -> None:
        instants = [now or each.now for each in of]
        todays = [history.today(instant) for instant in instants]
        self.size = len(of)
        self.first_seen: Floats = np.array(
            [nan if each.first_day is None else today - each.first_day for each, today in zip(of, todays, strict=True)]
        )
        who, visits = _flat([each.visits for each in of])
        day, hour, _, count = _taken_apart(visits, 4)
        self.visits: Ints = np.stack([who, _ages(who, day, todays), _ints(hour), _ints(count)])
        who, sessions = _flat([each.sessions for each in of])
        lengths = [
            ((instants[row] - start) // _MICROSECOND, (last - start) // _MICROSECOND)
            for row, (start, last) in zip(who.tolist(), sessions, strict=True)
        ]
        ago, length = _taken_apart(lengths, 2)
        self.lengths: Ints = np.stack([who, _ints(ago), _ints(length)])
        self.done: dict[str, Ints] = {}
        for kind in kinds:
            who, rows = _flat([each.days.get(kind, ()) for each in of])
            day, human, _ = _taken_apart(rows, 3)
            self.done[kind] = np.stack([who, _ages(who, day, todays), _ints(human)])

    def add(self, who: Ints, amount: Ints | None = None) -> Floats:
        """Sums per contact; whole numbers, so exact."""
        return np.bincount(who, amount, minlength=self.size).astype(np.float64)

    def active_hours(self, days: int) -> tuple[Ints, Ints]:
        """(contact, hours before the end of its today), each pair once, a contact's newest hour first."""
        who, age, hour, _ = _within(self.visits, days)
        return _distinct(who, age * _HOUR_OF_DAY - hour + _HOUR_OF_DAY)


def _flat(of: Sequence[Sequence[T]]) -> tuple[Ints, list[T]]:
    """Whose each row is, and the rows of all, one contact after the other."""
    who = np.repeat(np.arange(len(of)), [len(rows) for rows in of])
    return who, [row for rows in of for row in rows]


def _taken_apart(rows: Sequence[Sequence[Any]], width: int) -> Sequence[Sequence[Any]]:
    """A tuple a column; column by column numpy reads a list of rows four times as fast."""
    return list(zip(*rows, strict=True)) or [()] * width


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _ages(who: Ints, day: Sequence[int], todays: Sequence[int]) -> Ints:
    ages: Ints = _ints(todays)[who] - _ints(day)
    return ages


def _distinct(who: Ints, number: Ints) -> tuple[Ints, Ints]:
    """Each pair of a contact and a number (0 or more) once, ascending; sorted as one number (np.unique takes ten times as long)."""
    width = int(number.max(initial=0)) + 1
    pairs = np.sort(who * width + number)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs // width, pairs % width


def _within(columns: Ints, days: int) -> Ints:
    """Those whose age, the second column, is 0 to days - 1."""
    return columns[:, (columns[1] >= 0) & (columns[1] < days)]


def _over(above: Floats, below: Floats) -> Floats:
    """The quotient, NaN where there is nothing to divide by."""
    found: Floats = np.full(len(above), nan)
    return np.divide(above, below, out=found, where=below > 0)


def _counts(seen: _Seen, asked: Generic) -> Floats:
    who, _, human = _within(seen.done[asked.kind], asked.days)
    return seen.add(who, human)


def _shares(seen: _Seen, asked: Generic) -> Floats:
    return np.minimum(1.0, _over(_counts(seen, asked), _all_events(seen, asked)))


def _recencies(seen: _Seen, asked: Generic) -> Floats:
    who, age, human = _within(seen.done[asked.kind], asked.days)
    newest = np.full(seen.size, np.inf)
    np.minimum.at(newest, who[human > 0], age[human > 0].astype(np.float64))
    return np.where(np.isinf(newest), nan, newest)


def _all_events(seen: _Seen, asked: Generic) -> Floats:
    who, _, _, count = _within(seen.visits, asked.days)
    return seen.add(who, count)


def _active_days(seen: _Seen, asked: Generic) -> Floats:
    who, age, _, _ = _within(seen.visits, asked.days)
    return seen.add(_distinct(who, age)[0])


def _mean_hours(seen: _Seen, asked: Generic) -> Floats:
    who, _, hour, count = _within(seen.visits, asked.days)
    return _over(seen.add(who, hour * count), seen.add(who, count))


def _mean_gaps(seen: _Seen, asked: Generic) -> Floats:
    who, hours = seen.active_hours(asked.days)
    first = np.flatnonzero(np.diff(who, prepend=-1))
    found = np.full(seen.size, nan)
    if len(who):
        last = np.append(first[1:], len(who)) - 1
        gaps = (last - first) * _HOUR_OF_DAY
        found[who[first]] = _over((hours[last] - hours[first]).astype(np.float64), gaps.astype(np.float64))
    return found


def _last_gaps(seen: _Seen, asked: Generic) -> Floats:
    who, hours = seen.active_hours(asked.days)
    found = np.full(seen.size, nan)
    first = np.flatnonzero(np.diff(who, prepend=-1))
    first = first[first + 1 < len(who)]
    first = first[who[first + 1] == who[first]]
    found[who[first]] = (hours[first + 1] - hours[first]) / _HOUR_OF_DAY
    return found


def _recent_lengths(seen: _Seen, days: int) -> Ints:
    return _within(seen.lengths, timedelta(days=days) // _MICROSECOND)


def _session_counts(seen: _Seen, asked: Generic) -> Floats:
    return seen.add(_recent_lengths(seen, asked.days)[0])


def _mean_minutes(seen: _Seen, asked: Generic) -> Floats:
    who, _, length = _recent_lengths(seen, asked.days)
    known = length <= _LONGEST_VISIT // _MICROSECOND
    return _over(seen.add(who[known], length[known]), seen.add(who[known]) * 60_000_000)


_MANY: dict[str, Callable[[_Seen, Generic], Floats]] = {
    "count": _counts,
    "share": _shares,
    "recency": _recencies,
    "events": _all_events,
    "days_active": _active_days,
    "hour_mean": _mean_hours,
    "gap_mean": _mean_gaps,
    "gap_last": _last_gaps,
    "sessions": _session_counts,
    "minutes": _mean_minutes,
    "first_seen_days": lambda seen, _asked: seen.first_seen,
}
