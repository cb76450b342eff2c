"""Who may be sent what: an append-only ledger of every yes and no, with its source and proof; the newest holds."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, func, or_, select
from sqlalchemy.orm import Session

from core import audit
from core.db.tables.people import User
from core.db.tables.reaching import Address, Consent
from core.delivery.channel import ACCOUNT_EMAIL
from core.delivery.registry import CHANNELS
from core.errors import Invalid, NotFound

MOST = 500
"""Rows of a history that are shown."""


class Scope(StrEnum):
    ALL = "all"
    DIGESTS = "digests"


class Source(StrEnum):
    REPLY = "reply"
    """STOP or START by SMS."""
    ONE_CLICK = "one_click"
    """List-Unsubscribe, RFC 8058."""
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    """The mailbox's owner called it spam."""
    PERSON = "person"
    ADMIN = "admin"


def key(kind: str, value: str, digest: str) -> str:
    """What stands for an address in the ledger: an e-mail address and a number as they are, anything longer by its digest."""
    return value.lower() if kind in ("email", "phone") else digest


def record(
    session: Session,
    *,
    channel: str,
    address: str,
    given: bool,
    source: Source,
    scope: Scope = Scope.ALL,
    user_id: str | None = None,
    actor_id: str | None = None,
    proof: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Add a yes or a no. Nothing is ever changed or taken out."""
    session.add(
        Consent(
            at=now,
            channel=channel,
            address=address[:254],
            scope=scope,
            given=given,
            source=source,
            user_id=user_id,
            actor_id=actor_id,
            proof=dict(proof or {}),
        )
    )
    session.flush()
    audit.record(
        session,
        "consent.given" if given else "consent.withdrawn",
        subject_type="user",
        subject_id=user_id or "-",
        actor_id=actor_id,
        after={"channel": channel, "scope": str(scope), "source": str(source)},
        now=now,
    )


_WITHDRAWN = select(Consent.address, Consent.channel, Consent.scope).where(
    Consent.id.in_(
        select(func.max(Consent.id))
        .where(Consent.address.in_(bindparam("addresses", expanding=True)))
        .group_by(Consent.address, Consent.channel, Consent.scope)
    ),
    ~Consent.given,
)


def withdrawn(session: Session, addresses: Collection[str]) -> dict[str, frozenset[str]]:
    """Of these addresses, those that said no last: address to `channel:scope`."""
    if not addresses:
        return {}
    found: dict[str, set[str]] = {}
    for address, channel, scope in session.execute(_WITHDRAWN, {"addresses": list(addresses)}):
        found.setdefault(address, set()).add(f"{channel}:{scope}")
    return {address: frozenset(scopes) for address, scopes in found.items()}


def history(session: Session, user_id: str) -> list[Consent]:
    """Every yes and no of a person and of the addresses they have, the newest first.

    Raises:
        NotFound: there is no such person.
    """
    user = _person(session, user_id)
    rows = session.execute(select(Address.channel, Address.value, Address.digest).where(Address.user_id == user_id))
    keys = {key(kind, value, digest) for kind, value, digest in rows} | {user.email}
    return list(
        session.scalars(
            select(Consent)
            .where(or_(Consent.user_id == user_id, Consent.address.in_(keys)))
            .order_by(Consent.id.desc())
            .limit(MOST)
        )
    )


def record_by_hand(
    session: Session,
    user_id: str,
    *,
    channel: str,
    address_id: str | None,
    scope: Scope,
    given: bool,
    proof: str,
    actor_id: str,
    now: datetime,
) -> None:
    """Write down what a person said elsewhere: on paper, on the phone.

    Args:
        address_id: one of the person's addresses; None for the account's e-mail address.
        proof: where and when they said so.

    Raises:
        NotFound: no such person, or not their address.
        Invalid: the channel does not reach that address.
    """
    user = _person(session, user_id)
    address = session.get(Address, address_id) if address_id else None
    if address_id and (address is None or address.user_id != user_id):
        raise NotFound("There is no such address")
    kind = address.channel if address else ACCOUNT_EMAIL
    able = sorted(name for name, one in CHANNELS.items() if one.address == kind)
    if channel not in able:
        raise Invalid("This channel does not reach that address.", fields={"channel": f"use {' or '.join(able)}"})
    record(
        session,
        channel=channel,
        address=key(address.channel, address.value, address.digest) if address else user.email,
        given=given,
        source=Source.ADMIN,
        scope=scope,
        user_id=user_id,
        actor_id=actor_id,
        proof={"said": proof},
        now=now,
    )


def _person(session: Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("There is no such person")
    return user
