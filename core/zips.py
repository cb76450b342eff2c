"""ZIP codes as territories hold them: single ones, ranges and prefixes; the smallest territory that holds one; overlaps."""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_PLAIN = re.compile(r"(\d{5})(?:-?\d{4})?")
_RANGE = re.compile(r"(\d{5})\s*[-–]\s*(\d{5})")
_PREFIX = re.compile(r"(\d{1,4})\*")

Span = tuple[int, int]
"""From the first ZIP to the last, both included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """Two territories, neither inside the other, that hold the same ZIPs."""

    one: str
    other: str
    first: str
    last: str
    """The first and the last ZIP they share; not all between need be shared."""
    count: int
    winner: str
    """Who gets the first of them."""


def number(text: str | None) -> int | None:
    """78701 of "78701", "78701-1234" or "787011234"; None for what is no ZIP code."""
    found = _PLAIN.fullmatch((text or "").strip())
    return int(found[1]) if found else None


def span(pattern: str) -> Span:
    """The ZIPs that "78701", "78701-78799" or "787*" stand for.

    Raises:
        ValueError: it is none of these, or ends before it starts.
    """
    text = pattern.strip()
    if found := _RANGE.fullmatch(text):
        low, high = int(found[1]), int(found[2])
        if high < low:
            raise ValueError(f"“{text}” ends before it starts")
        return low, high
    if found := _PREFIX.fullmatch(text):
        step = 10 ** (5 - len(found[1]))
        return int(found[1]) * step, int(found[1]) * step + step - 1
    if found := re.fullmatch(r"\d{5}", text):
        return int(text), int(text)
    raise ValueError(f"“{text[:20]}” is no ZIP (78701), range (78701-78799) or prefix (787*)")


def written(pattern: str) -> str:
    """The same pattern as it is stored: without blanks, with a plain hyphen.

    Raises:
        ValueError: as `span`.
    """
    span(pattern)
    return re.sub(r"\s+", "", pattern).replace("–", "-")


class Atlas:
    """Where each ZIP lies. Built once from all territories; a look-up is one bisection."""

    def __init__(self, zips: Mapping[str, Sequence[str]], parents: Mapping[str, str | None]) -> None:
        """`zips` is territory -> patterns, of which unreadable ones count for nothing; `parents` is territory -> the one around it."""
        self._parents = parents
        spans = {territory: _spans(patterns) for territory, patterns in zips.items()}
        self._sizes = {territory: sum(high - low + 1 for low, high in those) for territory, those in spans.items()}
        self._starts: list[int] = []
        self._holders: list[tuple[str, ...]] = []
        """The holders from one start to the next: the smallest first, each only where none is inside it."""
        self._sweep(spans)

    def at(self, zip_code: str | None) -> str | None:
        """The smallest territory that holds this ZIP: the innermost, else the one of fewest ZIPs."""
        wanted = number(zip_code)
        if wanted is None:
            return None
        place = bisect_right(self._starts, wanted) - 1
        holders = self._holders[place] if place >= 0 else ()
        return holders[0] if holders else None

    def overlaps(self) -> list[Overlap]:
        """Every pair that shares ZIPs though neither lies inside the other, by name."""
        shared: dict[tuple[str, str], list[tuple[int, int, str]]] = defaultdict(list)
        for place, holders in enumerate(self._holders):
            for index, one in enumerate(holders):
                for other in holders[index + 1 :]:
                    low, high = self._starts[place], self._starts[place + 1] - 1
                    shared[min(one, other), max(one, other)].append((low, high, holders[0]))
        return [
            Overlap(
                one=one,
                other=other,
                first=f"{parts[0][0]:05}",
                last=f"{parts[-1][1]:05}",
                count=sum(high - low + 1 for low, high, _ in parts),
                winner=parts[0][2],
            )
            for (one, other), parts in sorted(shared.items())
        ]

    def _sweep(self, spans: Mapping[str, Sequence[Span]]) -> None:
        edges: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for territory, those in spans.items():
            for low, high in those:
                edges[low].append((1, territory))
                edges[high + 1].append((-1, territory))
        inside: dict[str, int] = defaultdict(int)
        for at in sorted(edges):
            for step, territory in edges[at]:
                inside[territory] += step
                if not inside[territory]:
                    del inside[territory]
            self._starts.append(at)
            self._holders.append(self._innermost(list(inside)))

    def _innermost(self, holders: Sequence[str]) -> tuple[str, ...]:
        around = {outer for territory in holders for outer in self._around(territory)}
        inner = set(holders) - around or set(holders)  # a circle has no innermost
        return tuple(sorted(inner, key=lambda territory: (self._sizes[territory], territory)))

    def _around(self, territory: str) -> list[str]:
        found: list[str] = []
        at = self._parents.get(territory)
        while at is not None and at not in found and at != territory:  # a circle in the table must not hang anything
            found.append(at)
            at = self._parents.get(at)
        return found


def _spans(patterns: Sequence[str]) -> list[Span]:
    """Sorted and merged: a ZIP named twice is held once."""
    found: list[Span] = []
    for pattern in patterns:
        try:
            found.append(span(pattern))
        except (ValueError, AttributeError):
            continue
    merged: list[Span] = []
    for low, high in sorted(found):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged
