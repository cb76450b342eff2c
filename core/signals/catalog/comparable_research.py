"""Four or more comparable homes viewed in 30 days."""

from core.signals.definition import SignalDefinition, at_least, per_month
from core.words import SignalCategory

KINDS = ("comparable",)

SIGNAL = SignalDefinition(
    type="COMPARABLE_RESEARCH",
    category=SignalCategory.PLATFORM_BEHAVIOR,
    label="Comparable homes researched",
    window_days=30,
    kinds=KINDS,
    prior=per_month(0.6),
    find=at_least(4, of=KINDS, days=30, full=10),
)
