"""The CRMs' own client libraries, made to call by core.delivery.outgoing: checked addresses, no redirects, little time."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from core.delivery import outgoing
from core.delivery.channel import DeliveryFailed
from core.delivery.content import one_line
from core.delivery.endpoints import Endpoint
from core.delivery.outgoing import Answer, Limits

if TYPE_CHECKING:
    import requests

TOTAL = 40.0
"""Seconds for all calls of one message together, well inside its lease."""
NO_ANSWER = Answer(status=0, headers={}, body=b"", whole=True)


@dataclass(kw_only=True)
class Wire:
    """The calls of one message to one CRM. Stands in for the session of `requests` and the pool of `urllib3`."""

    base: str
    """Where the CRM really is; whatever scheme and host the library thinks it calls."""
    limits: Limits
    last: Answer = NO_ANSWER
    until: float = field(default_factory=lambda: time.monotonic() + TOTAL)
    proxies: Mapping[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
        left = self.until - time.monotonic()
        if left <= 0:
            raise DeliveryFailed(f"{urlsplit(self.base).hostname} did not answer in time", retryable=True)
        limits = replace(self.limits, total=min(self.limits.total, left))
        self.last = outgoing.call(method, self.base.rstrip("/") + path, headers=headers, body=body, limits=limits)
        return self.last

    def request(self, method: str, url: str, **given: Any) -> "requests.Response":
        """As `requests.Session.request`, as far as simple-salesforce uses it."""
        import requests  # noqa: PLC0415  a tenth of a second that only those pay who have the CRM

        answer = self.call(
            method, _path(url, given.get("params")), headers=_named(given), body=_bytes(given.get("data"))
        )
        response = requests.Response()
        response.status_code, response.url = answer.status, url
        response.headers.update(answer.headers)
        response._content = answer.body
        response.encoding = "utf-8"
        return response


@dataclass(frozen=True, kw_only=True)
class Pool:
    """As `urllib3.PoolManager`, as far as hubspot-api-client uses it."""

    wire: Wire
    judge: Callable[[Answer], None]
    """Raises for an answer that is not what was asked for: each part of the library has an exception of its own."""

    def request(self, method: str, url: str, **given: Any) -> "Plain":
        answer = self.wire.call(
            method, _path(url, given.get("fields")), headers=_named(given), body=_bytes(given.get("body"))
        )
        self.judge(answer)
        return Plain(answer)


class Plain:
    """As `urllib3.HTTPResponse`, as far as the library looks at one it does not take apart."""

    def __init__(self, answer: Answer) -> None:
        self.status = answer.status
        self.data = answer.body


def secret(endpoint: Endpoint, *, called: str) -> str:
    """The newest secret, as it can go into a header. A line break that was pasted with it is not part of it.

    Raises:
        DeliveryFailed: there is none, or it cannot be one.
    """
    value = endpoint.secrets[0].value.strip() if endpoint.secrets else ""
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise DeliveryFailed(f"enter the {called} again: what is kept is none", retryable=False, provider_at_fault=True)
    return value


def read(body: bytes | str | None) -> Any:
    """The JSON of a body, or None where there is none: what a proxy puts in its place is not an answer."""
    try:
        return json.loads(body or b"")
    except (ValueError, RecursionError):
        return None


def mapping(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one: of what comes from outside nothing is certain."""
    return value if isinstance(value, Mapping) else {}


def said(text: Any, *, without: str = "") -> str:
    """A provider's words as a reason may hold them: one line, not long, never with our secret in them."""
    line = one_line(text, 300) if isinstance(text, str) else ""
    return line.replace(without, "...") if without else line


def _path(url: str, params: Any) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(params) if params else "") if part)
    return parts.path + (f"?{query}" if query else "")


def _named(given: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in (given.get("headers") or {}).items()}


def _bytes(data: Any) -> bytes | None:
    if isinstance(data, str):
        return data.encode()
    return data if isinstance(data, bytes) else None
