"""What follows an alert that changed hands: its new owner is told, and the clock starts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.orm import Session

from core import delivery
from core.delivery import Kind
from core.escalation import running
from core.routing import Routed


def ring(session: Session, routed: Sequence[Routed], *, by: str = "", now: datetime) -> None:
    """Tell the new owners on their channels, but nobody of what they did themselves, and start the clocks."""
    others = [one for one in routed if one.agent_id != by or one.notify_user_ids]
    delivery.enqueue(session, delivery.notices_of(session, others, kind=Kind.ALERT_ASSIGNED), now=now)
    running.start(session, [one.alert_id for one in routed if one.agent_id], now=now)


def ring_declined(session: Session, routed: Routed, *, by: str, now: datetime) -> None:
    """What follows an alert that `by` declined: its new owner is told, or the manager where nobody took it."""
    ring(session, [routed], now=now)
    delivery.enqueue(session, running.declined(session, routed.alert_id, by, now=now), now=now)


def ring_together(session: Session, routed: Sequence[Routed], *, occasion: str, by: str = "", now: datetime) -> None:
    """The same for alerts that change hands in one go: each is in the inbox, but a person gets one message outside of the
    app by each of their channels, with all of theirs in it.

    Args:
        occasion: what moved them.
    """
    others = [one for one in routed if one.agent_id is not None and one.agent_id != by]
    notices = delivery.notices_of(session, others, kind=Kind.ALERT_ASSIGNED)
    delivery.enqueue(session, [replace(one, together=occasion) for one in notices], now=now)
    running.start(session, [one.alert_id for one in routed if one.agent_id], now=now)
