"""Notices: what somebody is to be told, before a channel is chosen."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Protocol
from zlib import crc32

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables import Alert
from core.delivery.saying import Saying


class Kind(StrEnum):
    ALERT_NEW = "alert_new"
    ALERT_ASSIGNED = "alert_assigned"
    ALERT_ESCALATED = "alert_escalated"
    ALERT_RAISED = "alert_raised"
    ADMIN_NOTICE = "admin_notice"
    ADDRESS_CODE = "address_code"
    """The code that proves an address; it belongs to no notice."""
    TEST = "test"
    """Asked for by its reader (core.delivery.trying)."""
    DIGEST = "digest"
    """Several at once; no notice is one, a bundle becomes one."""


_LONGEST = 108
"""Of 128: the rest is for the channel and the address."""


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One person to be told one thing."""

    alert_id: str | None
    user_id: str
    kind: str
    priority: str
    occasion: str = ""
    """What makes this notice itself and no other: two with the same alert, kind, occasion and user are one. Left empty,
    it is the open assignment where the user owns the alert, else the alert's newest decision."""
    text: str | Saying = ""
    """One sentence of why, shown to the reader in their language; an admin notice is nothing else."""
    channels: tuple[str, ...] = ()
    """Only by these, whatever the priority; empty: by every channel that carries it."""
    together: str = ""
    """What goes to a person under the same name at once is one message by each channel; each stays in the inbox by itself."""


def idempotency_key(notice: Notice, occasion: str, channel: str, *, address_id: str | None = None) -> str:
    """Stable over retries, crashes and re-runs; at most 128 characters.

    It ends in the channel (and a short name of the address, where there may be several): what stands before that is
    the same for all messages of one notice.
    """
    at = f"{channel}.{crc32(address_id.encode()):08x}" if address_id else channel
    return f"{_notice_key(notice, occasion)}:{at}"


def _notice_key(notice: Notice, occasion: str) -> str:
    key = f"{notice.alert_id or '-'}:{notice.kind}:{occasion}:{notice.user_id}"
    return key if len(key) <= _LONGEST else blake2b(key.encode(), digest_size=24).hexdigest()


def inbox_key(key: str) -> str:
    """The key of the inbox's delivery of the same notice."""
    return f"{key.rpartition(':')[0]}:in_app"


class RoutedAlert(Protocol):
    """What is read of core.routing.Routed."""

    @property
    def alert_id(self) -> str: ...
    @property
    def agent_id(self) -> str | None: ...
    @property
    def notify_user_ids(self) -> Sequence[str]: ...


def notices_of(
    session: Session, routed: Sequence[RoutedAlert], *, raised: Sequence[str] = (), kind: Kind = Kind.ALERT_NEW
) -> list[Notice]:
    """One notice to each new owner (of this `kind`), to each user a rule names, and to the owner of each alert in `raised`.

    An alert that rose is told once for each tier it reaches.
    """
    ids = {one.alert_id for one in routed} | set(raised)
    if not ids:
        return []
    rows = session.execute(select(Alert.id, Alert.priority, Alert.assigned_agent_id).where(Alert.id.in_(ids)))
    alerts = {row.id: row for row in rows}
    found = []
    for one in routed:
        alert = alerts[one.alert_id]
        people = dict.fromkeys([*([one.agent_id] if one.agent_id else []), *one.notify_user_ids])
        found += [Notice(alert_id=alert.id, user_id=user_id, kind=kind, priority=alert.priority) for user_id in people]
    for alert_id in raised:
        alert = alerts[alert_id]
        if alert.assigned_agent_id:
            found.append(
                Notice(
                    alert_id=alert_id,
                    user_id=alert.assigned_agent_id,
                    kind=Kind.ALERT_RAISED,
                    priority=alert.priority,
                    occasion=f"raised-{alert.priority}",
                )
            )
    return found
