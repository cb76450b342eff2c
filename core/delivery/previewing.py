"""How messages look, with a made-up contact: each template by each channel in each language."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from core.delivery import content, links, phrases
from core.delivery.channel import ENDPOINT
from core.delivery.content import Item, Message, Story
from core.delivery.links import Action
from core.delivery.notices import Kind
from core.delivery.preferences import LANGUAGES
from core.delivery.registry import CHANNELS
from core.delivery.speaking import Voice, mark
from core.errors import Invalid, NotFound
from core.words import Intent, Priority

_PEOPLE = ("Rosa Diaz", "Jamal O’Neill", "Priya Raman", "Tom Becker", "Ana Lopez", "Wen Li")
_NOTICE = mark("2 alerts in Oak Park have nobody who is on duty on Sunday between 9:00 and 13:00.")
_TOP = (
    {
        "feature": "value_checks_30d",
        "label": "Value checks",
        "value": 10.0,
        "text": "checked the home's value 10 times in 6 days, usually twice a month",
    },
    {
        "feature": "comparable_views_30d",
        "label": "Comparable homes viewed",
        "value": 14.0,
        "text": "looked at comparable homes 14 times in 10 days, usually never",
    },
    {
        "feature": "recent_job_change",
        "label": "Job change",
        "value": 0.9,
        "text": "changed jobs lately",
    },
)


@dataclass(frozen=True, kw_only=True)
class Template:
    label: str
    make: Callable[[str, datetime], Message]
    """Of a language and the present instant."""


def _alert(language: str, now: datetime, *, kind: str = Kind.ALERT_NEW, priority: str = Priority.HIGH) -> Message:
    say, timezone = Voice(language, "America/Chicago"), "America/Chicago"
    story = Story(
        alert_id="made-up",
        contact=_PEOPLE[0],
        what=phrases.what(Intent.LIKELY_TO_SELL, "", language=language),
        factors=phrases.factors(_TOP, language=language),
        confidence=say.percent(0.82),
        confidence_range=say("{low} to {high}", low=say.number(71), high=say.percent(0.89)),
        chance_label=phrases.chance_label(Intent.LIKELY_TO_SELL, horizon_days=None, say=say),
        chance=say.percent(0.14),
        lift=say("{times} times the usual", times=say.number(5.7, digits=1)),
        phone="+1 312 555 0142",
        email="rosa.diaz@mail.example",
        home="12 Elm Street, Oak Park, 60302",
        value=say("about {value}", value=say.dollars(452_000)),
        since=say.when(now - timedelta(minutes=4)),
        why_you=phrases.why_you(
            "territory", "You cover Oak Park and have room for 3 more alerts.", overflow=False, say=say
        ),
        alert_type=Intent.LIKELY_TO_SELL,
    )
    return Message(
        key="made-up",
        kind=kind,
        priority=priority,
        title=phrases.headline(kind, Intent.LIKELY_TO_SELL, _PEOPLE[0], language=language),
        text="",
        recipient_name="Ann Lee",
        to="ann.lee@brokerage.example",
        language=language,
        link="https://doorbell.example/feed?alert=made-up",
        story=story,
        at=now,
        timezone=timezone,
        links=_links(now),
    )


def _escalated(language: str, now: datetime) -> Message:
    return _alert(language, now, kind=Kind.ALERT_ESCALATED, priority=Priority.CRITICAL)


def digest(language: str, now: datetime, *, count: int = 6) -> Message:
    say = Voice(language, "America/Chicago")
    first = _alert(language, now, priority=Priority.MEDIUM)
    tiers, intents = (Priority.HIGH, Priority.MEDIUM, Priority.MEDIUM, Priority.LOW), tuple(Intent)
    items = []
    for number in range(count):
        contact, intent = _PEOPLE[number % len(_PEOPLE)], intents[number % len(intents)]
        items.append(
            Item(
                priority=tiers[min(number * len(tiers) // count, len(tiers) - 1)],
                title=phrases.what(intent, contact, language=language),
                brief=phrases.what(intent, phrases.first_name(contact, language=language), language=language),
                text="",
                link=first.link,
                since=say.when(now - timedelta(minutes=7 * (number + 1))),
                why=phrases.factors(_TOP, language=language)[number % len(_TOP)],
                links=_links(now) if number != 1 else {},
            )
        )
    unsubscribe = links.url("https://doorbell.example", Action.UNSUBSCRIBE, "0" * 32, key="", now=now)
    return replace(
        first,
        kind=Kind.DIGEST,
        priority=items[0].priority,
        title=content.with_more(items[0].title, count - 1, say),
        link="https://doorbell.example/feed",
        story=None,
        items=tuple(items),
        links={},
        unsubscribe=unsubscribe,
    )


def _notice(language: str, now: datetime) -> Message:
    first = _alert(language, now)
    return replace(
        first,
        kind=Kind.ADMIN_NOTICE,
        title=Voice(language)(_NOTICE),
        text=Voice(language)(_NOTICE),
        recipient_name="Ada Fairweather",
        link="https://doorbell.example",
        story=None,
        links={},
    )


def _links(now: datetime) -> dict[str, str]:
    """Signed with no key: they look like links and open nothing."""
    return {
        str(action): links.url("https://doorbell.example", action, "0" * 32, key="", now=now)
        for action in (Action.ACKNOWLEDGE, Action.SNOOZE, Action.DECLINE)
    }


TEMPLATES = {
    "alert": Template(label="A new alert", make=_alert),
    "escalated": Template(label="An alert nobody has answered", make=_escalated),
    "digest": Template(label="A digest", make=digest),
    "notice": Template(label="A notice to admins", make=_notice),
}


def channels() -> list[str]:
    """Those that reach people, by name."""
    return [channel.name for channel in CHANNELS.values() if channel.address != ENDPOINT]


def preview(name: str, *, channel: str = "email", language: str = "en", now: datetime) -> dict[str, str]:
    """The parts of a message as the channel would send them: subject, title, text, html, as far as it has them.

    Raises:
        NotFound: no such template.
        Invalid: no such channel or language.
    """
    if name not in TEMPLATES:
        raise NotFound(f"There is no such template; there are {', '.join(TEMPLATES)}.")
    wrong = {}
    if channel not in channels():
        wrong["channel"] = f"use {', '.join(channels())}"
    if language not in LANGUAGES:
        wrong["language"] = f"use {' or '.join(LANGUAGES)}"
    if wrong:
        raise Invalid("There is no such preview.", fields=wrong)
    return dict(parts(channel, TEMPLATES[name].make(language, now)))


def parts(channel: str, message: Message) -> Mapping[str, str]:
    """What a channel makes of a message, in parts."""
    shown = CHANNELS[channel].preview
    return shown(message) if shown else {"text": content.brief_line(message, message.language)}
