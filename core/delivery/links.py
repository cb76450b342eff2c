"""Links in messages that act for whoever got the message: signed, for one action on one message, and for a while.

A token is 33 bytes: the action, the delivery's id, when it ends, and a MAC over them. The delivery's row says for which
user and which alert, and that never changes; so a token is good for one user, one alert and one action. It is short
enough for an SMS.
"""

import base64
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

_PURPOSE = b"doorbell links in messages, 1"
_MAC = 12
"""Bytes: 2^96 guesses, each of them a request under a rate limit."""
_LENGTH = 1 + 16 + 4 + _MAC


class Action(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    SNOOZE = "snooze"
    DECLINE = "decline"
    UNSUBSCRIBE = "unsubscribe"


LASTS = {
    Action.ACKNOWLEDGE: timedelta(days=7),
    Action.SNOOZE: timedelta(days=7),
    Action.DECLINE: timedelta(days=7),
    Action.UNSUBSCRIBE: timedelta(days=90),
}
_CODES = {Action.ACKNOWLEDGE: b"a", Action.SNOOZE: b"s", Action.DECLINE: b"d", Action.UNSUBSCRIBE: b"u"}
_ACTIONS = {code: action for action, code in _CODES.items()}


@dataclass(frozen=True, kw_only=True)
class Link:
    action: Action
    delivery_id: str
    expires_at: datetime

    @property
    def id(self) -> str:
        """What it is remembered by once it was used: a copy of the same message carries the same link."""
        return f"{self.action}:{self.delivery_id}"


def url(origin: str, action: Action, delivery_id: str, *, key: str, now: datetime) -> str:
    """Where the link leads; "" for a delivery that is not one of ours (an id that is no UUID)."""
    token = make(action, delivery_id, key=key, now=now)
    path = "act/unsubscribe" if action is Action.UNSUBSCRIBE else "act"
    return f"{origin}/{path}/{token}" if token else ""


def make(action: Action, delivery_id: str, *, key: str, now: datetime) -> str:
    try:
        raw_id = bytes.fromhex(delivery_id)
    except ValueError:
        return ""
    if len(raw_id) != 16:
        return ""
    ends = int((now + LASTS[action]).timestamp()).to_bytes(4, "big")
    said = _CODES[action] + raw_id + ends
    return base64.urlsafe_b64encode(said + _mac(said, key)).decode()


def read(token: str, *, key: str) -> Link | None:
    """What a token says, also when its time is over; None where it is not one of ours."""
    if not token.isascii() or len(token) != _LENGTH * 4 // 3:
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        return None
    said, mac = raw[:-_MAC], raw[-_MAC:]
    if not hmac.compare_digest(mac, _mac(said, key)) or said[:1] not in _ACTIONS:
        return None
    return Link(
        action=_ACTIONS[said[:1]],
        delivery_id=said[1:17].hex(),
        expires_at=datetime.fromtimestamp(int.from_bytes(said[17:21], "big"), UTC),
    )


def _mac(said: bytes, key: str) -> bytes:
    own = hmac.digest(key.encode(), _PURPOSE, sha256)  # a key of its own: no other signature can serve as a link
    return hmac.digest(own, said, sha256)[:_MAC]
