"""What a message says, in plain words, before any channel gives it a form."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.db.tables.acting import Decision
from core.db.tables.deciding import Alert
from core.db.tables.learning import AlertType
from core.db.tables.people import Contact, Property, User
from core.delivery.endpoints import Endpoint
from core.delivery.notices import Kind
from core.settings import Settings
from core.words import Intent, Priority

_WHAT = {
    Intent.LIKELY_TO_SELL: "is likely to sell",
    Intent.LIKELY_TO_BUY: "is likely to buy",
    Intent.REFINANCE_OPPORTUNITY: "may want to refinance",
    Intent.INVESTMENT_INTEREST: "is looking to invest",
}
_CHANCE = {
    Intent.LIKELY_TO_SELL: "Chance of a sale within 180 days",
    Intent.LIKELY_TO_BUY: "Chance of a purchase within 180 days",
    Intent.REFINANCE_OPPORTUNITY: "Chance of a refinance within 90 days",
    Intent.INVESTMENT_INTEREST: "Chance of an investment within 180 days",
}
_PREFIX = {
    Kind.ALERT_ESCALATED: "Nobody has answered yet: ",
    Kind.ALERT_ASSIGNED: "Now yours: ",
    Kind.ALERT_RAISED: "More urgent now: ",
}


@dataclass(frozen=True, kw_only=True)
class Story:
    """The alert a message is about."""

    alert_id: str
    contact: str
    what: str
    factors: tuple[str, ...]
    """Why, in words, the strongest first; at most four."""
    confidence: str
    """As in "78%"."""
    confidence_range: str
    """As in "69 to 85%"."""
    chance_label: str
    chance: str
    lift: str
    """As in "4.6 times the usual"; empty where there is none."""
    phone: str | None
    email: str | None
    home: str | None
    value: str | None
    since: str
    """When it opened, in the reader's zone."""
    why_you: str


@dataclass(frozen=True, kw_only=True)
class Item:
    """One piece of news among several."""

    priority: str
    title: str
    text: str
    link: str
    since: str
    why: str
    """The strongest factor; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message to one person or endpoint, ready for a channel."""

    key: str
    """The idempotency key; a provider or a mailbox that sees it twice may drop the second."""
    kind: str
    priority: str
    title: str
    text: str
    recipient_name: str
    to: str
    """The address as the channel takes it; empty for an endpoint."""
    to_detail: Mapping[str, Any] = field(default_factory=dict)
    language: str = "en"
    link: str
    story: Story | None
    items: tuple[Item, ...] = ()
    """What a digest tells, the most urgent first; empty for a message about one thing."""
    at: datetime
    """When it was written."""
    event: Mapping[str, Any] = field(default_factory=dict)
    """For an endpoint: what happened, as it goes over the wire."""
    endpoint: Endpoint | None = None
    sent_at: datetime | None = None
    """For an endpoint: the present instant, for its signature."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """For an endpoint: what its channel asked for about the alert (`EndpointKind.about`), as it is now."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One thing that a message tells."""

    alert: Alert | None
    kind: str
    priority: str
    text: str
    at: datetime


def one_line(text: str, limit: int = 200) -> str:
    """Text without line breaks, control or invisible direction characters: safe in a header, a title or a log."""
    visible = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in {"Cc", "Cf", "Cs"}
    )
    return " ".join(visible.split())[:limit]


def headline(kind: str, alert_type: str, contact: str, *, type_name: str | None = None) -> str:
    """As in "Now yours: Ana Lopez is likely to sell"; for a team's own type "Now yours: Ana Lopez – Open house, twice"."""
    what = _WHAT.get(alert_type)  # type: ignore[call-overload]
    said = what or f"– {_own_words(alert_type, type_name)}"
    return one_line(f"{_PREFIX.get(kind, '')}{contact} {said}")  # type: ignore[call-overload]


def _own_words(alert_type: str, type_name: str | None) -> str:
    return type_name or alert_type.replace("_", " ").capitalize()


def factors(top: Sequence[Any]) -> tuple[str, ...]:
    """The top factors in words."""
    texts = (factor.get("text") or factor.get("label") or "" for factor in top if isinstance(factor, Mapping))
    return tuple(one_line(str(text)) for text in texts if text)[:4]


def brief(session: Session, alert_ids: Collection[str]) -> dict[str, Row[Any]]:
    """What the inbox needs of many alerts at once: type with the team's own name for it, contact's name, factors, owner."""
    rows = session.execute(
        select(
            Alert.id,
            Alert.alert_type,
            Alert.top_factors,
            Alert.assigned_agent_id,
            AlertType.name.label("type_name"),
            Contact.name.label("contact_name"),
            Contact.id.label("contact_id"),
        )
        .join(Contact, Contact.id == Alert.contact_id)
        .outerjoin(AlertType, AlertType.id == Alert.alert_type)
        .where(Alert.id.in_(alert_ids))
    )
    return {row.id: row for row in rows}


def compose(
    session: Session,
    *,
    key: str,
    kind: str,
    priority: str,
    user: User,
    told: Sequence[Told],
    settings: Settings,
    language: str = "en",
    address: str,
    address_detail: Mapping[str, Any],
    now: datetime,
) -> Message:
    """Everything a channel needs to know, read in one go so that nothing is read while sending."""
    first = told[0]
    alert, text = first.alert, one_line(first.text, 500)
    items: tuple[Item, ...] = ()
    story = None
    if len(told) > 1:
        items = _items(session, told, user, settings)
        priority, link = items[0].priority, f"{settings.origin}/feed"
        title, text = f"{len(items)} news, the most urgent: {items[0].title}", ""
    elif alert is None:
        title, link = text[:200], settings.origin
    else:
        contact, own = session.get_one(Contact, alert.contact_id), _own_type(session, alert)
        title = headline(first.kind, alert.alert_type, contact.name or contact.id, type_name=own.name if own else None)
        link = _link(alert, settings)
        story = _story(session, alert, contact, user, own)
    return Message(
        key=key,
        kind=kind,
        priority=priority,
        title=one_line(title),
        text=text,
        recipient_name=one_line(user.name),
        to=address,
        to_detail=address_detail,
        language=language,
        link=link,
        story=story,
        items=items,
        at=first.at,
    )


def _items(session: Session, told: Sequence[Told], user: User, settings: Settings) -> tuple[Item, ...]:
    found = []
    for one in told:
        alert = one.alert
        if alert is None:
            title, link, why = one_line(one.text), settings.origin, ""
        else:
            contact, own = session.get_one(Contact, alert.contact_id), _own_type(session, alert)
            name = own.name if own else None
            title = headline(one.kind, alert.alert_type, contact.name or contact.id, type_name=name)
            link, why = _link(alert, settings), next(iter(factors(alert.top_factors)), "")
        found.append(
            Item(
                priority=one.priority,
                title=title,
                text=one_line(one.text, 300) if alert is not None else "",
                link=link,
                since=_when(one.at, user.timezone),
                why=why,
            )
        )
    return tuple(sorted(found, key=lambda item: Priority(item.priority).rank))


def _own_type(session: Session, alert: Alert) -> AlertType | None:
    return None if alert.alert_type in _WHAT else session.get(AlertType, alert.alert_type)


def _link(alert: Alert, settings: Settings) -> str:
    return f"{settings.origin}/feed?alert={alert.id}"


def _story(session: Session, alert: Alert, contact: Contact, user: User, own: AlertType | None) -> Story:
    home = session.scalars(
        select(Property)
        .where(Property.contact_id == contact.id)
        .order_by(Property.estimated_value.desc().nulls_last(), Property.id)
        .limit(1)
    ).first()
    reason = session.scalar(
        select(Decision.reason).where(Decision.alert_id == alert.id).order_by(Decision.decided_at.desc()).limit(1)
    )
    place = ", ".join(part for part in (home.address, home.city, home.zip) if part) if home else ""
    value = home.estimated_value if home and home.estimated_value else alert.property_value
    return Story(
        alert_id=alert.id,
        contact=one_line(contact.name or contact.id),
        what=_WHAT.get(alert.alert_type)  # type: ignore[call-overload]
        or one_line(_own_words(alert.alert_type, own.name if own else None)),
        factors=factors(alert.top_factors),
        confidence=_percent(alert.confidence),
        confidence_range=f"{round(alert.confidence_low * 100)} to {_percent(alert.confidence_high)}",
        chance_label=_CHANCE.get(alert.alert_type)  # type: ignore[call-overload]
        or (f"Chance that it happens within {own.horizon_days} days" if own else "Chance that it happens"),
        chance=_percent(alert.probability),
        lift=f"{alert.lift:.1f} times the usual" if alert.lift >= 1.05 else "",
        phone=one_line(contact.phone) if contact.phone else None,
        email=one_line(contact.email) if contact.email else None,
        home=one_line(place) or None,
        value=f"about ${round(value, -3):,.0f}" if value else None,
        since=_when(alert.opened_at, user.timezone),
        why_you=one_line(reason, 400) if reason and alert.assigned_agent_id == user.id else "",
    )


def _percent(share: float) -> str:
    return "under 1%" if share < 0.005 else f"{round(share * 100)}%"


def _when(at: datetime, timezone: str) -> str:
    try:
        local = at.astimezone(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError):
        local = at
    return f"{local:%a} {local.day} {local:%b}, {local.hour % 12 or 12}:{local:%M %p %Z}"
