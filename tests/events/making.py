"""Events for these tests."""

import itertools
from datetime import datetime
from typing import Any

from core.events import NewEvent, parse

_numbers = itertools.count(1)


def wire(now: datetime, **fields: Any) -> dict[str, Any]:
    """An event as a client sends it."""
    return {
        "eventId": f"event-{next(_numbers)}",
        "userId": "user-1",
        "eventType": "PAGE_VIEW",
        "occurredAt": now.isoformat(),
        **fields,
    }


def event(now: datetime, **fields: Any) -> NewEvent:
    return parse(wire(now, **fields), now=now)
