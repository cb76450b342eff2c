"""One's own addresses: phones with their code, and whatever else reaches one."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Response
from pydantic import StringConstraints

from app.api.alert_shapes import NO_NUL
from app.api.deps import Caller, Camel, Db, Now, RuntimeOf
from app.runtime import Runtime
from core import delivery
from core.db.tables.reaching import Address
from core.delivery import addresses, confirming
from core.delivery.confirming import Answer
from core.errors import Conflict, Invalid, TooMany
from core.viewer import Viewer

router = APIRouter(prefix="/me/addresses", tags=["delivery"])

AddressId = Annotated[str, Path(min_length=1, max_length=32, pattern=NO_NUL)]


class AddressIn(Camel):
    """A phone or a chat."""

    phone: Annotated[str, StringConstraints(min_length=3, max_length=40, pattern=NO_NUL)] | None = None
    """As people write it; without a country code it is one of DOORBELL_PHONE_REGION."""
    chat: Annotated[str, StringConstraints(min_length=3, max_length=2000, pattern=NO_NUL)] | None = None
    """A webhook's address as Slack, Teams, Discord or Google Chat give it out, or as Apprise writes it (tgram://...)."""


class CodeIn(Camel):
    code: Annotated[str, StringConstraints(min_length=1, max_length=20, pattern=NO_NUL)]
    """The six digits."""


class AddressOut(Camel):
    id: str
    kind: str
    """phone, push or chat."""
    label: str
    """How its owner knows it; of a phone never the whole number."""
    confirmed: bool
    """Whether anything but its code is sent there."""
    confirmed_at: datetime | None
    code_until: datetime | None
    """How long the code that was sent works."""
    disabled_at: datetime | None
    disabled_reason: str | None
    created_at: datetime


class AddressList(Camel):
    items: list[AddressOut]


@router.get("", summary="Where one can be reached, besides the account's e-mail address")
def list_addresses(viewer: Caller, db: Db) -> AddressList:
    with db.read() as session:
        return AddressList(items=[_out(one) for one in addresses.listed(session, viewer.user_id)])


@router.post("", status_code=201, summary="Add a phone or a chat: a code is sent there")
def add(body: AddressIn, viewer: Caller, runtime: RuntimeOf, now: Now) -> AddressOut:
    if body.chat is not None and body.phone is None:
        return _add_chat(body.chat, viewer, runtime, now)
    if body.phone is None or body.chat is not None:
        raise Invalid("Give a phone or a chat.", fields={"phone": "one of the two", "chat": "one of the two"})
    if confirming.SMS not in delivery.set_up(runtime.settings):
        raise Conflict(f"Texts are not set up. {delivery.CHANNELS[confirming.SMS].setup}")
    with runtime.database.write() as session:
        made = confirming.add(
            session, viewer.user_id, body.phone, actor_id=viewer.user_id, settings=runtime.settings, now=now
        )
        return _out(made)


@router.post("/{address_id}/confirm", summary="Confirm an address with the code that was sent to it")
def confirm(address_id: AddressId, body: CodeIn, viewer: Caller, runtime: RuntimeOf, now: Now) -> AddressOut:
    with runtime.database.write() as session:
        answer = confirming.confirm(session, viewer.user_id, address_id, body.code, settings=runtime.settings, now=now)
        made = _out(addresses.own(session, viewer.user_id, address_id))
    match answer:
        case Answer.WRONG:
            raise Invalid("This is not the code.", fields={"code": "the six digits of the newest message"})
        case Answer.EXPIRED:
            raise Invalid("The code is too old; ask for a new one.", fields={"code": "works for 10 minutes"})
        case Answer.SPENT:
            raise TooMany("Too many wrong codes; ask for a new one.", retry_after=60)
    return made


@router.post("/{address_id}/resend", summary="Send a new code; the one before no longer counts")
def resend(address_id: AddressId, viewer: Caller, runtime: RuntimeOf, now: Now) -> AddressOut:
    with runtime.database.write() as session:
        return _out(confirming.resend(session, viewer.user_id, address_id, settings=runtime.settings, now=now))


@router.delete("/{address_id}", status_code=204, summary="Remove an address: nothing more is sent there")
def remove(address_id: AddressId, viewer: Caller, db: Db, now: Now) -> Response:
    with db.write() as session:
        addresses.remove(session, viewer.user_id, address_id, actor_id=viewer.user_id, now=now)
    return Response(status_code=204)


def _add_chat(url: str, viewer: Viewer, runtime: Runtime, now: datetime) -> AddressOut:
    if confirming.CHAT not in delivery.set_up(runtime.settings):
        raise Conflict(f"Chats are not set up. {delivery.CHANNELS[confirming.CHAT].setup}")
    with runtime.database.write() as session:
        made = confirming.add_chat(
            session, viewer.user_id, url, actor_id=viewer.user_id, settings=runtime.settings, now=now
        )
        return _out(made)


def _out(one: Address) -> AddressOut:
    code = one.detail.get("code") if one.channel in confirming.CODED else None
    return AddressOut(
        id=one.id,
        kind=one.channel,
        label=one.label,
        confirmed=one.verified_at is not None and one.disabled_at is None,
        confirmed_at=one.verified_at,
        code_until=datetime.fromisoformat(code["until"]) if code else None,
        disabled_at=one.disabled_at,
        disabled_reason=one.disabled_reason,
        created_at=one.created_at,
    )
