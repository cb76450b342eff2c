"""How the Agents page says who is on duty, until when, and what they carry."""

from datetime import datetime

from app.ui import words
from core.routing import roster
from core.routing.time_off import Off
from core.views.people import PersonRow

_WHY = {
    roster.INACTIVE: "No longer active",
    roster.UNAVAILABLE: "Switched off",
    roster.NO_AUTO_ASSIGN: "By hand only",
    roster.NO_CAPACITY: "Takes no alerts",
    roster.PAUSED: "Paused: cannot be reached",
    roster.TIME_OFF: "On time off",
    roster.HOLIDAY: "Holiday",
    roster.OFF_DUTY: "Off",
}


def standing(person: PersonRow, timezone: str, *, now: datetime) -> str:
    """On duty until 17:30; Off until Tue 3 Mar, 09:00."""
    until = f" until {words.short(person.until, timezone, now=now)}" if person.until else ""
    if person.reason is None:
        return f"On duty{until}" if until else "On duty at any hour"
    return f"{_WHY.get(person.reason, words.sentence(person.reason))}{until}"


def carries(person: PersonRow) -> str:
    """4 of 12 open; with units where they count."""
    units = f" · {person.units:g} of {person.max_units:g} units" if person.max_units is not None else ""
    return f"{person.load} of {person.capacity}{units}"


def today(person: PersonRow) -> str:
    return f"{person.today} of {person.max_per_day}" if person.max_per_day is not None else str(person.today)


def next_off(off: Off | None, *, now: datetime) -> str:
    """now to 9 Mar, Tom covers."""
    if off is None:
        return "–"
    cover = f", {off.cover_name} covers" if off.cover_name else ", no cover"
    return f"{'now: ' if off.starts_at <= now else ''}{off.words()}{cover}"
