"""The moment of sending: check again that it should be sent, then send it, outside any transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from core.db.tables.deciding import Alert
from core.db.tables.people import User
from core.delivery import content
from core.delivery.channel import DeliveryFailed, Sender
from core.delivery.content import Message
from core.delivery.outbox import Claimed, Failed, Result, Sent, Suppressed
from core.delivery.registry import CHANNELS


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How things stand now with what a message is about."""

    reader_active: bool
    about_alert: bool
    for_owner: bool
    """It was written because the reader owned the alert."""
    still_owner: bool
    is_open: bool
    snoozed_until: datetime | None


def why_not(standing: Standing, *, now: datetime) -> str | None:
    """The reason not to send any more, or None."""
    if not standing.reader_active:
        return "the account is not active"
    if not standing.about_alert:
        return None
    if not standing.is_open:
        return "the alert was closed before it could be sent"
    if standing.for_owner and not standing.still_owner:
        return "the alert belongs to somebody else now"
    if standing.snoozed_until is not None and standing.snoozed_until > now:
        return "the alert was snoozed before it could be sent"
    return None


def prepare(session: Session, claimed: Claimed, *, origin: str, now: datetime) -> Message | Suppressed:
    """The message as it should read now, or the reason why it should not be sent.

    `origin` is where people reach the product, as in https://doorbell.example.com.
    """
    user = session.get(User, claimed.user_id)
    alert = session.get(Alert, claimed.alert_id) if claimed.alert_id else None
    standing = Standing(
        reader_active=user is not None and user.active,
        about_alert=alert is not None,
        for_owner=bool(claimed.payload.get("owner")),
        still_owner=alert is not None and alert.assigned_agent_id == claimed.user_id,
        is_open=alert is not None and alert.closed_at is None,
        snoozed_until=alert.snoozed_until if alert else None,
    )
    reason = why_not(standing, now=now)
    if reason is not None or user is None:
        return Suppressed(reason=reason or "the account is not active")
    return content.compose(
        session,
        key=claimed.key,
        kind=claimed.kind,
        priority=claimed.priority,
        user=user,
        alert=alert,
        text=str(claimed.payload.get("text", "")),
        origin=origin,
    )


def send(claimed: Claimed, message: Message, channels: Mapping[str, Sender]) -> Result:
    """Hand it to its channel. Never inside a transaction: a provider may take as long as it likes."""
    sender = channels.get(claimed.channel)
    if sender is None:
        channel = CHANNELS.get(claimed.channel)
        return Suppressed(reason=f"{channel.label if channel else claimed.channel} is not set up")
    try:
        return Sent(provider_id=sender.send(message))
    except DeliveryFailed as failure:
        return Failed(reason=failure.reason, retryable=failure.retryable, retry_after=failure.retry_after)
