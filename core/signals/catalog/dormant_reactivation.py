"""Back after a silence: document events in the last 30 days, none 30 to 90 days back, some 90 to 180 days back."""

from core.history import DOCUMENT_KINDS, History
from core.signals.definition import Match, SignalDefinition, counted, per_month
from core.words import SignalCategory


def _find(history: History, today: int) -> Match | None:
    count = _documents(history, today, days=30, skip=0)
    if count < 3 or _documents(history, today, days=60, skip=30) or not _documents(history, today, days=90, skip=90):
        return None
    return counted(history, today, of=DOCUMENT_KINDS, days=30, count=count, strength=0.8)


def _documents(history: History, today: int, *, days: int, skip: int) -> int:
    return sum(history.human(kind, today, days=days, skip=skip) for kind in DOCUMENT_KINDS)


SIGNAL = SignalDefinition(
    type="DORMANT_REACTIVATION",
    category=SignalCategory.DOCUMENT_ACTIVITY,
    label="Back after a silence",
    window_days=30,
    kinds=DOCUMENT_KINDS,
    prior=per_month(1.9),
    find=_find,
)
