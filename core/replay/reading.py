"""A recorded stream (CSV or JSON lines, .gz too) into wire events in order of time, with their contacts and handlers."""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from core.errors import Invalid
from core.replay.mapping import Mapping

csv.field_size_limit(1 << 24)


class _Row(NamedTuple):
    at: float
    number: int
    body: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Stream:
    events: list[dict[str, Any]]
    """Wire form, oldest first."""
    values: dict[str, float]
    """Contact id to the estimated value of their property, US dollars."""
    handlers: list[str]
    """As the source names them, sorted."""
    skipped: int
    refused: dict[str, int]
    """Why rows were left out, and how many."""


def read(path: Path, mapping: Mapping, *, now: datetime, limit: int | None = None) -> Stream:
    """Read the whole file; the times come out shifted and squeezed as the mapping says.

    Args:
        limit: at most so many events, the newest ones.

    Raises:
        Invalid: the file cannot be read, or a column of the mapping is not in it.
    """
    rows: list[_Row] = []
    values: dict[str, float] = {}
    handlers: set[str] = set()
    refused: dict[str, int] = {}
    skipped = 0
    for number, raw in enumerate(_rows(path, mapping)):
        try:
            row = _row(raw, mapping, number)
        except ValueError as error:
            refused[str(error)] = refused.get(str(error), 0) + 1
            continue
        if row is None:
            skipped += 1
            continue
        rows.append(row)
        contact_id = row.body["userId"]
        if value := _value(raw, mapping):
            values[contact_id] = max(value, values.get(contact_id, 0.0))
        if handler := row.body["properties"].get("handler"):
            handlers.add(handler)
    rows.sort(key=lambda row: (row.at, row.number))
    if limit is not None:
        rows = rows[-limit:]
        kept = {row.body["userId"] for row in rows}
        values = {contact_id: value for contact_id, value in values.items() if contact_id in kept}
    return Stream(
        events=list(_timed(rows, mapping, now=now)),
        values=values,
        handlers=sorted(handlers),
        skipped=skipped,
        refused=refused,
    )


def _rows(path: Path, mapping: Mapping) -> Iterator[dict[str, Any]]:
    try:
        file = _open(path)
    except OSError as error:
        raise Invalid(f"The data {path} cannot be read: {error.strerror}") from error
    with file:
        if ".jsonl" in path.suffixes or ".ndjson" in path.suffixes:
            for line in file:
                if line.strip():
                    yield json.loads(line)
            return
        reader = csv.DictReader(file)
        wanted = {column for column in mapping.columns.model_dump().values() if column} | (
            {mapping.property.value} if mapping.property.value else set()
        )
        missing = wanted - set(reader.fieldnames or ())
        if missing:
            raise Invalid(f"The data {path} has no column {', '.join(sorted(missing))}")
        yield from reader


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _row(raw: dict[str, Any], mapping: Mapping, number: int) -> _Row | None:
    """One event without its time; None when the mapping skips it. ValueError says why it cannot be one."""
    columns = mapping.columns
    contact, activity = _text(raw, columns.contact), _text(raw, columns.activity)
    if contact is None or activity is None:
        raise ValueError("no contact or no activity")
    detail = _text(raw, columns.detail)
    becomes = mapping.becomes(activity, detail)
    if becomes.skip:
        return None
    properties: dict[str, Any] = {"activity": activity, **becomes.properties}
    if detail is not None:
        properties["detail"] = detail
    if handler := _text(raw, columns.resource):
        properties["handler"] = handler
    body: dict[str, Any] = {
        "eventId": f"{mapping.name}-{_text(raw, columns.id) or number}",
        "userId": f"{mapping.contact.prefix}{contact}",
        "eventType": becomes.type.value,
        "properties": properties,
    }
    if becomes.category is not None:
        body["eventCategory"] = becomes.category.value
    body["eventName"] = becomes.name or activity[:128]
    if session := _text(raw, columns.session):
        body["sessionId"] = session
    return _Row(_time(raw, mapping), number, body)


def _time(raw: dict[str, Any], mapping: Mapping) -> float:
    text = _text(raw, mapping.columns.time)
    if text is None:
        raise ValueError("no time")
    try:
        return float(text)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("a time that is not ISO 8601") from None
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at.timestamp()


def _value(raw: dict[str, Any], mapping: Mapping) -> float | None:
    text = _text(raw, mapping.property.value)
    try:
        value = float(text) * mapping.property.scale if text else 0.0
    except ValueError:
        return None
    return value if 0 < value < 1e12 else None


def _text(raw: dict[str, Any], column: str | None) -> str | None:
    """A column's text; None when it is empty. A dotted name goes into a JSON object."""
    if column is None:
        return None
    value: Any = raw.get(column)
    if value is None and "." in column:
        value = raw
        for part in column.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    text = "" if value is None else str(value).strip()
    return text or None


def _timed(rows: list[_Row], mapping: Mapping, *, now: datetime) -> Iterator[dict[str, Any]]:
    if not rows:
        return
    first, last = rows[0].at, rows[-1].at
    span = max(last - first, 1.0)
    squeeze = mapping.time.squeeze_to_days
    factor = 1.0 if squeeze is None else squeeze * 86_400 / span
    end = now.timestamp() if mapping.time.shift_to_now else last
    for row in rows:
        at = datetime.fromtimestamp(end - (last - row.at) * factor, UTC)
        yield {**row.body, "occurredAt": at.isoformat()}
