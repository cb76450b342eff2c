"""What a channel is: how it is opened from the settings, how it sends, and the one way it may fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from core.delivery.content import Message
from core.settings import Settings


class DeliveryFailed(Exception):
    """The only thing a channel raises.

    `reason` is shown to people: it names what the provider said and never holds a secret. `retryable` is False where
    another try cannot help. `retry_after` is the provider's own wish, in seconds.
    """

    def __init__(self, reason: str, *, retryable: bool, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        self.retry_after = retry_after


class Sender(Protocol):
    """An open channel. Used by several threads at once."""

    def send(self, message: Message) -> str:
        """Hand the message to the provider; returns the provider's id for it.

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


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One way to reach somebody. Each lives in its own file under channels/, named like its id, as CHANNEL."""

    name: str
    label: str
    """As people call it, in the middle of a sentence."""
    setup: str
    """What to set so that it works; empty when it always does."""
    priorities: frozenset[str]
    """Which priorities it carries unless somebody says otherwise."""
    write: Callable[[Session, Sequence[Inbox], datetime], None] | None = None
    """For a channel inside the database: delivers in the transaction that decided."""
    open: Callable[[Settings], Sender | None] | None = None
    """For a channel outside: its sender, or None where it is not set up."""
