"""The browser's identity: from its cookie to headers that Streamlit trusts, and the end of its sockets on revocation."""

from collections.abc import Awaitable, Callable
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.runtime import Runtime
from app.security import callers, origins

COOKIE = "doorbell"
USER_HEADER = b"x-doorbell-user"
SESSION_HEADER = b"x-doorbell-session"
REVOKED = 4401
"""The close code of a socket whose session ended."""
_OURS = b"x-doorbell-"
_TOKEN_PATHS = ("/api/", "/socket.io")


class OpenSockets:
    """The sockets of every browser session, so that signing out closes them."""

    def __init__(self) -> None:
        self._closers: dict[str, set[Callable[[], Awaitable[None]]]] = {}

    def add(self, session_id: str, closer: Callable[[], Awaitable[None]]) -> None:
        self._closers.setdefault(session_id, set()).add(closer)

    def remove(self, session_id: str, closer: Callable[[], Awaitable[None]]) -> None:
        left = self._closers.get(session_id, set())
        left.discard(closer)
        if not left:
            self._closers.pop(session_id, None)

    def session_ids(self) -> list[str]:
        return list(self._closers)

    async def close(self, session_id: str) -> None:
        for closer in list(self._closers.get(session_id, ())):
            await closer()


class BrowserIdentity:
    """ASGI middleware: headers that claim an identity are dropped, and the cookie's verified ones put in their place."""

    def __init__(self, app: ASGIApp, runtime: Runtime, sockets: OpenSockets) -> None:
        self._app, self._runtime, self._sockets = app, runtime, sockets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        sent = [pair for pair in scope["headers"] if not pair[0].lower().startswith(_OURS)]
        scope = {**scope, "headers": sent}
        by_cookie = not scope["path"].startswith(_TOKEN_PATHS)
        is_socket = scope["type"] == "websocket"
        if is_socket and by_cookie and not origins.is_own(Headers(scope=scope), self._runtime.settings):
            await receive()
            await send({"type": "websocket.close", "code": 4403, "reason": "foreign origin"})
            return
        found = None
        if by_cookie and (is_socket or scope["path"].startswith("/session/")) and (secret := cookie_of(scope)):
            found = await callers.by_cookie(self._runtime, secret)
        if found is None:
            await self._app(scope, receive, send)
            return
        verified = [(USER_HEADER, found.viewer.user_id.encode()), (SESSION_HEADER, found.session_id.encode())]
        scope = {**scope, "headers": [*sent, *verified], "doorbell.signed_in": found}
        if is_socket:
            await self._socket(found.session_id, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _socket(self, session_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        accepted = ended = False

        async def sending(message: Message) -> None:
            nonlocal accepted, ended
            if ended:
                return  # the session was revoked: what the page still had to say goes nowhere
            accepted = accepted or message["type"] == "websocket.accept"
            ended = message["type"] == "websocket.close"
            await send(message)

        async def close() -> None:
            nonlocal ended
            if accepted and not ended:
                ended = True
                await send({"type": "websocket.close", "code": REVOKED, "reason": "signed out"})

        self._sockets.add(session_id, close)
        try:
            await self._app(scope, receive, sending)
        finally:
            self._sockets.remove(session_id, close)


def cookie_of(scope: Scope) -> str | None:
    """The session secret in the request's cookies."""
    for name, value in scope["headers"]:
        if name == b"cookie" and COOKIE.encode() in value:
            try:
                found = SimpleCookie(value.decode("latin-1")).get(COOKIE)
            except CookieError:
                continue
            if found is not None:
                return found.value
    return None
