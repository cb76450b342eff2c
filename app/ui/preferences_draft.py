"""Choices of the Preferences page, apart from how they are drawn: steps with their words, and hours as a preview takes them."""

from dataclasses import replace
from datetime import time

from app.ui import words
from core.delivery.preferences import Preferences, QuietHours

OFF = -1
"""Never; not None, which Streamlit takes for a box where nothing was chosen."""
_STEPS = (0, 120, 300, 900, 3600)


def steps(chosen: int) -> list[int]:
    """What one may choose, in seconds, OFF first; a step set over the API is kept among them."""
    return [OFF, *sorted({*_STEPS, chosen} - {OFF})]


def step_words(seconds: int) -> str:
    """Off, at once, or after how long."""
    if seconds == OFF:
        return "Off"
    return f"After {words.span(seconds)}" if seconds else "At once"


def hours(chosen: Preferences, *, quiet: tuple[time, time] | None, working: bool, critical: bool) -> Preferences | None:
    """As it would be; None where the quiet hours are none."""
    if quiet and quiet[0] == quiet[1]:
        return None
    return replace(
        chosen,
        quiet=QuietHours(start=quiet[0], end=quiet[1]) if quiet else None,
        working_hours_only=working,
        critical_bypasses=critical,
    )
