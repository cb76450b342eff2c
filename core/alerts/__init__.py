"""Alerts: a score worth a person's time, from opening to outcome.

`open_or_refresh` turns scores into alerts; the verbs below are what people do with them.
"""

from core.alerts.lifecycle import (
    UNDO_MINUTES,
    Result,
    acknowledge,
    bulk,
    contact,
    convert,
    dismiss,
    expire,
    record_outcome,
    snooze,
    start,
    steps,
    undo,
    unsnooze,
)
from core.alerts.opening import Candidate, Opening, open_or_refresh
from core.alerts.priority import VALID_DAYS, priority_of

__all__ = [
    "UNDO_MINUTES",
    "VALID_DAYS",
    "Candidate",
    "Opening",
    "Result",
    "acknowledge",
    "bulk",
    "contact",
    "convert",
    "dismiss",
    "expire",
    "open_or_refresh",
    "priority_of",
    "record_outcome",
    "snooze",
    "start",
    "steps",
    "undo",
    "unsnooze",
]
