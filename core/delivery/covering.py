"""Telling somebody that they cover for a colleague, and when that changes."""

from datetime import datetime
from zlib import crc32

from sqlalchemy.orm import Session

from core.delivery.enqueueing import enqueue
from core.delivery.notices import Kind, Notice
from core.delivery.saying import Saying, saying
from core.routing.time_off import Off
from core.words import Priority


def tell_cover(session: Session, off: Off | None, *, before: Off | None = None, by: str, now: datetime) -> None:
    """Tell who covers, and who covered before and no longer does; nobody of what they did themselves.

    Args:
        off: as it is now; None where it was taken back.
        by: the user who changed it.
    """
    people: dict[str, Saying] = {}
    if before is not None and before.cover_agent_id and before.ends_at > now:
        people[before.cover_agent_id] = saying(
            "You no longer cover for {name}, {when}.", name=before.agent_name, when=_when(before)
        )
    if off is not None and off.cover_agent_id:
        same = before is not None and (before.cover_agent_id, before.starts_at, before.ends_at) == (
            off.cover_agent_id,
            off.starts_at,
            off.ends_at,
        )
        people.pop(off.cover_agent_id, None)
        if not same:
            people[off.cover_agent_id] = saying(
                "You cover for {name}, {when}: what they have not looked at, and what would come to them by name or from their "
                "own clients, comes to you.",
                name=off.agent_name,
                when=_when(off),
            )
    people.pop(by, None)
    subject = off or before
    assert subject is not None
    enqueue(
        session,
        [
            Notice(
                alert_id=None,
                user_id=user_id,
                kind=Kind.ADMIN_NOTICE,
                priority=Priority.MEDIUM,
                occasion=f"cover-{crc32(f'{subject.id} {text}'.encode()):08x}-{now:%Y%m%dT%H%M%S}",
                text=text,
            )
            for user_id, text in people.items()
        ],
        now=now,
    )


def _when(off: Off) -> Saying:
    """Whole days as days, hours in the zone of whoever reads it."""
    first, last = off.days or (off.starts_at, off.ends_at)
    return Saying("{day}", {"day": first}) if first == last else saying("{first} to {last}", first=first, last=last)
