"""Twilio on loopback: refuses what its published API refuses, answers in its shapes, and can be told to misbehave."""

import base64
import contextlib
import itertools
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from twilio.request_validator import RequestValidator

from core.settings import Settings

ACCOUNT, TOKEN, NUMBER = "AC" + "0a" * 16, "1f" * 16, "+15005550006"
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_STATUS_EVENTS = {"initiated", "ringing", "answered", "completed"}
_CALLBACK = re.compile(r"https?://(?!localhost|127\.)[^\s/_]+\.[^\s/_]+(/\S*)?")
"""An address that Twilio can reach: a host name with a dot, and no underscore."""


@dataclass
class TwilioServer:
    """What it took, by SID, and how it answers next.

    `error` is (HTTP status, code, message) of the next answers; `retry_after` goes with it. `misbehave`: garbage (200 and no
    JSON), nameless (no sid), hang (says nothing), reset (closes the connection).
    """

    port: int = 0
    sent: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[int, int, str]] = field(default_factory=list)
    error: tuple[int, int, str] | None = None
    retry_after: str = ""
    misbehave: str = ""
    before_answering: Callable[[dict[str, Any], str], None] = lambda form, sid: None
    """Called with the form and the new SID: a status may be told before the answer is."""
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def settings(self, **values: Any) -> dict[str, Any]:
        """What makes Doorbell use it."""
        return {
            "twilio_account_sid": ACCOUNT,
            "twilio_auth_token": TOKEN,
            "twilio_from": NUMBER,
            "twilio_url": self.url,
            "sms_per_second": 0,
            **values,
        }

    def create(self, kind: str, form: dict[str, list[str]], authorization: str) -> tuple[int, dict[str, Any]]:
        """One POST to Messages.json or Calls.json."""
        try:
            self._check(kind, form, authorization)
        except _Refusal as refusal:
            self.refused.append(refusal.args)  # type: ignore[arg-type]
            status, code, message = refusal.args
            more = f"https://www.twilio.com/docs/errors/{code}"
            return status, {"code": code, "message": message, "more_info": more, "status": status}
        flat = {name: values[0] if len(values) == 1 else values for name, values in form.items()}
        taken = self.sent if kind == "Messages" else self.calls
        sid = f"{'SM' if kind == 'Messages' else 'CA'}{next(self.numbers):032x}"
        taken.append({**flat, "sid": sid})
        self.before_answering(flat, sid)
        return 201, _resource(kind, sid, flat)

    def _check(self, kind: str, form: dict[str, list[str]], authorization: str) -> None:
        if authorization != "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode():
            raise _Refusal(401, 20003, "Authenticate")
        if self.error:
            raise _Refusal(*self.error)
        given = {name: values[0] for name, values in form.items()}
        if "To" not in given:
            raise _Refusal(400, 21604, "A 'To' phone number is required.")
        if not _E164.fullmatch(given["To"]):
            raise _Refusal(400, 21211, f"The 'To' number {given['To']} is not a valid phone number.")
        callback = given.get("StatusCallback", "")
        if callback and not _CALLBACK.fullmatch(callback):
            raise _Refusal(400, 21609, f"The StatusCallback URL {callback} is not a valid URL.")
        if kind == "Messages":
            self._check_message(given)
        else:
            self._check_call(given, form)

    @staticmethod
    def _check_message(given: dict[str, str]) -> None:
        service = given.get("MessagingServiceSid", "")
        if not given.get("From") and not service:
            raise _Refusal(400, 21603, "A 'From' phone number is required.")
        if service and not re.fullmatch(r"MG[0-9a-f]{32}", service):
            raise _Refusal(400, 21701, "The Messaging Service does not exist")
        if given.get("From") and given["From"] != NUMBER:
            raise _Refusal(400, 21606, "The From phone number is not a valid, SMS-capable Twilio number")
        if not given.get("Body"):
            raise _Refusal(400, 21602, "Message body is required.")
        if len(given["Body"]) > 1600:
            raise _Refusal(400, 21617, "The concatenated message body exceeds the 1600 character limit.")

    @staticmethod
    def _check_call(given: dict[str, str], form: dict[str, list[str]]) -> None:
        if given.get("From") != NUMBER:
            raise _Refusal(400, 21210, "The source phone number provided is not yet verified for your account.")
        if not given.get("Url") and not given.get("Twiml"):
            raise _Refusal(400, 21205, "Url parameter is required.")
        if len(given.get("Twiml", "")) > 4000:
            raise _Refusal(400, 21218, "The TwiML is too long.")
        if not set(form.get("StatusCallbackEvent", [])) <= _STATUS_EVENTS:
            raise _Refusal(400, 21626, "Invalid StatusCallbackEvents")


class _Refusal(Exception):
    pass


def signed(url: str, form: dict[str, str], *, token: str = TOKEN) -> dict[str, str]:
    """The headers of Twilio's own POST of this form to this public URL."""
    return {"X-Twilio-Signature": RequestValidator(token).compute_signature(url, form)}


def set_up(server: TwilioServer, **values: Any) -> Settings:
    return Settings(**{**server.settings(), **values})


def _resource(kind: str, sid: str, form: dict[str, Any]) -> dict[str, Any]:
    uri = f"/2010-04-01/Accounts/{ACCOUNT}/{kind}/{sid}.json"
    if kind == "Calls":
        return {
            "sid": sid,
            "account_sid": ACCOUNT,
            "to": form["To"],
            "from": form["From"],
            "status": "queued",
            "direction": "outbound-api",
            "api_version": "2010-04-01",
            "duration": None,
            "uri": uri,
        }
    return {
        "sid": sid,
        "account_sid": ACCOUNT,
        "to": form["To"],
        "from": form.get("From"),
        "messaging_service_sid": form.get("MessagingServiceSid"),
        "body": form["Body"],
        "status": "accepted" if form.get("MessagingServiceSid") else "queued",
        "direction": "outbound-api",
        "num_segments": "1",
        "num_media": "0",
        "error_code": None,
        "error_message": None,
        "price": None,
        "price_unit": "USD",
        "api_version": "2010-04-01",
        "date_created": "Mon, 02 Mar 2026 15:00:00 +0000",
        "date_updated": "Mon, 02 Mar 2026 15:00:00 +0000",
        "date_sent": None,
        "uri": uri,
    }


@contextlib.contextmanager
def serving() -> Iterator[TwilioServer]:
    """Run it for the length of the block, on a free port."""
    server = TwilioServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode(), True)
            if server.misbehave == "hang":
                server.release.wait(20)
            if server.misbehave in ("hang", "reset"):
                self.close_connection = True
                return
            found = re.fullmatch(rf"/2010-04-01/Accounts/{ACCOUNT}/(Messages|Calls)\.json", urlsplit(self.path).path)
            if self.headers.get("Content-Type") != "application/x-www-form-urlencoded":
                status, answer = 415, {"code": 20001, "message": "Unsupported Media Type", "status": 415}
            elif found is None:
                status, answer = 404, {"code": 20404, "message": "Not found", "more_info": "", "status": 404}
            else:
                status, answer = server.create(found[1], form, self.headers.get("Authorization", ""))
            if server.misbehave == "nameless":
                answer.pop("sid", None)
            body = b"<html>busy" if server.misbehave == "garbage" else json.dumps(answer).encode()
            self.send_response(status)
            if server.retry_after and status >= 400:
                self.send_header("Retry-After", server.retry_after)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        http.shutdown()
        http.server_close()
        thread.join(5)
