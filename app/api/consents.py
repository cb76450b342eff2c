"""Who said yes and no to being sent what: one's own, and for admins everybody's."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import StringConstraints
from sqlalchemy.orm import Session

from app.api.alert_shapes import NO_NUL
from app.api.deps import Admin, Caller, Camel, Db, Now
from core.db.tables.reaching import Consent
from core.delivery import confirming, consent
from core.delivery.consent import Scope

router = APIRouter(tags=["delivery"])

UserId = Annotated[str, Path(min_length=1, max_length=64, pattern=NO_NUL)]


class ConsentIn(Camel):
    channel: Annotated[str, StringConstraints(max_length=32, pattern=NO_NUL)]
    """email, sms, voice, push or chat."""
    address_id: Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=NO_NUL)] | None = None
    """One of the person's addresses; left out: the account's e-mail address."""
    scope: Literal["all", "digests"] = "all"
    given: bool
    proof: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=NO_NUL)]
    """Where and when they said so."""


class ConsentOut(Camel):
    at: datetime
    channel: str
    address: str
    """A phone's number without its middle."""
    scope: str
    given: bool
    source: str
    """reply, one_click, bounce, complaint, person or admin."""
    actor_id: str | None
    proof: dict[str, Any]


class ConsentList(Camel):
    items: list[ConsentOut]


@router.get("/me/consents", summary="Every yes and no of the caller, the newest first")
def own(viewer: Caller, db: Db) -> ConsentList:
    with db.read() as session:
        return _listed(session, viewer.user_id)


@router.get("/users/{user_id}/consents", summary="Every yes and no of a person, the newest first")
def of_person(user_id: UserId, _admin: Admin, db: Db) -> ConsentList:
    with db.read() as session:
        return _listed(session, user_id)


@router.post("/users/{user_id}/consents", status_code=201, summary="Write down what a person said elsewhere")
def record(user_id: UserId, body: ConsentIn, admin: Admin, db: Db, now: Now) -> ConsentList:
    with db.write() as session:
        consent.record_by_hand(
            session,
            user_id,
            channel=body.channel,
            address_id=body.address_id,
            scope=Scope(body.scope),
            given=body.given,
            proof=body.proof,
            actor_id=admin.user_id,
            now=now,
        )
        return _listed(session, user_id)


def _listed(session: Session, user_id: str) -> ConsentList:
    return ConsentList(items=[_out(one) for one in consent.history(session, user_id)])


def _out(one: Consent) -> ConsentOut:
    return ConsentOut(
        at=one.at,
        channel=one.channel,
        address=confirming.masked(one.address) if one.address.startswith("+") else one.address,
        scope=one.scope,
        given=one.given,
        source=one.source,
        actor_id=one.actor_id,
        proof=one.proof,
    )
