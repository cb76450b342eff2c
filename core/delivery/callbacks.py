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
    follows a bounce. Opened and clicked are times, the first of each counts. A word older than the newest that
    counted, or said already, is kept in the ledger as ignored.
    """
    delivery = session.scalars(
        select(Delivery).where(Delivery.provider_id == word.provider_id).with_for_update()
    ).first()
    if delivery is None:
        return None
    taken = _in_order(delivery, word) and _take(delivery, word)
    if taken and word.rank is not None:
        delivery.payload = {**delivery.payload, "rank": word.rank}
    if taken and (delivery.provider_at is None or word.at > delivery.provider_at):
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
    out = delivery.state in (DeliveryState.SENT, DeliveryState.DELIVERED)
    match word.said:
        case Said.DELIVERED:
            if delivery.state != DeliveryState.SENT:
                return False
            delivery.state, delivery.delivered_at = DeliveryState.DELIVERED, word.at
        case Said.BOUNCED:
            late = delivery.provider_at is not None and word.at < delivery.provider_at
            if not out or late:
                return False
            delivery.state, delivery.reason = DeliveryState.BOUNCED, (word.detail or "it came back")[:300]
        case Said.OPENED | Said.CLICKED:
            field = "opened_at" if word.said is Said.OPENED else "clicked_at"
            if not out or getattr(delivery, field) is not None:
                return False
            setattr(delivery, field, word.at)
        case Said.UNDERWAY:
            return out and not (delivery.provider_at is not None and word.at < delivery.provider_at)
    return True
