"""Phones and chats: an address is taken in, and counts once its owner has typed the code that was sent to it.

Only a keyed hash of the code is kept; the message that carries it is sealed in the outbox and of no use after TTL.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from core import audit, ids
from core.db import dialect
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Address
from core.delivery import addresses, chatting, consent, preferences
from core.delivery.notices import Kind
from core.delivery.speaking import Voice
from core.errors import Conflict, Invalid, TooMany
from core.settings import Settings
from core.words import DeliveryState, Priority

TTL = timedelta(minutes=10)
TRIES = 5
PHONE = "phone"
SMS = "sms"
CHAT = "chat"
CODED = {PHONE: SMS, CHAT: CHAT}
"""Kind of address to the channel that carries its code."""
_PAUSE = timedelta(minutes=1)
_AN_HOUR, _A_DAY = 5, 10
"""Codes to a person, and to a number whoever asks: nobody is to be pestered from here, and every code costs money."""
_REACHABLE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE, PhoneNumberType.VOIP}
"""Premium and shared-cost numbers would be paid by the house."""


class Answer(StrEnum):
    """What became of a code that was typed."""

    CONFIRMED = "confirmed"
    WRONG = "wrong"
    EXPIRED = "expired"
    SPENT = "spent"
    """Too many wrong ones: it takes a new code."""


def parse(text: str, *, region: str) -> str:
    """The number in E.164.

    Args:
        region: where a number without a country code is, as two letters.

    Raises:
        Invalid: it is no number that can be texted.
    """
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_valid_number(number):
        raise Invalid("This is not a phone number.", fields={"phone": "as in +1 512 555 0100"})
    if phonenumbers.number_type(number) not in _REACHABLE:
        raise Invalid("This number cannot get texts.", fields={"phone": "use a mobile number"})
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def masked(number: str) -> str:
    """A number as it is shown and audited: "+1 512 ... 42"."""
    parsed = phonenumbers.parse(number)
    national = phonenumbers.national_significant_number(parsed)
    return f"+{parsed.country_code} {national[:3]} ... {national[-2:]}"


def add(session: Session, user_id: str, text: str, *, actor_id: str, settings: Settings, now: datetime) -> Address:
    """Take in a person's phone and send it a code; one that is confirmed already stays so.

    Raises:
        Invalid: it is no number that can be texted.
        Conflict: too many phones, or the number asked for no more texts.
        TooMany: too many codes.
    """
    number = parse(text, region=settings.phone_region)
    address = addresses.add(
        session,
        user_id,
        kind=PHONE,
        value=number,
        label=masked(number),
        actor_id=actor_id,
        settings=settings,
        now=now,
    )
    if address.verified_at is None:
        _send(session, address, settings=settings, now=now)
    return address


def add_chat(session: Session, user_id: str, url: str, *, actor_id: str, settings: Settings, now: datetime) -> Address:
    """Take in a person's chat and send a code there; one that is confirmed already stays so.

    Raises:
        Invalid: it is no address of a chat that is known here.
        Conflict: too many chats.
        TooMany: too many codes.
    """
    url = url.strip()
    if wrong := chatting.problem(url, settings.chats):
        raise Invalid("This is not a chat's address.", fields={"chat": wrong})
    address = addresses.add(
        session,
        user_id,
        kind=CHAT,
        value=url,
        label=chatting.label(url, settings.chats),
        secret=("value",),
        actor_id=actor_id,
        settings=settings,
        now=now,
    )
    if address.verified_at is None:
        _send(session, address, settings=settings, now=now)
    return address


def resend(session: Session, user_id: str, address_id: str, *, settings: Settings, now: datetime) -> Address:
    """Send a new code; the one before no longer counts.

    Raises:
        NotFound: this person has no such address.
        Conflict: it needs no code, or the number asked for no more texts.
        TooMany: too many codes.
    """
    address = addresses.own(session, user_id, address_id)
    if address.channel not in CODED or address.verified_at is not None or address.disabled_at is not None:
        raise Conflict("This address waits for no code.")
    _send(session, address, settings=settings, now=now)
    return address


def confirm(session: Session, user_id: str, address_id: str, code: str, *, settings: Settings, now: datetime) -> Answer:
    """Take a code; the caller commits whatever the answer is, for a wrong one counts.

    Raises:
        NotFound: this person has no such address.
    """
    address = addresses.own(session, user_id, address_id)
    if address.verified_at is not None:
        return Answer.CONFIRMED
    waiting = address.detail.get("code")
    if not waiting or now > datetime.fromisoformat(waiting["until"]):
        return Answer.EXPIRED
    if waiting["tries"] >= TRIES:
        return Answer.SPENT
    if not secrets.compare_digest(_hash(address, code.strip(), settings), waiting["hash"]):
        address.detail = {**address.detail, "code": {**waiting, "tries": waiting["tries"] + 1}}
        session.flush()
        return Answer.WRONG
    address.detail = {name: value for name, value in address.detail.items() if name != "code"}
    address.verified_at = now
    consent.record(
        session,
        channel=CODED[address.channel],
        address=consent.key(address.channel, address.value, address.digest),
        given=True,
        source=consent.Source.PERSON,
        user_id=user_id,
        actor_id=user_id,
        proof={"by": "typed the code sent there", "sentAt": waiting["sentAt"]},
        now=now,
    )
    audit.record(
        session,
        "address.confirm",
        subject_type="user",
        subject_id=user_id,
        actor_id=user_id,
        after={"address": address.id, "kind": address.channel, "label": address.label},
        now=now,
    )
    return Answer.CONFIRMED


def _send(session: Session, address: Address, *, settings: Settings, now: datetime) -> None:
    channel, key = CODED[address.channel], consent.key(address.channel, address.value, address.digest)
    if f"{channel}:all" in consent.withdrawn(session, [key]).get(key, frozenset()):
        if address.channel == PHONE:
            raise Conflict("This number asked for no more texts. Text START from it to our number, then try again.")
        raise Conflict("This chat was told to get nothing more; take that back first.")
    _within_limits(session, address, now=now)
    code = f"{secrets.randbelow(10**6):06}"
    until = now + TTL
    address.detail = {
        **address.detail,
        "code": {
            "hash": _hash(address, code, settings),
            "sentAt": now.isoformat(),
            "until": until.isoformat(),
            "tries": 0,
        },
    }
    # Said now, for it is sealed, and of no use in ten minutes.
    say = Voice(preferences.load(session, [address.user_id])[address.user_id].language)
    text = say(
        "Your Doorbell code is {code}. It works for 10 minutes. If you did not ask for it, ignore this.", code=code
    )
    delivery_id = ids.new_id()
    session.add(
        Delivery(
            id=delivery_id,
            user_id=address.user_id,
            address_id=address.id,
            channel=channel,
            kind=Kind.ADDRESS_CODE,
            priority=Priority.HIGH,
            state=DeliveryState.QUEUED,
            idempotency_key=f"{_prefix(address)}{delivery_id}:{channel}",
            payload={"text": addresses.close(text, settings), "owner": False, "until": until.isoformat()},
            due_at=now,
            wanted_at=now,
            attempts=0,
            created_at=now,
        )
    )
    session.flush()
    dialect.wake(session, "deliveries")


def _within_limits(session: Session, address: Address, *, now: datetime) -> None:
    sent = [
        row.created_at
        for row in session.execute(
            select(Delivery.created_at)
            .where(
                Delivery.kind == Kind.ADDRESS_CODE,
                Delivery.created_at > now - timedelta(days=1),
                or_(Delivery.user_id == address.user_id, Delivery.idempotency_key.startswith(_prefix(address))),
            )
            .order_by(Delivery.created_at.desc())
            .limit(_A_DAY)
        )
    ]
    for most, span in ((1, _PAUSE), (_AN_HOUR, timedelta(hours=1)), (_A_DAY, timedelta(days=1))):
        if len(sent) >= most and (again := sent[most - 1] + span) > now:
            seconds = ceil((again - now).total_seconds())
            raise TooMany(f"Too many codes; try again in {seconds} s.", retry_after=seconds)


def _prefix(address: Address) -> str:
    return f"code:{address.digest[:24]}:"


def _hash(address: Address, code: str, settings: Settings) -> str:
    """Keyed, for a million codes are soon tried."""
    key = settings.signing_key.encode()[:64]
    return hashlib.blake2b(
        f"{address.id}:{code}".encode(), key=key, digest_size=32, person=b"doorbell-code"
    ).hexdigest()
