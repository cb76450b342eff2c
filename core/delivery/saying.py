"""What somebody is to be told before it is known in which language: a text of the catalogues with its values, said at reading."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from core.delivery.speaking import Voice


@dataclass(frozen=True, slots=True)
class Saying:
    """One sentence. As a string it is English."""

    text: str
    """As in the catalogues, with {places}."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Strings stay as they are, numbers, days and times are written as the reader does, a Saying is said in turn."""
    more: str = ""
    """The text for other numbers than one, where there is a number; it is {number} in both."""
    number: int = 0

    def by(self, voice: Voice) -> str:
        values = {name: _said(value, voice) for name, value in self.values.items()}
        if self.more:
            return voice.many(self.text, self.more, self.number, **values)
        return voice(self.text, **values)

    def __str__(self) -> str:
        return self.by(Voice())


def saying(text: str, /, **values: Any) -> Saying:
    return Saying(text, values)


def several(one: str, more: str, number: int, /, **values: Any) -> Saying:
    return Saying(one, values, more, number)


def by(words: "str | Saying", voice: Voice) -> str:
    """Words whose language was chosen before stay as they are."""
    return words.by(voice) if isinstance(words, Saying) else words


def kept(said: Saying) -> dict[str, Any]:
    """As it is stored."""
    values = {name: _kept(value) for name, value in said.values.items()}
    return {"text": said.text, "values": values} | ({"more": said.more, "number": said.number} if said.more else {})


def read(stored: Mapping[str, Any]) -> Saying:
    """What `kept` made."""
    values = {name: _read(value) for name, value in stored["values"].items()}
    return Saying(stored["text"], values, stored.get("more", ""), stored.get("number", 0))


def _said(value: Any, voice: Voice) -> str:
    if isinstance(value, Saying):
        return value.by(voice)
    if isinstance(value, datetime):
        return voice.when(value)
    if isinstance(value, date):
        return voice.day(value)
    return voice.number(value) if isinstance(value, int | float) else str(value)


def _kept(value: Any) -> Any:
    if isinstance(value, Saying):
        return kept(value)
    if isinstance(value, datetime):
        return {"at": value.isoformat()}
    return {"day": value.isoformat()} if isinstance(value, date) else value


def _read(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    if "at" in value:
        return datetime.fromisoformat(value["at"])
    return date.fromisoformat(value["day"]) if "day" in value else read(value)
