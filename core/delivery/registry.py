"""The one loader of channels: every module under channels/ with a CHANNEL, by its name."""

import importlib
import pkgutil

from core.delivery import channels
from core.delivery.channel import Channel, Sender
from core.settings import Settings


def _load() -> dict[str, Channel]:
    found = {}
    for module in pkgutil.iter_modules(channels.__path__):
        channel: Channel = importlib.import_module(f"{channels.__name__}.{module.name}").CHANNEL
        found[channel.name] = channel
    return found


CHANNELS = _load()


def open_channels(settings: Settings) -> dict[str, Sender]:
    """The channels to the outside that are set up, opened. One that is not set up is absent."""
    opened = {}
    for channel in CHANNELS.values():
        sender = channel.open(settings) if channel.open else None
        if sender is not None:
            opened[channel.name] = sender
    return opened
