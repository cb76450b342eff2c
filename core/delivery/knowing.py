"""What has to be known of people before they are told something: read for many at once."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.db.tables.deciding import Alert
from core.db.tables.people import Agent, Holiday, User
from core.db.tables.reaching import Address, Preference
from core.delivery import consent, preferences
from core.delivery.channel import ACCOUNT_EMAIL
from core.delivery.planning import STORM_WINDOW, Person, Way
from core.delivery.preferences import Preferences
from core.delivery.quiet import Clockwork
from core.delivery.registry import CHANNELS
from core.words import DeliveryState

_WAITING_OR_GONE = (
    DeliveryState.QUEUED,
    DeliveryState.LEASED,
    DeliveryState.SENT,
    DeliveryState.DELIVERED,
    DeliveryState.BOUNCED,
)


_OUTSIDE = tuple(channel.name for channel in CHANNELS.values() if channel.write is None)
"""Only what goes out is counted and gathered: the inbox holds everything, one by one."""


class People:
    """What is known of some people; `about` gives it for a message that concerns a contact."""

    def __init__(self, session: Session, user_ids: Collection[str], *, now: datetime) -> None:
        rows = session.execute(
            select(
                User.id, User.email, User.timezone, Agent.schedule, Agent.team_id, Preference.value, Preference.version
            )
            .outerjoin(Agent, Agent.id == User.id)
            .outerjoin(Preference, Preference.user_id == User.id)
            .where(User.id.in_(user_ids))
        ).all()
        self._preferences = {row.id: preferences.of(row.value, row.version) for row in rows}
        by_hours = any(chosen.working_hours_only for chosen in self._preferences.values())
        self._hours = _hours(rows, _holidays(session, now=now) if by_hours else {})
        self._ways = _ways(session, {row.id: row.email for row in rows})
        counted = [user_id for user_id, chosen in self._preferences.items() if chosen.gather_after]
        self._lately, self._contacts = _lately(session, counted, now=now)

    def about(self, user_id: str, contact_id: str | None) -> Person:
        return Person(
            preferences=self._preferences.get(user_id, preferences.DEFAULTS),
            hours=self._hours.get(user_id, Clockwork(timezone="UTC")),
            ways=self._ways.get(user_id, ()),
            lately=self._lately[user_id],
            about_contact=self._contacts[(user_id, contact_id)] if contact_id else {},
        )

    def told(self, user_id: str, contact_id: str | None, channels: Iterable[str]) -> None:
        """These messages count from now on, for the rest of the batch."""
        self._lately[user_id].update(channels)
        if contact_id:
            self._contacts[(user_id, contact_id)].update(channels)


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Who a message is for, as of now."""

    user: User
    preferences: Preferences
    hours: Clockwork


_READER = (
    select(User, Agent.schedule, Agent.team_id, Preference.value, Preference.version)
    .outerjoin(Agent, Agent.id == User.id)
    .outerjoin(Preference, Preference.user_id == User.id)
    .where(User.id == bindparam("user_id"), User.active)
)


def reader(session: Session, user_id: str | None, *, now: datetime) -> Reader | None:
    """None for whoever has no active account."""
    row = session.execute(_READER, {"user_id": user_id}).one_or_none()
    if row is None:
        return None
    user: User = row.User
    chosen = preferences.of(row.value, row.version)
    days = _holidays(session, now=now) if chosen.working_hours_only else {}
    return Reader(
        user=user,
        preferences=chosen,
        hours=_clockwork(user.timezone, row.schedule, row.team_id, days),
    )


def _holidays(session: Session, *, now: datetime) -> Mapping[str | None, Set[date]]:
    """By team, None for everybody's; from yesterday on, which somewhere is still today."""
    days: dict[str | None, set[date]] = defaultdict(set)
    since = now.date() - timedelta(days=1)
    for team_id, day in session.execute(select(Holiday.team_id, Holiday.day).where(Holiday.day >= since)):
        days[team_id].add(day)
    return days


def _hours(rows: Iterable[Row[Any]], days: Mapping[str | None, Set[date]]) -> dict[str, Clockwork]:
    return {row.id: _clockwork(row.timezone, row.schedule, row.team_id, days) for row in rows}


def _clockwork(
    timezone: str, schedule: dict[str, Any] | None, team_id: str | None, days: Mapping[str | None, Set[date]]
) -> Clockwork:
    everybodys = days.get(None, frozenset())
    return Clockwork(
        timezone=timezone,
        schedule=schedule or {},
        holidays=everybodys | days.get(team_id, frozenset()) if team_id else everybodys,
    )


def ways_of(session: Session, user_ids: Collection[str]) -> dict[str, list[Way]]:
    """The addresses of these people, each with what is against it."""
    return _ways(session, dict(session.execute(select(User.id, User.email).where(User.id.in_(user_ids))).all()))


def _ways(session: Session, emails: Mapping[str, str]) -> dict[str, list[Way]]:
    rows = session.execute(
        select(
            Address.id,
            Address.user_id,
            Address.channel,
            Address.digest,
            Address.verified_at,
            Address.disabled_at,
            Address.value,
        ).where(Address.user_id.in_(emails))
    ).all()
    mails = {user_id: email.lower() for user_id, email in emails.items()}
    keys = {consent.key(row.channel, row.value, row.digest) for row in rows} | set(mails.values())
    withdrawn = consent.withdrawn(session, keys)
    found: dict[str, list[Way]] = defaultdict(list)
    for user_id, email in mails.items():
        found[user_id].append(Way(id=None, address=ACCOUNT_EMAIL, opted_out=withdrawn.get(email, frozenset())))
    for row in rows:
        found[row.user_id].append(
            Way(
                id=row.id,
                address=row.channel,
                verified=row.verified_at is not None,
                disabled=row.disabled_at is not None,
                opted_out=withdrawn.get(consent.key(row.channel, row.value, row.digest), frozenset()),
            )
        )
    return found


def _lately(
    session: Session, user_ids: Collection[str], *, now: datetime
) -> tuple[Mapping[str, Counter[str]], Mapping[tuple[str, str], Counter[str]]]:
    rows = session.execute(
        select(Delivery.user_id, Delivery.channel, Alert.contact_id, func.count())
        .outerjoin(Alert, Alert.id == Delivery.alert_id)
        .where(
            Delivery.user_id.in_(user_ids),
            Delivery.channel.in_(_OUTSIDE),
            Delivery.created_at > now - STORM_WINDOW,
            Delivery.state.in_(_WAITING_OR_GONE),
            Delivery.bundle.is_(None),
        )
        .group_by(Delivery.user_id, Delivery.channel, Alert.contact_id)
    )
    people: dict[str, Counter[str]] = defaultdict(Counter)
    contacts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for user_id, channel, contact_id, count in rows:
        if user_id is None:
            continue
        people[user_id][channel] += count
        if contact_id:
            contacts[(user_id, contact_id)][channel] += count
    return people, contacts
