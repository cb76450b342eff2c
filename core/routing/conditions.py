"""A rule's conditions, alone or in groups (all, any, not): checked when the rule is saved, compiled to closures when it is loaded."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from core.routing import fields
from core.routing.fields import Facts
from core.routing.operators import OPERATORS, WORDS, pattern
from core.routing.values import LONGEST_PATTERN, check_fit, check_value, refusal

Test = Callable[[Facts], bool]
Narrow = tuple[tuple[str, ...], frozenset[str]]
"""A field and the only values of it that can pass."""

MOST_CONDITIONS = 50
DEEPEST = 4
INDEXED: tuple[tuple[str, ...], ...] = (("alert", "type"), ("alert", "territory"), ("alert", "priority"))
"""Fields by whose fixed values rules are found without being tried."""
_KINDS = ("all", "any", "not")


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition."""

    path: tuple[str, ...]
    operator: str
    value: Any
    test: Test
    says: str
    """In plain words, for the trace."""
    narrow: tuple[Narrow, ...]
    """The one field it narrows, where that is an indexed one and the value is fixed."""
    needs_value: bool
    """It cannot hold where the field is missing."""


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of which all, any or (one) not must hold."""

    kind: Literal["all", "any", "not"]
    members: tuple["Node", ...]
    test: Test
    says: str
    narrow: tuple[Narrow, ...]


Node = Condition | Group


def compile_all(raw: Mapping[str, Any] | Sequence[Any], *, at: str) -> tuple[Node, ...]:
    """Read the conditions of a rule: a list, of which all must hold, or one group. `at` names their place, for errors.

    Raises:
        Invalid: naming the first wrong part.
    """
    listed = [raw] if isinstance(raw, Mapping) else raw
    nodes = tuple(compile_node(one, at=f"{at}.{number}") for number, one in enumerate(listed))
    if len(list(leaves(nodes))) > MOST_CONDITIONS:
        raise refusal(at, f"at most {MOST_CONDITIONS} in all")
    return nodes


def compile_node(raw: object, *, at: str, depth: int = 1) -> Node:
    """Read and compile {field, operator, value}, {all: […]}, {any: […]} or {not: …}.

    Raises:
        Invalid: naming the wrong part.
    """
    if not isinstance(raw, Mapping):
        raise refusal(at, "a condition is {field, operator, value}; a group is {all: […]}, {any: […]} or {not: …}")
    kinds = [kind for kind in _KINDS if kind in raw]
    if not kinds:
        return _condition(raw, at=at)
    if len(raw) > 1:
        raise refusal(at, "a group has exactly one of all, any and not")
    if depth > DEEPEST:
        raise refusal(at, f"groups may lie at most {DEEPEST} deep")
    kind, inner = kinds[0], raw[kinds[0]]
    if kind == "not":
        return _not(compile_node(inner, at=f"{at}.not", depth=depth + 1))
    if not isinstance(inner, list | tuple) or not 1 <= len(inner) <= MOST_CONDITIONS:
        raise refusal(f"{at}.{kind}", f"give a list of 1 to {MOST_CONDITIONS} conditions")
    members = tuple(compile_node(one, at=f"{at}.{kind}.{number}", depth=depth + 1) for number, one in enumerate(inner))
    return _all(members) if kind == "all" else _any(members)


def leaves(nodes: "tuple[Node, ...]") -> Iterator[Condition]:
    """Every condition, whatever group it is in."""
    for node in nodes:
        if isinstance(node, Condition):
            yield node
        else:
            yield from leaves(node.members)


def normal(raw: Any) -> Any:
    """The same conditions as they are stored: every one with a value."""
    if isinstance(raw, list | tuple):
        return [normal(one) for one in raw]
    if kinds := [kind for kind in _KINDS if kind in raw]:
        return {kinds[0]: normal(raw[kinds[0]])}
    return {"value": True if raw.get("operator") == "exists" else None, **raw}


def _condition(raw: Mapping[Any, Any], *, at: str) -> Condition:
    if unknown := sorted(set(raw) - {"field", "operator", "value"}, key=str):
        raise refusal(f"{at}.{unknown[0]}", "a condition has field, operator and value")
    name, operator = raw.get("field"), raw.get("operator")
    if not isinstance(name, str):
        raise refusal(f"{at}.field", "name a field such as alert.priority")
    try:
        path = fields.canonical(name)
    except ValueError as error:
        raise refusal(f"{at}.field", str(error)) from error
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise refusal(f"{at}.operator", f"use one of {', '.join(OPERATORS)}")
    value = raw.get("value", True if operator == "exists" else None)
    check_value(value, at=f"{at}.value")
    check_fit(operator, value, at=f"{at}.value")
    return Condition(
        path=path,
        operator=operator,
        value=value,
        test=_test(path, operator, value, at=f"{at}.value"),
        says=_says(path, operator, value),
        narrow=_narrow(path, operator, value),
        needs_value=_needs_value(operator, value),
    )


def _needs_value(operator: str, value: Any) -> bool:
    """Whether a missing field fails the condition for certain: it is in no list, and neither above nor below anything."""
    if operator == "equals":
        return value is not None and not (isinstance(value, str) and "${" in value)
    return operator not in ("not_equals", "not_in") and value is not False


def _all(members: tuple[Node, ...]) -> Group:
    tests = tuple(member.test for member in members)
    return Group(
        kind="all",
        members=members,
        test=lambda facts: all(test(facts) for test in tests),
        says=_joined(members, " and "),
        narrow=tuple(one for member in members for one in member.narrow),
    )


def _any(members: tuple[Node, ...]) -> Group:
    tests = tuple(member.test for member in members)
    return Group(
        kind="any",
        members=members,
        test=lambda facts: any(test(facts) for test in tests),
        says=_joined(members, " or "),
        narrow=_narrowed_by_each(members),
    )


def _not(member: Node) -> Group:
    inner = member.test
    return Group(
        kind="not", members=(member,), test=lambda facts: not inner(facts), says=f"not ({member.says})", narrow=()
    )


def _narrowed_by_each(members: tuple[Node, ...]) -> tuple[Narrow, ...]:
    """Fields that every alternative narrows: one of their values together must be there."""
    found = []
    for path in INDEXED:
        each = [[values for of, values in member.narrow if of == path] for member in members]
        if all(each):
            found.append((path, frozenset().union(*(min(values, key=len) for values in each))))
    return tuple(found)


def _joined(members: tuple[Node, ...], word: str) -> str:
    return members[0].says if len(members) == 1 else f"({word.join(member.says for member in members)})"


def _test(path: tuple[str, ...], operator: str, value: Any, *, at: str) -> Test:
    read = fields.reader(path)
    compare = OPERATORS[operator]
    if operator == "regex":
        compiled = _pattern(value, at=at)
        return lambda facts: compare(read(facts), compiled)
    fill = fields.template(value, field=at)
    if fill is not None:
        return lambda facts: compare(read(facts), fill(facts))
    if operator in ("in", "not_in") and all(isinstance(one, str) for one in value):
        return _fast_in(read, frozenset(value), operator == "in")
    return lambda facts: compare(read(facts), value)


def _fast_in(read: fields.Reader, values: frozenset[str], wanted: bool) -> Test:
    def test(facts: Facts) -> bool:
        found = read(facts)
        if isinstance(found, list):
            return any(isinstance(item, str) and item in values for item in found) is wanted
        return (isinstance(found, str) and found in values) is wanted

    return test


def _pattern(value: object, *, at: str) -> Any:
    if not isinstance(value, str) or not value:
        raise refusal(at, "give a pattern")
    if fields.names_a_field(value):
        raise refusal(at, "a pattern takes no template; compare with equals, contains or starts_with")
    if len(value) > LONGEST_PATTERN:
        raise refusal(at, f"a pattern has at most {LONGEST_PATTERN} characters")
    try:
        return pattern(value)
    except ValueError as error:
        raise refusal(at, f"not a pattern: {error}") from error


def _narrow(path: tuple[str, ...], operator: str, value: Any) -> tuple[Narrow, ...]:
    if path not in INDEXED:
        return ()
    values = [value] if operator == "equals" else value if operator == "in" and isinstance(value, list) else []
    fixed = bool(values) and all(isinstance(one, str) and "${" not in one for one in values)
    return ((path, frozenset(values)),) if fixed else ()


def _says(path: tuple[str, ...], operator: str, value: Any) -> str:
    name = ".".join(path)
    if operator == "exists":
        return f"{name} is {'present' if value else 'missing'}"
    if operator == "between" and isinstance(value, list):
        return f"{name} is between {_shown(value[0])} and {_shown(value[1])}"
    return f"{name} {WORDS[operator]} {_shown(value)}"


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:5]))
        return f"{shown} and {len(value) - 5} more" if len(value) > 5 else shown or "nothing"
    return str(value)[:80]
