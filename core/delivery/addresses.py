"""Addresses of people: added, confirmed, switched off and removed, and opened for whoever is to send there."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core import audit, ids
from core.db.tables.people import User
from core.db.tables.reaching import Address
from core.delivery import consent
from core.delivery.channel import Refused
from core.errors import Conflict, NotFound
from core.sealed import seal, unseal
from core.settings import Settings

MOST = 5
"""Addresses of one kind that a person may have in use."""
_SEALED = "sealed:"
_NAMES = {"phone": "phones", "push": "browsers with push", "chat": "chats"}


def digest(value: str) -> str:
    """What makes an address the same: SHA-256 of the value as given."""
    return hashlib.sha256(value.encode()).hexdigest()


def add(
    session: Session,
    user_id: str,
    *,
    kind: str,
    value: str,
    label: str,
    detail: Mapping[str, Any] | None = None,
    secret: Collection[str] = (),
    verified: bool = False,
    actor_id: str | None,
    settings: Settings,
    now: datetime,
) -> Address:
    """Give a person an address; the same one again is taken up again with what is new about it.

    Args:
        kind: phone, push or chat.
        label: how its owner knows it; shown and audited, so it names no whole number and no secret.
        secret: what is sealed before it is stored: "value", and names of `detail`.
        verified: it reaches its owner by the way it was given (a browser that asked for push); else it waits for its code.

    Raises:
        Conflict: the person has as many as there may be.
    """
    session.get_one(User, user_id, with_for_update=True)  # two at once would both see room for one more
    found = session.scalars(
        select(Address).where(Address.user_id == user_id, Address.channel == kind, Address.digest == digest(value))
    ).one_or_none()
    if found is None or found.disabled_at is not None:
        _room(session, user_id, kind)
    stored = {
        name: close(str(given), settings) if name in secret else given for name, given in dict(detail or {}).items()
    }
    if found is None:
        found = Address(
            id=ids.new_id(),
            user_id=user_id,
            channel=kind,
            value=close(value, settings) if "value" in secret else value,
            digest=digest(value),
            created_at=now,
        )
        session.add(found)
    elif found.disabled_at is None and found.label == label and not detail and (found.verified_at or not verified):
        return found
    found.label, found.detail = label[:120], stored
    found.verified_at = found.verified_at if found.verified_at and not found.disabled_at else now if verified else None
    found.disabled_at = found.disabled_reason = None
    session.flush()
    _audit(session, found, "address.add", actor_id=actor_id, now=now, verified=verified)
    return found


def remove(session: Session, user_id: str, address_id: str, *, actor_id: str | None, now: datetime) -> None:
    """Take an address away; what is on its way there is not sent.

    Raises:
        NotFound: this person has no such address.
    """
    found = own(session, user_id, address_id)
    _audit(session, found, "address.remove", actor_id=actor_id, now=now)
    session.delete(found)
    session.flush()


def disable(session: Session, address_id: str, reason: str, *, now: datetime) -> None:
    """Nothing more is sent there: its provider says that nobody is there. Adding it again takes it up again."""
    found = session.get(Address, address_id, with_for_update=True)
    if found is not None and found.disabled_at is None:
        found.disabled_at, found.disabled_reason = now, reason[:300]
        session.flush()
        _audit(session, found, "address.disable", actor_id=None, now=now, reason=found.disabled_reason)


def refused(
    session: Session,
    address_id: str,
    what: Refused,
    *,
    channel: str,
    proof: Mapping[str, Any],
    now: datetime,
) -> None:
    """Take what a provider says of an address for good: nobody is there, or its owner wants no more by this channel.

    Args:
        proof: which delivery it was about and the provider's words, under `provider`.
    """
    address = session.get(Address, address_id)
    if address is None:
        return
    if what is Refused.GONE:
        disable(session, address.id, str(proof["provider"]), now=now)
        return
    consent.record(
        session,
        channel=channel,
        address=consent.key(address.channel, address.value, address.digest),
        given=False,
        source=consent.Source.REPLY,
        user_id=address.user_id,
        proof=proof,
        now=now,
    )


def listed(session: Session, user_id: str) -> list[Address]:
    """A person's addresses, the oldest first."""
    return list(
        session.scalars(select(Address).where(Address.user_id == user_id).order_by(Address.created_at, Address.id))
    )


def own(session: Session, user_id: str, address_id: str) -> Address:
    """One of a person's addresses, locked.

    Raises:
        NotFound: this person has no such address.
    """
    found = session.get(Address, address_id, with_for_update=True)
    if found is None or found.user_id != user_id:
        raise NotFound("There is no such address")
    return found


def reveal(address: Address, settings: Settings) -> str:
    """The address as its channel takes it."""
    return str(open_(address.value, settings))


def reveal_detail(address: Address, settings: Settings) -> Mapping[str, Any]:
    return {name: open_(value, settings) for name, value in address.detail.items()}


def close(text: str, settings: Settings) -> str:
    """Text as it may be stored where others look: sealed."""
    return _SEALED + seal(settings.signing_key, text)


def open_(value: Any, settings: Settings) -> Any:
    """What was sealed as it was; anything else as it is."""
    if isinstance(value, str) and value.startswith(_SEALED):
        return unseal(settings.signing_key, value.removeprefix(_SEALED))
    return value


def _room(session: Session, user_id: str, kind: str) -> None:
    used = session.scalar(
        select(func.count())
        .select_from(Address)
        .where(Address.user_id == user_id, Address.channel == kind, Address.disabled_at.is_(None))
    )
    if (used or 0) >= MOST:
        raise Conflict(f"You have {MOST} {_NAMES.get(kind, kind)}; remove one first.")


def _audit(
    session: Session, address: Address, action: str, *, actor_id: str | None, now: datetime, **values: Any
) -> None:
    audit.record(
        session,
        action,
        subject_type="user",
        subject_id=address.user_id,
        actor_id=actor_id,
        after={"address": address.id, "kind": address.channel, "label": address.label, **values},
        now=now,
    )
