"""What a message says, in plain words, before any channel gives it a form."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from core.db.tables.acting import Decision
from core.db.tables.deciding import Alert
from core.db.tables.learning import AlertType
from core.db.tables.people import Contact, Property, User
from core.delivery import links, phrases
from core.delivery.endpoints import Endpoint
from core.delivery.links import Action
from core.delivery.phrases import factors as factors
from core.delivery.phrases import headline as headline
from core.delivery.phrases import one_line as one_line
from core.delivery.speaking import Voice, mark
from core.settings import Settings
from core.words import Priority, Status

_ACTIONS = {
    Status.NEW: (Action.ACKNOWLEDGE, Action.SNOOZE, Action.DECLINE),
    Status.ACKNOWLEDGED: (Action.SNOOZE, Action.DECLINE),
    Status.IN_PROGRESS: (Action.SNOOZE,),
    Status.CONTACTED: (Action.SNOOZE,),
}
"""What the owner of an alert can do from a message."""
_LABELS = {Action.ACKNOWLEDGE: mark("I’m on it"), Action.SNOOZE: mark("Later"), Action.DECLINE: mark("Not for me")}

_DEAREST_HOME = (
    select(Property)
    .where(Property.contact_id == bindparam("contact_id"))
    .order_by(Property.estimated_value.desc().nulls_last(), Property.id)
    .limit(1)
)
_LAST_DECISION = (
    select(Decision.strategy, Decision.overflow, Decision.reason)
    .where(Decision.alert_id == bindparam("alert_id"))
    .order_by(Decision.decided_at.desc())
    .limit(1)
)


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
    alert_type: str = ""
    type_name: str | None = None
    """The team's own name for it."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One piece of news among several."""

    priority: str
    title: str
    brief: str = ""
    """The title with no more of the contact's name than the first."""
    text: str
    link: str
    since: str
    why: str
    """The strongest factor; empty where there is none."""
    links: Mapping[str, str] = field(default_factory=dict)
    """As `Message.links`."""

    @property
    def rank(self) -> int:
        """0 is the most urgent."""
        return Priority(self.priority).rank


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
    timezone: str = "UTC"
    """The reader's."""
    links: Mapping[str, str] = field(default_factory=dict)
    """links.Action to where it is done without signing in; only what the reader may do now. Short enough for an SMS."""
    delivery_id: str = ""
    """The delivery it is sent for, for a provider that is to name it later."""
    unsubscribe: str = ""
    """For a digest: where its reader says that they want no more of them."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Of a bundle: deliveries whose news it does not tell any more, with the rule (core.delivery.ledger.Rule) why not."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One thing that a message tells."""

    alert: Alert | None
    kind: str
    priority: str
    text: str
    at: datetime
    delivery_id: str = ""
    """The delivery that was to tell it; "" where there is none, and so no links."""


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


def acts(links: Mapping[str, str], language: str) -> list[str]:
    """What can be done from a message, the likeliest first, each as "I’m on it: https://…"."""
    say = Voice(language)
    return [f"{say(label)}: {links[action]}" for action, label in _LABELS.items() if action in links]


def brief_line(message: Message, language: str) -> str:
    """The one short line for push, SMS and voice: how urgent, whom by first name, what; nothing else of the contact.

    As in "High: Rosa is likely to sell (now yours)".
    """
    say = Voice(language)
    urgency = phrases.priority(message.priority, language=language)
    if message.items:
        first, count = message.items[0].brief, len(message.items)
        several = say.many("{number} thing to look at", "{number} things to look at", count)
        said = with_more(first, count - 1, say) if first else several
    elif message.story is None:
        said = message.title
    else:
        said = _brief(message.kind, message.story, language)
    return one_line(f"{urgency}: {said}", 140)


def _brief(kind: str, story: Story, language: str) -> str:
    first = phrases.first_name(story.contact, language=language)
    if not story.alert_type:
        return f"{first} {story.what}"
    said = phrases.what(story.alert_type, first, type_name=story.type_name, language=language)
    return phrases.subject(kind, said, language=language)


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
    digest: str = "",
    now: datetime,
) -> Message:
    """Everything a channel needs to know, read in one go so that nothing is read while sending.

    Args:
        digest: the delivery's id where this is a digest (hourly or daily), which can be unsubscribed from.
    """
    first, say = told[0], Voice(language, user.timezone)
    alert, text = first.alert, one_line(first.text, 500)
    items: tuple[Item, ...] = ()
    acts: Mapping[str, str] = {}
    story = None
    if len(told) > 1:
        items = _items(session, told, user, settings, say, now=now)
        priority, link = items[0].priority, f"{settings.origin}/feed"
        title, text = with_more(items[0].title, len(items) - 1, say), ""
    elif alert is None:
        title, link = text[:200], settings.origin
    else:
        contact, own = session.get_one(Contact, alert.contact_id), _own_type(session, alert)
        title = _headline(first, contact, own, say)
        link = _link(alert, settings)
        acts = _links(first, user, settings, now=now)
        story = _story(session, alert, contact, user, own, say)
    return Message(
        key=key,
        kind=kind,
        priority=priority,
        title=one_line(title),
        text=text,
        recipient_name=one_line(user.name),
        to=address,
        to_detail=address_detail,
        language=say.language,
        link=link,
        story=story,
        items=items,
        at=first.at,
        timezone=user.timezone,
        links=acts,
        unsubscribe=links.url(settings.origin, Action.UNSUBSCRIBE, digest, key=settings.signing_key, now=now)
        if digest
        else "",
    )


def _items(
    session: Session, told: Sequence[Told], user: User, settings: Settings, say: Voice, *, now: datetime
) -> tuple[Item, ...]:
    found = []
    for one in told:
        alert = one.alert
        if alert is None:
            title = brief = one_line(one.text)
            link, why = settings.origin, ""
        else:
            contact, own = session.get_one(Contact, alert.contact_id), _own_type(session, alert)
            title = _headline(one, contact, own, say)
            first_name = phrases.first_name(contact.name or contact.id, language=say.language)
            brief = phrases.what(
                alert.alert_type, first_name, type_name=own.name if own else None, language=say.language
            )
            link = _link(alert, settings)
            why = next(iter(factors(alert.top_factors, language=say.language)), "")
        found.append(
            Item(
                priority=one.priority,
                title=title,
                brief=brief,
                text=one_line(one.text, 300) if alert is not None else "",
                link=link,
                since=say.when(one.at),
                why=why,
                links=_links(one, user, settings, now=now),
            )
        )
    return tuple(sorted(found, key=lambda item: item.rank))


def with_more(title: str, others: int, say: Voice) -> str:
    """As in "Ana Lopez is likely to sell, and 4 more"."""
    if not others:
        return title
    return say.many("{title}, and {number} more", "{title}, and {number} more", others, title=one_line(title, 150))


def _headline(told: Told, contact: Contact, own: AlertType | None, say: Voice) -> str:
    assert told.alert is not None
    name = own.name if own else None
    return headline(told.kind, told.alert.alert_type, contact.name or contact.id, type_name=name, language=say.language)


def _links(told: Told, user: User, settings: Settings, *, now: datetime) -> dict[str, str]:
    """Only for who has the alert: nobody else can act on it from a message."""
    alert = told.alert
    if alert is None or alert.assigned_agent_id != user.id or not told.delivery_id:
        return {}
    found = {
        str(action): links.url(settings.origin, action, told.delivery_id, key=settings.signing_key, now=now)
        for action in _ACTIONS.get(Status(alert.status), ())
    }
    return {action: url for action, url in found.items() if url}


def _own_type(session: Session, alert: Alert) -> AlertType | None:
    return None if alert.alert_type in phrases.INTENTS else session.get(AlertType, alert.alert_type)


def _link(alert: Alert, settings: Settings) -> str:
    return f"{settings.origin}/feed?alert={alert.id}"


def _story(session: Session, alert: Alert, contact: Contact, user: User, own: AlertType | None, say: Voice) -> Story:
    home = session.scalars(_DEAREST_HOME, {"contact_id": contact.id}).first()
    decided = session.execute(_LAST_DECISION, {"alert_id": alert.id}).first()
    place = ", ".join(part for part in (home.address, home.city, home.zip) if part) if home else ""
    value = home.estimated_value if home and home.estimated_value else alert.property_value
    name = own.name if own else None
    what = phrases.what(alert.alert_type, "", type_name=name, language=say.language)
    low, high = say.number(alert.confidence_low * 100), say.percent(alert.confidence_high)
    return Story(
        alert_id=alert.id,
        contact=one_line(contact.name or contact.id),
        what=what.removeprefix("– "),
        factors=factors(alert.top_factors, language=say.language),
        confidence=say.percent(alert.confidence),
        confidence_range=say("{low} to {high}", low=low, high=high),
        chance_label=phrases.chance_label(alert.alert_type, horizon_days=own.horizon_days if own else None, say=say),
        chance=say.percent(alert.probability),
        lift=say("{times} times the usual", times=say.number(alert.lift, digits=1)) if alert.lift >= 1.05 else "",
        phone=one_line(contact.phone) if contact.phone else None,
        email=one_line(contact.email) if contact.email else None,
        home=one_line(place) or None,
        value=say("about {value}", value=say.dollars(value)) if value else None,
        since=say.when(alert.opened_at),
        why_you=phrases.why_you(decided.strategy, decided.reason, overflow=decided.overflow, say=say)
        if decided is not None and alert.assigned_agent_id == user.id
        else "",
        alert_type=alert.alert_type,
        type_name=name,
    )
