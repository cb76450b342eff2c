"""The eight operators of a rule's conditions, checked when the rule is saved and compiled to closures when it is loaded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

from core.errors import Invalid
from core.routing import fields
from core.routing.fields import Facts

Test = Callable[[Facts], bool]

LONGEST_TEXT = 1_000
LONGEST_LIST = 1_000
LONGEST_PATTERN = 500
_LONGEST_SUBJECT = 10_000
_REGEX_MEMORY = 1 << 20
INDEXED: tuple[tuple[str, ...], ...] = (("alert", "type"), ("alert", "territory"), ("alert", "priority"))
"""Fields by whose fixed values rules are found without being tried."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One compiled condition."""

    path: tuple[str, ...]
    operator: str
    value: Any
    test: Test
    says: str
    """The condition in plain words, for the trace."""
    only: frozenset[str] | None
    """The field's values that can pass, where the field is an indexed one and the value is fixed."""


def _equals(found: Any, value: Any) -> bool:
    if isinstance(found, bool) is not isinstance(value, bool):
        return False
    return bool(found == value)


def _not_equals(found: Any, value: Any) -> bool:
    return not _equals(found, value)


def _comparable(found: Any, value: Any) -> bool:
    if isinstance(found, bool) or isinstance(value, bool):
        return False
    if isinstance(found, int | float):
        return isinstance(value, int | float)
    return isinstance(found, str) and isinstance(value, str)


def _greater_than(found: Any, value: Any) -> bool:
    return _comparable(found, value) and bool(found > value)


def _less_than(found: Any, value: Any) -> bool:
    return _comparable(found, value) and bool(found < value)


def _in(found: Any, value: Any) -> bool:
    if not isinstance(value, list):
        return False
    if isinstance(found, list):
        return any(_equals(item, one) for item in found for one in value)
    return any(_equals(found, one) for one in value)


def _not_in(found: Any, value: Any) -> bool:
    return not _in(found, value)


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value.casefold() in found.casefold()
    if isinstance(found, list):
        return any(_equals(item, value) for item in found)
    return isinstance(found, Mapping) and isinstance(value, str) and value in found


def _regex(found: Any, pattern: Any) -> bool:
    if isinstance(found, list):
        return any(_regex(item, pattern) for item in found)
    return isinstance(found, str) and pattern.search(found[:_LONGEST_SUBJECT]) is not None


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": _equals,
    "not_equals": _not_equals,
    "greater_than": _greater_than,
    "less_than": _less_than,
    "in": _in,
    "not_in": _not_in,
    "contains": _contains,
    "regex": _regex,
}
_WORDS = {
    "equals": "is",
    "not_equals": "is not",
    "greater_than": "is above",
    "less_than": "is below",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "regex": "matches",
}


def compile_condition(raw: object, *, at: str) -> Condition:
    """Read and compile {field, operator, value}. `at` names its place in the rule, for errors.

    Raises:
        Invalid: naming the wrong part.
    """
    if not isinstance(raw, Mapping):
        raise _refusal(at, "a condition is {field, operator, value}")
    if unknown := sorted(set(raw) - {"field", "operator", "value"}, key=str):
        raise _refusal(f"{at}.{unknown[0]}", "a condition has field, operator and value")
    name, operator, value = raw.get("field"), raw.get("operator"), raw.get("value")
    if not isinstance(name, str):
        raise _refusal(f"{at}.field", "name a field such as alert.priority")
    try:
        path = fields.canonical(name)
    except ValueError as error:
        raise _refusal(f"{at}.field", str(error)) from error
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise _refusal(f"{at}.operator", f"use one of {', '.join(OPERATORS)}")
    check_value(value, at=f"{at}.value")
    _check_fit(operator, value, at=f"{at}.value")
    return Condition(
        path=path,
        operator=operator,
        value=value,
        test=_test(path, operator, value, at=f"{at}.value"),
        says=f"{'.'.join(path)} {_WORDS[operator]} {_shown(value)}",
        only=_only(path, operator, value),
    )


def check_value(value: object, *, at: str, depth: int = 0) -> None:
    """Refuse what no rule needs: nested or huge values.

    Raises:
        Invalid: naming `at`.
    """
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise _refusal(at, f"at most {LONGEST_TEXT} characters")
        if "\x00" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
            raise _refusal(at, "the text has characters that cannot be stored")
    elif isinstance(value, list) and depth == 0:
        if len(value) > LONGEST_LIST:
            raise _refusal(at, f"at most {LONGEST_LIST} items")
        for item in value:
            check_value(item, at=at, depth=1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if not -1e15 < value < 1e15:
            raise _refusal(at, "the number is too large")
    elif value is not None and not isinstance(value, bool):
        raise _refusal(at, "use text, a number, true, false, null or a list of them")


def _check_fit(operator: str, value: object, *, at: str) -> None:
    is_template = isinstance(value, str) and "${" in value
    if operator in ("in", "not_in") and not isinstance(value, list) and not is_template:
        raise _refusal(at, "give a list")
    is_ordered = isinstance(value, int | float | str) and not isinstance(value, bool)
    if operator in ("greater_than", "less_than") and not is_ordered:
        raise _refusal(at, "give a number (or a date as text)")
    if operator == "contains" and (value is None or isinstance(value, list)):
        raise _refusal(at, "give one value to look for")


def _test(path: tuple[str, ...], operator: str, value: Any, *, at: str) -> Test:
    read = fields.reader(path)
    if operator == "regex":
        pattern = _pattern(value, at=at)
        return lambda facts: _regex(read(facts), pattern)
    fill = fields.template(value, field=at)
    compare = OPERATORS[operator]
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
        raise _refusal(at, "give a pattern")
    if len(value) > LONGEST_PATTERN:
        raise _refusal(at, f"a pattern has at most {LONGEST_PATTERN} characters")
    try:
        return _compiled(value)
    except re2.error as error:
        what = error.args[0] if error.args else "it cannot be read"
        text = what.decode(errors="replace") if isinstance(what, bytes) else str(what)
        raise _refusal(at, f"not a pattern: {text}") from error


@lru_cache(maxsize=2048)
def _compiled(pattern: str) -> Any:
    """RE2 runs in time linear in the text whatever the pattern, so a rule cannot stall routing."""
    options = re2.Options()
    options.max_mem = _REGEX_MEMORY
    options.log_errors = False
    return re2.compile(pattern, options)


def _only(path: tuple[str, ...], operator: str, value: Any) -> frozenset[str] | None:
    if path not in INDEXED:
        return None
    if operator == "equals" and isinstance(value, str) and "${" not in value:
        return frozenset((value,))
    if operator == "in" and isinstance(value, list) and all(isinstance(v, str) and "${" not in v for v in value):
        return frozenset(value)
    return None


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, list):
        shown = ", ".join(map(str, value[:5]))
        return f"{shown} and {len(value) - 5} more" if len(value) > 5 else shown or "nothing"
    return str(value)[:80]


def _refusal(field: str, why: str) -> Invalid:
    return Invalid("The rule is not valid.", fields={field: why})
