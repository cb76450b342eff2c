"""Signing in and out with a browser: POST /session/login sets the cookie, POST /session/logout ends the session."""

from urllib.parse import urlsplit

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from app.api import errors
from app.runtime import Runtime
from app.security import accounts, origins, sessions
from app.security.browser import COOKIE, cookie_of
from app.security.limits import Limits
from core.errors import DoorbellError, Forbidden, Invalid
from core.ids import secret_hash


def routes(runtime: Runtime, limits: Limits) -> list[Route]:
    """The two routes. They take a form or JSON, and answer 204 to a script and 303 to a plain form."""

    async def login(request: Request) -> Response:
        try:
            _require_own_page(request, runtime)
            email, password, after = await _credentials(request)
            secret = await run_in_threadpool(_open, runtime, limits, request, email, password)
        except DoorbellError as error:
            return _to("/?signin=failed") if _is_plain_form(request) else errors.of(error)
        response = _to(_safe(after)) if _is_plain_form(request) else Response(status_code=204)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=runtime.settings.session_hours * 3600,
            httponly=True,
            samesite="lax",
            secure=_is_https(request, runtime),
        )
        return response

    async def logout(request: Request) -> Response:
        try:
            _require_own_page(request, runtime)
        except DoorbellError as error:
            return errors.of(error)
        if secret := cookie_of(request.scope):
            await run_in_threadpool(end, runtime, secret_hash(secret))
        response = _to("/") if _is_plain_form(request) else Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=_is_https(request, runtime))
        return response

    return [
        Route("/session/login", login, methods=["POST"]),
        Route("/session/logout", logout, methods=["POST"]),
    ]


def end(runtime: Runtime, session_id: str) -> None:
    """Revoke a session; this process notices at once, the others by the change feed."""
    with runtime.database.write() as session:
        sessions.revoke(session, session_id, now=runtime.clock.now())
    runtime.recent.forget(session_id)


def _open(runtime: Runtime, limits: Limits, request: Request, email: str, password: str) -> str:
    address = request.client.host if request.client else ""
    account = accounts.check(runtime, limits, email=email, password=password, address=address)
    earlier = cookie_of(request.scope)
    now = runtime.clock.now()
    with runtime.database.write() as session:
        if earlier:  # a new identity gets a new session, and the old one does not linger
            sessions.revoke(session, secret_hash(earlier), reason="signed_in_again", now=now)
        secret = sessions.open_browser(
            session,
            account.id,
            user_agent=request.headers.get("user-agent"),
            hours=runtime.settings.session_hours,
            now=now,
        )
    if earlier:
        runtime.recent.forget(secret_hash(earlier))
    return secret


async def _credentials(request: Request) -> tuple[str, str, str]:
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            given = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            raise Invalid("this is not JSON") from error
        form = given if isinstance(given, dict) else {}
    else:
        form = dict(await request.form())
    email, password, after = form.get("email", form.get("username")), form.get("password"), form.get("next", "/")
    if not isinstance(email, str) or not isinstance(password, str) or not isinstance(after, str):
        raise Invalid("give an e-mail address and a password", fields={"email": "needed", "password": "needed"})
    return email, password, after


def _require_own_page(request: Request, runtime: Runtime) -> None:
    if not origins.is_own(request.headers, runtime.settings):
        raise Forbidden("this came from another site")


def _is_plain_form(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _is_https(request: Request, runtime: Runtime) -> bool:
    return request.url.scheme == "https" or runtime.settings.origin.startswith("https://")


def _safe(after: str) -> str:
    """Only a path of ours: "//evil.example" and "/\\evil.example" are other sites to a browser."""
    parts = urlsplit(after)
    is_path = after.startswith("/") and not after.startswith(("//", "/\\"))
    return after if is_path and not parts.scheme and not parts.netloc else "/"


def _to(path: str) -> Response:
    return RedirectResponse(path, status_code=303)
