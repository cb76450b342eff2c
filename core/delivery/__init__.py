"""Telling people: an outbox with leases, channels as plug-ins, and a reason for everything that was not sent.

`enqueue` writes with the decision that wanted it; `claim` leases; `prepare` checks again; `send` talks to the world
outside any transaction; `record` writes what came of it. docs/delivery.md says what is promised.
"""

from core.delivery.callbacks import Word, heard
from core.delivery.channel import Accepted, Channel, DeliveryFailed, Refused, Sender
from core.delivery.content import Message
from core.delivery.covering import tell_cover
from core.delivery.enqueueing import enqueue, untold
from core.delivery.knowing import ways_of
from core.delivery.notices import Kind, Notice, notices_of
from core.delivery.outbox import (
    Claimed,
    Deferred,
    Failed,
    Result,
    Sent,
    Suppressed,
    claim,
    has_due,
    release,
    return_leases,
)
from core.delivery.reaching import reachable, set_up
from core.delivery.recording import record
from core.delivery.registry import CHANNELS, open_channels
from core.delivery.replaying import replay
from core.delivery.sending import prepare, send
from core.delivery.trying import send_test

__all__ = [
    "CHANNELS",
    "Accepted",
    "Channel",
    "Claimed",
    "Deferred",
    "DeliveryFailed",
    "Failed",
    "Kind",
    "Message",
    "Notice",
    "Refused",
    "Result",
    "Sender",
    "Sent",
    "Suppressed",
    "Word",
    "claim",
    "enqueue",
    "has_due",
    "heard",
    "notices_of",
    "open_channels",
    "prepare",
    "reachable",
    "record",
    "release",
    "replay",
    "return_leases",
    "send",
    "send_test",
    "set_up",
    "tell_cover",
    "untold",
    "ways_of",
]
