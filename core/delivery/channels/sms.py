"""Texts by Twilio: short, without more of a person than one needs to know which alert it is."""

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.delivery import content, phrases
from core.delivery.channel import Accepted, Channel, DeliveryFailed
from core.delivery.content import Message, Story, one_line
from core.delivery.providers import Pace
from core.settings import Settings
from core.words import Priority

if TYPE_CHECKING:
    from core.delivery.phoning import Twilio

LONGEST = 306
"""Two parts of 153 GSM-7 characters: more costs more and is read less."""
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_DOUBLE = frozenset("^{}\\[~]|€")
"""GSM 03.38: these take two."""
_PLAIN = str.maketrans({"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "\u00a0": " "})
_WORDS = {
    "en": {
        "how": "Reply ACK to take it, STOP to end texts.",
        "several": "{count} alerts wait for you, the most urgent is {priority}.",
    },
    "es": {
        "how": "Responda ACK para tomarla, STOP para no recibir más.",
        "several": "{count} alertas le esperan, la más urgente es {priority}.",
    },
}


class Texter:
    """Sends texts through one Twilio account."""

    def __init__(self, twilio: "Twilio", *, per_second: float) -> None:
        self._twilio = twilio
        self._pace = Pace.steady(per_second) if per_second else None

    @property
    def pace(self) -> Pace | None:
        return self._pace

    def send(self, message: Message) -> Accepted:
        if not message.to.startswith("+"):
            raise DeliveryFailed("the address is not a phone number", retryable=False)
        sid = self._twilio.text(message.to, text(message), delivery_id=message.delivery_id)
        return Accepted(provider_id=sid, provider=self._twilio.host)

    def close(self) -> None:
        """Each call has a connection of its own."""


def text(message: Message) -> str:
    """At most LONGEST septets: who by first name and initial, what, the link, links that act while there is room, and how
    to answer."""
    words = _WORDS.get(message.language, _WORDS["en"])
    if message.story is None and not message.items:
        return gsm7(message.text or message.title, LONGEST)
    urgent = phrases.priority(message.priority, language=message.language).upper()
    if message.story is None:
        said = words["several"].format(count=len(message.items), priority=urgent)
    else:
        said = f"{urgent}: {_news(message, message.story)}."
    return _joined(said, message.link, content.acts(message.links, message.language), words["how"])


def _news(message: Message, story: Story) -> str:
    """As in "Now yours: Rosa D. is likely to sell"."""
    return phrases.headline(
        message.kind,
        story.alert_type,
        who(story.contact),
        type_name=story.type_name,
        language=message.language,
    )


def who(name: str) -> str:
    """As in "Rosa D.": enough to know who it is, no more than a lost phone should show."""
    first, *rest = gsm7(name, 60).split() or ["A contact"]
    return f"{first} {rest[-1][0]}." if rest else first


def gsm7(words: str, limit: int) -> str:
    """The text in the characters every phone has, cut to so many septets."""
    kept: list[str] = []
    used = 0
    for character in one_line(words, 1000).translate(_PLAIN):
        for plain in _known(character):
            used += 2 if plain in _DOUBLE else 1
            if used > limit:
                return "".join(kept).rstrip()
            kept.append(plain)
    return "".join(kept)


def septets(words: str) -> int:
    return sum(2 if character in _DOUBLE else 1 for character in words)


def _known(character: str) -> str:
    if character in _BASIC or character in _DOUBLE:
        return character
    bare = "".join(one for one in unicodedata.normalize("NFKD", character) if one in _BASIC)
    return bare or "?"


def _joined(said: str, link: str, acts: Sequence[str], how: str) -> str:
    """A link is never cut: the rest gives way to the first one, those that act come whole or not at all."""
    link = link if all(one in _BASIC or one in _DOUBLE for one in link) else ""
    rest = LONGEST - septets(link) - 1
    tail = f" {gsm7(how, 80)}"
    body = gsm7(said, rest - septets(tail)) if rest > 120 else gsm7(said, max(rest, 0))
    base = f"{body} {link}".strip()
    if rest <= 120:
        return base
    for act in (gsm7(one, LONGEST) for one in acts):
        if septets(base) + 1 + septets(act) + septets(tail) > LONGEST:
            break
        base = f"{base} {act}"
    return base + tail


def _open(settings: Settings) -> Texter | None:
    if not (settings.twilio_account_sid and settings.twilio_auth_token.get_secret_value() and settings.twilio_from):
        return None
    from core.delivery.phoning import Twilio  # noqa: PLC0415  0.4 s of a library that most never need

    return Texter(Twilio(settings), per_second=settings.sms_per_second)


CHANNEL = Channel(
    name="sms",
    label="texts",
    setup="Set DOORBELL_TWILIO_ACCOUNT_SID, DOORBELL_TWILIO_AUTH_TOKEN and DOORBELL_TWILIO_FROM.",
    priorities=frozenset({Priority.CRITICAL}),
    address="phone",
    open=_open,
    preview=lambda message: {"text": text(message)},
)
