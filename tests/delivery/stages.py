"""For each channel to the outside the local provider it is tried on: one entry a channel, and the suite covers it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.settings import Settings
from tests import hostile, mail
from tests.delivery.making import endpoint
from tests.providers import twilio


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A provider that is up, settings that point at it, and how to make it say "not now"."""

    settings: Settings
    not_now: Callable[[], None]
    message: Mapping[str, Any] = field(default_factory=dict)
    """What a message to it needs beside what every message has."""


@contextmanager
def _email(folder: Path) -> Iterator[Stage]:
    with mail.serving() as server:
        settings = Settings(data_dir=folder, smtp_url=server.url, mail_from="Doorbell <bell@doorbell.test>")  # type: ignore[arg-type]
        yield Stage(settings=settings, not_now=lambda: setattr(server, "rcpt", "421 Not now"))


@contextmanager
def _twilio(folder: Path) -> Iterator[Stage]:
    with twilio.serving() as server:
        yield Stage(
            settings=Settings(data_dir=folder, **server.settings()),
            not_now=lambda: setattr(server, "error", (429, 20429, "Too Many Requests")),
            message={"to": "+13125550142"},
        )


@contextmanager
def _webhook(folder: Path) -> Iterator[Stage]:
    with hostile.serving() as server:
        yield Stage(
            settings=Settings(data_dir=folder, allow_private_urls=True),
            not_now=lambda: server.will(hostile.answer(503)),
            message={"endpoint": endpoint(server.url), "event": {"type": "alert:new", "data": {}}},
        )


STAGES: dict[str, Callable[[Path], AbstractContextManager[Stage]]] = {
    "email": _email,
    "sms": _twilio,
    "voice": _twilio,
    "webhook": _webhook,
}
