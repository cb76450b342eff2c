"""What Twilio says later of a text or a call, in our words; it tells no time, so each word has its place in the order."""

from datetime import datetime

from sqlalchemy.orm import Session

from core.delivery import addresses
from core.delivery.callbacks import Said, Word, heard
from core.delivery.channel import Refused

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
_ADDRESS = {"21610": Refused.OPTED_OUT, "30005": Refused.GONE}
"""30006 (landline or carrier away) is not named: it may be the carrier's bad day."""


def take(session: Session, sid: str, status: str, error: str, *, call: bool = False, now: datetime) -> bool:
    """Take a status of a text or a call into account; False where we know of no such message, or no such status."""
    place = (_CALLS if call else _TEXTS).get(status)
    if place is None or not sid:
        return False
    rank, said = place
    why = _SAYS.get(error) or _SAYS.get(status, "")
    detail = ", ".join(part for part in (status, error and f"Twilio {error}", why) if part)
    found = heard(session, Word(provider_id=sid, said=said, at=now, rank=rank, detail=detail), now=now)
    if found is None:
        return False
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
