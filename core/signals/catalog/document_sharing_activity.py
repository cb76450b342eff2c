"""Two or more documents shared in 30 days: somebody else is looking at them now."""

from core.signals.definition import SignalDefinition, at_least, per_month
from core.words import SignalCategory

KINDS = ("document_share",)

SIGNAL = SignalDefinition(
    type="DOCUMENT_SHARING_ACTIVITY",
    category=SignalCategory.DOCUMENT_ACTIVITY,
    label="Documents shared",
    window_days=30,
    kinds=KINDS,
    prior=per_month(0.1),
    find=at_least(2, of=KINDS, days=30, full=5),
)
