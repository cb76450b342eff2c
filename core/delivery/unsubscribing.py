"""No more digests: one click in the mail program (RFC 8058) or on a page, kept in the ledger of consent with its proof."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.db.tables.people import User
from core.delivery import consent, links, preferences
from core.delivery.consent import Scope, Source
from core.delivery.links import Action


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Whose digests a link is about."""

    user_id: str
    email: str
    channel: str
    delivery_id: str
    language: str
    wanted: bool
    """Digests still go there."""
    expired: bool


def look(session: Session, token: str, *, key: str, now: datetime) -> Wish | None:
    """Whose digests and whether they still go out; None for a link that is none of ours. Changes nothing."""
    link = links.read(token, key=key)
    if link is None or link.action is not Action.UNSUBSCRIBE:
        return None
    delivery = session.get(Delivery, link.delivery_id)
    user = session.get(User, delivery.user_id) if delivery and delivery.user_id else None
    if delivery is None or user is None:
        return None
    scopes = consent.withdrawn(session, [user.email]).get(user.email, frozenset())
    return Wish(
        user_id=user.id,
        email=user.email,
        channel=delivery.channel,
        delivery_id=delivery.id,
        language=preferences.load(session, [user.id])[user.id].language,
        wanted=f"{delivery.channel}:{Scope.DIGESTS}" not in scopes,
        expired=link.expires_at <= now,
    )


def settle(session: Session, wish: Wish, *, wanted: bool, one_click: bool, agent: str, now: datetime) -> bool:
    """Note that digests are wanted or not; the same wish twice adds nothing. Returns whether it was news.

    Args:
        one_click: the mail program said it (List-Unsubscribe-Post), not a person on the page.
        agent: what the request called itself, kept as part of the proof.
    """
    if wish.wanted == wanted or wish.expired:
        return False
    consent.record(
        session,
        channel=wish.channel,
        address=wish.email,
        given=wanted,
        source=Source.ONE_CLICK if one_click else Source.PERSON,
        scope=Scope.DIGESTS,
        user_id=wish.user_id,
        actor_id=wish.user_id,
        proof={"deliveryId": wish.delivery_id, "by": "one click" if one_click else "page", "agent": agent[:200]},
        now=now,
    )
    return True
