""" "Send me a test", and what became of it."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import StringConstraints
from starlette.responses import Response

from app.api import alert_shapes as shapes
from app.api.alert_shapes import NO_NUL
from app.api.deps import Caller, Camel, Db, Now
from core.delivery import trying

router = APIRouter(prefix="/deliveries/test", tags=["deliveries"])

_Id = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NO_NUL)]


class TestIn(Camel):
    channel: Annotated[str, StringConstraints(min_length=1, max_length=32, pattern=NO_NUL)]
    """email, push, chat, sms or voice."""
    address_id: _Id | None = None
    """Left out: the account's e-mail address, or the newest address that the channel can use."""


@router.post("", status_code=202, summary="Send me a test")
def send(body: TestIn, db: Db, viewer: Caller, now: Now) -> Response:
    """At once, whatever the hours and preferences; 5 in 10 minutes. Ask for its `id` to see what the provider said."""
    with db.write() as session:
        made = trying.send_test(
            session,
            viewer.user_id,
            channel=body.channel,
            address_id=body.address_id,
            actor_id=viewer.user_id,
            now=now,
        )
    return _standing(db, viewer.user_id, made, status=202)


@router.get("/{delivery_id}", summary="What became of a test")
def read(
    delivery_id: Annotated[str, Path(min_length=1, max_length=64, pattern=NO_NUL)], db: Db, viewer: Caller
) -> Response:
    """`said` is one sentence; `done` says whether to ask again."""
    return _standing(db, viewer.user_id, delivery_id)


def _standing(db: Db, user_id: str, delivery_id: str, status: int = 200) -> Response:
    with db.read() as session:
        found = trying.standing(session, user_id, delivery_id)
    return shapes.answer(shapes.camel(found), status)
