"""Rules over a contact's numbers: groups (all, any, not) of conditions {field, operator, value}, read once, then closures.

The comparisons are those of the routing rules (core.routing.operators). A number that is unknown satisfies nothing but `exists` false.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.alert_types.fields import Facts, Field, Refused, field
from core.errors import Invalid
from core.routing.operators import OPERATORS as COMPARE

MOST_CONDITIONS = 50
DEEPEST = 4
MOST_VALUES = 100
OPERATORS: dict[str, str] = {
    "equals": "is",
    "not_equals": "is not",
    "greater_than": "is above",
    "less_than": "is below",
    "between": "is between",
    "in": "is one of",
    "not_in": "is none of",
    "exists": "is present",
}
"""Operator to its words."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    field: Field
    operator: str
    value: Any

    def test(self, found: float | None) -> bool:
        """Whether this value of the field satisfies it."""
        return COMPARE[self.operator](found, self.value) if found is not None else self._of_unknown

    def holds(self, facts: Facts) -> bool:
        return self.test(self.field.read(facts))

    @property
    def _of_unknown(self) -> bool:
        return self.operator == "exists" and not self.value

    @property
    def says(self) -> str:
        """As in "Value checks is above 3"."""
        if self.operator == "exists":
            return f"{self.field.label} is {'present' if self.value else 'missing'}"
        return f"{self.field.label} {OPERATORS[self.operator]} {_shown(self.value, self.field)}"


@dataclass(frozen=True, kw_only=True)
class Group:
    kind: Literal["all", "any", "not"]
    members: tuple["Node", ...]
    """One for `not`."""

    def holds(self, facts: Facts) -> bool:
        if self.kind == "all":
            return all(member.holds(facts) for member in self.members)
        if self.kind == "any":
            return any(member.holds(facts) for member in self.members)
        return not self.members[0].holds(facts)


Node = Condition | Group


def parse(raw: object, *, at: str) -> Node:
    """Read a condition or a group. `at` names its place, for errors.

    Raises:
        Invalid: naming the first wrong part.
    """
    node = _parse(raw, at=at, depth=1)
    if len(list(conditions_of(node))) > MOST_CONDITIONS:
        raise refusal(at, f"at most {MOST_CONDITIONS} conditions in all")
    return node


def conditions_of(node: Node) -> Iterator[Condition]:
    """Every condition in it."""
    if isinstance(node, Condition):
        yield node
        return
    for member in node.members:
        yield from conditions_of(member)


def holding(node: Node, facts: Facts) -> list[tuple[Condition, bool]]:
    """Why it holds: the conditions that do (True), and under `not` those that do not (False)."""
    if isinstance(node, Condition):
        return [(node, True)] if node.holds(facts) else []
    if node.kind == "not":
        return [(condition, False) for condition in conditions_of(node.members[0]) if not condition.holds(facts)]
    return [each for member in node.members if member.holds(facts) for each in holding(member, facts)]


def in_words(node: Node, *, inside: bool = False) -> str:
    """The whole rule as one line: "signal: insurance claim is present, and value checks is above 0"."""
    if isinstance(node, Condition):
        return node.says[0].lower() + node.says[1:]
    if node.kind == "not":
        return f"not ({in_words(node.members[0])})"
    if len(node.members) == 1:
        return in_words(node.members[0], inside=inside)
    joined = (", and " if node.kind == "all" else ", or ").join(in_words(one, inside=True) for one in node.members)
    return f"({joined})" if inside else joined


def refusal(at: str, why: str) -> Invalid:
    return Invalid("The alert type is not valid.", fields={at: why})


def _parse(raw: object, *, at: str, depth: int) -> Node:
    if not isinstance(raw, Mapping):
        raise refusal(at, "a condition is {field, operator, value}; a group is {all: […]}, {any: […]} or {not: …}")
    kinds = [kind for kind in ("all", "any", "not") if kind in raw]
    if not kinds:
        return _condition(raw, at=at)
    if len(raw) > 1:
        raise refusal(at, "a group has exactly one of all, any and not")
    if depth > DEEPEST:
        raise refusal(at, f"groups may lie at most {DEEPEST} deep")
    kind, inner = kinds[0], raw[kinds[0]]
    if kind == "not":
        return Group(kind="not", members=(_parse(inner, at=f"{at}.not", depth=depth + 1),))
    if not isinstance(inner, Sequence) or isinstance(inner, str) or not 1 <= len(inner) <= MOST_CONDITIONS:
        raise refusal(f"{at}.{kind}", f"a list of 1 to {MOST_CONDITIONS} conditions")
    members = tuple(_parse(one, at=f"{at}.{kind}.{place}", depth=depth + 1) for place, one in enumerate(inner))
    return Group(kind="all" if kind == "all" else "any", members=members)


def _condition(raw: Mapping[Any, Any], *, at: str) -> Condition:
    if unknown := sorted(set(map(str, raw)) - {"field", "operator", "value"}):
        raise refusal(f"{at}.{unknown[0][:40]}", "a condition has field, operator and value")
    name, operator = raw.get("field"), raw.get("operator")
    if not isinstance(name, str) or not name:
        raise refusal(f"{at}.field", "name a field such as feature.value_checks_30d")
    try:
        found = field(name)
    except Refused as error:
        raise refusal(f"{at}.field", str(error)) from error
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise refusal(f"{at}.operator", f"use one of {', '.join(OPERATORS)}")
    value = _value(raw.get("value"), operator, found, at=f"{at}.value")
    return Condition(field=found, operator=operator, value=value)


def _value(raw: object, operator: str, found: Field, *, at: str) -> Any:
    if operator == "exists":
        if raw is not None and not isinstance(raw, bool):
            raise refusal(at, "true or false")
        return raw is not False
    if operator in ("in", "not_in"):
        if not isinstance(raw, list | tuple) or not 1 <= len(raw) <= MOST_VALUES:
            raise refusal(at, f"a list of 1 to {MOST_VALUES} numbers")
        return [_number(one, found, at=at) for one in raw]
    if operator == "between":
        if not isinstance(raw, list | tuple) or len(raw) != 2:
            raise refusal(at, "two numbers, the lower first")
        low, high = (_number(one, found, at=at) for one in raw)
        if low > high:
            raise refusal(at, f"{low:g} is above {high:g}: the lower number comes first, or nothing ever fits")
        return [low, high]
    return _number(raw, found, at=at)


def _number(raw: object, found: Field, *, at: str) -> float:
    if found.codes is not None and isinstance(raw, str):
        if raw not in found.codes:
            raise refusal(at, f"one of {', '.join(found.codes)}")
        return found.codes[raw]
    if isinstance(raw, bool) or not isinstance(raw, int | float) or not -1e12 < raw < 1e12:
        raise refusal(at, f"a number ({found.unit})")
    return float(raw)


def _shown(value: Any, of: Field) -> str:
    if of.codes is not None:
        names = {code: name for name, code in of.codes.items()}
        listed = value if isinstance(value, list) else [value]
        return ", ".join(names.get(one, f"{one:g}") for one in listed)
    if isinstance(value, list):
        return (" and " if len(value) == 2 else ", ").join(f"{one:g}" for one in value[:8])
    return f"{value:g}"
