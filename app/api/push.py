"""Web Push: the key that browsers subscribe under, and the caller's subscriptions."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field, StringConstraints
from starlette.responses import Response

from app.api.alert_shapes import NO_NUL
from app.api.deps import Caller, Camel, Db, Now, RuntimeOf
from core.delivery import subscriptions, vapid
from core.errors import Conflict
from core.settings import Settings

router = APIRouter(tags=["push"])

Url = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=NO_NUL)]
_KeyText = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=NO_NUL)]


class Keys(Camel):
    p256dh: _KeyText
    auth: _KeyText


class SubscriptionIn(Camel):
    """`PushSubscription.toJSON()`, and the endpoint that it replaces."""

    endpoint: Url
    keys: Keys
    expiration_time: float | None = None
    """As browsers send it; the push service says when a subscription is over."""
    replaces: Url | None = None


class EndpointIn(Camel):
    endpoint: Url


class PushKey(Camel):
    key: str = Field(description="applicationServerKey, in base64url")


class Subscribed(Camel):
    id: str
    label: str


@router.get("/push/key", summary="The key that browsers subscribe under")
def get_key(runtime: RuntimeOf) -> PushKey:
    """It is public. 409 where browsers would not trust us."""
    return PushKey(key=key(runtime.settings))


@router.post("/me/push", status_code=201, summary="Take in a browser's subscription")
def subscribe(body: SubscriptionIn, db: Db, runtime: RuntimeOf, viewer: Caller, now: Now) -> Subscribed:
    """The same one again changes nothing. Whoever subscribed in this browser before hears no more there."""
    with db.write() as session:
        made = subscriptions.subscribe(
            session,
            viewer.user_id,
            endpoint=body.endpoint,
            p256dh=body.keys.p256dh,
            auth=body.keys.auth,
            replaces=body.replaces,
            settings=runtime.settings,
            now=now,
        )
        return Subscribed(id=made.id, label=made.label)


@router.post("/me/push/remove", status_code=204, summary="Send nothing more to a browser")
def unsubscribe(body: EndpointIn, db: Db, viewer: Caller, now: Now) -> Response:
    """204 whether or not anything was sent there."""
    with db.write() as session:
        subscriptions.unsubscribe(session, viewer.user_id, endpoint=body.endpoint, now=now)
    return Response(status_code=204)


def key(settings: Settings) -> str:
    """The public key.

    Raises:
        Conflict: push is not set up.
    """
    if not settings.browsers_trust_us:
        raise Conflict("Push is not set up: it takes an https:// address (DOORBELL_PUBLIC_URL).")
    return vapid.public_key(settings.vapid_key)
