"""What every answer and every body passes: security headers, the size limit, and the rate limit of the API."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api import errors
from app.runtime import Runtime
from app.security import callers
from app.security.limits import Limits
from core.errors import TooLarge, TooMany, Unauthorized

LARGEST_BODY = 5 * 1024 * 1024
_TOO_LARGE = "a body may have 5 MB"

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Our own pages only: streamlit-autorefresh, the fallback while the socket is down, lives in a frame.
    "X-Frame-Options": "SAMEORIGIN",
    "Content-Security-Policy": "frame-ancestors 'self'; base-uri 'self'; object-src 'none'",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Protect:
    """ASGI middleware around everything: headers on every answer, no body beyond the limit."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if runtime.settings.origin.startswith("https://"):
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            await errors.of(TooLarge(_TOO_LARGE))(scope, receive, sending)
            return
        await self._app(scope, _counted(receive), sending)


class RateLimit:
    """ASGI middleware around the API: a bucket per caller, and per address for those without a known token."""

    def __init__(self, app: ASGIApp, runtime: Runtime, limits: Limits) -> None:
        self._app, self._runtime, self._limits = app, runtime, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            await self._take(scope)
        except TooMany as error:
            await errors.of(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _take(self, scope: Scope) -> None:
        now = self._runtime.clock.now()
        token = bearer(scope)
        try:
            found = await callers.by_token(self._runtime, token) if token else None
        except Unauthorized:
            found = None
        if found is None:
            address = scope["client"][0] if scope.get("client") else ""
            self._limits.strangers.take(address, now=now)
            return
        is_ingest = scope["method"] == "POST" and scope["path"].endswith("/events")
        (self._limits.ingest if is_ingest else self._limits.calls).take(found.session_id, now=now)


def bearer(scope: Scope) -> str | None:
    """The token of `Authorization: Bearer ...`."""
    for name, value in scope["headers"]:
        if name == b"authorization" and value[:7].lower() == b"bearer ":
            return bytes(value[7:]).strip().decode("latin-1")
    return None


def _counted(receive: Receive) -> Receive:
    """A body sent in chunks has no length beforehand: count while it comes."""
    read = 0

    async def receiving() -> Message:
        nonlocal read
        message = await receive()
        if message["type"] == "http.request":
            read += len(message.get("body", b""))
            if read > LARGEST_BODY:
                raise HTTPException(413, _TOO_LARGE)
        return message

    return receiving
