"""A tree of conditions (all, any, not) unfolded into alternatives: lists of conditions that must hold, or must not, together.

Small enough rules are unfolded whole; for a larger one nothing is claimed.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, Protocol

MOST_ALTERNATIVES = 2_000
Literal = tuple[Any, bool]
"""A condition, and whether it is to hold."""
Alternative = tuple[Literal, ...]


class Grouped(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def members(self) -> Sequence[Any]:
        """Conditions and groups; anything without members is a condition."""


def alternatives(node: Any, wanted: bool = True) -> list[Alternative] | None:
    """The alternatives under which a condition or group holds (or does not); None when there are too many."""
    if not hasattr(node, "members"):
        return [((node, wanted),)]
    group: Grouped = node
    if group.kind == "not":
        return alternatives(group.members[0], not wanted)
    parts = [alternatives(member, wanted) for member in group.members]
    return either(parts) if (group.kind == "any") is wanted else together(parts)


def either(parts: Sequence[list[Alternative] | None]) -> list[Alternative] | None:
    """One of the parts holds."""
    found: list[Alternative] = []
    for part in parts:
        if part is None or len(found) + len(part) > MOST_ALTERNATIVES:
            return None
        found += part
    return found


def together(parts: Sequence[list[Alternative] | None]) -> list[Alternative] | None:
    """All of the parts hold."""
    found: list[Alternative] = [()]
    for part in parts:
        if part is None or len(found) * len(part) > MOST_ALTERNATIVES:
            return None
        found = [first + second for first, second in product(found, part)]
    return found
