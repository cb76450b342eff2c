"""Of at least 4 mails sent in 90 days, more than half opened or more than three in ten clicked."""

from core.history import History
from core.signals.definition import Match, Prior, SignalDefinition
from core.words import SignalCategory

DAYS = 90
CLICKS_PER_OPEN = 0.25
"""Clicks are that much rarer than opens in the population, so a click weighs as so many opens as evidence."""


def _find(history: History, today: int) -> Match | None:
    sent = history.human("email_sent", today, days=DAYS)
    if sent < 4:
        return None
    opened = history.human("email_open", today, days=DAYS)
    clicked = history.human("email_click", today, days=DAYS)
    open_rate, click_rate = min(1.0, opened / sent), min(1.0, clicked / sent)
    if open_rate <= 0.5 and click_rate <= 0.3:
        return None
    kind, count = ("email_open", opened) if open_rate > 0.5 else ("email_click", clicked)
    return Match(
        strength=max(open_rate, click_rate),
        count=count,
        exposure=sent if kind == "email_open" else sent * CLICKS_PER_OPEN,
        earlier=history.human(kind, today, days=DAYS, skip=DAYS),
        earlier_exposure=history.human("email_sent", today, days=DAYS, skip=DAYS)
        * (1 if kind == "email_open" else CLICKS_PER_OPEN),
        machine=history.machine(kind, today, days=DAYS),
        numbers={"sent": sent, "opened": opened, "clicked": clicked},
    )


SIGNAL = SignalDefinition(
    type="HIGH_EMAIL_ENGAGEMENT",
    category=SignalCategory.EMAIL_ENGAGEMENT,
    label="Mails read closely",
    window_days=DAYS,
    kinds=("email_open", "email_click"),
    prior=Prior(rate=0.25, shape=2.0),
    find=_find,
)
