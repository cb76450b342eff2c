"""For each channel to the outside the local provider it is tried on: one entry a channel, and the suite covers it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from core.delivery import vapid
from core.delivery.endpoints import Secret
from core.settings import Settings
from tests import hostile, mail
from tests.delivery import crm
from tests.delivery.making import endpoint
from tests.hostile import Behaviour
from tests.providers import hubspot, salesforce, twilio
from tests.push_service import PushService


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A provider that is up, settings that point at it, and how to make it say "not now"."""

    settings: Settings
    not_now: Callable[[], None]
    message: Mapping[str, Any] = field(default_factory=dict)
    """What a message to it needs beside what every message has."""
    misbehave: Callable[[Behaviour], None] | None = None
    """Makes it do that to the next request, where it can."""


@contextmanager
def _email(folder: Path) -> Iterator[Stage]:
    with mail.serving() as server:
        settings = Settings(data_dir=folder, smtp_url=server.url, mail_from="Doorbell <bell@doorbell.test>")  # type: ignore[arg-type]
        yield Stage(settings=settings, not_now=lambda: setattr(server, "rcpt", "421 Not now"))


@contextmanager
def _twilio(folder: Path) -> Iterator[Stage]:
    with twilio.serving() as server:
        yield Stage(
            settings=Settings(data_dir=folder, **server.settings(public_url="https://bell.example.com")),
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
            misbehave=server.will,
        )


@contextmanager
def _team_chat(folder: Path) -> Iterator[Stage]:
    with _chat(folder) as stage:
        room = endpoint("", Secret(value=stage.message["to"], until=None))
        yield replace(stage, message={"endpoint": room, "event": {"type": "alert:new", "data": {}}})


@contextmanager
def _push(folder: Path) -> Iterator[Stage]:
    settings = Settings(data_dir=folder, mail_from="Doorbell <bell@doorbell.test>", allow_private_urls=True)
    with hostile.serving() as server:
        server.will(hostile.answer(201))
        browser = PushService(server).subscribe(vapid.public_key(settings.vapid_key))
        yield Stage(
            settings=settings,
            not_now=lambda: server.will(hostile.answer(503)),
            message={"to": browser.endpoint, "to_detail": browser.keys},
            misbehave=server.will,
        )


@contextmanager
def _salesforce(folder: Path) -> Iterator[Stage]:
    with salesforce.serving() as org:
        told = crm.told(crm.to_salesforce(org))
        yield Stage(
            settings=Settings(data_dir=folder, allow_private_urls=True),
            not_now=lambda: org.faults.append(("Lead", salesforce.refuse(403, "REQUEST_LIMIT_EXCEEDED", "Not now"))),
            message={"endpoint": told.endpoint, "event": told.event, "about": told.about},
            misbehave=lambda behaviour: org.faults.append(("", behaviour)),
        )


@contextmanager
def _hubspot(folder: Path) -> Iterator[Stage]:
    with hubspot.serving() as account:
        told = crm.told(crm.to_hubspot(account))
        yield Stage(
            settings=Settings(data_dir=folder, allow_private_urls=True),
            not_now=lambda: account.faults.append(("contacts", hubspot.refuse(429, "RATE_LIMITS", "Not now"))),
            message={"endpoint": told.endpoint, "event": told.event, "about": told.about},
            misbehave=lambda behaviour: account.faults.append(("", behaviour)),
        )


@contextmanager
def _chat(folder: Path) -> Iterator[Stage]:
    with hostile.serving() as server:
        server.will(hostile.answer(200, body="ok"))
        yield Stage(
            settings=Settings(data_dir=folder, allow_private_urls=True),
            not_now=lambda: server.will(hostile.answer(503)),
            message={"to": f"mmost://{server.host}:{server.port}/3ccdd113474722377935511fc85d3dd4"},
            misbehave=server.will,
        )


STAGES: dict[str, Callable[[Path], AbstractContextManager[Stage]]] = {
    "chat": _chat,
    "email": _email,
    "hubspot": _hubspot,
    "push": _push,
    "salesforce": _salesforce,
    "sms": _twilio,
    "team_chat": _team_chat,
    "voice": _twilio,
    "webhook": _webhook,
}

NOT_SET_UP = {"chat": {"chat_services": ""}, "push": {"public_url": "http://doorbell.example"}}
"""Settings under which a channel is absent that otherwise needs none."""
