"""Stretches of time as sorted lists that do not touch: put together, cut with each other, taken from each other."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

Span = tuple[datetime, datetime]
"""(from, to), the end not included."""


def union(spans: Iterable[Span]) -> list[Span]:
    """What any of them covers; what touches is one."""
    found: list[Span] = []
    for begins, ends in sorted(set(spans)):  # people share hours, so the same span comes many times
        if found and begins <= found[-1][1]:
            if ends > found[-1][1]:
                found[-1] = (found[-1][0], ends)
        elif begins < ends:
            found.append((begins, ends))
    return found


def common(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What both cover."""
    found: list[Span] = []
    at = start = 0
    while at < len(one) and start < len(other):
        begins, ends = max(one[at][0], other[start][0]), min(one[at][1], other[start][1])
        if begins < ends:
            found.append((begins, ends))
        if one[at][1] < other[start][1]:
            at += 1
        else:
            start += 1
    return found


def minus(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """What the first covers and the second does not."""
    found: list[Span] = []
    start = 0
    for begins, ends in one:
        while start < len(other) and other[start][1] <= begins:
            start += 1
        place = start
        while place < len(other) and other[place][0] < ends:
            if other[place][0] > begins:
                found.append((begins, other[place][0]))
            begins = max(begins, other[place][1])
            place += 1
        if begins < ends:
            found.append((begins, ends))
    return found


def length(spans: Iterable[Span]) -> timedelta:
    return sum((ends - begins for begins, ends in spans), timedelta())
