"""Five or more checks of the home's value in 30 days."""

from core.signals.definition import SignalDefinition, at_least, per_month
from core.words import SignalCategory

KINDS = ("value_check",)

SIGNAL = SignalDefinition(
    type="FREQUENT_VALUE_CHECKS",
    category=SignalCategory.PLATFORM_BEHAVIOR,
    label="Frequent value checks",
    window_days=30,
    kinds=KINDS,
    prior=per_month(0.8),
    find=at_least(5, of=KINDS, days=30, full=10),
)
