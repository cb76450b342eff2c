"""Which of the catalog's signals fit a contact's history now."""

from datetime import datetime, timedelta

from core import history as histories
from core.history import History
from core.signals import evidence, registry
from core.signals.found import Found


def detect(history: History, *, now: datetime) -> list[Found]:
    """The signals that fit at `now`, in the order of their types."""
    if not history.days:
        return []
    today = histories.today(now)
    found = []
    for definition in registry.definitions():
        match = definition.find(history, today)
        if match is None:
            continue
        numbers = {
            "count": match.count,
            "expected": round(evidence.expected(match, definition.prior), 2),
            "windowDays": definition.window_days,
            "earlier": match.earlier,
            "machine": match.machine,
            **match.numbers,
        }
        found.append(
            Found(
                definition.type,
                definition.category.value,
                round(match.strength, 6),
                round(evidence.confidence(match, definition.prior), 6),
                match.count,
                numbers,
                now - timedelta(days=definition.window_days),
                now,
            )
        )
    return found
