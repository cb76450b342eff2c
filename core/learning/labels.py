"""Labels: what came of a score within its horizon, known only once the window has closed.

`transacts`: the transaction (or event) happened. `right`: it did, or an agent confirmed the intent on an alert of that
type. Windows still open are censored (NaN), also where the answer has come already: early positives without the
negatives that only time can show would overstate every rate. Windows close at the horizon plus a delay for reports.
A home that is sold ends the question of selling or refinancing it (cause-specific censoring): negative only where it was
the contact's only home, so that nothing could follow; unknown otherwise.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.learning.examples import DAY, Examples, Floats, Ints, milliseconds
from core.scoring import features

REPORT_DELAY = timedelta(days=14)
"""How late a transaction may be reported (county records, a monthly CSV): a window closes so much after its horizon."""
MOVED_AWAY = 365 * DAY
"""A contact who sold, and of whom no purchase is known since, has no home to sell or refinance for so long."""
_NEVER = np.int64(2**62)
_BITS = 42
"""Milliseconds since 1970 fit until 2109."""


class Happenings(NamedTuple):
    """Instants of contacts, sorted by contact and time."""

    contact: Ints
    at: Ints

    @classmethod
    def of(cls, contact: list[int], at: list[int]) -> "Happenings":
        who, when = np.array(contact, dtype=np.int64), np.maximum(np.array(at, dtype=np.int64), 0)
        order = np.lexsort((when, who))
        return cls(who[order], when[order])


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is known by now of what may answer a question; contacts by the examples' numbers."""

    answers: Happenings
    """The transactions of the kind (or the events of the name) asked for."""
    sales: Happenings
    """Empty where a sale does not end the question."""
    bought: Happenings
    """Purchases and investments: a home again."""
    confirmed: Happenings
    """When alerts of the type opened that an agent found right."""
    refuted: Happenings
    """When alerts of the type opened that an agent found wrong."""
    reported: tuple[int, int] | None
    """First and last instant (ms) that reports of transactions or events cover; None: nobody reports any."""


@dataclass(frozen=True, kw_only=True)
class Labels:
    """One entry an example; NaN is unknown."""

    transacts: Floats
    right: Floats
    """Known also where nobody asked but a transaction followed."""
    reached: NDArray[np.bool_]
    """This very score opened an alert, and an agent said whether it was right. Only these rows say how often a score is
    right: of contacts nobody asked only the right ones would be seen, and scores before the alert's own would be counted
    for what the contact did later."""
    censored: int
    """Rows whose window is still open."""
    unknown: int
    """Rows whose window has closed without anybody knowing how."""

    @property
    def confirmed(self) -> Floats:
        """`right` of the scores an agent answered, NaN of all others."""
        return np.where(self.reached, self.right, np.nan)

    def where(self, chosen: NDArray[np.bool_]) -> "Labels":
        return Labels(
            transacts=self.transacts[chosen],
            right=self.right[chosen],
            reached=self.reached[chosen],
            censored=self.censored,
            unknown=self.unknown,
        )


def label(
    examples: Examples,
    facts: Facts,
    *,
    horizon: timedelta,
    delay: timedelta = REPORT_DELAY,
    by_outcome: bool = False,
    now: datetime,
) -> Labels:
    """The labels of these examples as they can be known at `now`.

    Args:
        by_outcome: agents' outcomes answer the question themselves; there is no transaction to wait for.
    """
    contact, at = examples.contact, examples.at
    end = at + int(horizon / timedelta(milliseconds=1))
    closed = end + int(delay / timedelta(milliseconds=1)) <= milliseconds(now)
    confirmed = next_after(facts.confirmed, contact, at - 1) <= end
    refuted = next_after(facts.refuted, contact, at - 1) <= end
    said = np.where(confirmed, 1.0, np.where(refuted, 0.0, np.nan))
    happened = said if by_outcome else _happened(examples, facts, end)
    transacts = np.where(closed, happened, np.nan)
    right = np.where(closed, np.where(happened == 1, 1.0, said), np.nan)
    known = ~np.isnan(transacts)
    return Labels(
        transacts=transacts,
        right=right,
        reached=closed & (_opened(facts.confirmed, contact, at) | _opened(facts.refuted, contact, at)),
        censored=int((~closed).sum()),
        unknown=int((closed & ~known).sum()),
    )


def next_after(what: Happenings, contact: Ints, at: Ints) -> Ints:
    """The first such instant after `at` of the same contact; a time beyond all others where there is none."""
    if not len(what.at):
        return np.full(len(at), _NEVER)
    place = np.searchsorted(_keys(what.contact, what.at), _keys(contact, at), side="right")
    inside = np.minimum(place, len(what.at) - 1)
    return np.where((place < len(what.at)) & (what.contact[inside] == contact), what.at[inside], _NEVER)


def last_until(what: Happenings, contact: Ints, at: Ints) -> Ints:
    """The last such instant at or before `at` of the same contact; a time before all others where there is none."""
    if not len(what.at):
        return np.full(len(at), -_NEVER)
    place = np.searchsorted(_keys(what.contact, what.at), _keys(contact, at), side="right") - 1
    inside = np.maximum(place, 0)
    return np.where((place >= 0) & (what.contact[inside] == contact), what.at[inside], -_NEVER)


def _happened(examples: Examples, facts: Facts, end: Ints) -> Floats:
    contact, at = examples.contact, examples.at
    homes = examples.matrix[:, features.index("property_count")]
    event = next_after(facts.answers, contact, at)
    happened = np.where(event <= end, 1.0, 0.0)
    # The sale of the home comes first: what follows is another home's story, and without another home nothing can.
    sold = next_after(facts.sales, contact, at)
    ended = (sold <= end) & (sold < event)
    happened[ended] = np.where((homes[ended] == 1) & (event[ended] > end[ended]), 0.0, np.nan)
    happened[_left(facts, contact, at, homes)] = np.nan
    if facts.reported is None:
        return np.full(len(at), np.nan)
    # Before the first report and after the last one nothing is known to be absent.
    happened[(at < facts.reported[0]) | (end > facts.reported[1])] = np.nan
    return happened


def _left(facts: Facts, contact: Ints, at: Ints, homes: Floats) -> NDArray[np.bool_]:
    """Sold before the score and no home since: nobody at risk."""
    sold = last_until(facts.sales, contact, at)
    bought = last_until(facts.bought, contact, at)
    left: NDArray[np.bool_] = (sold > at - MOVED_AWAY) & (bought <= sold) & ~(homes >= 2)
    return left


def _opened(what: Happenings, contact: Ints, at: Ints) -> NDArray[np.bool_]:
    here: NDArray[np.bool_] = next_after(what, contact, at - 1) == at
    return here


def _keys(contact: Ints, at: Ints) -> Ints:
    return (contact << _BITS) | np.clip(at, 0, 2**_BITS - 1)
