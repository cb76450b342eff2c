"""Slack, Discord, Telegram, Teams, Google Chat, Mattermost, Rocket.Chat, ntfy and Matrix on one loopback server, told apart by the host that was called.

Each refuses what its published interface refuses. `said` is what was said, as the service would show it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from urllib3.connection import HTTPConnection

from core.delivery import outgoing
from tests.hostile import Behaviour, HostileServer, Request, Resolver, answer

SLACK = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
DISCORD = "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js"
TELEGRAM = "tgram://123456789:ABCdefghijklmnopqrstuvwxyz1234567-_/12315544/"
TEAMS = (
    "https://prod-15.uksouth.logic.azure.com:443/workflows/3XXX5/triggers/manual/paths/invoke"
    "?api-version=2016-06-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=iXXXUsecret"
)
GOOGLE = "https://chat.googleapis.com/v1/spaces/SPACE/messages?key=KEYKEY&token=TOKENTOKEN"
MATTERMOST = "mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4"
ROCKET = "rockets://6o2BArqDj7Tz4ncjb/YbP6G5Xo6bLsSX@rocket.example.com"
NTFY = "ntfys://ntfy.example.com/doorbell-ann"
BOT = "slack://xoxb-1234567890-1234567890-abcdefghijklmnopqrstuvwx/+C0123456789"
MATRIX = "matrixs://syt_ZG9vcmJlbGw_abcdefghij_1a2b3c@matrix.example.com/!room:example.com"
ALL = {
    "slack": SLACK,
    "discord": DISCORD,
    "telegram": TELEGRAM,
    "teams": TEAMS,
    "googlechat": GOOGLE,
    "mattermost": MATTERMOST,
    "rocketchat": ROCKET,
    "ntfy": NTFY,
    "slack bot": BOT,
    "matrix": MATRIX,
}
_TAGS = re.compile(r"</?(b|i|u|s|a|code|pre|strong|em)\b[^>]*>")


@dataclass
class Chats:
    server: HostileServer
    said: list[str] = field(default_factory=list)
    events: dict[str, str] = field(default_factory=dict)
    """What Matrix keeps, by the transaction it came in."""

    def __post_init__(self) -> None:
        self.server.judge = self._judge

    def will(self, behaviour: Behaviour | None) -> None:
        """What every service does with what is right; None: as usual."""
        self.server.judge = (lambda _request: behaviour) if behaviour else self._judge

    def _judge(self, request: Request) -> Behaviour:
        host = request.headers["host"].split(":")[0]
        if host == "matrix.example.com":
            return self._matrix(request)
        if request.method != "POST":
            return answer(405)
        if not request.headers.get("content-type", "").startswith("application/json"):
            return answer(415)
        try:
            body = json.loads(request.body)
        except ValueError:
            return answer(400, body="invalid_payload")
        verdict = _HOSTS.get(host, _unknown)(request, body)
        if isinstance(verdict, str):
            self.said.append(verdict)
            return _DONE.get(host, answer(200, body={}))
        return verdict

    def _matrix(self, request: Request) -> Behaviour:
        """The client-server API, v3: who the token is of, joining a room, and an event in it, once a transaction."""
        if request.headers.get("authorization") != "Bearer syt_ZG9vcmJlbGw_abcdefghij_1a2b3c":
            return answer(401, body={"errcode": "M_UNKNOWN_TOKEN", "error": "Unrecognised access token"})
        asked = (request.method, unquote(request.path.removeprefix("/_matrix/client/v3")))
        if asked == ("GET", "/account/whoami"):
            return answer(200, body={"user_id": "@doorbell:example.com", "device_id": "D"})
        if asked == ("POST", "/join/!room:example.com"):
            return answer(200, body={"room_id": "!room:example.com"})
        sent = re.fullmatch(r"/rooms/!room:example\.com/send/m\.room\.message/([0-9a-f-]{8,})", asked[1])
        if request.method != "PUT" or sent is None:
            return answer(404, body={"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"})
        event = json.loads(request.body)
        if event.get("msgtype") != "m.text" or not event.get("body") or "format" in event:
            return answer(400, body={"errcode": "M_BAD_JSON", "error": "not a plain text"})
        if sent[1] not in self.events:
            self.events[sent[1]] = event["body"]
            self.said.append(event["body"])
        return answer(200, body={"event_id": f"${sent[1]}"})


_Verdict = str | Behaviour


def _slack(request: Request, body: Mapping[str, Any]) -> _Verdict:
    if request.path != urlsplit(SLACK).path:
        return answer(404, body="no_service")
    texts = [body.get("text", ""), *(one.get("text", "") for one in body.get("attachments", []))]
    text = "\n".join(one for one in texts if one)
    if not text:
        return answer(400, body="no_text")
    if body.get("link_names"):
        return answer(400, body="names would be mentioned")
    return text


def _slack_bot(request: Request, body: Mapping[str, Any]) -> _Verdict:
    """Slack's Web API: errors come with 200."""
    if request.path != "/api/chat.postMessage":
        return answer(200, body={"ok": False, "error": "unknown_method"})
    if request.headers.get("authorization") != f"Bearer {urlsplit(BOT).netloc}":
        return answer(200, body={"ok": False, "error": "invalid_auth"})
    if body.get("channel") not in ("C0123456789", "#leads"):
        return answer(200, body={"ok": False, "error": "channel_not_found"})
    texts = [body.get("text", ""), *(one.get("text", "") for one in body.get("attachments", []))]
    text = "\n".join(one for one in texts if one)
    return text or answer(200, body={"ok": False, "error": "no_text"})


def _discord(request: Request, body: Mapping[str, Any]) -> _Verdict:
    if request.path != urlsplit(DISCORD).path:
        return answer(404, body={"message": "Unknown Webhook", "code": 10015})
    text = body.get("content", "")
    if not text or len(text) > 2000:
        return answer(400, body={"message": "Cannot send an empty message", "code": 50006})
    return str(text)


def _telegram(request: Request, body: Mapping[str, Any]) -> _Verdict:
    if request.path != "/bot123456789:ABCdefghijklmnopqrstuvwxyz1234567-_/sendMessage":
        return answer(401, body={"ok": False, "error_code": 401, "description": "Unauthorized"})
    text = body.get("text", "")
    if body.get("chat_id") != 12315544 or not 0 < len(text) <= 4096:
        return answer(400, body={"ok": False, "error_code": 400, "description": "Bad Request: chat not found"})
    if body.get("parse_mode") == "HTML":
        left = _TAGS.sub("", text)
        if "<" in left:
            said = "Bad Request: can't parse entities"
            return answer(400, body={"ok": False, "error_code": 400, "description": said})
        text = unescape(text)
    return str(text).replace("\r\n", "\n")


def _teams(request: Request, body: Mapping[str, Any]) -> _Verdict:
    query = parse_qs(urlsplit(request.target).query)
    if query.get("sig") != ["iXXXUsecret"] or not {"api-version", "sp", "sv"} <= set(query):
        return answer(401, body={"error": {"code": "DirectApiAuthorizationRequired", "message": "not authorized"}})
    if body.get("type") != "message" or not body.get("attachments"):
        return answer(400, body={"error": {"code": "TriggerInputSchemaMismatch", "message": "schema"}})
    (card,) = body["attachments"]
    if card["contentType"] != "application/vnd.microsoft.card.adaptive":
        return answer(400, body={"error": {"code": "TriggerInputSchemaMismatch", "message": "schema"}})
    return "\n".join(one["text"] for one in card["content"]["body"] if one["type"] == "TextBlock")


def _google(request: Request, body: Mapping[str, Any]) -> _Verdict:
    query = parse_qs(urlsplit(request.target).query)
    if request.path != "/v1/spaces/SPACE/messages" or query.get("token") != ["TOKENTOKEN"]:
        return answer(403, body={"error": {"code": 403, "message": "The caller does not have permission"}})
    return str(body["text"]) if body.get("text") else answer(400)


def _hooks(path: str) -> Callable[[Request, Mapping[str, Any]], _Verdict]:
    def judge(request: Request, body: Mapping[str, Any]) -> _Verdict:
        if request.path != path:
            return answer(404)
        return str(body["text"]) if body.get("text") else answer(400)

    return judge


def _ntfy(request: Request, body: Mapping[str, Any]) -> _Verdict:
    if not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", body.get("topic", "")):
        return answer(400, body={"code": 40009, "error": "topic invalid"})
    return str(body.get("message") or "triggered")


def _unknown(_request: Request, _body: Mapping[str, Any]) -> _Verdict:
    return answer(421)


_HOSTS: Mapping[str, Callable[[Request, Mapping[str, Any]], _Verdict]] = {
    "hooks.slack.com": _slack,
    "slack.com": _slack_bot,
    "discord.com": _discord,
    "api.telegram.org": _telegram,
    "prod-15.uksouth.logic.azure.com": _teams,
    "chat.googleapis.com": _google,
    "chat.example.com": _hooks("/hooks/3ccdd113474722377935511fc85d3dd4"),
    "rocket.example.com": _hooks("/hooks/6o2BArqDj7Tz4ncjb/YbP6G5Xo6bLsSX"),
    "ntfy.example.com": _ntfy,
}
_DONE = {
    "hooks.slack.com": answer(200, body="ok"),
    "slack.com": answer(200, body={"ok": True, "channel": "C0123456789", "ts": "1503435956.000247"}),
    "discord.com": answer(204),
    "api.telegram.org": answer(200, body={"ok": True, "result": {"message_id": 7}}),
    "prod-15.uksouth.logic.azure.com": answer(202),
    "chat.example.com": answer(200, body="ok"),
}


def lead_here(server: HostileServer, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> Chats:
    """The services' names lead to public addresses, and the last step, the connection, to this server."""
    for host in [*_HOSTS, "matrix.example.com"]:
        resolver.says(host, "93.184.216.34")
    monkeypatch.setattr(outgoing, "_connection", lambda *_: HTTPConnection("127.0.0.1", server.port, timeout=5))
    return Chats(server)
