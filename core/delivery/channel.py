"""What a channel is: whom it reaches, how it is opened from the settings, how it sends, and the one way it may fail."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session

from core.delivery.content import Message
from core.delivery.providers import Pace
from core.settings import Settings


class Refused(StrEnum):
    """What a refusal says about the address itself."""

    GONE = "gone"
    """Nobody is there: the address is switched off."""
    OPTED_OUT = "opted_out"
    """Its owner told the provider to send nothing more: consent is withdrawn."""


class DeliveryFailed(Exception):
    """The only thing a channel raises.

    `reason` is shown to people: it names what the provider said and never holds a secret. `retryable` is False where
    another try cannot help. `retry_after` is the provider's own wish, in seconds. `provider_at_fault` says whether this
    speaks against the provider (it is away, it is overloaded, it refuses our key) and not only against this message; it
    is what pauses a provider. Left out it is `retryable`. `answered` says that the provider is there, takes our sign-in and
    refuses this one message: that ends a pause. `address` says what it means for the person's address.
    """

    def __init__(
        self,
        reason: str,
        *,
        retryable: bool,
        retry_after: float | None = None,
        provider_at_fault: bool | None = None,
        answered: bool = False,
        address: Refused | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.retry_after = retry_after
        self.answered = answered
        self.address = address
        self.provider_at_fault = retryable if provider_at_fault is None else provider_at_fault


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """The provider took it."""

    provider_id: str
    """The provider's own id for it, by which its later words (delivered, bounced) find it."""
    provider: str = ""
    """Which of a channel's providers, where it has several."""
    delivered: bool = False
    """Taken is arrived: nothing more will be heard."""
    said: str = ""
    """What it answered, in words, where that is more than yes: for whoever asked for a test."""


class Sender(Protocol):
    """An open channel. Used by several threads at once."""

    @property
    def pace(self) -> Pace | None:
        """How fast the provider wants it; None: as fast as we can."""
        ...

    def send(self, message: Message) -> Accepted:
        """Hand the message to the provider.

        Raises:
            DeliveryFailed: for everything that can go wrong outside.
        """
        ...

    def close(self) -> None:
        """Let go of connections; the sender may be used again and then opens new ones."""
        ...


@dataclass(frozen=True, kw_only=True)
class Inbox:
    """One delivery that is complete the moment it is written."""

    delivery_id: str
    user_id: str
    alert_id: str | None
    kind: str
    priority: str
    title: str
    body: str


ACCOUNT_EMAIL = "email"
"""`Channel.address` of what goes to the e-mail address of the account."""
ENDPOINT = "endpoint"
"""`Channel.address` of what tells other systems, not people."""


@dataclass(frozen=True, kw_only=True)
class EndpointKind:
    """What an endpoint of a channel has to have (core.delivery.endpoint_book)."""

    check: Callable[[str, Mapping[str, Any], Settings], Mapping[str, str]]
    """What is wrong with its URL and config as entered: field to words. It may look up a name; it sends nothing."""
    new_secret: Callable[[], str] | None = None
    """Makes the secret, where it is ours to choose; None: it is entered, as a token of the other system."""
    check_secret: Callable[[str, Settings], str] | None = None
    """What is wrong with a secret as entered, in words without it; empty where nothing is."""
    about: Callable[[Session, str, str | None, Settings], Mapping[str, Any] | None] | None = None
    """What it needs to know of an alert (id) beside the event, as far as the endpoint's team (None: all) may know it; read
    when the message is about to go."""
    preview: Callable[[Mapping[str, Any], Mapping[str, Any], Settings], Mapping[str, Any]] | None = None
    """What would be written for such facts with such a config."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One way to reach somebody. Each lives in its own file under channels/, named like its id, as CHANNEL."""

    name: str
    label: str
    """As people call it, in the middle of a sentence."""
    setup: str
    """What to set so that it works; empty when it always does."""
    priorities: frozenset[str]
    """Which priorities it carries at once unless somebody says otherwise."""
    address: str = ""
    """Which kind of `addresses` it needs (phone, push, chat), ACCOUNT_EMAIL, ENDPOINT, or none."""
    write: Callable[[Session, Sequence[Inbox], datetime], None] | None = None
    """For a channel inside the database: delivers in the transaction that decided."""
    open: Callable[[Settings], Sender | None] | None = None
    """For a channel outside: its sender, or None where it is not set up."""
    endpoint: EndpointKind | None = None
    """For a channel that tells other systems."""
    preview: Callable[[Message], Mapping[str, str]] | None = None
    """What it makes of a message, in parts: subject, title, text, html, as far as it has them."""
