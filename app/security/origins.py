"""Which web pages may speak for a signed-in browser: our own, and no other."""

from urllib.parse import urlsplit

from starlette.datastructures import Headers

from core.settings import Settings


def is_own(headers: Headers, settings: Settings) -> bool:
    """Whether the request comes from one of our own pages, or from something that is no browser.

    A browser names the page's origin on every POST and every websocket, and no page can change that name. The host a
    browser connects to is ours by definition, so an origin equal to it is ours too (127.0.0.1 and localhost both work).
    """
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    return origin == settings.origin or urlsplit(origin).netloc == headers.get("host")
