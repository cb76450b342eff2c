"""A person's own chat (Slack, Teams, Discord, Telegram and the like), through Apprise at the address that the person gave."""

from core.delivery import chatting, content, outgoing, phrases
from core.delivery.channel import Accepted, Channel, DeliveryFailed
from core.delivery.content import Message
from core.delivery.outgoing import Limits
from core.delivery.providers import Pace
from core.delivery.speaking import Voice
from core.settings import Settings
from core.words import Priority


class Chats:
    """Says each message in the chat it is for."""

    pace: Pace | None = None

    def __init__(self, allowed: frozenset[str], limits: Limits) -> None:
        self._allowed = allowed
        self._limits = limits

    def send(self, message: Message) -> Accepted:
        try:
            service = chatting.send(
                message.to, text(message), key=message.key, allowed=self._allowed, limits=self._limits
            )
        except DeliveryFailed as failure:
            # Each person has a chat of their own: one that is away must not hold up those of all others.
            failure.provider_at_fault = False
            raise
        return Accepted(provider_id=message.key, provider=service)

    def close(self) -> None:
        """Nothing is kept open."""


def text(message: Message) -> str:
    """What is said: the news, why, where to look, and what can be done from here."""
    plain, story, say = chatting.plain, message.story, Voice(message.language)
    if message.items:
        lines = [plain(message.title)]
        for item in message.items[:10]:
            lines += [f"• {plain(item.title)}  {item.link}", *content.acts(item.links, message.language)[:1]]
        return "\n".join(lines)
    if story is None:
        return plain(message.title if message.text.startswith(message.title) else f"{message.title}\n{message.text}")
    lines = [
        say(
            "{priority}: {headline} ({confidence} sure)",
            priority=phrases.priority(message.priority, language=message.language),
            headline=plain(message.title),
            confidence=story.confidence,
        ),
        plain(message.text),
        plain("; ".join(story.factors)),
        message.link,
        *content.acts(message.links, message.language),
    ]
    return "\n".join(line for line in lines if line.strip())


def _open(settings: Settings) -> Chats | None:
    allowed = settings.chats
    return Chats(allowed, outgoing.limits(settings)) if allowed else None


CHANNEL = Channel(
    name="chat",
    label="chat",
    setup="Name the services in DOORBELL_CHAT_SERVICES; each person then adds an own chat.",
    priorities=frozenset({Priority.CRITICAL, Priority.HIGH}),
    address="chat",
    open=_open,
    preview=lambda message: {"text": text(message)},
)
