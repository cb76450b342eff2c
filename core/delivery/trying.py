""" "Send me a test": one message at once by one channel, past hours and preferences, and what its provider said."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit, ids
from core.db import dialect
from core.db.tables.acting import Delivery
from core.db.tables.people import User
from core.db.tables.reaching import Address
from core.delivery import addresses
from core.delivery.channel import ACCOUNT_EMAIL, ENDPOINT
from core.delivery.notices import Kind
from core.delivery.registry import CHANNELS
from core.delivery.saying import kept, saying
from core.errors import Conflict, Invalid, NotFound, TooMany
from core.words import DeliveryState, Priority

MOST = 5
WINDOW = timedelta(minutes=10)
"""So many tests a person may ask for in it: texts and calls cost money."""
_TEXT = saying("This is a test from Doorbell. Alerts for you will come this way.")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a test stands, for whoever waits for it."""

    id: str
    channel: str
    state: str
    said: str
    """One sentence: what the provider answered, or what is waited for."""
    done: bool
    """Nothing more will be heard, unless the provider reports later."""
    ok: bool
    attempts: int
    created_at: datetime


def send_test(
    session: Session, user_id: str, *, channel: str, address_id: str | None = None, actor_id: str, now: datetime
) -> str:
    """Queue a test to one of a person's addresses; the delivery's id, by which `standing` tells what became of it.

    Args:
        address_id: left out it is the account's e-mail address, or the newest address that the channel can use.

    Raises:
        Invalid: there is no such channel for people.
        NotFound: the address is not this person's.
        Conflict: there is no address that can be used, or not this one.
        TooMany: MOST tests in WINDOW.
    """
    known = CHANNELS.get(channel)
    if known is None or known.open is None or known.address == ENDPOINT:
        able = sorted(one.name for one in CHANNELS.values() if one.open is not None and one.address != ENDPOINT)
        raise Invalid("There is no such channel to test.", fields={"channel": f"one of {', '.join(able)}"})
    session.get_one(User, user_id, with_for_update=True)  # two at once would both count the tests before them
    _within_limit(session, user_id, now=now)
    address = None if known.address == ACCOUNT_EMAIL else _address(session, user_id, known.address, address_id)
    delivery_id = ids.new_id()
    session.add(
        Delivery(
            id=delivery_id,
            user_id=user_id,
            address_id=address.id if address else None,
            channel=channel,
            kind=Kind.TEST,
            priority=Priority.HIGH,
            state=DeliveryState.QUEUED,
            idempotency_key=f"test:{delivery_id}:{channel}",
            payload={"test": True, "owner": False, "text": str(_TEXT), "said": kept(_TEXT)},
            due_at=now,
            attempts=0,
            created_at=now,
        )
    )
    session.flush()
    audit.record(
        session,
        "delivery.test",
        subject_type="user",
        subject_id=user_id,
        actor_id=actor_id,
        after={"delivery": delivery_id, "channel": channel, "address": address.id if address else None},
        now=now,
    )
    dialect.wake(session, "deliveries")
    return delivery_id


def standing(session: Session, user_id: str, delivery_id: str) -> Standing:
    """What became of a test.

    Raises:
        NotFound: this person asked for no such test.
    """
    found = session.get(Delivery, delivery_id)
    if found is None or found.user_id != user_id or found.kind != Kind.TEST:
        raise NotFound("There is no such test")
    said, done, ok = _said(found)
    return Standing(
        id=found.id,
        channel=found.channel,
        state=found.state,
        said=said,
        done=done,
        ok=ok,
        attempts=found.attempts,
        created_at=found.created_at,
    )


def _said(found: Delivery) -> tuple[str, bool, bool]:
    match found.state:
        case DeliveryState.DELIVERED:
            return "It arrived.", True, True
        case DeliveryState.SENT:
            return "The provider took it.", True, True
        case DeliveryState.BOUNCED:
            return f"It came back: {found.reason}.", True, False
        case DeliveryState.DEAD | DeliveryState.SUPPRESSED:
            return f"It was not sent: {found.reason}.", True, False
        case _ if found.reason:
            return f"Not yet: {found.reason}. It is tried again.", False, False
        case _:
            return "On its way.", False, False


def _within_limit(session: Session, user_id: str, *, now: datetime) -> None:
    count, first = session.execute(
        select(func.count(), func.min(Delivery.created_at)).where(
            Delivery.user_id == user_id, Delivery.kind == Kind.TEST, Delivery.created_at > now - WINDOW
        )
    ).one()
    if count >= MOST:
        seconds = int((first + WINDOW - now).total_seconds()) + 1
        raise TooMany(f"That were {MOST} tests in 10 minutes; try again in {seconds} s.", retry_after=seconds)


def _address(session: Session, user_id: str, kind: str, address_id: str | None) -> Address:
    if address_id is not None:
        address = addresses.own(session, user_id, address_id)
        if address.channel != kind:
            raise Conflict("This address is not one that the channel can use.")
        if address.disabled_at is not None:
            raise Conflict(f"This address was switched off: {address.disabled_reason}.")
        if address.verified_at is None:
            raise Conflict("Confirm this address first.")
        return address
    able = [
        one
        for one in addresses.listed(session, user_id)
        if one.channel == kind and one.disabled_at is None and one.verified_at is not None
    ]
    if not able:
        raise Conflict("There is no confirmed address for this channel yet.")
    return able[-1]
