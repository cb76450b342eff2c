"""What follows an alert that changed hands: its new owner is told, and the clock starts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from core import delivery
from core.delivery import CHANNELS, Kind, Notice
from core.escalation import running
from core.routing import Routed
from core.words import Priority


def ring(session: Session, routed: Sequence[Routed], *, by: str = "", now: datetime) -> None:
    """Tell the new owners on their channels, but nobody of what they did themselves, and start the clocks."""
    others = [one for one in routed if one.agent_id != by or one.notify_user_ids]
    delivery.enqueue(session, delivery.notices_of(session, others, kind=Kind.ALERT_ASSIGNED), now=now)
    running.start(session, [one.alert_id for one in routed if one.agent_id], now=now)


def ring_together(session: Session, routed: Sequence[Routed], *, occasion: str, by: str = "", now: datetime) -> None:
    """The same for alerts that change hands in one go: each is in the inbox, but a person gets one message outside of the
    app, about the most urgent of theirs.

    Args:
        occasion: what moved them; the same one tells nobody twice.
    """
    others = [one for one in routed if one.agent_id is not None and one.agent_id != by]
    notices = delivery.notices_of(session, others, kind=Kind.ALERT_ASSIGNED)
    theirs: dict[str, list[Notice]] = {}
    for notice in sorted(notices, key=lambda one: Priority(one.priority).rank):
        theirs.setdefault(notice.user_id, []).append(notice)
    messages = [_message(some, occasion) for some in theirs.values()]
    delivery.enqueue(session, notices, quiet=True, now=now)
    delivery.enqueue(session, [one for one in messages if one.channels], now=now)
    running.start(session, [one.alert_id for one in routed if one.agent_id], now=now)


def _message(notices: Sequence[Notice], occasion: str) -> Notice:
    first, more = notices[0], len(notices) - 1
    outside = [one.name for one in CHANNELS.values() if one.write is None and first.priority in one.priorities]
    said = "1 more alert came" if more == 1 else f"{more} more alerts came"
    text = f"{said} to you with it." if more else ""
    return replace(first, occasion=occasion, text=text, channels=tuple(outside))
