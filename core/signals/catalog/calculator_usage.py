"""Three or more calculator uses in 30 days."""

from core.signals.definition import SignalDefinition, at_least, per_month
from core.words import SignalCategory

KINDS = ("calculator",)

SIGNAL = SignalDefinition(
    type="CALCULATOR_USAGE",
    category=SignalCategory.PLATFORM_BEHAVIOR,
    label="Calculators used",
    window_days=30,
    kinds=KINDS,
    prior=per_month(0.4),
    find=at_least(3, of=KINDS, days=30, full=8),
)
