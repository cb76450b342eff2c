"""Tries that ended with their process: how the message that ends processes is found, and no other given up for it.

A process that dies takes all it held with it, and nobody saw which of them it was, or whether any. So none is blamed; but
what was lost twice goes out alone from then on. What was alone when its process ended is to blame: it waits longer each
time, so that the others get on, and is a dead letter in the end.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

SUSPECT = 2
"""Tries lost after which a message is sent alone."""
FATAL = 8
"""Processes that a message may end, being alone, before it is given up."""
_FIRST_PAUSE = timedelta(seconds=1)
_LONGEST_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Loss:
    """A message whose try ended with its process."""

    id: str
    worker: str
    payload: Mapping[str, Any]


def is_suspect(payload: Mapping[str, Any]) -> bool:
    return tries(payload) >= SUSPECT


def is_fatal(payload: Mapping[str, Any]) -> bool:
    return int(payload.get("blamed", 0)) >= FATAL


def tries(payload: Mapping[str, Any]) -> int:
    """How many of a message's tries were lost: none of them counts as one that failed."""
    return int(payload.get("lost", 0)) + int(payload.get("blamed", 0))


def after(losses: Collection[Loss]) -> dict[str, dict[str, Any]]:
    """By message the payload it has from now on. `losses` is everything that these workers held."""
    held = Counter(loss.worker for loss in losses)
    found = {}
    for loss in losses:
        name = "blamed" if held[loss.worker] == 1 and is_suspect(loss.payload) else "lost"
        found[loss.id] = {**loss.payload, name: int(loss.payload.get(name, 0)) + 1}
    return found


def due(payload: Mapping[str, Any], *, now: datetime) -> datetime:
    """When it may be tried again."""
    blamed = int(payload.get("blamed", 0))
    return now + min(_FIRST_PAUSE * 2 ** min(blamed, 20), _LONGEST_PAUSE) if blamed else now
