"""How one person is told one thing: a pure decision, channel by channel, each with the named rule behind it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zlib import crc32

from core.delivery.channel import ACCOUNT_EMAIL, ENDPOINT, Channel
from core.delivery.ledger import Rule
from core.delivery.preferences import Digest, Preferences
from core.delivery.quiet import Clockwork, wait, zone_of
from core.delivery.registry import CHANNELS
from core.words import Priority

STORM_WINDOW = timedelta(minutes=10)
STORM_PAUSE = timedelta(minutes=5)
"""How long what a storm holds back is gathered."""
CONTACT_STORM = 2
"""Messages to a person by one channel about one contact in the window; what comes after them is gathered."""
_CRITICAL_LONGER = 3
"""CRITICAL is let through for so many times as many messages as the person's `gather_after`."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One address of a person."""

    id: str | None
    """None for the account's own e-mail address."""
    address: str
    """The kind: `Channel.address`."""
    verified: bool = True
    disabled: bool = False
    opted_out: Collection[str] = frozenset()
    """Scopes of consent that this address withdrew, as `channel:scope`."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """What is known of whoever is to be told."""

    preferences: Preferences
    hours: Clockwork
    ways: Sequence[Way]
    lately: Mapping[str, int]
    """Channel to messages in the storm window."""
    about_contact: Mapping[str, int]
    """The same about this contact."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One message to be written."""

    channel: str
    address_id: str | None = None
    due_at: datetime
    bundle: str | None = None
    rules: tuple[Rule, ...] = ()
    """Why it does not go out at once."""
    after: int = 0
    """Seconds it waits for somebody to read or act."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    messages: tuple[Planned, ...]
    skipped: Mapping[str, Rule]
    """Channel to why it carries nothing."""


def plan(
    user_id: str,
    person: Person,
    *,
    priority: str,
    only: Collection[str] = (),
    together: str = "",
    at_once: bool = False,
    now: datetime,
) -> Plan:
    """How this person is told something of this priority.

    Args:
        only: channels asked for by name (an escalation's other channel): the priority does not choose then, but a channel
            that the person has switched off for every priority, as calls are unless asked for, stays off.
        together: the name under which it goes out with others as one message, where it would go out now.
        at_once: without steps, digests and storms: somebody waits for it (a test, a code).
    """
    messages: list[Planned] = []
    skipped: dict[str, Rule] = {}
    for channel in CHANNELS.values():
        if channel.address == ENDPOINT or (only and channel.name not in only):
            continue
        named = bool(only) and (at_once or person.preferences.ever(channel.name))
        after = 0 if named else None if only else person.preferences.after(priority, channel.name)
        digest = _digest(channel, person.preferences, priority) if not (at_once or only) else Digest.OFF
        if after is None and digest is Digest.OFF:
            skipped[channel.name] = Rule.PREFERENCE_OFF
            continue
        ways, why = _ways(channel, person.ways, digest)
        if why is not None:
            skipped[channel.name] = why
        messages += [
            _planned(
                channel, way, user_id, person, priority, after or 0, digest, together=together, at_once=at_once, now=now
            )
            for way in ways
        ]
    return Plan(messages=tuple(messages), skipped=skipped)


def gathered(channel: str) -> bool:
    """Whether digests are for this channel: nobody reads one as a push or a text."""
    return CHANNELS[channel].address == ACCOUNT_EMAIL


def _digest(channel: Channel, preferences: Preferences, priority: str) -> Digest:
    if not gathered(channel.name):
        return Digest.OFF
    return preferences.digests.get(priority, Digest.OFF)


def _ways(channel: Channel, ways: Sequence[Way], digest: Digest) -> tuple[Sequence[Way | None], Rule | None]:
    """The addresses a channel can use; none, with why, where it cannot be used."""
    if not channel.address:
        return (None,), None
    own = [way for way in ways if way.address == channel.address]
    if not own:
        return (), Rule.NO_ADDRESS
    able = [way for way in own if not way.disabled]
    if not able:
        return (), Rule.ADDRESS_DISABLED
    known = [way for way in able if way.verified]
    if not known:
        return (), Rule.NOT_VERIFIED
    scopes = {f"{channel.name}:all"} | ({f"{channel.name}:digests"} if digest is not Digest.OFF else set())
    willing = [way for way in known if not scopes & set(way.opted_out)]
    return (willing, None) if willing else ((), Rule.OPTED_OUT)


def _planned(
    channel: Channel,
    way: Way | None,
    user_id: str,
    person: Person,
    priority: str,
    after: int,
    digest: Digest,
    *,
    together: str,
    at_once: bool,
    now: datetime,
) -> Planned:
    planned = Planned(channel=channel.name, address_id=way.id if way else None, due_at=now)
    if channel.write is not None or at_once:
        return planned
    to = f"{user_id}:{channel.name}:{planned.address_id or '-'}"
    if digest is not Digest.OFF:
        due = _digest_due(digest, person, now)
        rule = Rule.HOURLY_DIGEST if digest is Digest.HOURLY else Rule.DAILY_DIGEST
        planned = replace(planned, due_at=due, bundle=f"{digest}:{to}", rules=(rule,))
    elif after:
        planned = replace(planned, due_at=now + timedelta(seconds=after), after=after, rules=(Rule.LATER_STEP,))
    elif storm := _storm(channel.name, person, priority):
        planned = replace(planned, due_at=now + STORM_PAUSE, bundle=f"storm:{to}", rules=(storm,))
    if held := wait(person.preferences, person.hours, priority, now=planned.due_at):
        bundle = planned.bundle or f"held:{to}"
        return replace(planned, due_at=held.until, bundle=bundle, rules=(*planned.rules, held.rule))
    if together and not planned.rules:
        return replace(planned, bundle=f"with:{crc32(together.encode()):08x}:{to}")
    return planned


def _storm(channel: str, person: Person, priority: str) -> Rule | None:
    most, critical = person.preferences.gather_after, priority == Priority.CRITICAL
    if not most:
        return None
    if person.about_contact.get(channel, 0) >= CONTACT_STORM and not critical:
        return Rule.CONTACT_STORM
    if person.lately.get(channel, 0) >= most * (_CRITICAL_LONGER if critical else 1):
        return Rule.AGENT_STORM
    return None


def _digest_due(digest: Digest, person: Person, now: datetime) -> datetime:
    """The next full hour, or the next time of the daily one, in the person's zone."""
    zone = zone_of(person.hours)
    if digest is Digest.HOURLY:
        local = now.astimezone(zone)
        rest = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        return now - rest + timedelta(hours=1)
    day = now.astimezone(zone).date()
    for ahead in range(3):
        due = datetime.combine(day + timedelta(days=ahead), person.preferences.digest_at, zone).astimezone(UTC)
        if due > now:
            return due
    raise AssertionError("one of the next three mornings is to come")
