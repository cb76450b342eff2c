"""A call by Twilio that reads the alert and takes a 1 as "I have it"; off unless somebody asks for it."""

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from core.delivery.channel import Accepted, Channel, DeliveryFailed
from core.delivery.content import Message, brief_line, one_line
from core.delivery.providers import Pace
from core.settings import Settings

if TYPE_CHECKING:
    from core.delivery.phoning import Twilio

_WORDS = {
    "en": ("en-US", "This is Doorbell.", "Press 1 to say that you have it.", "Goodbye."),
    "es": ("es-US", "Le llama Doorbell.", "Pulse 1 para decir que la toma.", "Adiós."),
}


class Caller:
    """Calls through one Twilio account, at most one call a second: its own limit for an account."""

    pace = Pace(per_second=1.0)

    def __init__(self, twilio: "Twilio", *, answer_url: str) -> None:
        self._twilio, self._answer_url = twilio, answer_url

    def send(self, message: Message) -> Accepted:
        if not message.to.startswith("+"):
            raise DeliveryFailed("the address is not a phone number", retryable=False)
        said = twiml(message, answer_url=self._answer_url)
        sid = self._twilio.call(message.to, said, delivery_id=message.delivery_id)
        return Accepted(provider_id=sid, provider=self._twilio.host)

    def close(self) -> None:
        """Each call has a connection of its own."""


def twiml(message: Message, *, answer_url: str) -> str:
    """What is said, twice, and where the digit goes."""
    voice, _, _, goodbye = _WORDS.get(message.language, _WORDS["en"])
    said = escape(" ".join(_spoken(message)))

    def say(words: str) -> str:
        return f"<Say language={quoteattr(voice)}>{words}</Say>"

    if message.story is None:
        return f"<Response>{say(said)}{say(said)}</Response>"
    gather = (
        f'<Gather numDigits="1" timeout="8" method="POST" action={quoteattr(answer_url)}>'
        f"{say(said)}{say(said)}</Gather>"
    )
    return f"<Response>{gather}{say(goodbye)}</Response>"


def _spoken(message: Message) -> list[str]:
    _, hello, press, _ = _WORDS.get(message.language, _WORDS["en"])
    return [hello, f"{_news(message)}.", *([press] if message.story else [])]


def _news(message: Message) -> str:
    if message.story is None and not message.items:
        return one_line(message.text or message.title, 400).rstrip(".")
    return brief_line(message, message.language)


def _open(settings: Settings) -> Caller | None:
    if not (settings.twilio_account_sid and settings.twilio_auth_token.get_secret_value()):
        return None
    if not (settings.twilio_from.startswith("+") and settings.public_url):
        return None  # a messaging service cannot call, and the digit has to come back to us
    from core.delivery.phoning import Twilio  # noqa: PLC0415  0.4 s of a library that most never need

    return Caller(Twilio(settings), answer_url=f"{settings.origin}/providers/twilio/gather")


CHANNEL = Channel(
    name="voice",
    label="calls",
    setup="Calls take what texts take, and DOORBELL_PUBLIC_URL and, as DOORBELL_TWILIO_FROM, a number that can call.",
    priorities=frozenset(),
    address="phone",
    open=_open,
    preview=lambda message: {"text": " ".join(_spoken(message))},
)
