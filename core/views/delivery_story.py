"""What became of one message, told step by step from its ledger: every try, every wait, every word of the provider."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables.acting import Attempt, Delivery, DeliveryEvent
from core.delivery import ledger
from core.delivery.ledger import Rule, What
from core.delivery.registry import CHANNELS
from core.words import DeliveryState

_TRIED = {
    "started": "is under way",
    "sent": "was accepted",
    "retry": "failed and is made again",
    "failed": "failed for good",
    "lost": "ended with the process that made it; the message is sent again",
    "released": "was given back before it began",
}
"""Outcomes of a try; what else an outcome may be (suppressed, deferred) the ledger tells with its rule."""
_HAPPENED = {
    What.DEFERRED: "Waits",
    What.THROTTLED: "Held back",
    What.MERGED: "Not sent by itself",
    What.SUPPRESSED: "Not sent",
    What.LEFT_OUT: "Went out without its own news",
    What.REPLAYED: "Queued again by hand",
    What.PROVIDER: "The provider says",
    What.IGNORED: "The provider says, too late to count",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing that happened to a message."""

    at: datetime
    what: str
    """written, tried, delivered, opened, clicked, or a core.delivery.ledger.What."""
    text: str
    """One plain sentence."""
    rule: str | None = None
    """The named rule that did it, where one did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Skipped:
    """A channel that carried nothing, and the rule by which that is right."""

    user_id: str
    user_name: str
    channel: str
    rule: str
    text: str
    at: datetime


def stories(session: Session, deliveries: Sequence[Delivery]) -> Mapping[str, tuple[Step, ...]]:
    """By delivery, the oldest step first."""
    ids = [one.id for one in deliveries]
    found: dict[str, list[Step]] = {one.id: _own(one) for one in deliveries}
    for attempt in session.scalars(select(Attempt).where(Attempt.delivery_id.in_(ids)).order_by(Attempt.id)):
        if attempt.outcome in _TRIED:
            found[attempt.delivery_id].append(_attempt(attempt))
    for event in session.scalars(
        select(DeliveryEvent).where(DeliveryEvent.delivery_id.in_(ids)).order_by(DeliveryEvent.id)
    ):
        found[event.delivery_id].append(_event(event))
    leads = _leads(session, deliveries)
    for one in deliveries:
        if lead := leads.get(one.merged_into or ""):
            found[one.id].append(lead)
        found[one.id].sort(key=lambda step: step.at)
        if one.state == DeliveryState.DEAD:
            why = one.reason or "no reason was kept"
            found[one.id].append(Step(at=found[one.id][-1].at, what="dead", text=f"Given up: {why}"))
    return {id_: tuple(steps) for id_, steps in found.items()}


def skipped(delivery: Delivery, name: str) -> list[Skipped]:
    """The channels that carried nothing of a notice, as kept with its inbox entry."""
    left: Mapping[str, str] = delivery.payload.get("skipped") or {}
    return [
        Skipped(
            user_id=delivery.user_id or "",
            user_name=name,
            channel=channel,
            rule=rule,
            text=f"{_named(channel)}: {words(rule)}",
            at=delivery.created_at,
        )
        for channel, rule in left.items()
    ]


def words(rule: str) -> str:
    """A rule as people read it, also one of an older version."""
    return ledger.WORDS[Rule(rule)] if rule in set(Rule) else rule.replace("_", " ")


def _named(channel: str) -> str:
    label = CHANNELS[channel].label if channel in CHANNELS else channel
    return label[:1].upper() + label[1:]


def _own(one: Delivery) -> list[Step]:
    """What the row itself tells."""
    to = CHANNELS[one.channel].label if one.channel in CHANNELS else one.channel.replace("_", " ")
    items: Any = one.payload.get("items")
    steps = [Step(at=one.created_at, what="written", text=f"Written for {to}")]
    if isinstance(items, list) and len(items) > 1:
        steps.append(
            Step(at=one.sent_at or one.created_at, what="written", text=f"Gathers {len(items)} pieces of news")
        )
    if one.delivered_at is not None and one.attempts == 0:
        steps.append(Step(at=one.delivered_at, what="delivered", text=f"Put into {to}"))
    for at, what in ((one.opened_at, "opened"), (one.clicked_at, "clicked")):
        if at is not None:
            steps.append(Step(at=at, what=what, text=what.capitalize()))
    return steps


def _event(event: DeliveryEvent) -> Step:
    what = What(event.what) if event.what in set(What) else None
    start = _HAPPENED[what] if what else event.what.capitalize()
    if what in (What.PROVIDER, What.IGNORED):
        text = f"{start}: {event.detail or 'nothing more'}"
    elif what is What.REPLAYED:
        text = start + (f" (it had failed: {event.detail})" if event.detail else "")
    elif what is What.MERGED:
        text = f"{start}: {words(event.rule)}"
    else:
        text = f"{start}: {event.detail or words(event.rule)}"
    return Step(at=event.at, what=event.what, text=text, rule=event.rule)


def _attempt(attempt: Attempt) -> Step:
    text = f"Try {attempt.number} {_TRIED[attempt.outcome]}"
    if attempt.detail and attempt.outcome in ("retry", "failed"):
        text += f": {attempt.detail}"
    return Step(at=attempt.finished_at or attempt.started_at, what="tried", text=text)


def _leads(session: Session, deliveries: Sequence[Delivery]) -> dict[str, Step]:
    """What became of the messages that tell the news of others too."""
    ids = {one.merged_into for one in deliveries if one.merged_into}
    rows = session.execute(
        select(Delivery.id, Delivery.state, Delivery.sent_at, Delivery.created_at, Delivery.reason).where(
            Delivery.id.in_(ids)
        )
    )
    return {
        row.id: Step(
            at=row.sent_at or row.created_at,
            what="merged",
            text=f"The message that tells it: {row.state}" + (f" ({row.reason})" if row.reason else ""),
            rule=str(Rule.MERGED),
        )
        for row in rows
    }
