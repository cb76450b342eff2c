"""Five or more document accesses in 7 days, and more than twice those of the 7 days before."""

from core.history import History
from core.signals.definition import Match, SignalDefinition, counted, per_month
from core.words import SignalCategory

KINDS = ("document_access",)


def _find(history: History, today: int) -> Match | None:
    count = history.human("document_access", today, days=7)
    if count < 5 or count <= 2 * history.human("document_access", today, days=7, skip=7):
        return None
    return counted(history, today, of=KINDS, days=7, count=count, strength=count / 20)


SIGNAL = SignalDefinition(
    type="DOCUMENT_ACCESS_SPIKE",
    category=SignalCategory.DOCUMENT_ACTIVITY,
    label="Spike of document access",
    window_days=7,
    kinds=KINDS,
    prior=per_month(1.5),
    find=_find,
)
