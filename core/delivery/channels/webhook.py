"""Webhooks by Standard Webhooks (standardwebhooks.com): signed with every secret that counts, under an id that stays over retries."""

import base64
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from core.delivery import outgoing
from core.delivery.channel import ENDPOINT, Accepted, Channel, DeliveryFailed, EndpointKind, Refused
from core.delivery.content import Message
from core.delivery.outgoing import Limits
from core.settings import Settings

_GONE = 410
_CONFIG = frozenset({"perSecond"})


class Hooks:
    """Posts events to the URLs that endpoints have."""

    pace = None

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def send(self, message: Message) -> Accepted:
        endpoint = message.endpoint
        assert endpoint is not None
        body = orjson.dumps(message.event)
        answer = outgoing.call("POST", endpoint.url, headers=headers(message, body), body=body, limits=self._limits)
        who = urlsplit(endpoint.url).hostname or "it"
        if answer.status == _GONE:
            reason = f"{who} answered 410 Gone: it wants to hear nothing more"
            raise DeliveryFailed(reason, retryable=False, provider_at_fault=False, address=Refused.GONE)
        outgoing.demand(answer, who=who)
        return Accepted(provider_id=message.key, provider=who[:80], delivered=True)

    def close(self) -> None: ...


def headers(message: Message, body: bytes) -> dict[str, str]:
    """What the receiver needs to know that the message is ours, new, and not one it has already.

    Raises:
        DeliveryFailed: the endpoint has no secret that counts.
    """
    from standardwebhooks import Webhook  # noqa: PLC0415  only who sends webhooks needs it

    assert message.endpoint is not None
    at = message.sent_at or message.at
    signing = message.endpoint.valid(at)
    if not signing:
        raise DeliveryFailed("the endpoint has no secret to sign with", retryable=False, provider_at_fault=True)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Doorbell-Webhooks/1",
        "webhook-id": message.key,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message.key, at, body.decode()) for secret in signing),
    }


def _check(url: str, config: Mapping[str, Any], settings: Settings) -> Mapping[str, str]:
    wrong = {f"config.{name}": "there is no such setting of a webhook" for name in config if name not in _CONFIG}
    try:
        outgoing.find(url, outgoing.limits(settings))
    except DeliveryFailed as failure:
        wrong["url"] = failure.reason
    return wrong


def _new_secret() -> str:
    """192 bits, as the specification asks for 24 to 64 bytes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _open(settings: Settings) -> Hooks:
    return Hooks(outgoing.limits(settings))


CHANNEL = Channel(
    name="webhook",
    label="webhook",
    setup="Add a system of the kind Webhook on the page Deliveries, under Endpoints, or over POST /api/v1/webhook-endpoints.",
    priorities=frozenset(),
    address=ENDPOINT,
    open=_open,
    endpoint=EndpointKind(check=_check, new_secret=_new_secret),
)
