"""Twilio, for texts and calls: its own client over a connection of ours, and its errors in our words.

The client's own connection keeps the last answer on itself, where two threads that send at once may take each other's, and
knows no end of a slow answer: ours is the one of core.delivery.outgoing.
"""

import base64
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from core.delivery import outgoing
from core.delivery.channel import DeliveryFailed, Refused
from core.delivery.content import one_line
from core.settings import Settings

_LIMITS = outgoing.Limits(private=True)
"""Where it leads is a setting, and no user's to choose."""
_AUTH = 20003
_TOO_MANY = 20429
_OPTED_OUT = {21610}
_NOBODY = {21211, 21214, 21217, 21614}
"""No such number, or none that takes texts or calls."""


class Twilio:
    """One account, for several threads at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(
            settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value(), http_client=_Connection()
        )
        if settings.twilio_url:
            self._client.api.base_url = settings.twilio_url.rstrip("/")
        self.host = urlsplit(settings.twilio_url or "https://api.twilio.com").hostname or ""

    def text(self, to: str, body: str, *, delivery_id: str = "") -> str:
        """Send a text; its SID, or "" where it was taken without one.

        Raises:
            DeliveryFailed: as a channel does.
        """
        sender = self._settings.twilio_from
        by = {"messaging_service_sid": sender} if sender.startswith("MG") else {"from_": sender}
        if self._settings.public_url:  # Twilio refuses an address that only this machine knows
            by["status_callback"] = self._callback("message", delivery_id)
        return _sid(lambda: self._client.messages.create(to=to, body=body, **by))

    def call(self, to: str, twiml: str, *, delivery_id: str = "") -> str:
        """Call and say what the TwiML says; the call's SID, or "" where it was taken without one.

        Raises:
            DeliveryFailed: as a channel does.
        """
        return _sid(
            lambda: self._client.calls.create(
                to=to,
                from_=self._settings.twilio_from,
                twiml=twiml,
                timeout=25,  # before most voicemails take it
                status_callback=self._callback("call", delivery_id),
                status_callback_event=["answered", "completed"],
            )
        )

    def _callback(self, name: str, delivery_id: str) -> str:
        query = f"?delivery={delivery_id}" if delivery_id else ""
        return f"{self._settings.origin}/providers/twilio/{name}{query}"


class _Taken(Exception):
    """It said yes and broke off before the SID: taken, and never to be asked about. Sent again it would arrive twice."""


class _Connection(HttpClient):  # type: ignore[misc]
    """What the client sends through. Too many, and errors of the provider's own, are raised here, with its Retry-After."""

    def __init__(self) -> None:
        super().__init__(logging.getLogger("twilio.http_client"), False)

    def request(
        self,
        method: str,
        uri: str,
        params: dict[str, Any] | None = None,
        data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        user, password = auth or ("", "")
        signed_in = base64.b64encode(f"{user}:{password}".encode()).decode()
        answer = outgoing.call(
            method,
            uri,
            headers={**(headers or {}), "Authorization": f"Basic {signed_in}"},
            body=urlencode(data or {}, doseq=True).encode(),
            limits=_LIMITS,
        )
        if answer.status == 429 or answer.status >= 500:
            raise DeliveryFailed(
                f"Twilio said {answer.status}", retryable=True, retry_after=outgoing.retry_after(answer.headers)
            )
        if 200 <= answer.status < 300 and not answer.whole:
            raise _Taken
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)


def refused(error: TwilioRestException) -> DeliveryFailed:
    """What an error of the API means for the message, the address and the provider."""
    code = error.code or error.status
    reason = one_line(f"Twilio said {code}: {_message(error)}", 280)
    if code == _AUTH or error.status in (401, 403):
        # The key may be put right while the message waits.
        return DeliveryFailed(f"Twilio refused our sign-in ({code})", retryable=True, provider_at_fault=True)
    if code == _TOO_MANY:
        return DeliveryFailed(reason, retryable=True)
    if code in _OPTED_OUT:
        return DeliveryFailed(reason, retryable=False, answered=True, address=Refused.OPTED_OUT)
    if code in _NOBODY:
        return DeliveryFailed(reason, retryable=False, answered=True, address=Refused.GONE)
    return DeliveryFailed(reason, retryable=False)


def _message(error: TwilioRestException) -> str:
    """Without the number: Twilio's words repeat it, and reasons are shown and logged."""
    words = str(error.msg).removeprefix("Unable to create record: ")
    return " ".join("(number)" if any(c.isdigit() for c in word) and len(word) > 6 else word for word in words.split())


def _sid(create: Callable[[], Any]) -> str:
    try:
        sid = create().sid
    except _Taken:
        return ""
    except TwilioRestException as error:
        raise refused(error) from error
    except (TwilioException, ValueError, TypeError, AttributeError, KeyError) as error:
        raise DeliveryFailed("Twilio's answer was not one of Twilio's", retryable=True) from error
    if not isinstance(sid, str) or not sid:
        raise DeliveryFailed("Twilio's answer named no SID", retryable=True)
    return sid
