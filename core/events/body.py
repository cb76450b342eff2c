"""A request body into events: the whole list at once when it is good, item by item when something in it is not.

The fast way hands the bytes to a compiled validator. When that refuses, the body is cut into its items by a scan that
only knows strings and brackets, so that one item that is not even JSON (half a surrogate pair, NaN, nested a thousand
deep) costs that item and not its neighbours.
"""

import re
from datetime import datetime
from typing import NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError

from core.errors import Invalid, TooLarge
from core.events.parsing import WireEvent, accepted, refusal, refused
from core.events.shapes import NewEvent, Refusal

MAX_EVENTS = 5_000

_ONE = TypeAdapter(WireEvent)
_MANY = TypeAdapter(list[WireEvent])

_WRAPPED = re.compile(rb'\s*\{\s*"events"\s*:\s*(?=\[)')
_WRAP_END = re.compile(rb"\]\s*\}\s*\Z")
# A string always matches to its end or to the end of the body, so the scan is linear whatever the body is.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{},]', re.DOTALL)


class Body(NamedTuple):
    """What a body held. `single`: it was one bare object."""

    events: list[NewEvent]
    refusals: list[Refusal]
    single: bool


def read_body(body: bytes, *, now: datetime) -> Body:
    """One event object, an array of them, or `{"events": [...]}`.

    Raises:
        Invalid: the body as a whole is not JSON of one of these shapes.
        TooLarge: more than 5,000 events.
    """
    first = body.lstrip()[:1]
    if first == b"[":
        return _read_many(body, now=now)
    if first != b"{":
        raise Invalid('Send one event object, an array of events, or {"events": [...]} as JSON')
    start = _WRAPPED.match(body)
    end = _WRAP_END.search(body, max(0, len(body) - 64)) if start else None
    if start and end:
        return _read_many(body[start.end() : end.start() + 1], now=now)
    return _read_one(body, now=now)


def _read_one(body: bytes, *, now: datetime) -> Body:
    try:
        return Body([accepted(_ONE.validate_json(body), now=now)], [], single=True)
    except ValidationError as error:
        problem = _refused(error)
    except Invalid as error:
        problem = error
    return Body([], [refusal(0, _decoded(body), problem)], single=True)


def _read_many(body: bytes, *, now: datetime) -> Body:
    try:
        wires = _MANY.validate_json(body)
    except ValidationError:
        return _read_each(_items(body), now=now)
    if len(wires) > MAX_EVENTS:
        raise _too_many()
    good: list[NewEvent] = []
    bad: list[Refusal] = []
    for index, wire in enumerate(wires):
        try:
            good.append(accepted(wire, now=now))
        except Invalid as error:
            bad.append(refusal(index, {"eventId": wire.event_id}, error))
    return Body(good, bad, single=False)


def _read_each(items: list[bytes], *, now: datetime) -> Body:
    good: list[NewEvent] = []
    bad: list[Refusal] = []
    for index, item in enumerate(items):
        try:
            good.append(accepted(_ONE.validate_json(item), now=now))
        except ValidationError as error:
            bad.append(refusal(index, _decoded(item), _refused(error)))
        except Invalid as error:
            bad.append(refusal(index, _decoded(item), error))
    return Body(good, bad, single=False)


def _items(body: bytes) -> list[bytes]:
    """The top-level items of a JSON array, unread.

    Raises:
        Invalid: the brackets do not close.
        TooLarge: more than 5,000.
    """
    found: list[bytes] = []
    depth = 0
    start = 0
    for token in _TOKEN.finditer(body):
        mark = token.group()
        if mark in b"[{":
            depth += 1
            if depth == 1:
                start = token.end()
        elif mark in b"]}":
            depth -= 1
            if depth == 0:
                if mark != b"]" or body[token.end() :].strip():
                    break
                if found or body[start : token.start()].strip():
                    found.append(body[start : token.start()])
                return found
        elif mark == b"," and depth == 1:
            found.append(body[start : token.start()])
            start = token.end()
            if len(found) == MAX_EVENTS:
                raise _too_many()
    raise Invalid("The body is not JSON: its brackets or strings do not close")


def _refused(error: ValidationError) -> Invalid:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return Invalid(f"This is not JSON we can keep: {first['ctx']['error']}")
    return refused(error)


_EVENT_ID = re.compile(rb'"event(?:Id|_id)"\s*:\s*"([^"\\]{1,128})"')


def _decoded(item: bytes) -> object:
    """Enough of a refused item to say which one it is."""
    try:
        return orjson.loads(item)
    except orjson.JSONDecodeError:
        found = _EVENT_ID.search(item)
        return {"eventId": found.group(1).decode("utf-8", "replace")} if found else None


def _too_many() -> TooLarge:
    return TooLarge(f"At most {MAX_EVENTS:,} events at once")
