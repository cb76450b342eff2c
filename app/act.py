"""Links in messages, under /act: GET shows a page and changes nothing, POST acts as the reader of the message.

No sign-in is needed or looked at: the token is the proof, and a foreign page cannot know one. core.delivery.acting decides.
"""

import base64
import hashlib
from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from app.api import errors
from app.api.routing import load_state
from app.runtime import Runtime
from app.security.limits import Limits
from core import escalation
from core.delivery import acting, pages, rendering, unsubscribing
from core.delivery.pages import Page
from core.errors import Conflict, Invalid, NotFound, TooMany

_CSS = (rendering.FOLDER / "act.css").read_text()
_HASH = base64.b64encode(hashlib.sha256(_CSS.encode()).digest()).decode()
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address is the key
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Robots-Tag": "noindex",
}


def routes(runtime: Runtime, limits: Limits) -> list[Route]:
    async def act(request: Request) -> Response:
        if (refused := _too_many(request, runtime, limits)) is not None:
            return refused
        token = request.path_params["token"]
        form = await _form(request) if request.method == "POST" else None
        page = await run_in_threadpool(_page, runtime, request, token, form)
        return _answer(runtime, page)

    async def digests(request: Request) -> Response:
        if (refused := _too_many(request, runtime, limits)) is not None:
            return refused
        token = request.path_params["token"]
        form = await _form(request) if request.method == "POST" else None
        page = await run_in_threadpool(_digests, runtime, request, token, form)
        return _answer(runtime, page)

    return [
        Route("/act/unsubscribe/{token}", digests, methods=["GET", "POST"]),
        Route("/act/{token}", act, methods=["GET", "POST"]),
    ]


def _page(runtime: Runtime, request: Request, token: str, form: Mapping[str, str] | None) -> Page:
    key, now = runtime.settings.signing_key, runtime.clock.now()
    if form is None:
        with runtime.database.read() as session:
            return pages.asking(acting.look(session, token, key=key, now=now), language=_language(request))
    try:
        with runtime.database.write() as session:
            acted = acting.act(session, token, form=form, state=lambda: load_state(runtime.database), key=key, now=now)
            if acted.routed is not None and acted.standing.viewer is not None:
                escalation.ring_declined(session, acted.routed, by=acted.standing.viewer.user_id, now=now)
        return pages.said(acted, language=_language(request))
    except Invalid as error:
        with runtime.database.read() as session:
            standing = acting.look(session, token, key=key, now=now)
        return pages.refused_form(standing, error.fields, form)
    except (Conflict, NotFound):  # it changed hands or was closed in between: what it is now is the answer
        with runtime.database.read() as session:
            return pages.asking(acting.look(session, token, key=key, now=now), language=_language(request))


def _digests(runtime: Runtime, request: Request, token: str, form: Mapping[str, str] | None) -> Page:
    key, now = runtime.settings.signing_key, runtime.clock.now()
    if form is None:
        with runtime.database.read() as session:
            return pages.digests(unsubscribing.look(session, token, key=key, now=now), language=_language(request))
    with runtime.database.write() as session:
        wish = unsubscribing.look(session, token, key=key, now=now)
        if wish is None:
            return pages.digests(None, language=_language(request))
        unsubscribing.settle(
            session,
            wish,
            wanted=form.get("wanted") == "yes",
            one_click="List-Unsubscribe" in form,
            agent=request.headers.get("user-agent", ""),
            now=now,
        )
        return pages.digests(unsubscribing.look(session, token, key=key, now=now), settled=True)


def _answer(runtime: Runtime, page: Page) -> Response:
    origin = runtime.settings.origin
    html = rendering.render(
        "act.html.j2",
        language=page.language,
        page=page,
        css=rendering.safe(_CSS),
        link=f"{origin}/feed?alert={page.alert_id}" if page.alert_id else origin,
    )
    return HTMLResponse(html, status_code=page.status, headers={**_HEADERS, "Content-Language": page.language})


async def _form(request: Request) -> dict[str, str]:
    """A form in either encoding (RFC 8058 allows both); a file in it is no answer to anything here."""
    async with request.form(max_files=1, max_fields=20) as given:
        return {name: value for name, value in given.items() if isinstance(value, str)}


def _language(request: Request) -> str:
    """Of whoever cannot be known by the link."""
    return "es" if request.headers.get("accept-language", "").lower().startswith("es") else "en"


def _too_many(request: Request, runtime: Runtime, limits: Limits) -> Response | None:
    address = request.client.host if request.client else ""
    try:
        limits.links.take(address, now=runtime.clock.now())
    except TooMany as error:
        return errors.of(error)
    return None
