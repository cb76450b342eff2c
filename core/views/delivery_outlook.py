"""How a person would be told now, in plain words: by priority, by channel with what is missing, and their quiet hours."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.delivery import ledger
from core.delivery.channel import ENDPOINT, Channel
from core.delivery.knowing import People
from core.delivery.ledger import Rule
from core.delivery.planning import Person, Planned, plan
from core.delivery.preferences import ALWAYS_ON, Preferences
from core.delivery.registry import CHANNELS
from core.words import Priority

_BY = {"in_app": "in the app", "email": "by e-mail", "sms": "by SMS", "voice": "by a call", "push": "by push"}
_NEXT = {
    "phone": "Add your phone under Preferences and confirm it with the code that is sent to it.",
    "push": "Switch push on under Preferences, in each browser and on each phone that should ring.",
    "chat": "Add your chat under Preferences.",
    "email": "Ask an admin: your account's e-mail address does not take messages any more.",
}
_EVENING = time(17)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Whether a channel works for a person, and if not, what to do."""

    channel: str
    label: str
    works: bool
    rule: str | None
    """Why not; `not_set_up` where no key is there."""
    text: str
    next_step: str
    """What to do; empty where it works."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What would happen to a message of this priority now."""

    priority: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    told: tuple[Told, ...]
    channels: tuple[Standing, ...]
    quiet: str
    timezone: str


def channels_for_people() -> tuple[Channel, ...]:
    """The channels a preference is about, the inbox first."""
    people = [channel for channel in CHANNELS.values() if channel.address != ENDPOINT]
    return tuple(sorted(people, key=lambda channel: (channel.name != ALWAYS_ON, channel.name)))


def outlook(
    session: Session, user_id: str, *, set_up: Collection[str], reader: str | None = None, now: datetime
) -> Outlook:
    """How this person would be told now.

    Args:
        set_up: the channels to the outside that are set up.
        reader: who reads it; anybody but the person reads "they" for "you".
    """
    own = reader in (None, user_id)
    person = People(session, [user_id], now=now).about(user_id, None)
    return Outlook(
        told=tuple(
            Told(priority=priority, text=told(user_id, person, priority, set_up=set_up, own=own, now=now))
            for priority in Priority
        ),
        channels=tuple(
            standing(channel, user_id, person, set_up=set_up, own=own, now=now) for channel in channels_for_people()
        ),
        quiet=quiet_words(person.preferences, person.hours.timezone, own=own, now=now),
        timezone=person.hours.timezone,
    )


def told(
    user_id: str, person: Person, priority: str, *, set_up: Collection[str], own: bool = True, now: datetime
) -> str:
    """One sentence: "A critical alert now: in the app and by e-mail at once, by SMS after 2 min unless you read it before."."""
    zone = ZoneInfo(person.hours.timezone)
    by_when: dict[str, dict[str, None]] = {}
    found = plan(user_id, person, priority=priority, now=now).messages
    for message in sorted(found, key=lambda one: (one.channel != ALWAYS_ON, one.due_at)):
        if CHANNELS[message.channel].write is not None or message.channel in set_up:
            by_when.setdefault(_when(message, zone, own=own, now=now), {})[by(message.channel)] = None
    parts = [f"{_listed(list(names))} {when}" for when, names in by_when.items()]
    only = "" if len(by_when) > 1 or len(next(iter(by_when.values()))) > 1 else ", and nowhere else"
    kind = f"{'An' if priority[:1] in 'AEIOU' else 'A'} {priority.lower()} alert now"
    return f"{kind}: {', '.join(parts)}{only}."


def standing(
    channel: Channel, user_id: str, person: Person, *, set_up: Collection[str], own: bool = True, now: datetime
) -> Standing:
    """Whether this channel works for this person."""
    rule: Rule | None = None
    if channel.write is None and channel.name not in set_up:
        rule, text, step = Rule.NOT_SET_UP, "not set up here", f"For an admin: {channel.setup}"
    else:
        found = plan(user_id, person, priority=Priority.CRITICAL, only=[channel.name], at_once=True, now=now)
        rule = found.skipped.get(channel.name)
        text = ledger.WORDS[rule] if rule else "works"
        step = _NEXT.get(channel.address, "") if rule and own else ""
        if rule is Rule.OPTED_OUT and channel.address == "phone" and own:
            step = "Text START to the number that sent you messages, to hear from it again."
    return Standing(
        channel=channel.name,
        label=channel.label,
        works=rule is None,
        rule=str(rule) if rule else None,
        text=text,
        next_step=step,
    )


def quiet_words(preferences: Preferences, timezone: str, *, own: bool = True, now: datetime) -> str:
    """As in: Tonight from 9 pm until 7 am only what is critical."""
    rest = "only what is critical" if preferences.critical_bypasses else "nothing but the inbox"
    working = (
        f" Outside {'your' if own else 'their'} working hours {'what is not critical' if preferences.critical_bypasses else 'everything'} waits too."
        if preferences.working_hours_only
        else ""
    )
    quiet = preferences.quiet
    if quiet is None:
        return (working.strip() or "No quiet hours: messages come at any time of the day.").strip()
    local = now.astimezone(ZoneInfo(timezone))
    wall = local.time().replace(tzinfo=None)
    over = quiet.end <= quiet.start
    inside = wall >= quiet.start or wall < quiet.end if over else quiet.start <= wall < quiet.end
    until = clock_words(quiet.end)
    if inside:
        return f"Now, and until {until}, {rest}.{working}"
    today = wall < quiet.start
    day = ("Tonight" if quiet.start >= _EVENING else "Today") if today else "Tomorrow"
    return f"{day} from {clock_words(quiet.start)} until {until} {rest}.{working}"


def clock_words(at: time) -> str:
    """9 pm, 7:30 am."""
    hour = at.hour % 12 or 12
    return f"{hour}{f':{at.minute:02}' if at.minute else ''} {'am' if at.hour < 12 else 'pm'}"


def by(channel: str) -> str:
    """How a channel stands in a sentence: by e-mail."""
    if channel in _BY:
        return _BY[channel]
    return f"by {CHANNELS[channel].label if channel in CHANNELS else channel}"


def _when(message: Planned, zone: ZoneInfo, *, own: bool, now: datetime) -> str:
    you, your = ("you", "your") if own else ("they", "their")
    if not message.rules:
        return "at once"
    at = _at(message.due_at, zone, now=now)
    last = message.rules[-1]
    if last is Rule.LATER_STEP:
        return f"after {_span(message.after)} unless {you} read it before"
    if last in (Rule.HOURLY_DIGEST, Rule.DAILY_DIGEST):
        return f"with other news {at}"
    if last is Rule.QUIET_HOURS:
        return f"{at}, when {your} quiet hours end"
    if last is Rule.WORKING_HOURS:
        return f"{at}, when {your} working hours begin"
    return f"{at}, together with what else comes"


def _at(at: datetime, zone: ZoneInfo, *, now: datetime) -> str:
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    days = (local.date() - today).days
    day = "" if days == 0 else " tomorrow" if days == 1 else f" on {local:%A}"
    return f"at {clock_words(local.time())}{day}"


def _span(seconds: int) -> str:
    if seconds < 120 and seconds % 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"


def _listed(parts: Sequence[str]) -> str:
    return "".join(parts) if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"
