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
    """By the provider's clock."""
    detail: str = ""
    """In the provider's words."""


def heard(session: Session, word: Word, *, now: datetime) -> Delivery | None:
    """Take a word into account; the delivery it is about, None where we know of none.

    `sent` becomes `delivered` or `bounced`; a bounce may follow delivered (mailboxes accept and then return), nothing
    follows a bounce. Opened and clicked are times, the first of each counts. A word older than the newest that
    counted, or said already, is kept in the ledger as ignored.
    """
    delivery = session.scalars(
        select(Delivery).where(Delivery.provider_id == word.provider_id).with_for_update()
    ).first()
    if delivery is None:
        return None
    taken = _take(delivery, word)
    if taken and (delivery.provider_at is None or word.at > delivery.provider_at):
        delivery.provider_at = word.at
    session.flush()
    what, rule = (
        (ledger.What.PROVIDER, ledger.Rule.CALLBACK) if taken else (ledger.What.IGNORED, ledger.Rule.OUT_OF_ORDER)
    )
    detail = f"{word.said}: {word.detail}" if word.detail else str(word.said)
    ledger.note(session, [delivery.id], what, rule, detail=detail[:500], now=now)
    return delivery


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
