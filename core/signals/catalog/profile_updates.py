"""Two or more profile updates in 30 days."""

from core.signals.definition import SignalDefinition, at_least, per_month
from core.words import SignalCategory

KINDS = ("profile_update",)

SIGNAL = SignalDefinition(
    type="PROFILE_UPDATES",
    category=SignalCategory.PLATFORM_BEHAVIOR,
    label="Profile updated",
    window_days=30,
    kinds=KINDS,
    prior=per_month(0.15),
    find=at_least(2, of=KINDS, days=30, full=4),
)
