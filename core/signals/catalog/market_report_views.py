"""Three or more market reports viewed in 30 days, as pages, mails or documents."""

from core.signals.definition import SignalDefinition, at_least, per_month
from core.words import SignalCategory

KINDS = ("market_report",)

SIGNAL = SignalDefinition(
    type="MARKET_REPORT_VIEWS",
    category=SignalCategory.EMAIL_ENGAGEMENT,
    label="Market reports viewed",
    window_days=30,
    kinds=KINDS,
    prior=per_month(0.4),
    find=at_least(3, of=KINDS, days=30, full=6),
)
