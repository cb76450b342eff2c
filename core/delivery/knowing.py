"""What has to be known of people before they are told something: read for many at once."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.db.tables.acting import Delivery
from core.db.tables.deciding import Alert
from core.db.tables.people import Agent, Holiday, User
from core.db.tables.reaching import Address
from core.delivery import consent, preferences
from core.delivery.channel import ACCOUNT_EMAIL
from core.delivery.planning import STORM_WINDOW, Person, Way
from core.delivery.quiet import Clockwork
from core.words import DeliveryState

_WAITING_OR_GONE = (
    DeliveryState.QUEUED,
    DeliveryState.LEASED,
    DeliveryState.SENT,
    DeliveryState.DELIVERED,
    DeliveryState.BOUNCED,
)


class People:
    """What is known of some people; `about` gives it for a message that concerns a contact."""

    def __init__(self, session: Session, user_ids: Collection[str], *, now: datetime) -> None:
        self._preferences = preferences.load(session, user_ids)
        self._hours = hours_of(session, user_ids, now=now)
        self._ways = ways_of(session, user_ids)
        self._lately, self._contacts = _lately(session, user_ids, now=now)

    def about(self, user_id: str, contact_id: str | None) -> Person:
        return Person(
            preferences=self._preferences[user_id],
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


def hours_of(session: Session, user_ids: Collection[str], *, now: datetime) -> dict[str, Clockwork]:
    """Zone, working hours and holidays to come of these people."""
    rows = session.execute(
        select(User.id, User.timezone, Agent.schedule, Agent.team_id)
        .outerjoin(Agent, Agent.id == User.id)
        .where(User.id.in_(user_ids))
    ).all()
    days: dict[str | None, set[Any]] = defaultdict(set)
    for team_id, day in session.execute(select(Holiday.team_id, Holiday.day).where(Holiday.day >= now.date())):
        days[team_id].add(day)
    return {
        row.id: Clockwork(
            timezone=row.timezone,
            schedule=row.schedule or {},
            holidays=frozenset(days[None] | (days[row.team_id] if row.team_id else set())),
        )
        for row in rows
    }


def ways_of(session: Session, user_ids: Collection[str]) -> dict[str, list[Way]]:
    """The addresses of these people, each with what is against it."""
    emails = dict(session.execute(select(User.id, User.email).where(User.id.in_(user_ids))).all())
    rows = session.execute(
        select(
            Address.id,
            Address.user_id,
            Address.channel,
            Address.digest,
            Address.verified_at,
            Address.disabled_at,
            Address.value,
        ).where(Address.user_id.in_(user_ids))
    ).all()
    keys = {consent.key(row.channel, row.value, row.digest) for row in rows} | set(emails.values())
    withdrawn = consent.withdrawn(session, keys)
    found: dict[str, list[Way]] = defaultdict(list)
    for user_id, email in emails.items():
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
