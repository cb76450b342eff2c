"""Whether somebody can be reached outside the app: by a channel that is set up, at an address that is theirs and willing."""

from collections.abc import Collection, Sequence

from core.delivery.planning import Way
from core.delivery.registry import CHANNELS, open_channels
from core.settings import Settings


def set_up(settings: Settings) -> frozenset[str]:
    """The channels to the outside that are set up, by name; nothing is connected."""
    opened = open_channels(settings)
    for sender in opened.values():
        sender.close()
    return frozenset(opened)


def reachable(ways: Sequence[Way], channels: Collection[str]) -> bool:
    """Whether a message to the person with these addresses can go out by one of these channels."""
    return any(
        way.address == CHANNELS[name].address
        and way.verified
        and not way.disabled
        and f"{name}:all" not in way.opted_out
        for name in channels
        if name in CHANNELS
        for way in ways
    )
