"""Three or more documents downloaded in 30 days: papers are being put together."""

from core.signals.definition import SignalDefinition, at_least, per_month
from core.words import SignalCategory

KINDS = ("document_download",)

SIGNAL = SignalDefinition(
    type="DOCUMENT_DOWNLOAD_PATTERN",
    category=SignalCategory.DOCUMENT_ACTIVITY,
    label="Documents downloaded",
    window_days=30,
    kinds=KINDS,
    prior=per_month(0.3),
    find=at_least(3, of=KINDS, days=30, full=10),
)
