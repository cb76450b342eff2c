"""JSON whose shape clients choose: what both databases can keep, and how much of it.

PostgreSQL stores neither NUL nor NaN in JSON, SQLite's reader no number beyond 64 bits; and nobody should have to read
5 MB of one row.
"""

from typing import Any

import orjson

from core.errors import Invalid

MOST_BYTES = 32_768
DEEPEST = 16
_LARGEST = 2**63 - 1


def check(value: dict[str, Any], *, name: str) -> None:
    """Raises Invalid, naming the field and what is wrong with it."""
    why = _unfit(value, DEEPEST)
    if why is None:
        try:
            if len(orjson.dumps(value)) > MOST_BYTES:
                why = f"takes more than {MOST_BYTES} bytes"
        except (TypeError, UnicodeEncodeError) as error:
            why = f"cannot be kept: {error}"
    if why is not None:
        raise Invalid(f"{name}: {why}", fields={name: why})


def _unfit(value: Any, depth: int) -> str | None:
    kind = type(value)
    if kind is str:
        return "holds a NUL character" if "\0" in value else None
    if kind is float:
        return None if value - value == 0.0 else "holds a number that is not finite"
    if kind is int:
        return None if -_LARGEST <= value <= _LARGEST else "holds a number beyond 64 bits"
    if kind is not dict and kind is not list:
        return None
    if depth == 0:
        return f"is nested more than {DEEPEST} deep"
    if kind is dict and any("\0" in key for key in value if type(key) is str):
        return "holds a NUL character"
    for inner in value.values() if kind is dict else value:
        if why := _unfit(inner, depth - 1):
            return why
    return None
