"""What a contact did, counted per kind and UTC day: the only thing signals and features read, so none scans raw events.

A window of N days is today and the N - 1 UTC days before it. Counts are additive, so events may come late, out of
order or in any batches: each lands on the day it occurred. Machine traffic is counted apart from a human's.
An event counts from when it occurred, or was received if the client's clock runs ahead (core.events lets it by minutes).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import Boolean, bindparam, case, or_, select, update
from sqlalchemy.orm import Session

from core import own_names
from core.db.base import table_of
from core.db.dialect import is_postgres, upsert
from core.db.tables.behaviour import ContactSession, Event, Rollup, Signal
from core.db.tables.people import Contact, Property
from core.events import made_by_machines
from core.words import EventType

if TYPE_CHECKING:
    from core.events import RecordedEvent

REACH_DAYS = 180
"""How far back `load` looks: the longest window of any signal or feature."""
SESSION_DAYS = 30

_BY_TYPE = {
    EventType.DOCUMENT_ACCESS: "document_access",
    EventType.DOCUMENT_DOWNLOAD: "document_download",
    EventType.DOCUMENT_SHARE: "document_share",
    EventType.EMAIL_SENT: "email_sent",
    EventType.EMAIL_OPEN: "email_open",
    EventType.EMAIL_CLICK: "email_click",
    EventType.CALCULATOR_USE: "calculator",
    EventType.SEARCH: "search",
    EventType.PROPERTY_VIEW: "property_view",
}
_BY_NAME = {
    "value_check": "value_check",
    "comparable_view": "comparable",
    "profile_update": "profile_update",
}
_NARROWER = ("refinance_click", "market_report", "refinance_calculator", "buying_calculator", "investment_research")
KINDS = (*_BY_TYPE.values(), *_BY_NAME.values(), *_NARROWER)
"""Every counted kind of the product. Beside them stand `at:HH:device`, one per human hour and device (visits, hours and
devices), and `name:...`, a team's own event names (core.own_names)."""
_KNOWN_NAMES = frozenset(
    {*KINDS, "market_report_view", "listing_view", "calculator_use", *(each.lower() for each in EventType)}
) | frozenset(_BY_NAME)
"""Names that say no more than the kinds do: they are not a team's own."""
CARRIERS: dict[str, tuple[EventType, ...]] = {
    **{kind: (event_type,) for event_type, kind in _BY_TYPE.items()},
    "refinance_click": (EventType.EMAIL_CLICK,),
}
"""Kinds that only events of certain types count as; the others are known by a name, which every type may carry."""
DOCUMENT_KINDS = ("document_access", "document_download", "document_share")
DEVICES = ("desktop", "mobile", "tablet")

_NOT_A_VISIT = frozenset({EventType.EMAIL_SENT, EventType.EMAIL_OPEN})
_MAIL = frozenset({EventType.EMAIL_OPEN, EventType.EMAIL_CLICK})
_DOCUMENTS = frozenset({EventType.DOCUMENT_ACCESS, EventType.DOCUMENT_DOWNLOAD, EventType.DOCUMENT_SHARE})
_CAMPAIGN_KEYS = ("campaignId", "campaign", "campaignType", "type", "emailType", "documentType")
_INVESTMENT_WORDS = ("invest", "rental", "yield", "cap_rate")
_BUYING_WORDS = ("afford", "purchas", "buy", "mortgage")


class Day(NamedTuple):
    ordinal: int
    """`date.toordinal()` of the UTC day."""
    human: int
    machine: int


class Home(NamedTuple):
    """What is known of one property of the contact; None is unknown."""

    estimated_value: float | None
    mortgage_balance: float | None
    purchased_on: date | None


class Fact(NamedTuple):
    """A signal another system posted, whether or not it is still open."""

    type: str
    subtype: str
    strength: float
    confidence: float
    occurred_at: datetime


@dataclass(slots=True)
class History:
    """One contact as known at one instant."""

    contact_id: str
    now: datetime
    """The instant: nothing after it is in here."""
    first_day: int | None = None
    """Ordinal of the first UTC day the contact was known; None when nothing is known."""
    days: dict[str, list[Day]] = field(default_factory=dict)
    """Kind to its days, oldest first."""
    visits: list[tuple[int, int, str, int]] = field(default_factory=list)
    """(ordinal, UTC hour, device, human events) of visits."""
    sessions: list[tuple[datetime, datetime]] = field(default_factory=list)
    """(start, last event) of the visits of the last 30 days."""
    homes: list[Home] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def human(self, kind: str, today: int, *, days: int, skip: int = 0) -> int:
        """How often a human did this in the `days` days that end `skip` days before today."""
        rows = self.days.get(kind)
        if rows is None:
            return 0
        last, first = today - skip, today - skip - days
        return sum([row[1] for row in rows if first < row[0] <= last])

    def machine(self, kind: str, today: int, *, days: int, skip: int = 0) -> int:
        """How often a machine did."""
        rows = self.days.get(kind)
        if rows is None:
            return 0
        last, first = today - skip, today - skip - days
        return sum([row[2] for row in rows if first < row[0] <= last])

    def known_days(self, today: int) -> int:
        """For how many days this contact has been watched, at most REACH_DAYS."""
        if self.first_day is None:
            return 0
        return max(0, min(REACH_DAYS, today - self.first_day + 1))


def kinds(event: "RecordedEvent") -> tuple[str, ...]:
    """The kinds one event counts as; a name such as value_check is more telling than the type that carried it."""
    sure, look = _plan(event.event_type, event.event_name)
    return sure if look is None else sure + look(event.event_name or "", event.properties)


def today(now: datetime) -> int:
    """The ordinal of now's UTC day."""
    return now.astimezone(UTC).toordinal()


def absorb(session: Session, events: Sequence["RecordedEvent"], doubts: Mapping[int, float]) -> None:
    """Add events to the rollups and sessions; earlier events now known to be a machine's are moved over to it.

    Args:
        doubts: P(human) by event id (core.traffic.doubts), also of earlier events, whose number is stored here;
            core.events.finish stores that of `events`.
    """
    machine_ids = made_by_machines(doubts)
    tallies: dict[tuple[str, str, date], list[int]] = {}
    for event in events:
        _tally(tallies, event, 1, machine=event.id in machine_ids)
    earlier = doubts.keys() - {event.id for event in events} if doubts else ()
    for event in _unmask(session, {id_: doubts[id_] for id_ in earlier}):
        _tally(tallies, event, -1, machine=False)
        _tally(tallies, event, 1, machine=True)
    if own := own_names.days_of(tallies):
        tallies = own_names.limited(tallies, _stored_own_names(session, own))
    _add(session, tallies)
    _absorb_sessions(session, events, machine_ids)


def load(session: Session, contact_ids: Iterable[str], *, now: datetime) -> dict[str, History]:
    """The histories of these contacts as they stood at `now`: nothing that occurred later is in them."""
    ids = list(dict.fromkeys(contact_ids))
    histories = {contact_id: History(contact_id, now) for contact_id in ids}
    if not ids:
        return histories
    day = today(now)
    for contact_id, first_seen_at in session.connection().execute(
        select(Contact.id, Contact.first_seen_at).where(Contact.id.in_(ids))
    ):
        if first_seen_at <= now:
            histories[contact_id].first_day = today(first_seen_at)
    later = _later_today(session, ids, now)
    rows = session.connection().execute(
        select(Rollup.contact_id, Rollup.kind, Rollup.day, Rollup.human, Rollup.machine)
        .where(
            Rollup.contact_id.in_(ids),
            Rollup.day > date.fromordinal(day - REACH_DAYS),
            Rollup.day <= date.fromordinal(day),
        )
        .order_by(Rollup.contact_id, Rollup.kind, Rollup.day)
    )
    for contact_id, kind, on, human, machine in rows:
        if later and (less := later.get((contact_id, kind, on))):
            human, machine = human - less[0], machine - less[1]
        _put(histories[contact_id], kind, on.toordinal(), human, machine)
    _load_sessions(session, histories, ids, now)
    _load_homes(session, histories, ids)
    _load_facts(session, histories, ids, now)
    return histories


def of(
    contact_id: str,
    events: Iterable["RecordedEvent"],
    *,
    machine_ids: set[int] | frozenset[int] = frozenset(),
    homes: Sequence[Home] = (),
    facts: Sequence[Fact] = (),
    first_seen_at: datetime | None = None,
    now: datetime,
) -> History:
    """The same history from events in memory: for training, replays and tests. Events after `now` are left out."""
    history = History(contact_id, now, homes=list(homes))
    history.facts = [fact for fact in facts if fact.occurred_at <= now and fact.occurred_at > now - _REACH]
    if first_seen_at is not None and first_seen_at <= now:
        history.first_day = today(first_seen_at)
    tallies: dict[tuple[str, str, date], list[int]] = {}
    sessions: dict[tuple[str, str], list[datetime]] = {}
    known = [event for event in events if event.occurred_at <= now or event.received_at <= now]
    for event in known:
        _tally(tallies, event, 1, machine=event.id in machine_ids)
        _span(sessions, event, machine_ids)
    day = today(now)
    for (_, kind, on), (human, machine) in sorted(own_names.limited(tallies).items()):
        if on.toordinal() > day - REACH_DAYS:
            _put(history, kind, on.toordinal(), human, machine)
    since = now - timedelta(days=SESSION_DAYS)
    history.sessions = sorted((start, last) for start, last in sessions.values() if start > since)
    return history


_SQLITE_ADD = """
    INSERT INTO rollups (contact_id, kind, day, human, machine) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (contact_id, kind, day)
    DO UPDATE SET human = rollups.human + excluded.human, machine = rollups.machine + excluded.machine
"""
_POSTGRES_ADD = """
    INSERT INTO rollups (contact_id, kind, day, human, machine)
    SELECT r->>0, r->>1, (r->>2)::date, (r->>3)::int, (r->>4)::int FROM jsonb_array_elements(%s::jsonb) AS r
    ON CONFLICT (contact_id, kind, day)
    DO UPDATE SET human = rollups.human + excluded.human, machine = rollups.machine + excluded.machine
"""


def _add(session: Session, tallies: Mapping[tuple[str, str, date], list[int]]) -> None:
    """Driver-level SQL: SQLAlchemy's binding costs more than the rows do (see core.events.recording). In the order of
    their keys, so that two writers wait for each other and never in a circle."""
    if not tallies:
        return
    rows = [
        (contact, kind, day.isoformat(), human, machine) for (contact, kind, day), (human, machine) in tallies.items()
    ]
    rows.sort()
    if is_postgres(session):
        session.connection().exec_driver_sql(_POSTGRES_ADD, (orjson.dumps(rows).decode(),))
    else:
        session.connection().exec_driver_sql(_SQLITE_ADD, rows)


def _stored_own_names(session: Session, days: set[tuple[str, date]]) -> Iterable[own_names.Key]:
    """The own names counted so far on these days (and on days between them)."""
    between = sorted(day for _, day in days)
    rows = session.connection().execute(
        select(Rollup.contact_id, Rollup.kind, Rollup.day).where(
            Rollup.contact_id.in_({contact_id for contact_id, _ in days}),
            Rollup.kind.startswith(own_names.PREFIX),
            Rollup.day >= between[0],
            Rollup.day <= between[-1],
        )
    )
    return [(contact_id, kind, day) for contact_id, kind, day in rows]


_REACH = timedelta(days=REACH_DAYS)


def normal(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


_Look = Callable[[str, Mapping[str, Any]], tuple[str, ...]]


@lru_cache(maxsize=4096)
def _plan(event_type: str, event_name: str | None) -> tuple[tuple[str, ...], _Look | None]:
    """What type and name say for sure, and who looks into the properties for more (None: nobody need)."""
    name = normal(event_name) if event_name else ""
    named, kind = _BY_NAME.get(name), _BY_TYPE.get(event_type)  # type: ignore[call-overload]
    opened = event_type in _DOCUMENTS or event_type in _MAIL
    if named is not None and not opened:
        return (named,), None
    own = None if name in _KNOWN_NAMES else own_names.kind_of(name)
    sure = tuple(each for each in (named, kind, own) if each is not None)
    if name == "market_report_view":
        sure = (*sure, "market_report")
    elif opened:
        return sure, _look_into_click if event_type == EventType.EMAIL_CLICK else _look_for_report
    if event_type == EventType.EMAIL_CLICK:
        return sure, _look_for_refinancing
    if event_type == EventType.CALCULATOR_USE:
        return sure, _look_into_calculator
    if event_type in (EventType.PROPERTY_VIEW, EventType.SEARCH):
        return sure, _look_for_investment
    return sure, None


def _look_into_click(name: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    return _look_for_refinancing(name, properties) + _look_for_report(name, properties)


def _look_for_refinancing(name: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    subject = f"{properties.get('campaignId', '')} {properties.get('url', '')} {name}".lower()
    return ("refinance_click",) if "refinanc" in subject else ()


def _look_for_report(_name: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    return ("market_report",) if properties and _is_report(properties) else ()


def _look_into_calculator(name: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    subject = f"{properties.get('calculatorType', '')} {name}".lower()
    if "refinanc" in subject:
        return ("refinance_calculator",)
    if any(word in subject for word in _INVESTMENT_WORDS):
        return ("investment_research",)
    return ("buying_calculator",) if any(word in subject for word in _BUYING_WORDS) else ()


def _look_for_investment(name: str, properties: Mapping[str, Any]) -> tuple[str, ...]:
    subject = f"{properties.get('purpose', '')} {properties.get('listingType', '')} {name}".lower()
    return ("investment_research",) if any(word in subject for word in _INVESTMENT_WORDS) else ()


def _is_report(properties: Mapping[str, Any]) -> bool:
    return any(
        "market_report" in normal(value) for key in _CAMPAIGN_KEYS if isinstance(value := properties.get(key), str)
    )


def _tally(
    tallies: dict[tuple[str, str, date], list[int]], event: "RecordedEvent", times: int, *, machine: bool
) -> None:
    at = min(event.occurred_at, event.received_at)
    day = at.date()
    contact_id = event.contact_id
    for kind in kinds(event):
        tally = tallies.get((contact_id, kind, day))
        if tally is None:
            tally = tallies[contact_id, kind, day] = [0, 0]
        tally[machine] += times
    if not machine and event.event_type not in _NOT_A_VISIT:
        visit = (contact_id, _visit(at.hour, event.device), day)
        tally = tallies.get(visit)
        if tally is None:
            tally = tallies[visit] = [0, 0]
        tally[0] += times


@lru_cache(maxsize=4096)
def _visit(hour: int, device: str | None) -> str:
    return f"at:{hour:02}:{_device(device)}"


def _device(device: str | None) -> str:
    if not device:
        return "unknown"
    name = device.lower()
    return name if name in DEVICES else "other"


def _put(history: History, kind: str, ordinal: int, human: int, machine: int) -> None:
    if human <= 0 and machine <= 0:
        return
    if history.first_day is None or ordinal < history.first_day:
        history.first_day = ordinal
    if kind.startswith("at:"):
        history.visits.append((ordinal, int(kind[3:5]), kind[6:], human))
        return
    rows = history.days.get(kind)
    if rows is None:
        history.days[kind] = [Day(ordinal, human, machine)]
    else:
        rows.append(Day(ordinal, human, machine))


def _unmask(session: Session, p_human: Mapping[int, float]) -> list["RecordedEvent"]:
    """Store what is now known of earlier events; returns those that had counted as a human's and must be moved over."""
    if not p_human:
        return []
    machine_ids = made_by_machines(p_human)
    moved = _EVENT_COLUMNS.where(Event.id.in_(machine_ids), Event.is_machine.is_(False))
    rows = session.execute(moved).all() if machine_ids else []
    events = table_of(Event)
    session.connection().execute(
        update(events)
        .where(events.c.id == bindparam("key"))
        .values(p_human=bindparam("p"), is_machine=or_(events.c.is_machine, bindparam("machine", type_=Boolean))),
        [{"key": id_, "p": p, "machine": id_ in machine_ids} for id_, p in sorted(p_human.items())],
    )
    return rows  # type: ignore[return-value]


_EVENT_COLUMNS = select(
    Event.id,
    Event.contact_id,
    Event.event_type,
    Event.event_name,
    Event.occurred_at,
    Event.received_at,
    Event.device,
    Event.properties,
).where(Event.processed_at.is_not(None))


def _later_today(session: Session, ids: list[str], now: datetime) -> dict[tuple[str, str, date], list[int]]:
    """What the rollups of now's day already count that occurs after `now`: exactness when looking back."""
    midnight = datetime.fromordinal(today(now) + 1).replace(tzinfo=UTC)
    tallies: dict[tuple[str, str, date], list[int]] = {}
    for row in session.connection().execute(
        _EVENT_COLUMNS.add_columns(Event.is_machine).where(
            Event.contact_id.in_(ids), Event.occurred_at > now, Event.occurred_at < midnight, Event.received_at > now
        )
    ):
        _tally(tallies, row, 1, machine=row.is_machine)  # type: ignore[arg-type]
    return tallies


def _span(
    sessions: dict[tuple[str, str], list[datetime]],
    event: "RecordedEvent",
    machine_ids: set[int] | frozenset[int],
) -> None:
    if event.session_id is None or event.event_type in _NOT_A_VISIT or event.id in machine_ids:
        return
    span = sessions.get((event.contact_id, event.session_id))
    at = min(event.occurred_at, event.received_at)
    if span is None:
        sessions[event.contact_id, event.session_id] = [at, at]
    elif at < span[0]:
        span[0] = at
    elif at > span[1]:
        span[1] = at


def _absorb_sessions(session: Session, events: Sequence["RecordedEvent"], machine_ids: set[int]) -> None:
    sessions: dict[tuple[str, str], list[datetime]] = {}
    for event in events:
        _span(sessions, event, machine_ids)
    if not sessions:
        return
    statement = upsert(session, ContactSession)
    new = statement.excluded
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["contact_id", "session_id"],
            set_={
                "started_at": case(
                    (new.started_at < ContactSession.started_at, new.started_at), else_=ContactSession.started_at
                ),
                "last_at": case((new.last_at > ContactSession.last_at, new.last_at), else_=ContactSession.last_at),
            },
        ),
        [
            {"contact_id": contact_id, "session_id": session_id, "started_at": start, "last_at": last}
            for (contact_id, session_id), (start, last) in sorted(sessions.items())
        ],
    )


def _load_sessions(session: Session, histories: dict[str, History], ids: list[str], now: datetime) -> None:
    rows = session.connection().execute(
        select(ContactSession.contact_id, ContactSession.started_at, ContactSession.last_at)
        .where(
            ContactSession.contact_id.in_(ids),
            ContactSession.started_at > now - timedelta(days=SESSION_DAYS),
            ContactSession.started_at <= now,
        )
        .order_by(ContactSession.started_at, ContactSession.last_at)
    )
    for contact_id, started_at, last_at in rows:
        histories[contact_id].sessions.append((started_at, min(last_at, now)))


def _load_homes(session: Session, histories: dict[str, History], ids: list[str]) -> None:
    rows = session.connection().execute(
        select(Property.contact_id, Property.estimated_value, Property.mortgage_balance, Property.purchased_on)
        .where(Property.contact_id.in_(ids))
        .order_by(Property.id)
    )
    for contact_id, value, mortgage, purchased_on in rows:
        histories[contact_id].homes.append(Home(value, mortgage, purchased_on))


def _load_facts(session: Session, histories: dict[str, History], ids: list[str], now: datetime) -> None:
    rows = session.connection().execute(
        select(Signal.contact_id, Signal.type, Signal.subtype, Signal.strength, Signal.confidence, Signal.first_seen_at)
        .where(
            Signal.contact_id.in_(ids),
            Signal.source != "events",
            Signal.first_seen_at <= now,
            Signal.first_seen_at > now - _REACH,
        )
        .order_by(Signal.first_seen_at)
    )
    for contact_id, signal_type, subtype, strength, confidence, occurred_at in rows:
        histories[contact_id].facts.append(Fact(signal_type, subtype, strength, confidence, occurred_at))
