"""Event names of a team's own, as rollup kinds: which ones count, and how many, so that hostile names cannot fill the tables.

A name counts as `name:<normalised, at most 40 characters>`. A contact's day holds at most 20 of them, the first that
came; further names of that day are kept as events and not counted. A name that speaks of a protected class never counts.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from functools import lru_cache

from core import fairness

PREFIX = "name:"
LONGEST = 40
MOST_A_DAY = 20

Key = tuple[str, str, date]
"""Contact, kind and UTC day: the key of a rollup."""


@lru_cache(maxsize=4096)
def kind_of(normal: str) -> str | None:
    """The kind a normalised name counts as; None when it is blank or speaks of a protected class."""
    if not normal or fairness.protected(normal) is not None:
        return None
    return PREFIX + normal[:LONGEST]


def days_of(tallies: Iterable[Key]) -> set[tuple[str, date]]:
    """The contacts' days on which own names are about to be counted."""
    return {(contact_id, day) for contact_id, kind, day in tallies if kind.startswith(PREFIX)}


def limited(tallies: dict[Key, list[int]], stored: Iterable[Key] = ()) -> dict[Key, list[int]]:
    """The tallies without the own names beyond MOST_A_DAY a contact's day.

    Args:
        tallies: in the order in which the events came.
        stored: the own names already counted on these days. A name that is not among them although its day is full was
            left out before, so taking its events back (a machine unmasked) is left out too: counts never go wrong.
    """
    known: Mapping[tuple[str, date], set[str]] = defaultdict(set)
    for contact_id, kind, day in stored:
        known[contact_id, day].add(kind)
    kept: dict[Key, list[int]] = {}
    for key, tally in tallies.items():
        contact_id, kind, day = key
        if kind.startswith(PREFIX):
            names = known[contact_id, day]
            if kind not in names:
                if len(names) >= MOST_A_DAY:
                    continue
                names.add(kind)
        kept[key] = tally
    return kept
