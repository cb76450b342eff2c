"""What a rule may read: fields such as `alert.priority`, and templates such as `${metadata.previousAgentId}`.

Both are pure look-ups in nested mappings. Nothing is evaluated, so a rule can never run code.
"""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from core.errors import Invalid

Facts = Mapping[str, Any]
"""{"alert": {...}, "contact": {...}, "property": {...}, "signals": [...], "metadata": {...}, "time": {...}}"""
Reader = Callable[[Facts], Any]

KNOWN: dict[str, frozenset[str]] = {
    "alert": frozenset(
        [
            "id",
            "type",
            "status",
            "priority",
            "confidence",
            "probability",
            "lift",
            "signalStrength",
            "signalCount",
            "territory",
            "propertyValue",
            "modelVersion",
            "assignedAgentId",
        ]
    ),
    "contact": frozenset(["id", "territory", "ownerAgentId", "firstSeenAt", "attributes"]),
    "property": frozenset(
        ["id", "city", "zip", "territory", "estimatedValue", "mortgageBalance", "equity", "yearsOwned", "count"]
    ),
    "time": frozenset(["clock", "hour", "minute", "weekday", "isWeekend", "month", "date"]),
}
"""What each namespace holds. `metadata.*` and `contact.attributes.*` are free; `signals` is the list of open ones.

Names, mail addresses and phone numbers are left out on purpose: who a contact is must not decide who answers."""

_ALIASES = {
    "alertType": "alert.type",
    "alert.alertType": "alert.type",
    "type": "alert.type",
    "signalTypes": "signals",
    "userId": "contact.id",
    "alert.userId": "contact.id",
    "user.id": "contact.id",
    "previousAgentId": "metadata.previousAgentId",
} | {name: f"alert.{name}" for name in KNOWN["alert"] if name not in ("id", "type")}
_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_TEMPLATE = re.compile(r"\$\{([^{}]{0,200})\}")
_LONGEST_PATH = 6


def canonical(path: str) -> tuple[str, ...]:
    """The parts of a field's path: camelCase, aliases resolved.

    Raises:
        ValueError: saying what is wrong with it, without naming the field.
    """
    parts = tuple(path.strip().split("."))
    if not path.strip() or len(parts) > _LONGEST_PATH or not all(_PART.fullmatch(part) for part in parts):
        raise ValueError("a field looks like alert.priority or metadata.previousAgentId")
    if parts[0] != "metadata":
        parts = tuple(map(_camel, parts[:2])) + parts[2:]
    parts = tuple(_ALIASES.get(".".join(parts), ".".join(parts)).split("."))
    root = parts[0]
    if root == "signals" and len(parts) == 1:
        return parts
    if root == "metadata" and len(parts) > 1:
        return parts
    if root in KNOWN and len(parts) > 1 and parts[1] in KNOWN[root]:
        if (len(parts) > 2) == (parts[:2] == ("contact", "attributes")):
            return parts
        raise ValueError("name one value, such as contact.attributes.source")
    if root in KNOWN:
        raise ValueError(f"there is no such field; {root} has {', '.join(sorted(KNOWN[root]))}")
    raise ValueError(f"there is no such field; it starts with {', '.join(sorted(KNOWN))}, signals or metadata")


def reader(parts: tuple[str, ...]) -> Reader:
    """A closure that looks the path up; anything missing on the way is None."""
    if len(parts) == 1:
        root = parts[0]
        return lambda facts: facts.get(root)
    if len(parts) == 2:
        root, name = parts
        return lambda facts: facts[root].get(name)

    def deep(facts: Facts) -> Any:
        value: Any = facts
        for part in parts:
            if not isinstance(value, Mapping):
                return None
            value = value.get(part)
        return value

    return deep


def template(value: Any, *, field: str) -> Reader | None:
    """A closure that fills the value's templates in, or None when it has none.

    A value that is one template gives what it names, of whatever type; inside text it is written out, empty when missing.

    Raises:
        Invalid: a template names no field that exists.
    """
    if isinstance(value, list):
        inner = [template(item, field=field) for item in value]
        if not any(inner):
            return None
        fixed = list(zip(value, inner, strict=True))
        return lambda facts: [item if read is None else read(facts) for item, read in fixed]
    if not isinstance(value, str) or "${" not in value:
        return None
    try:
        found = [(match, reader(canonical(match[1]))) for match in _TEMPLATE.finditer(value)]
    except ValueError as error:
        raise Invalid("The rule is not valid.", fields={field: f"template: {error}"}) from error
    if not found:
        raise Invalid("The rule is not valid.", fields={field: "a template looks like ${metadata.previousAgentId}"})
    if len(found) == 1 and found[0][0].group() == value:
        return found[0][1]
    pieces: list[tuple[str, Reader]] = []
    at = 0
    for match, read in found:
        pieces.append((value[at : match.start()], read))
        at = match.end()
    tail = value[at:]

    def fill(facts: Facts) -> str:
        filled = ((before, read(facts)) for before, read in pieces)
        return "".join(f"{before}{'' if value is None else value}" for before, value in filled) + tail

    return fill


def names_a_field(text: str) -> bool:
    """Whether a template in this text names a field that there is."""
    for match in _TEMPLATE.finditer(text):
        with suppress(ValueError):
            return bool(canonical(match[1]))
    return False


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest) if first and rest else name
