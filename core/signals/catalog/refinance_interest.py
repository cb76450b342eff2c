"""Two or more clicks on refinancing mails in 30 days."""

from core.signals.definition import SignalDefinition, at_least, per_month
from core.words import SignalCategory

KINDS = ("refinance_click",)

SIGNAL = SignalDefinition(
    type="REFINANCE_INTEREST",
    category=SignalCategory.EMAIL_ENGAGEMENT,
    label="Refinance mails clicked",
    window_days=30,
    kinds=KINDS,
    prior=per_month(0.15),
    find=at_least(2, of=KINDS, days=30, full=5),
)
