"""Web Push to browsers whose page is closed: encrypted for the browser (RFC 8291), signed by us (RFC 8292), small and without secrets.

What stands on a locked screen is read by whoever passes: a first name, what it is about, and nothing more. The
notification opens the page; acting is done there.
"""

import base64
import hashlib
import json
from email.utils import parseaddr
from urllib.parse import urlsplit

from core.delivery import outgoing, vapid
from core.delivery.channel import Accepted, Channel, DeliveryFailed, Refused
from core.delivery.content import Message, brief_line
from core.delivery.providers import Pace
from core.delivery.speaking import Voice
from core.settings import Settings
from core.words import Priority

_TTL = {Priority.CRITICAL: 3600, Priority.HIGH: 4 * 3600}
"""Seconds for which a push service keeps it for a browser that is away; later it is no news."""
_LONGEST_TTL = 24 * 3600
_URGENCY = {Priority.CRITICAL: "high", Priority.HIGH: "high", Priority.MEDIUM: "normal", Priority.LOW: "low"}
_GONE = frozenset({404, 410})
_KEY_REFUSED = frozenset({401, 403})


class Pusher:
    """Sends each message to the push service that its subscription names."""

    pace: Pace | None = None

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._contact = parseaddr(settings.mail_from)[1]
        self._limits = outgoing.limits(settings)

    def send(self, message: Message) -> Accepted:
        service = urlsplit(message.to).hostname or "the push service"
        if not message.to.startswith("https://") and not self._limits.private:
            raise DeliveryFailed("the push service's address is not https://", retryable=False, address=Refused.GONE)
        headers = {
            "Authorization": vapid.authorization(self._settings.vapid_key, endpoint=message.to, contact=self._contact),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(_TTL.get(Priority(message.priority), _LONGEST_TTL)),
            "Urgency": _URGENCY[Priority(message.priority)],
            "Topic": topic(message),
        }
        body = _sealed(content(message), message)
        try:
            answer = outgoing.call("POST", message.to, headers=headers, body=body, limits=self._limits)
            _judge(answer, service)
        except DeliveryFailed as failure:
            # Each browser names its own push service: one that is away must not hold up those of all others.
            failure.provider_at_fault = False
            raise
        return Accepted(provider_id=answer.headers.get("location", "").rpartition("/")[2] or message.key)

    def close(self) -> None:
        """Nothing is kept open."""


def content(message: Message) -> bytes:
    """What the service worker (app/security/push_worker.js) reads."""
    link = urlsplit(message.link)
    title, body = _words(message)
    return json.dumps(
        {
            "title": title,
            "body": body,
            "url": f"{link.path or '/'}{'?' + link.query if link.query else ''}",
            "tag": topic(message),
            "priority": message.priority,
        },
        ensure_ascii=False,
    ).encode()


def topic(message: Message) -> str:
    """What a newer push of the same alert replaces, for the push service and on the screen: 32 characters of base64url."""
    subject = message.story.alert_id if message.story else message.key
    return base64.urlsafe_b64encode(hashlib.sha256(subject.encode()).digest()[:24]).decode()


def _words(message: Message) -> tuple[str, str]:
    say, title = Voice(message.language), brief_line(message, message.language)
    if message.items:
        return title, say("Open Doorbell to see them.")
    if message.story is None:
        return title, ""
    return title, say(
        "{confidence} sure. Open Doorbell to see why, and to answer.", confidence=message.story.confidence
    )


def _sealed(text: bytes, message: Message) -> bytes:
    from pywebpush import WebPusher, WebPushException  # noqa: PLC0415  0.3 s, and only whoever pushes needs it

    keys = {name: message.to_detail.get(name) for name in ("p256dh", "auth")}
    try:
        return bytes(WebPusher({"endpoint": message.to, "keys": keys}).encode(text)["body"])
    except (WebPushException, ValueError, TypeError) as error:
        raise DeliveryFailed(
            "the keys of this browser cannot be used", retryable=False, address=Refused.GONE
        ) from error


def _judge(answer: outgoing.Answer, service: str) -> None:
    if answer.status in _GONE:
        raise DeliveryFailed(
            f"the browser no longer takes pushes ({service} answered {answer.status})",
            retryable=False,
            address=Refused.GONE,
        )
    if answer.status in _KEY_REFUSED:
        raise DeliveryFailed(
            f"{service} refused our key ({answer.status}): the browser subscribed under another one, or our clock is wrong",
            retryable=False,
        )
    outgoing.demand(answer, who=service)


def _open(settings: Settings) -> Pusher | None:
    return Pusher(settings) if settings.browsers_trust_us else None


CHANNEL = Channel(
    name="push",
    label="push",
    setup="Set DOORBELL_PUBLIC_URL to an https:// address: browsers take pushes from secure pages alone.",
    priorities=frozenset({Priority.CRITICAL, Priority.HIGH}),
    address="push",
    open=_open,
    preview=lambda message: dict(zip(("title", "text"), _words(message), strict=True)),
)
