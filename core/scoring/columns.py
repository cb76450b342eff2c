"""What many contacts did, as columns of whole numbers: how features are computed for thousands at once.

Turning histories into columns costs about as much as a dozen features one by one; each further feature is nearly free.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain
from math import nan
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from core import history
from core.history import History

T = TypeVar("T")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MICROSECOND = timedelta(microseconds=1)
EVER = 1 << 40
"""Days: a window without a beginning."""
DEVICES = ("desktop", "mobile", "other", "tablet")
_HOURS = 24


class Columns:
    """Contacts in their order. Rows of `visits`, `sessions` and `done` begin with whose they are (a contact's place) and
    how long ago: days before that contact's today, microseconds for sessions. Sums of whole numbers are exact, which is
    why these features are the same to the last bit as those computed for one contact."""

    def __init__(self, of: Iterable[History], *, now: datetime | None = None) -> None:
        """`now`: the instant of all, by default each history's own."""
        self.of = list(of)
        self.size = len(self.of)
        self._instants = [now or each.now for each in self.of]
        self._today = _ints([history.today(instant) for instant in self._instants])
        self._done: dict[str, Ints] = {}

    @cached_property
    def first_seen(self) -> Floats:
        """(contacts,) days since the first day; NaN when nothing is known."""
        return np.array(
            [
                nan if each.first_day is None else today - each.first_day
                for each, today in zip(self.of, self._today, strict=True)
            ]
        )

    @cached_property
    def visits(self) -> Ints:
        """(4, rows): whose, age, UTC hour, human events."""
        who, rows = _flat([each.visits for each in self.of])
        return np.stack([who, self._today[who] - _column(rows, 0), _column(rows, 1), _column(rows, 3)])

    @cached_property
    def devices(self) -> Ints:
        """(rows,) of `visits`: the place in DEVICES, -1 for unknown."""
        codes = {device: place for place, device in enumerate(DEVICES)}
        return _ints([codes.get(visit[2], -1) for each in self.of for visit in each.visits])

    @cached_property
    def sessions(self) -> Ints:
        """(3, rows): whose, microseconds since it began, microseconds it lasted."""
        who, rows = _flat([each.sessions for each in self.of])
        instants = self._instants
        lengths = [
            ((instants[row] - start) // MICROSECOND, (last - start) // MICROSECOND)
            for row, (start, last) in zip(who.tolist(), rows, strict=True)
        ]
        return np.stack([who, _column(lengths, 0), _column(lengths, 1)])

    def done(self, kind: str) -> Ints:
        """(3, rows): whose, age, how often a human did it."""
        if kind not in self._done:
            who, rows = _flat([each.days.get(kind, ()) for each in self.of])
            days = np.fromiter(chain.from_iterable(rows), np.int64, 3 * len(rows)).reshape(-1, 3)
            self._done[kind] = np.stack([who, self._today[who] - days[:, 0], days[:, 1]])
        return self._done[kind]

    def human(self, kind: str, *, days: int) -> Floats:
        """(contacts,) how often a human did this in so many days; the twin of `History.human`."""
        who, _, human = within(self.done(kind), days)
        return self.add(who, human)

    def newest(self, kinds: Iterable[str], *, days: int = EVER) -> Floats:
        """(contacts,) days since a human last did any of these; NaN when never."""
        found = np.full(self.size, np.inf)
        for kind in kinds:
            who, age, human = within(self.done(kind), days)
            np.minimum.at(found, who[human > 0], age[human > 0].astype(np.float64))
        return np.where(np.isinf(found), nan, found)

    def add(self, who: Ints, amount: Ints | None = None) -> Floats:
        """(contacts,) sums."""
        return np.bincount(who, amount, minlength=self.size).astype(np.float64)

    def most(self, who: Ints, what: Ints, amount: Ints, *, kinds: int) -> tuple[Ints, NDArray[np.bool_]]:
        """(contacts,) which of so many kinds has the greatest sum, the first of equals; and who has any."""
        sums = np.bincount(who * kinds + what, amount, minlength=self.size * kinds).reshape(self.size, kinds)
        first: Ints = sums.argmax(axis=1)
        return first, sums.max(axis=1, initial=0) > 0

    def active_hours(self, days: int) -> tuple[Ints, Ints]:
        """(whose, hours before the end of its today), each pair once, a contact's newest hour first."""
        who, age, hour, _ = within(self.visits, days)
        return distinct(who, age * _HOURS - hour + _HOURS)


def within(columns: Ints, days: int) -> Ints:
    """The rows whose age, the second column, is 0 to days - 1."""
    return columns[:, (columns[1] >= 0) & (columns[1] < days)]


def distinct(who: Ints, number: Ints) -> tuple[Ints, Ints]:
    """Each pair of a contact and a number (0 or more) once, ascending.

    Sorted as one number each: np.unique takes ten times as long.
    """
    width = int(number.max(initial=0)) + 1
    pairs = np.sort(who * width + number)
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    return pairs // width, pairs % width


def over(above: Floats, below: Floats) -> Floats:
    """The quotient, NaN where there is nothing to divide by."""
    found: Floats = np.full(len(above), nan)
    return np.divide(above, below, out=found, where=below > 0)


def _column(rows: Sequence[Sequence[Any]], place: int) -> Ints:
    """One place of every row. zip(*rows) would make an iterator a row, which wakes the garbage collector."""
    return np.fromiter(map(itemgetter(place), rows), np.int64, len(rows))


def _flat(of: Sequence[Sequence[T]]) -> tuple[Ints, list[T]]:
    """Whose each row is, and the rows of all, one contact after the other."""
    who = np.repeat(np.arange(len(of)), [len(rows) for rows in of])
    return who, [row for rows in of for row in rows]


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)
