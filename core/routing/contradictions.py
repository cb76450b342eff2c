"""Whether a rule's conditions can hold together at all, told only where it is certain.

Fields are taken as independent of each other. Each is tried at the values where one of its conditions turns; conditions
whose turning values cannot be listed (patterns, templates, lists) count as able to go either way.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from core.routing.conditions import Node
from core.routing.logic import Alternative, Literal, alternatives, together
from core.routing.operators import OPERATORS
from core.words import OPEN_STATUSES, Priority

Path = tuple[str, ...]
Known = Mapping[Path, Sequence[Any]]
"""Fields that only ever have one of these values."""

_HARD = frozenset({"regex", "contains"})
_ORDERED = frozenset({"greater_than", "less_than", "between"})
_FREE = frozenset({"signals", "metadata"})
"""Namespaces whose values may be lists."""
_ALWAYS_THERE = frozenset(
    {
        ("alert", "id"),
        ("alert", "type"),
        ("alert", "status"),
        ("alert", "priority"),
        ("alert", "confidence"),
        ("alert", "probability"),
        ("alert", "lift"),
        ("alert", "signalStrength"),
        ("alert", "signalCount"),
        ("contact", "id"),
        ("contact", "firstSeenAt"),
        ("property", "count"),
    }
)
_RANGES: dict[Path, tuple[float | None, float | None, bool]] = {
    ("alert", "confidence"): (0, 1, False),
    ("alert", "probability"): (0, 1, False),
    ("alert", "signalStrength"): (0, 1, False),
    ("alert", "lift"): (0, None, False),
    ("alert", "signalCount"): (0, None, True),
    ("alert", "propertyValue"): (0, None, False),
    ("property", "estimatedValue"): (0, None, False),
    ("property", "mortgageBalance"): (0, None, False),
    ("property", "count"): (0, None, True),
    ("property", "equity"): (None, None, False),
    ("property", "yearsOwned"): (None, None, False),
    ("time", "hour"): (0, 23, True),
    ("time", "minute"): (0, 59, True),
    ("time", "month"): (1, 12, True),
}
"""Numbers: the least, the most, and whether they are whole."""
KNOWN: Known = {
    ("alert", "priority"): tuple(Priority),
    ("alert", "status"): OPEN_STATUSES,
    ("time", "weekday"): ("mon", "tue", "wed", "thu", "fri", "sat", "sun"),
    ("time", "isWeekend"): (True, False),
}


def never(nodes: Sequence[Node], *, known: Known = KNOWN) -> bool:
    """Whether the conditions can never all hold."""
    return _none_holds(together([alternatives(node) for node in nodes]), known)


def covered(inner: Sequence[Node], outer: Sequence[Node], *, known: Known = KNOWN) -> bool:
    """Whether whatever satisfies `inner` certainly satisfies `outer` too."""
    within = together([alternatives(node) for node in inner])
    return all(_none_holds(together([within, alternatives(node, wanted=False)]), known) for node in outer)


def _none_holds(found: list[Alternative] | None, known: Known) -> bool:
    return found is not None and not any(_can_hold(alternative, known) for alternative in found)


def _can_hold(alternative: Alternative, known: Known) -> bool:
    of_field: dict[Path, list[Literal]] = {}
    for literal in alternative:
        of_field.setdefault(literal[0].path, []).append(literal)
    return all(_field_can(path, literals, known) for path, literals in of_field.items())


def _field_can(path: Path, literals: list[Literal], known: Known) -> bool:
    sure = [(condition, wanted) for condition, wanted in literals if not _is_hard(condition)]
    if any((other, not wanted) in _as_keys(literals) for other, wanted in _as_keys(literals)):
        return False
    if path[0] in _FREE or path[:2] == ("contact", "attributes"):
        return True
    used = {condition.operator for condition, _ in sure}
    if "starts_with" in used and used & _ORDERED:
        return True
    return any(
        all(OPERATORS[condition.operator](value, condition.value) is wanted for condition, wanted in sure)
        for value in _telling(path, [condition for condition, _ in sure], known)
    )


def _as_keys(literals: Iterable[Literal]) -> set[tuple[tuple[str, str], bool]]:
    """The same condition asked for and ruled out is a contradiction, whatever it means."""
    return {((condition.operator, repr(condition.value)), wanted) for condition, wanted in literals}


def _is_hard(condition: Any) -> bool:
    return condition.operator in _HARD or "${" in repr(condition.value)


def _telling(path: Path, conditions: Sequence[Any], known: Known) -> list[Any]:
    """Values of the field between which none of these conditions changes its answer, and none where it may be missing."""
    missing = [] if path in _ALWAYS_THERE or path[0] == "time" else [None]
    if path in known:
        return [*known[path], *missing]
    mentioned = [
        value
        for condition in conditions
        for value in (condition.value if isinstance(condition.value, list) else [condition.value])
    ]
    if path in _RANGES:
        return [*_numbers(mentioned, *_RANGES[path]), *missing]
    texts = sorted({value for value in mentioned if isinstance(value, str)})
    around = [text + tail for text in ("", *texts) for tail in ("\x01", "\U0010ffff")]
    empty = [""] if missing else []
    return [*texts, *around, *empty, *missing]


def _numbers(mentioned: Iterable[Any], least: float | None, most: float | None, whole: bool) -> list[float]:
    turns = {float(value) for value in mentioned if isinstance(value, int | float) and not isinstance(value, bool)}
    ordered = sorted(turns | {bound for bound in (least, most) if bound is not None}) or [0.0]
    values = [ordered[0] - 1, *ordered, ordered[-1] + 1, *((low + high) / 2 for low, high in pairwise(ordered))]
    if whole:
        values = sorted({value // 1 + step for value in values for step in (-1.0, 0.0, 1.0)})
    return [value for value in values if (least is None or value >= least) and (most is None or value <= most)]
