"""A team's chat, as an endpoint: what happens to its alerts is said in the room that an admin or manager entered."""

from collections.abc import Mapping
from typing import Any

from core.delivery import chatting, outgoing, phrases
from core.delivery.channel import ENDPOINT, Accepted, Channel, EndpointKind
from core.delivery.content import Message
from core.delivery.endpoints import ESCALATED
from core.delivery.outgoing import Limits
from core.delivery.providers import Pace
from core.settings import Settings
from core.words import ChangeKind

_SAID = {
    ChangeKind.ALERT_NEW: "New",
    ChangeKind.ALERT_UPDATED: "Changed",
    ChangeKind.ALERT_ASSIGNED: "Has an owner now",
    ChangeKind.ALERT_CONVERTED: "Won",
    ESCALATED: "Nobody has answered yet",
}
_CONFIG = frozenset({"perSecond", "service"})


class TeamChats:
    """Says each event in the room of its endpoint, whose address is the endpoint's secret."""

    pace: Pace | None = None

    def __init__(self, allowed: frozenset[str], limits: Limits) -> None:
        self._allowed = allowed
        self._limits = limits

    def send(self, message: Message) -> Accepted:
        assert message.endpoint is not None
        address = next(iter(message.endpoint.valid(message.sent_at or message.at)), "")
        service = chatting.send(address, text(message), key=message.key, allowed=self._allowed, limits=self._limits)
        return Accepted(provider_id=message.key, provider=service)

    def close(self) -> None:
        """Nothing is kept open."""


def text(message: Message) -> str:
    """One or two lines: what happened to whose alert, by the contact's first name, and where it is."""
    kind, data = str(message.event.get("type", "")), message.event.get("data", {})
    said = _SAID.get(kind)
    if said is None:
        return "This is a test from Doorbell. Alerts of the team will be told here."
    if "alertType" not in data:
        return "An alert of this team went to another one."
    first = phrases.first_name(str(data.get("user", {}).get("name") or ""))
    news = phrases.what(str(data["alertType"]), first)
    urgency = str(data.get("priority", "")).capitalize()
    line = chatting.plain(f"{said}: {urgency}: {news}" if urgency else f"{said}: {news}")
    return f"{line}\n{message.link}/feed?alert={data.get('id', '')}"


def _check(url: str, config: Mapping[str, Any], _settings: Settings) -> Mapping[str, str]:
    wrong = {f"config.{name}": "there is no such setting of a team's chat" for name in config if name not in _CONFIG}
    if config.get("service", "slack") not in list(chatting.SERVICES):
        wrong["config.service"] = f"one of {', '.join(chatting.SERVICES)}"
    if url:
        wrong["url"] = "leave it empty: the chat's address is the secret, for whoever has it may write there"
    return wrong


def _check_secret(secret: str, settings: Settings) -> str:
    return chatting.problem(secret, settings.chats)


def _open(settings: Settings) -> TeamChats | None:
    allowed = settings.chats
    return TeamChats(allowed, outgoing.limits(settings)) if allowed else None


CHANNEL = Channel(
    name="team_chat",
    label="team chat",
    setup="Add a system of the kind Team chat on the page Deliveries, under Endpoints.",
    priorities=frozenset(),
    address=ENDPOINT,
    open=_open,
    endpoint=EndpointKind(check=_check, check_secret=_check_secret),
)
