"""What providers say later of a message they took: delivered, bounced, opened, clicked; late and repeated words change nothing."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.delivery import ledger
from core.words import DeliveryState


class Said(StrEnum):
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    UNDERWAY = "underway"
    """Queued, processed, deferred: nothing to change, worth a line."""


_TIMES = {Said.DELIVERED: "delivered_at", Said.OPENED: "opened_at", Said.CLICKED: "clicked_at"}
_OUT = (DeliveryState.SENT, DeliveryState.DELIVERED, DeliveryState.BOUNCED)


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word of a provider about one message."""

    provider_id: str
    said: Said
    at: datetime
    """By the provider's clock; ours where it tells no time."""
    rank: int | None = None
    """Where it tells no time: the place of this word in the provider's own order. What is not above the highest so far
    comes late or twice."""
    detail: str = ""
    """In the provider's words."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """The delivery a word was about, and whether it counted."""

    delivery: Delivery
    taken: bool


def heard(session: Session, word: Word, *, now: datetime) -> Heard | None:
    """Take a word into account; None where we know of no delivery it could be about.

    `sent` becomes `delivered` or `bounced`; a bounce may follow delivered (mailboxes accept and then return), nothing
    follows a bounce. Delivered, opened and clicked are times, the earliest of each counts. So the same words come to the
    same end in whatever order they arrive. One that changes nothing is kept in the ledger as ignored.
    """
    delivery = session.scalars(
        select(Delivery).where(Delivery.provider_id == word.provider_id).with_for_update()
    ).first()
    if delivery is None:
        return None
    taken = delivery.state in _OUT and _in_order(delivery, word) and _take(delivery, word)
    if taken and word.rank is not None:
        delivery.payload = {**delivery.payload, "rank": word.rank}
    if delivery.state in _OUT and (delivery.provider_at is None or word.at > delivery.provider_at):
        delivery.provider_at = word.at
    session.flush()
    what, rule = (
        (ledger.What.PROVIDER, ledger.Rule.CALLBACK) if taken else (ledger.What.IGNORED, ledger.Rule.OUT_OF_ORDER)
    )
    detail = f"{word.said}: {word.detail}" if word.detail else str(word.said)
    ledger.note(session, [delivery.id], what, rule, detail=detail[:500], now=now)
    return Heard(delivery=delivery, taken=taken)


def _in_order(delivery: Delivery, word: Word) -> bool:
    return word.rank is None or word.rank > int(delivery.payload.get("rank", -1))


def _take(delivery: Delivery, word: Word) -> bool:
    if word.said is Said.UNDERWAY:
        return delivery.provider_at is None or word.at > delivery.provider_at
    if word.said is Said.BOUNCED:
        if delivery.state == DeliveryState.BOUNCED:
            return False
        delivery.state, delivery.reason = DeliveryState.BOUNCED, (word.detail or "it came back")[:300]
        return True
    field = _TIMES[word.said]
    before = getattr(delivery, field)
    if before is not None and before <= word.at:
        return False
    setattr(delivery, field, word.at)
    if word.said is Said.DELIVERED and delivery.state == DeliveryState.SENT:
        delivery.state = DeliveryState.DELIVERED
    return True
