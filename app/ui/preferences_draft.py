"""Choices of the Preferences page, apart from how they are drawn: steps with their words, and hours as a preview takes them."""

from dataclasses import replace
from datetime import time

from app.ui import words
from core.delivery.preferences import Preferences, QuietHours

_STEPS: tuple[int | None, ...] = (None, 0, 120, 300, 900, 3600)


def steps(chosen: int | None) -> list[int | None]:
    """What one may choose; a step set over the API is kept among them."""
    return [None, *sorted({step for step in (*_STEPS, chosen) if step is not None})]


def step_words(seconds: int | None) -> str:
    """Off, at once, or after how long."""
    if seconds is None:
        return "Off"
    return f"After {words.span(seconds)} if unread" if seconds else "At once"


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
