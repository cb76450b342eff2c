"""What Twilio says later of a text or a call, in our words; it tells no time, so each word has its place in the order."""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.delivery import addresses
from core.delivery.callbacks import Said, Word, heard
from core.delivery.channel import Refused
from core.words import DeliveryState

_TEXTS = {
    "accepted": (0, Said.UNDERWAY),
    "scheduled": (0, Said.UNDERWAY),
    "queued": (1, Said.UNDERWAY),
    "sending": (2, Said.UNDERWAY),
    "sent": (3, Said.UNDERWAY),
    "delivered": (4, Said.DELIVERED),
    "undelivered": (4, Said.BOUNCED),
    "failed": (4, Said.BOUNCED),
    "canceled": (4, Said.BOUNCED),
    "read": (5, Said.OPENED),
}
_CALLS = {
    "queued": (0, Said.UNDERWAY),
    "initiated": (1, Said.UNDERWAY),
    "ringing": (2, Said.UNDERWAY),
    "in-progress": (3, Said.UNDERWAY),
    "completed": (4, Said.DELIVERED),
    "busy": (4, Said.BOUNCED),
    "no-answer": (4, Said.BOUNCED),
    "failed": (4, Said.BOUNCED),
    "canceled": (4, Said.BOUNCED),
}
_SAYS = {
    "21610": "its owner asked for no more texts",
    "30003": "the phone is off or out of reach",
    "30004": "the message was blocked",
    "30005": "there is no such phone",
    "30006": "it is a landline or out of reach",
    "30007": "the carrier took it for spam",
    "30034": "our number is not registered with the carriers",
    "busy": "the line was busy",
    "no-answer": "nobody answered",
}
CHANNELS = frozenset({"sms", "voice"})
_EARLY = "early"
_MOST = 10
"""Statuses of one message that are kept: there are no more."""
_ADDRESS = {"21610": Refused.OPTED_OUT, "30005": Refused.GONE}
"""30006 (landline or carrier away) is not named: it may be the carrier's bad day."""


def take(
    session: Session, sid: str, status: str, error: str, *, call: bool = False, delivery_id: str = "", now: datetime
) -> bool:
    """Take a status of a text or a call into account; False where we know of no such message, or no such status.

    Args:
        delivery_id: which delivery it was sent for. A status may come before we have written down its SID: then it is kept
            with the delivery until we have.
    """
    place = (_CALLS if call else _TEXTS).get(status)
    if place is None or not sid:
        return False
    rank, said = place
    why = _SAYS.get(error) or _SAYS.get(status, "")
    detail = ", ".join(part for part in (status, error and f"Twilio {error}", why) if part)
    found = heard(session, Word(provider_id=sid, said=said, at=now, rank=rank, detail=detail), now=now)
    if found is None:
        return _keep(session, delivery_id, {"sid": sid, "status": status, "error": error, "call": call})
    delivery, what = found.delivery, _ADDRESS.get(error)
    if found.taken and what is not None and delivery.address_id is not None:
        addresses.refused(
            session,
            delivery.address_id,
            what,
            channel=delivery.channel,
            proof={"delivery": delivery.id, "provider": f"Twilio {error}: {why}"},
            now=now,
        )
    return True


def catch_up(session: Session, delivery_id: str, *, now: datetime) -> None:
    """Take what came before the SID was written down, in the order it came."""
    delivery = session.get(Delivery, delivery_id, populate_existing=True)
    early = delivery.payload.get(_EARLY) if delivery is not None else None
    if delivery is None or not early:
        return
    delivery.payload = {name: value for name, value in delivery.payload.items() if name != _EARLY}
    session.flush()
    for word in early:
        take(session, word["sid"], word["status"], word["error"], call=word["call"], now=now)


def _keep(session: Session, delivery_id: str, word: dict[str, Any]) -> bool:
    delivery = session.get(Delivery, delivery_id, with_for_update=True, populate_existing=True) if delivery_id else None
    if delivery is None or delivery.state != DeliveryState.LEASED or delivery.channel not in CHANNELS:
        return False
    delivery.payload = {**delivery.payload, _EARLY: [*delivery.payload.get(_EARLY, ()), word][-_MOST:]}
    return True
