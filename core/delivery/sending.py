"""The moment of sending: check again that it should be sent and now, then send it, outside any transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery, Notification
from core.db.tables.deciding import Alert
from core.db.tables.people import User
from core.db.tables.reaching import Address, Endpoint
from core.delivery import addresses, bundling, consent, content, endpoints, knowing, saying
from core.delivery.channel import DeliveryFailed, Sender
from core.delivery.content import Message, one_line
from core.delivery.ledger import Rule
from core.delivery.notices import Kind, inbox_key
from core.delivery.outbox import Claimed, Deferred, Failed, Result, Sent, Suppressed
from core.delivery.quiet import wait
from core.delivery.registry import CHANNELS
from core.delivery.speaking import Voice
from core.settings import Settings
from core.words import Priority, Status


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How things stand now with what a message is about."""

    reader_active: bool = True
    about_alert: bool = False
    for_owner: bool = False
    """It was written because the reader owned the alert."""
    still_owner: bool = False
    is_open: bool = False
    snoozed_until: datetime | None = None
    acted_at: datetime | None = None
    """When somebody last acted on the alert."""
    read_at: datetime | None = None
    """When the reader read it in the inbox."""
    written_at: datetime
    only_if_unanswered: bool = False
    """It says that nobody has answered: untrue once somebody has, whoever reads it."""
    only_if_unread: bool = False
    """It is a later step: pointless once it was read."""


def why_not(standing: Standing, *, now: datetime) -> Rule | None:
    """The rule by which not to send any more, or None."""
    if not standing.reader_active:
        return Rule.ACCOUNT_INACTIVE
    if standing.only_if_unread and standing.read_at is not None:
        return Rule.READ_ALREADY
    if not standing.about_alert:
        return None
    if not standing.is_open:
        return Rule.ALERT_CLOSED
    if standing.for_owner and not standing.still_owner:
        return Rule.NOT_THE_OWNER
    if standing.snoozed_until is not None and standing.snoozed_until > now:
        return Rule.SNOOZED
    if not (standing.for_owner or standing.only_if_unanswered) or standing.acted_at is None:
        return None
    return Rule.ACTED_ALREADY if standing.acted_at > standing.written_at else None


def prepare(
    session: Session, claimed: Claimed, *, settings: Settings, now: datetime
) -> Message | Suppressed | Deferred:
    """The message as it should read now, or why it should not be sent, or not yet."""
    if claimed.endpoint_id is not None:
        return _for_endpoint(session, claimed, settings=settings, now=now)
    known = knowing.reader(session, claimed.user_id, now=now)
    if known is None:
        return Suppressed(rule=Rule.ACCOUNT_INACTIVE)
    user, chosen = known.user, known.preferences
    address: Address | None = None
    if claimed.address_id is not None:
        address = session.get(Address, claimed.address_id)
        if address is None or address.disabled_at is not None:
            return Suppressed(rule=Rule.ADDRESS_DISABLED)
    if _opted_out(session, claimed, user, address):
        return Suppressed(rule=Rule.OPTED_OUT)
    if claimed.kind == Kind.ADDRESS_CODE and now > datetime.fromisoformat(claimed.payload["until"]):
        return Suppressed(rule=Rule.TOO_LATE)
    if not claimed.payload.get("test") and claimed.kind != Kind.ADDRESS_CODE:
        held = wait(chosen, known.hours, _most_urgent(claimed), now=now)
        if held is not None:
            bundle = claimed.bundle or f"held:{user.id}:{claimed.channel}:{claimed.address_id or '-'}"
            return Deferred(until=held.until, rule=held.rule, bundle=bundle)
    told, left_out = _still_to_tell(session, claimed, Voice(chosen.language, user.timezone), settings=settings, now=now)
    if not told:
        rule = left_out.get(claimed.id) or next(iter(left_out.values()))
        return Suppressed(rule=rule, left_out={id_: why for id_, why in left_out.items() if id_ != claimed.id})
    message = content.compose(
        session,
        key=claimed.key,
        kind=claimed.kind,
        priority=claimed.priority,
        user=user,
        told=told,
        settings=settings,
        language=chosen.language,
        address=addresses.reveal(address, settings) if address is not None else user.email,
        address_detail=addresses.reveal_detail(address, settings) if address is not None else {},
        digest=claimed.id if claimed.is_digest else "",
        now=now,
    )
    return replace(message, delivery_id=claimed.id, left_out=left_out)


def send(claimed: Claimed, message: Message, channels: Mapping[str, Sender]) -> Result:
    """Hand it to its channel. Never inside a transaction: a provider may take as long as it likes.

    Its words are kept as one plain line: what no database takes could not be written down, and would be sent again.
    """
    sender = channels.get(claimed.channel)
    if sender is None:
        channel = CHANNELS.get(claimed.channel)
        return Suppressed(rule=Rule.NOT_SET_UP, detail=f"{channel.label if channel else claimed.channel} is not set up")
    try:
        accepted = sender.send(message)
    except DeliveryFailed as failure:
        return Failed(
            reason=one_line(failure.reason, 300),
            retryable=failure.retryable,
            retry_after=failure.retry_after,
            provider_at_fault=failure.provider_at_fault,
            answered=failure.answered,
            address=failure.address,
        )
    return Sent(
        provider_id=one_line(accepted.provider_id),
        provider=one_line(accepted.provider, 80),
        delivered=accepted.delivered,
        said=one_line(accepted.said, 300),
        left_out={id_: Rule(rule) for id_, rule in message.left_out.items()},
    )


def _still_to_tell(
    session: Session, claimed: Claimed, voice: Voice, *, settings: Settings, now: datetime
) -> tuple[list[content.Told], dict[str, Rule]]:
    """What of this message is still worth telling, the one thing it is about or what is left of a bundle; and by which rule
    the rest is not, by the delivery that was to tell it."""
    items = bundling.items(claimed.payload) or [
        {
            "key": claimed.key,
            "after": claimed.payload.get("after", 0),
            "alertId": claimed.alert_id,
            "kind": claimed.kind,
            "priority": claimed.priority,
            "owner": claimed.payload.get("owner"),
            "text": claimed.payload.get("text", ""),
            "said": claimed.payload.get("said"),
            "at": claimed.created_at.isoformat(),
        }
    ]
    left: list[content.Told] = []
    left_out: dict[str, Rule] = {}
    for item in items:
        delivery_id = str(item.get("id") or claimed.id)
        alert = session.get(Alert, item["alertId"]) if item["alertId"] else None
        written_at = datetime.fromisoformat(item["at"])
        rule = why_not(
            Standing(
                about_alert=alert is not None,
                for_owner=bool(item["owner"]),
                still_owner=alert is not None and alert.assigned_agent_id == claimed.user_id,
                is_open=alert is not None and alert.closed_at is None,
                snoozed_until=alert.snoozed_until if alert else None,
                acted_at=_acted_at(alert, item["kind"]) if alert else None,
                only_if_unanswered=item["kind"] == Kind.ALERT_ESCALATED,
                read_at=_read_at(session, item["key"]) if item.get("after") else None,
                written_at=written_at,
                only_if_unread=bool(item.get("after")),
            ),
            now=now,
        )
        if rule is None:
            left.append(
                content.Told(
                    alert=alert,
                    kind=str(item["kind"]),
                    priority=str(item["priority"]),
                    text=saying.read(item["said"]).by(voice)
                    if item.get("said")
                    else str(addresses.open_(item["text"], settings)),
                    at=written_at,
                    delivery_id=delivery_id,
                )
            )
        else:
            left_out[delivery_id] = rule
    return left, left_out


def _acted_at(alert: Alert, kind: str) -> datetime | None:
    """When it was acted on, as far as that takes the point from news of this kind."""
    if kind == Kind.ALERT_RAISED:
        return None
    if kind == Kind.ALERT_ESCALATED and alert.status not in (Status.NEW, Status.ACKNOWLEDGED):
        return alert.updated_at  # what is worked on is not escalated: it was begun since
    return alert.acknowledged_at


def _most_urgent(claimed: Claimed) -> str:
    """The priority by which a message may come in quiet hours: of a bundle the most urgent thing it tells."""
    return min((str(item["priority"]) for item in bundling.items(claimed.payload)), key=_rank, default=claimed.priority)


def _rank(priority: str) -> int:
    return Priority(priority).rank


def _read_at(session: Session, key: str) -> datetime | None:
    return session.scalar(
        select(Notification.read_at)
        .join(Delivery, Delivery.id == Notification.delivery_id)
        .where(Delivery.idempotency_key == inbox_key(key))
    )


def _opted_out(session: Session, claimed: Claimed, user: User, address: Address | None) -> bool:
    key = consent.key(address.channel, address.value, address.digest) if address else user.email.lower()
    scopes = {f"{claimed.channel}:all"} | ({f"{claimed.channel}:digests"} if claimed.is_digest else set())
    return bool(scopes & consent.withdrawn(session, [key]).get(key, frozenset()))


def _for_endpoint(session: Session, claimed: Claimed, *, settings: Settings, now: datetime) -> Message | Suppressed:
    endpoint = session.get(Endpoint, claimed.endpoint_id)
    if endpoint is None or not (endpoint.enabled or claimed.payload.get("test")):
        return Suppressed(rule=Rule.ENDPOINT_OFF)
    if endpoint.team_id not in (None, claimed.payload.get("team", endpoint.team_id)):
        return Suppressed(rule=Rule.OTHER_TEAM)
    kind = CHANNELS[claimed.channel].endpoint
    about = None
    if kind is not None and kind.about is not None and claimed.alert_id is not None:
        about = kind.about(session, claimed.alert_id, endpoint.team_id, settings)
    return Message(
        key=claimed.key,
        kind=claimed.kind,
        priority=claimed.priority,
        title=claimed.kind,
        text="",
        recipient_name=endpoint.name,
        to="",
        link=settings.origin,
        story=None,
        at=claimed.created_at,
        event=dict(claimed.payload.get("event", {})),
        endpoint=endpoints.reveal(endpoint, settings),
        sent_at=now,
        about=about or {},
    )
