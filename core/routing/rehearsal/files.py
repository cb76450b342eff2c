"""A stream of alerts as people bring it, JSON or CSV: openedAt, type, priority, confidence, territory, zip?, units?, closedAt?."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from core import load
from core.errors import Invalid
from core.routing.cases import time_facts
from core.routing.rehearsal.replaying import Past
from core.routing.state import House
from core.routing.strategy import Case
from core.words import Priority
from core.zips import Atlas

MOST = 20_000
MOST_NAMED = 50
"""Wrong rows that are named; more are counted."""
COLUMNS = ("openedAt", "type", "priority", "confidence", "territory", "zip", "units", "closedAt", "contactId")
_NEEDED = ("openedAt", "type", "priority", "confidence")


def parse(raw: str | bytes) -> list[Any]:
    """The rows of a file: JSON (a list, or {alerts: [...]}) or CSV with a line of names.

    Raises:
        Invalid: it is neither.
    """
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        text = raw.decode("utf-8-sig", "replace") if isinstance(raw, bytes) else raw.removeprefix("\ufeff")
        try:
            rows = list(csv.DictReader(io.StringIO(text)))
        except csv.Error as error:
            raise _refusal({"alerts": f"this is neither JSON nor CSV: {error}"}) from None
        if not rows or not set(_NEEDED) <= set(rows[0]):
            raise _refusal({"alerts": f"give JSON or CSV with the columns {', '.join(COLUMNS[:5])}"}) from None
        return [{name: value for name, value in row.items() if name and value not in (None, "")} for row in rows]
    if isinstance(found, Mapping):
        found = found.get("alerts")
    if not isinstance(found, list):
        raise _refusal({"alerts": "give a list of alerts"})
    return found


def read(rows: Sequence[object], *, house: House, atlas: Atlas | None = None) -> list[Past]:
    """The alerts, in the order they opened.

    Args:
        atlas: where a ZIP lies, for rows that name no territory.

    Raises:
        Invalid: naming each wrong field of each wrong row, as in alerts.17.priority (the first is 0).
    """
    if not 1 <= len(rows) <= MOST:
        raise _refusal({"alerts": f"give 1 to {MOST:,} alerts"})
    wrong: dict[str, str] = {}
    found: list[Past] = []
    spoiled = 0
    for number, row in enumerate(rows):
        faults: dict[str, str] = {}
        alert = _alert(number, row, faults, house, atlas)
        if alert is not None and not faults:
            found.append(alert)
        elif (spoiled := spoiled + 1) <= MOST_NAMED:
            wrong |= {f"alerts.{number}.{name}" if name else f"alerts.{number}": why for name, why in faults.items()}
    if spoiled > MOST_NAMED:
        wrong["alerts"] = f"{spoiled:,} rows are wrong; the first {MOST_NAMED} are named"
    if wrong:
        raise _refusal(wrong)
    return sorted(found, key=lambda one: (one.at, one.case.alert_id))


def _alert(number: int, row: object, faults: dict[str, str], house: House, atlas: Atlas | None) -> Past | None:
    if not isinstance(row, Mapping):
        faults[""] = "give an object"
        return None
    faults |= {
        str(name)[:60]: f"there is no such column; use {', '.join(COLUMNS)}" for name in row if name not in COLUMNS
    }
    faults |= {name: "this is needed" for name in _NEEDED if row.get(name) in (None, "")}
    opened, closed = _time(row, "openedAt", faults), _time(row, "closedAt", faults)
    confidence, units = (
        _number(row, "confidence", faults, 0.0, 1.0),
        _number(row, "units", faults, load.STEP, load.MOST),
    )
    kind, place, zip_code, contact = (_text(row, name, faults) for name in ("type", "territory", "zip", "contactId"))
    if place is None and atlas is not None:  # as a contact without a territory is placed
        place = atlas.at(zip_code)
    priority = row.get("priority")
    if priority is not None and priority not in [one.value for one in Priority]:
        faults["priority"] = f"one of {', '.join(Priority)}"
    if opened is not None and closed is not None and closed < opened:
        faults["closedAt"] = "before it opened"
    if units is not None and units % load.STEP:
        faults["units"] = "in quarters, such as 0.5, 1 or 1.75"
    if faults or opened is None or kind is None or confidence is None:
        return None
    tier, alert_id, contact_id = Priority(str(priority)), f"alert-{number:05}", contact or f"contact-{number:05}"
    facts = {
        "alert": {"id": alert_id, "type": kind, "status": "NEW", "priority": tier, "confidence": confidence, "territory": place},
        "contact": {"id": contact_id, "territory": place},
        "property": {"zip": zip_code, "territory": place, "count": 1} if zip_code else {"count": 0},
        "signals": [],
        "metadata": {},
        "time": time_facts(opened, house),
    }  # fmt: skip
    case = Case(
        alert_id=alert_id,
        contact_id=contact_id,
        alert_type=kind,
        priority=tier,
        priority_rank=tier.rank,
        confidence=confidence,
        territory=place,
        owner_id=None,
        previous_agent_id=None,
        opened_at=opened,
        facts=facts,
    )
    at = opened.timestamp()
    return Past(case=case, at=at, lasted=closed.timestamp() - at if closed else None, units=units)


def _time(row: Mapping[str, Any], name: str, faults: dict[str, str]) -> datetime | None:
    value = row.get(name)
    if value in (None, ""):
        return None
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        faults[name] = "a time such as 2026-03-02T15:00:00Z"
        return None
    if found.tzinfo is None:
        faults[name] = "say the zone, as in 2026-03-02T15:00:00Z"
        return None
    if not 1990 <= found.year <= 2100:
        faults[name] = "a year from 1990 to 2100"
        return None
    return found.astimezone(UTC)


def _number(row: Mapping[str, Any], name: str, faults: dict[str, str], low: float, high: float) -> float | None:
    value = row.get(name)
    if value in (None, ""):
        return None
    try:
        if isinstance(value, bool) or not low <= (found := float(value)) <= high:
            raise ValueError
    except (TypeError, ValueError):
        faults[name] = f"a number, {low:g} to {high:g}"
        return None
    return found


def _text(row: Mapping[str, Any], name: str, faults: dict[str, str]) -> str | None:
    value = row.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str) or len(value) > 64 or "\x00" in value:
        faults[name] = "text of at most 64 characters"
        return None
    return value


def _refusal(fields: dict[str, str]) -> Invalid:
    return Invalid("These alerts cannot be replayed.", fields=fields)


def rows_of(raw: object) -> Iterator[Any]:
    """The rows of what came over the wire: a list of objects, or a whole file as text."""
    if isinstance(raw, str):
        yield from parse(raw)
    elif isinstance(raw, Sequence):
        yield from raw
