"""Chats through Apprise: which services, what an address may be, text that stays text, and why a message was refused.

An address is what a person entered, so nothing of it is trusted: only the services below are known, everything in it
that could read a file, switch off checks or mention somebody is dropped, and every call goes out by
core.delivery.outgoing. Apprise writes the requests; it opens no connection of its own.
"""

import hashlib
import importlib
import json
import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from core.delivery import outgoing
from core.delivery.channel import DeliveryFailed, Refused
from core.delivery.content import one_line
from core.delivery.outgoing import Answer, Limits

_LONGEST = 2_000
_LONGEST_TEXT = 1_900
"""Discord takes 2,000 characters, the others more."""
_MOST_CALLS = 5
"""An address may name several rooms; each is a call."""
_WHOLE = 20.0
"""Seconds for all of them."""
_KEPT = frozenset({"api-version", "sp", "sv", "sig", "key", "token", "thread", "to"})
"""Of an address's query only what these services' own addresses have. `template` would read a file, `verify` switch off
certificates, `ping` mention people."""
_PLAIN = str.maketrans(
    {
        "<": "‹", ">": "›", "*": "∗", "_": "ˍ", "`": "ˋ", "~": "∼", "|": "∣", "[": "［", "]": "］", "#": "＃",
        "\\": "＼", "@": "@\u200b",
    }
)  # fmt: skip
"""What chats take for formatting, links or mentions, as characters that look the same to people and mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """One chat service, as Apprise knows it."""

    name: str
    label: str
    module: str
    plugin: str
    schemes: tuple[str, ...]
    native: tuple[str, ...] = ()
    """Hosts of the https:// addresses that the service itself gives out; a leading dot stands for anything before."""
    dialect: str = "text"
    """How the plugin is to take the text so that it changes nothing."""
    gone: frozenset[int | str] = frozenset({404, 410})
    """Answers that say that nobody is there: statuses, and what `error` of a 200 may be."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Options of the plugin that are ours to choose."""
    by_token: bool = False
    """Signed in to with a token, for rooms by their ids; and it takes a key, by which it drops a second copy."""


SERVICES: Mapping[str, Service] = {
    one.name: one
    for one in (
        Service(
            name="slack",
            label="Slack",
            module="slack",
            plugin="NotifySlack",
            schemes=("slack",),
            native=("hooks.slack.com",),
            gone=frozenset(
                {404, 410, "account_inactive", "channel_not_found", "invalid_auth", "is_archived", "token_revoked"}
            ),
        ),
        Service(
            name="teams",
            label="Microsoft Teams",
            module="workflows",
            plugin="NotifyWorkflows",
            schemes=("workflows", "workflow"),
            native=(".logic.azure.com", ".api.powerplatform.com"),
            dialect="markdown",
        ),
        Service(
            name="discord",
            label="Discord",
            module="discord",
            plugin="NotifyDiscord",
            schemes=("discord",),
            native=("discord.com", "discordapp.com"),
        ),
        Service(
            name="telegram",
            label="Telegram",
            module="telegram",
            plugin="NotifyTelegram",
            schemes=("tgram",),
            gone=frozenset({401, 403, 404}),
        ),
        Service(
            name="googlechat",
            label="Google Chat",
            module="google_chat",
            plugin="NotifyGoogleChat",
            schemes=("gchat",),
            native=("chat.googleapis.com",),
            dialect="markdown",
        ),
        Service(
            name="mattermost",
            label="Mattermost",
            module="mattermost",
            plugin="NotifyMattermost",
            schemes=("mmosts", "mmost"),
            dialect="markdown",
        ),
        Service(
            name="rocketchat",
            label="Rocket.Chat",
            module="rocketchat",
            plugin="NotifyRocketChat",
            schemes=("rockets", "rocket"),
            dialect="markdown",
        ),
        Service(
            name="ntfy",
            label="ntfy",
            module="ntfy",
            plugin="NotifyNtfy",
            schemes=("ntfys", "ntfy"),
            native=("ntfy.sh",),
        ),
        Service(
            name="matrix",
            label="Matrix",
            module="matrix.base",
            plugin="NotifyMatrix",
            schemes=("matrixs", "matrix"),
            gone=frozenset({401, 403, 404}),
            fixed={"mode": "off", "version": "3", "discovery": False, "e2ee": False},
            by_token=True,
        ),
    )
}


def problem(url: str, allowed: frozenset[str]) -> str:
    """What is wrong with an address as entered, for whoever entered it; empty where nothing is."""
    try:
        _plugin(url, allowed)
    except DeliveryFailed as failure:
        return failure.reason
    return ""


def label(url: str, allowed: frozenset[str]) -> str:
    """As its owner knows it, without a secret: "Slack ...f7FQ"."""
    service = _service(url, allowed)
    return f"{service.label} ...{urlsplit(url).path.rstrip('/')[-4:]}"


def plain(text: str) -> str:
    """Text that every chat shows as it is: no formatting, no link, no mention."""
    return text.translate(_PLAIN).replace("://", ":\u2044\u2044")


def send(url: str, text: str, *, key: str, allowed: frozenset[str], limits: Limits) -> str:
    """Say it there; the service's label. `text` is sent as it is: what comes from outside goes through `plain` first.

    Args:
        key: the message's idempotency key, for a service that takes one.

    Raises:
        DeliveryFailed: with what the service answered.
    """
    service, plugin = _plugin(url, allowed)
    if service.by_token:
        plugin.access_token, plugin.transaction_id = plugin.password, hashlib.sha256(key.encode()).hexdigest()[:32]
    with _calling(service, limits) as calls:
        ok = plugin.notify(body=_cut(text), body_format=service.dialect)
    if not ok:
        raise _failure(service, calls, url)
    return service.label


def _cut(text: str) -> str:
    """The whole lines of it that every service takes."""
    if len(text) <= _LONGEST_TEXT:
        return text
    kept = text[:_LONGEST_TEXT]
    return f"{kept[: kept.rfind(chr(10))] if chr(10) in kept else kept}\n…"


def _service(url: str, allowed: frozenset[str]) -> Service:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        parts, host = urlsplit(""), ""
    for service in SERVICES.values():
        if service.name in allowed and (
            parts.scheme in service.schemes or (parts.scheme == "https" and _is_native(service, host))
        ):
            return service
    known = ", ".join(SERVICES[name].label for name in SERVICES if name in allowed)
    raise _refused(f"it is of no chat that is known here ({known})")


def _is_native(service: Service, host: str) -> bool:
    return any(host == one or (one.startswith(".") and host.endswith(one)) for one in service.native)


def _plugin(url: str, allowed: frozenset[str]) -> tuple[Service, Any]:
    """Apprise's plugin for it, with nothing in it but what the service's own addresses have."""
    if len(url) > _LONGEST or not url.isprintable() or " " in url:
        raise _refused(f"it is longer than {_LONGEST} characters, or has spaces in it")
    service = _service(url, allowed)
    from apprise import AppriseAsset  # noqa: PLC0415  0.3 s, and only who chats needs it
    from apprise.exception import AppriseException  # noqa: PLC0415

    maker = getattr(_module(service.module), service.plugin)
    parts = urlsplit(url)
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0].lower() in _KEPT])
    kept = parts._replace(query=query).geturl()
    try:
        # A room's "#" begins no fragment: without its name the message would go to the service's first room.
        read = maker.parse_native_url(kept) if parts.scheme == "https" else maker.parse_url(kept.replace("#", "%23"))
        if not read or not _names_its_room(service, read):
            raise _refused(f"{service.label} gives out other addresses than this")
        asset = AppriseAsset(app_id="Doorbell", app_desc="Doorbell", storage_mode="memory")
        quiet = {"include_image": False, "include_footer": False, "avatar": False, "footer_logo": False}
        off = {name: value for name, value in quiet.items() if name in read}
        plugin = maker(**{**read, **off, **service.fixed, "asset": asset})
    except (AppriseException, TypeError, ValueError, KeyError) as error:
        raise _refused(f"{service.label} gives out other addresses than this") from error
    plugin.throttle = lambda *_, **__: (
        None
    )  # our own pace is kept by core.delivery.pacing; a sender thread does not sleep
    return service, plugin


def _names_its_room(service: Service, read: Mapping[str, Any]) -> bool:
    """Of Slack's bots (which would write into #general) and of Matrix: there a token and ids, for a password would sign in
    each time, and a name may make a room that is not there."""
    rooms = read.get("targets") or []
    if service.by_token:
        return bool(read.get("password") and not read.get("user") and rooms and all(one[:1] == "!" for one in rooms))
    return bool(rooms or not read.get("access_token"))


@cache
def _module(name: str) -> Any:
    """Apprise's module for a service, its calls led through ours."""
    module = importlib.import_module(f"apprise.plugins.{name}")
    module.requests = _Requests()  # type: ignore[attr-defined]
    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # what it has to say is in the reason, without addresses
    return module


@dataclass
class _Calls:
    """What became of the calls of one message."""

    service: Service
    limits: Limits
    until: float
    answers: list[Answer] = field(default_factory=list)
    failure: DeliveryFailed | None = None


_here = threading.local()


@contextmanager
def _calling(service: Service, limits: Limits) -> Iterator[_Calls]:
    _here.calls = calls = _Calls(service=service, limits=limits, until=time.monotonic() + _WHOLE)
    try:
        yield calls
    finally:
        del _here.calls


class _Requests:
    """Stands in Apprise's modules where `requests` stood: the same names, but calls go out by core.delivery.outgoing."""

    def __getattr__(self, name: str) -> Any:
        import requests  # noqa: PLC0415

        return getattr(requests, name)

    def post(self, url: str, **options: Any) -> Any:
        return self.request("POST", url, **options)

    def get(self, url: str, **options: Any) -> Any:
        return self.request("GET", url, **options)

    def put(self, url: str, **options: Any) -> Any:
        return self.request("PUT", url, **options)

    def request(self, method: str, url: str, **options: Any) -> Any:
        from requests import ConnectionError, Request, Response  # noqa: PLC0415

        calls: _Calls = _here.calls
        given = {name: options.get(name) for name in ("params", "data", "json", "headers", "auth")}
        ready = Request(method.upper(), url, **given).prepare()
        body = ready.body.encode() if isinstance(ready.body, str) else ready.body
        assert body is None or isinstance(body, bytes), "nothing is attached"
        sent = {name: str(value) for name, value in ready.headers.items()}
        try:
            answer = _call(calls, ready.method or method, str(ready.url), sent, body)
        except DeliveryFailed as failure:
            calls.failure = failure
            raise ConnectionError(failure.reason) from failure
        response = Response()
        response.status_code, response._content, response.url = answer.status, answer.body, url
        return response  # without headers: a plugin that reads a wish to wait would sleep here


def _call(calls: _Calls, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Answer:
    if calls.failure is not None or any(answer.status == 429 for answer in calls.answers):
        raise calls.failure or DeliveryFailed("asked to wait", retryable=True)
    if len(calls.answers) >= _MOST_CALLS:
        raise _refused(f"it takes more than {_MOST_CALLS} calls: name fewer rooms")
    if not url.startswith("https://") and not calls.limits.private:
        raise _refused("it is not called over https")
    left = min(calls.limits.total, calls.until - time.monotonic())
    if left <= 0:
        raise DeliveryFailed(f"{calls.service.label} did not answer in time", retryable=True)
    answer = outgoing.call(method, url, headers=headers, body=body, limits=replace(calls.limits, total=left))
    calls.answers.append(answer)
    return answer


def _failure(service: Service, calls: _Calls, url: str) -> DeliveryFailed:
    refused = next((answer for answer in calls.answers if not 200 <= answer.status < 300), None)
    if refused is None and calls.failure is not None:
        return calls.failure
    answer = refused or (calls.answers[-1] if calls.answers else None)
    if answer is None:
        return _refused(f"{service.label} cannot be reached with it")
    said = _said(answer, url)
    if refused is None:
        gone = Refused.GONE if _json(answer).get("error") in service.gone else None
        return DeliveryFailed(
            f"{service.label} refused it{said or ': it gave no reason'}", retryable=False, address=gone
        )
    found = outgoing.failure(answer.status, {**answer.headers, **_wish(answer)}, who=service.label)
    found.reason += said
    if answer.status in service.gone:
        return DeliveryFailed(found.reason, retryable=False, address=Refused.GONE)
    return found


def _said(answer: Answer, url: str) -> str:
    """The service's own words, unless they repeat a part of the address."""
    told = _json(answer)
    inner = told.get("error")
    words = inner.get("message") if isinstance(inner, Mapping) else told.get("description") or told.get("message")
    text = words or inner or ("" if told else answer.body[:200].decode("utf-8", "replace"))
    line = one_line(str(text), 120)
    parts = urlsplit(url)
    secrets = [part for part in (*parts.path.split("/"), *dict(parse_qsl(parts.query)).values()) if len(part) >= 6]
    return f": {line}" if line and "<" not in line and not any(part in line for part in secrets) else ""


def _wish(answer: Answer) -> dict[str, str]:
    """Telegram, Discord and Matrix say in the body how long to wait, with parts of seconds."""
    told = _json(answer)
    inner = told.get("parameters")
    wish = inner.get("retry_after") if isinstance(inner, Mapping) else told.get("retry_after")
    if isinstance(told.get("retry_after_ms"), int):
        wish = told["retry_after_ms"] / 1000
    if isinstance(wish, int | float) and 0 <= wish < 1e6:
        return {"retry-after": str(ceil(wish))}
    return {}


def _json(answer: Answer) -> Mapping[str, Any]:
    try:
        told = json.loads(answer.body)
    except ValueError:
        return {}
    return told if isinstance(told, Mapping) else {}


def _refused(why: str) -> DeliveryFailed:
    return DeliveryFailed(f"this address is not used: {why}", retryable=False)
