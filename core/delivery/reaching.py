"""Whether somebody can be reached outside the app; a channel that needs more than an address says so here."""

from collections.abc import Collection

from core.delivery.channels import email
from core.delivery.registry import open_channels
from core.settings import Settings


def set_up(settings: Settings) -> frozenset[str]:
    """The channels to the outside that are set up, by name; nothing is connected."""
    opened = open_channels(settings)
    for sender in opened.values():
        sender.close()
    return frozenset(opened)


def reachable(address: str, channels: Collection[str]) -> bool:
    """Whether a message to this person can go out by one of the channels that are set up.

    Args:
        address: their e-mail address.
    """
    return email.CHANNEL.name in channels and email.is_address(address)
