"""Pages by key: a page of rows and an opaque cursor that survives rows being added before it."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from core.errors import Invalid

Row = TypeVar("Row")
MAX_LIMIT = 200
_MAX_CURSOR = 1000


@dataclass(frozen=True, kw_only=True)
class Page(Generic[Row]):
    items: tuple[Row, ...]
    next_cursor: str | None = None
    """Hand it back to get what follows; None on the last page."""


def checked_limit(limit: int) -> int:
    """Raises Invalid unless 1 to 200."""
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid(f"A page holds 1 to {MAX_LIMIT} rows.", fields={"limit": f"1 to {MAX_LIMIT}"})
    return limit


def cursor_of(kind: str, *key: str | float | datetime) -> str:
    """The cursor behind a row with this sort key, in the list called `kind`."""
    plain = [value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for value in key]
    return base64.urlsafe_b64encode(json.dumps([kind, *plain], separators=(",", ":")).encode()).decode().rstrip("=")


def key_of(cursor: str, kind: str, shape: Sequence[type]) -> tuple[Any, ...]:
    """The sort key in a cursor.

    Raises:
        Invalid: it was not made by `cursor_of` for this list.
    """
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError("too long")
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        if not isinstance(found, list) or len(found) != len(shape) + 1 or found[0] != kind:
            raise ValueError("of another list")
        return tuple(_read(value, wanted) for value, wanted in zip(found[1:], shape, strict=True))
    except (ValueError, OverflowError, RecursionError, binascii.Error) as error:
        raise Invalid(
            "The cursor is not one this list gave out.", fields={"cursor": "not a cursor of this list"}
        ) from error


def _read(value: object, wanted: type) -> Any:
    if wanted is datetime and isinstance(value, str):
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError("a time without a zone")
        if not 1900 < at.year < 2300:
            raise ValueError("not a time of ours")
        return at.astimezone(UTC)
    if wanted is float and isinstance(value, int | float) and not isinstance(value, bool):
        if value != value or abs(value) > 1e9:
            raise ValueError("not a number of ours")
        return float(value)
    if wanted is int and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
        return value
    if wanted is str and isinstance(value, str) and well_formed(value):
        return value
    raise ValueError("another type")


def well_formed(text: str) -> bool:
    """Whether a database can hold it: no NUL, no half of a surrogate pair."""
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
