"""Transactions as a CSV file: from a county, an MLS or a spreadsheet, read with nothing taken on trust.

Columns: contactId (userId), kind, occurredAt, and where known value, id and source; in any order and case, comma or
semicolon. A row without an id gets one made of what it says, so that the same file twice is one file.
"""

import csv
import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from core.errors import Invalid
from core.people.transactions import KINDS

MOST_ROWS = 20_000
MOST_VALUE = 1e12
_EARLIEST = 1600
_COLUMNS = {
    "contactid": "contactId",
    "userid": "contactId",
    "kind": "kind",
    "occurredat": "occurredAt",
    "value": "value",
    "id": "id",
    "source": "source",
}
_NEEDED = ("contactId", "kind", "occurredAt")
_LONGEST = {"contactId": 128, "id": 64, "source": 64}
_PLAIN = re.compile(r"[0-9]+(\.[0-9]*)?|[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
"""Anything else might be another number: 450000,50 is half a million dollars in one country and 45 million in another."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run when somebody opens an export."""


@dataclass(frozen=True, kw_only=True)
class Row:
    line: int
    id: str
    contact_id: str
    kind: str
    occurred_at: datetime
    value: float | None
    source: str


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A row that was left out, and why."""

    line: int
    field: str
    reason: str


def read(raw: bytes, *, now: datetime) -> tuple[list[Row], list[Wrong]]:
    """The rows that can be kept, and those that cannot; lines count from 1, the header's.

    Raises:
        Invalid: this is no CSV file of transactions at all, or has more than 20,000 rows.
    """
    lines = _lines(_text(raw))
    header = [_COLUMNS.get("".join(cell.split()).replace("_", "").casefold()) for cell in lines[0][1]] if lines else []
    if missing := [name for name in _NEEDED if name not in header]:
        raise Invalid(
            f"The first line must name the columns: {', '.join(missing)} missing.",
            fields=dict.fromkeys(missing, "no such column"),
        )
    if len(lines) - 1 > MOST_ROWS:
        raise Invalid(f"A file may have {MOST_ROWS:,} rows; this one has {len(lines) - 1:,}. Please split it.")
    rows, wrong = [], []
    for line, cells in lines[1:]:
        if any(cell.strip() for cell in cells[len(header) :]):
            why = "has more cells than the first line; write a number with commas in quotes"
            wrong.append(Wrong(line=line, field="row", reason=why))
            continue
        named = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if name is not None}
        try:
            rows.append(_row(line, named, now=now))
        except _Refused as refused:
            wrong.append(Wrong(line=line, field=refused.field, reason=refused.reason))
    return rows, wrong


_HUGE = 100_000
"""Characters; a quote that is never closed makes one cell of the rest of the file."""


class _Refused(Exception):
    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.reason = field, reason


def _text(raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid("The file is not UTF-8 text. In Excel: save as CSV UTF-8.") from error
    if "\x00" in text:
        raise Invalid("The file holds NUL characters: it is no CSV file.")
    return text


def _lines(text: str) -> list[tuple[int, list[str]]]:
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if first.count(";") > first.count(",") else ",")
    try:
        lines = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    except csv.Error as error:
        raise Invalid(f"Line {reader.line_num} is no CSV: {error}") from error
    # Of our own: the csv module's limit belongs to the whole process, and the replay raises it.
    huge = next((line for line, cells in lines if max(map(len, cells)) > _HUGE), None)
    if huge is not None:
        raise Invalid(f"Line {huge} is no CSV: a cell has more than {_HUGE:,} characters")
    return lines


def _row(line: int, named: Mapping[str, str], *, now: datetime) -> Row:
    for name in _NEEDED:
        if not named.get(name):
            raise _Refused(name, "is missing")
    for name, longest in _LONGEST.items():
        if len(named.get(name, "")) > longest:
            raise _Refused(name, f"has more than {longest} characters")
    for name in ("id", "source"):
        if named.get(name, "").startswith(_FORMULA):
            raise _Refused(name, "looks like a formula")
    kind = named["kind"].casefold()
    if kind not in KINDS:
        raise _Refused("kind", f"one of {', '.join(KINDS)}")
    occurred_at, value = _instant(named["occurredAt"], now=now), _dollars(named.get("value", ""))
    said = f"{named['contactId']}|{kind}|{occurred_at.isoformat()}"
    return Row(
        line=line,
        id=named.get("id") or f"csv-{hashlib.sha256(said.encode()).hexdigest()[:32]}",
        contact_id=named["contactId"],
        kind=kind,
        occurred_at=occurred_at,
        value=value,
        source=named.get("source") or "csv",
    )


def _instant(text: str, *, now: datetime) -> datetime:
    """A day alone is that day's midnight in UTC."""
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None and len(text) == len("2026-05-01"):
            at = at.replace(tzinfo=UTC)
    except ValueError as error:
        raise _Refused("occurredAt", "write it as 2026-05-01 or 2026-05-01T17:00:00Z") from error
    if at.tzinfo is None:
        raise _Refused("occurredAt", "a time needs its zone, as in 2026-05-01T17:00:00Z")
    if at.year < _EARLIEST:
        raise _Refused("occurredAt", "is too long ago")
    if at > now:
        raise _Refused("occurredAt", "lies in the future")
    return at.astimezone(UTC)


def _dollars(text: str) -> float | None:
    plain = text.replace("$", "").replace(" ", "")
    if not plain:
        return None
    if not _PLAIN.fullmatch(plain):
        raise _Refused("value", "is no number of US dollars, as in 450000 or 450,000.50")
    value = float(plain.replace(",", ""))
    if value > MOST_VALUE:
        raise _Refused("value", f"at most {MOST_VALUE:,.0f} US dollars")
    return value
