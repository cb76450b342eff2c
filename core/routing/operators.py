"""The operators of a rule's conditions: total functions of (found, value) that never raise.

A missing field is None: it equals None, is in no list, and is neither above, below nor between anything. True is not 1.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import re2

Compare = Callable[[Any, Any], bool]

LONGEST_SUBJECT = 10_000
"""Characters of a field a pattern looks at."""
_REGEX_MEMORY = 1 << 20


def equals(found: Any, value: Any) -> bool:
    if isinstance(found, bool) is not isinstance(value, bool):
        return False
    return bool(found == value)


def _not_equals(found: Any, value: Any) -> bool:
    return not equals(found, value)


def comparable(found: Any, value: Any) -> bool:
    """Whether the two have an order: two numbers, or two texts."""
    if isinstance(found, bool) or isinstance(value, bool):
        return False
    if isinstance(found, int | float):
        return isinstance(value, int | float)
    return isinstance(found, str) and isinstance(value, str)


def _greater_than(found: Any, value: Any) -> bool:
    return comparable(found, value) and bool(found > value)


def _less_than(found: Any, value: Any) -> bool:
    return comparable(found, value) and bool(found < value)


def _between(found: Any, value: Any) -> bool:
    """Both ends included."""
    if not isinstance(value, list) or len(value) != 2:
        return False
    low, high = value
    return comparable(found, low) and comparable(found, high) and bool(low <= found <= high)


def _in(found: Any, value: Any) -> bool:
    """A missing field is in no list, also where a template of the list finds nothing."""
    if found is None or not isinstance(value, list):
        return False
    if isinstance(found, list):
        return any(equals(item, one) for item in found for one in value)
    return any(equals(found, one) for one in value)


def _not_in(found: Any, value: Any) -> bool:
    return not _in(found, value)


def _contains(found: Any, value: Any) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value.casefold() in found.casefold()
    if isinstance(found, list):
        return any(equals(item, value) for item in found)
    return isinstance(found, Mapping) and isinstance(value, str) and value in found


def _starts_with(found: Any, value: Any) -> bool:
    if isinstance(found, list):
        return any(_starts_with(item, value) for item in found)
    return isinstance(found, str) and isinstance(value, str) and found.casefold().startswith(value.casefold())


def _exists(found: Any, value: Any) -> bool:
    """An empty list and an empty text are as missing as none."""
    return (found is not None and found != [] and found != "") is bool(value)


def _regex(found: Any, pattern: Any) -> bool:
    if isinstance(found, list):
        return any(_regex(item, pattern) for item in found)
    return isinstance(found, str) and pattern.search(found[:LONGEST_SUBJECT]) is not None


OPERATORS: dict[str, Compare] = {
    "equals": equals,
    "not_equals": _not_equals,
    "greater_than": _greater_than,
    "less_than": _less_than,
    "between": _between,
    "in": _in,
    "not_in": _not_in,
    "contains": _contains,
    "starts_with": _starts_with,
    "exists": _exists,
    "regex": _regex,
}
WORDS = {
    "equals": "is",
    "not_equals": "is not",
    "greater_than": "is above",
    "less_than": "is below",
    "between": "is between",
    "in": "is one of",
    "not_in": "is none of",
    "contains": "contains",
    "starts_with": "starts with",
    "exists": "is present",
    "regex": "matches",
}


@lru_cache(maxsize=2048)
def pattern(text: str) -> Any:
    """RE2 runs in time linear in the text whatever the pattern, so a rule cannot stall routing.

    Raises:
        ValueError: what is wrong with the pattern.
    """
    options = re2.Options()
    options.max_mem = _REGEX_MEMORY
    options.log_errors = False
    try:
        return re2.compile(text, options)
    except re2.error as error:
        what = error.args[0] if error.args else "it cannot be read"
        raise ValueError(what.decode(errors="replace") if isinstance(what, bytes) else str(what)) from error
