"""Push in the browser: the service worker, and a signed-in browser's own subscription, taken in by its cookie."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api import errors, push
from app.api.push import EndpointIn, SubscriptionIn
from app.runtime import Runtime
from app.security import origins
from app.security.recent import SignedIn
from core.delivery import subscriptions, trying
from core.errors import DoorbellError, Forbidden, Invalid, NotFound, Unauthorized

WORKER = Path(__file__).parent / "push_worker.js"
_LARGEST = 8_192
_Shape = TypeVar("_Shape", bound=BaseModel)
Handler = Callable[[Request], Awaitable[Response]]


def routes(runtime: Runtime) -> list[Route]:
    """`/doorbell-sw.js` at the root, so that it may serve every page, and /session/push for the page and the worker."""
    script = WORKER.read_bytes()

    async def worker(_request: Request) -> Response:
        headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
        return Response(script, media_type="text/javascript", headers=headers)

    async def key(request: Request) -> Response:
        _known(request)
        return _json({"key": push.key(runtime.settings)})

    async def subscribe(request: Request) -> Response:
        viewer = _speaking(request, runtime).viewer
        made = await run_in_threadpool(
            _subscribe, runtime, viewer.user_id, request, await _read(request, SubscriptionIn)
        )
        return _json(made, 201)

    async def unsubscribe(request: Request) -> Response:
        viewer = _speaking(request, runtime).viewer
        await run_in_threadpool(_unsubscribe, runtime, viewer.user_id, await _read(request, EndpointIn))
        return Response(status_code=204)

    async def test(request: Request) -> Response:
        viewer = _speaking(request, runtime).viewer
        made = await run_in_threadpool(_test, runtime, viewer.user_id, await _read(request, EndpointIn))
        return _json(made, 202)

    async def tested(request: Request) -> Response:
        viewer = _known(request).viewer
        return _json(await run_in_threadpool(_standing, runtime, viewer.user_id, request.path_params["delivery_id"]))

    return [
        Route("/doorbell-sw.js", worker),
        Route("/session/push", _refusing(key)),
        Route("/session/push", _refusing(subscribe), methods=["POST"]),
        Route("/session/push", _refusing(unsubscribe), methods=["DELETE"]),
        Route("/session/push/test", _refusing(test), methods=["POST"]),
        Route("/session/push/test/{delivery_id}", _refusing(tested)),
    ]


def _refusing(handler: Handler) -> Handler:
    async def handling(request: Request) -> Response:
        try:
            return await handler(request)
        except DoorbellError as error:
            return errors.of(error)

    return handling


def _known(request: Request) -> SignedIn:
    found: SignedIn | None = request.scope.get("doorbell.signed_in")
    if found is None:
        raise Unauthorized("sign in first")
    return found


def _speaking(request: Request, runtime: Runtime) -> SignedIn:
    if not origins.is_own(request.headers, runtime.settings):
        raise Forbidden("this came from another site")
    return _known(request)


async def _read(request: Request, shape: type[_Shape]) -> _Shape:
    body = await request.body()
    if len(body) > _LARGEST:
        raise Invalid(f"a subscription has at most {_LARGEST} bytes")
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(
            "This is not a push subscription.", fields={".".join(map(str, first["loc"])) or "body": first["msg"]}
        ) from error


def _subscribe(runtime: Runtime, user_id: str, request: Request, given: SubscriptionIn) -> dict[str, str]:
    with runtime.database.write() as session:
        made = subscriptions.subscribe(
            session,
            user_id,
            endpoint=given.endpoint,
            p256dh=given.keys.p256dh,
            auth=given.keys.auth,
            replaces=given.replaces,
            user_agent=request.headers.get("user-agent", ""),
            settings=runtime.settings,
            now=runtime.clock.now(),
        )
        return {"id": made.id, "label": made.label}


def _unsubscribe(runtime: Runtime, user_id: str, given: EndpointIn) -> None:
    with runtime.database.write() as session:
        subscriptions.unsubscribe(session, user_id, endpoint=given.endpoint, now=runtime.clock.now())


def _test(runtime: Runtime, user_id: str, given: EndpointIn) -> dict[str, object]:
    with runtime.database.write() as session:
        address = subscriptions.find(session, user_id, given.endpoint)
        if address is None:
            raise NotFound("This browser is not one of yours; switch notifications on first.")
        made = trying.send_test(
            session, user_id, channel="push", address_id=address.id, actor_id=user_id, now=runtime.clock.now()
        )
    return _standing(runtime, user_id, made)


def _standing(runtime: Runtime, user_id: str, delivery_id: str) -> dict[str, object]:
    with runtime.database.read() as session:
        found = trying.standing(session, user_id, delivery_id)
    return {"id": found.id, "said": found.said, "done": found.done, "ok": found.ok}


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json", headers={"Cache-Control": "no-store"})
