"""How likely a person made an event: mail scanners, prefetching mailboxes, robots, honeypots and impossible speed.

Nothing is dropped. What speaks against a person lowers an event's P(human); below one half it is a machine's and moves
no score. An event that arrives late can unmask earlier ones (a mail's EMAIL_SENT, or the third click of a burst), so the
answer may hold ids that were processed before.

Every observation has a likelihood ratio: how much more often machines show it than people do. They are multiplied with
the prior odds (added, as logarithms) as if they were independent given who made the event; they are not quite, so the
result is held within 0.001 and 0.999. The ratios are judgements, written down in docs/scoring.md to be argued with.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from math import exp, log
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables.behaviour import Event
from core.events import RecordedEvent, made_by_machines
from core.words import EventType

DOUBTFUL_BELOW = 0.9
"""An event with a P(human) below this is doubtful: a person can look at a score without it."""
PRIOR_MAIL, PRIOR_OTHER = 1 / 9, 1 / 50
"""Odds that a machine made an event of which nothing else is known: opens and clicks of mails, and everything else."""
AT_ONCE, SOON = timedelta(seconds=3), timedelta(seconds=10)
"""An open or click this soon after the send: a gateway checking the mail, since a person needs longer to see it; and
possible with the phone in the hand, but seldom."""
BURST, QUICK = timedelta(seconds=5), timedelta(seconds=2)
BURST_LINKS = 3
"""So many different links of mails within BURST is a scanner following every link; two within QUICK may be one."""
RUSH = timedelta(seconds=10)
RUSH_PAGES, HURRY_PAGES = 8, 5
"""So many different pages within RUSH is faster than anybody looks; the lesser number is a hurry."""
HONEYPOT = "honeypot"
"""The property a client sets when a link or field was used that people cannot see."""

RATIOS: Mapping[str, float] = {
    "robot": 2_000.0,
    "honeypot": 5_000.0,
    "at_once": 100.0,
    "soon": 3.0,
    "burst": 300.0,
    "two_links": 4.0,
    "prefetched": 20.0,
    "rush": 500.0,
    "hurry": 15.0,
    "data_centre": 20.0,
}
"""Machines show this so many times more often than people."""

_ROBOT = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|headless|phantomjs|selenium|puppeteer|playwright|python-requests|python-httpx|aiohttp|"
    r"curl/|wget/|go-http-client|okhttp|libwww|scanner|barracuda|proofpoint|mimecast|safelinks|urldefense|ironport|"
    r"fireeye|messagelabs|cloudmark|bingpreview|facebookexternalhit",
    re.IGNORECASE,
)
_PREFETCHER = "Mozilla/5.0"
"""All that Apple's Mail Privacy Protection says of itself; it loads every mail's images, read or not."""
_IMAGE_PROXY = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
"""These load images from a data centre when a person opens the mail."""
_NETWORK_KEYS = ("ipType", "networkType", "connectionType", "asnType", "usageType")
_DATA_CENTRE = frozenset({"datacenter", "datacentre", "hosting", "cloud", "dch"})
_MAIL = frozenset({EventType.EMAIL_SENT, EventType.EMAIL_OPEN, EventType.EMAIL_CLICK})
_LIVE = timedelta(minutes=1)
"""A batch that spans more is a backlog, which holds all that waits of its contacts: only a live one, which may hold one
event of a rush, is judged with the pages seen just before."""
_REACH = 2 * max(SOON, BURST, QUICK, RUSH)
"""An event changes what is thought of those within one window of it, and for them those within another matter."""
_ORDER = {EventType.EMAIL_SENT: 0}


class _Seen(NamedTuple):
    """One event as it is judged."""

    id: int
    event_type: str
    at: datetime
    page_url: str | None
    user_agent: str | None
    properties: Mapping[str, Any]
    before: float = 2.0
    """What an earlier pass said of it: only a lower number is news; 2 for an event that is judged for the first time."""


_COLUMNS = (
    Event.contact_id,
    Event.id,
    Event.event_type,
    Event.occurred_at,
    Event.page_url,
    Event.user_agent,
    Event.properties,
    Event.p_human,
)


def doubts(events: Sequence[RecordedEvent], session: Session) -> dict[int, float]:
    """P(human) of every event that something speaks against, judged with what the same contacts did just before and after.

    Beside ids of `events` it may hold those of earlier ones, which are less likely a person's than was thought.
    """
    of_contact: dict[str, list[_Seen]] = defaultdict(list)
    found: dict[int, float] = {}
    for event in events:
        is_mail, page = event.event_type in _MAIL, event.page_url
        if is_mail or page or event.properties or event.user_agent:
            seen = _Seen(event.id, event.event_type, event.occurred_at, page, event.user_agent, event.properties)
            if is_mail or _page(seen) is not None:
                of_contact[event.contact_id].append(seen)
            elif alone := _alone(seen):
                found[event.id] = _p_human(PRIOR_OTHER, alone)
    if of_contact:
        for contact_id, neighbour in _neighbours(session, of_contact):
            of_contact[contact_id].append(neighbour)
        for seen_of in of_contact.values():
            found |= _judged(seen_of)
    return found


def machines(events: Sequence[RecordedEvent], session: Session) -> set[int]:
    """The ids of the events a machine made: those whose P(human) is below one half."""
    return made_by_machines(doubts(events, session))


def _judged(seen: list[_Seen]) -> dict[int, float]:
    """Of one contact's events, those less likely a person's than was thought."""
    evidence: dict[int, list[str]] = defaultdict(list)
    seen.sort(key=lambda each: (each.at, _ORDER.get(each.event_type, 1), each.id))  # type: ignore[call-overload]
    mails = [each for each in seen if each.event_type in _MAIL]
    if mails:
        _after_the_send(mails, evidence)
        _links(mails, evidence)
    if len(seen) - len(mails) >= HURRY_PAGES:
        _rushes([each for each in seen if each.event_type not in _MAIL], evidence)
    found = {}
    for each in seen:
        against = (*evidence.get(each.id, ()), *_alone(each))
        if against and each.event_type != EventType.EMAIL_SENT:
            p = _p_human(PRIOR_MAIL if each.event_type in _MAIL else PRIOR_OTHER, against)
            if p < each.before:
                found[each.id] = p
    return found


@lru_cache(maxsize=1024)
def _p_human(prior: float, against: tuple[str, ...]) -> float:
    """Prior odds and likelihood ratios, added as logarithms."""
    odds = log(prior) + sum(log(RATIOS[name]) for name in against)
    return round(min(max(1 / (1 + exp(odds)), 0.001), 0.999), 4)


def _alone(seen: _Seen) -> tuple[str, ...]:
    """What one event says by itself."""
    found = []
    agent, properties = seen.user_agent, seen.properties
    if _is_robot(agent):
        found.append("robot")
    if agent == _PREFETCHER and seen.event_type == EventType.EMAIL_OPEN:
        found.append("prefetched")
    if properties:
        if _is_true(properties.get(HONEYPOT)):
            found.append("honeypot")
        if _is_data_centre(properties) and not (agent and _IMAGE_PROXY.search(agent)):
            found.append("data_centre")
    return tuple(found)


def _after_the_send(mails: Sequence[_Seen], evidence: dict[int, list[str]]) -> None:
    """`mails` in order, a send before what came in the same instant."""
    sent: dict[str | None, datetime] = {}
    for mail in mails:
        campaign = _campaign(mail)
        if mail.event_type == EventType.EMAIL_SENT:
            sent[campaign] = mail.at
        elif (at := sent.get(campaign)) is not None and mail.at - at <= SOON:
            evidence[mail.id].append("at_once" if mail.at - at <= AT_ONCE else "soon")


def _links(mails: Sequence[_Seen], evidence: dict[int, list[str]]) -> None:
    clicks = [(mail.at, mail.id, _link(mail)) for mail in mails if mail.event_type == EventType.EMAIL_CLICK]
    if len(clicks) < 2:
        return
    burst = _crowded(clicks, within=BURST, least=BURST_LINKS)
    for id_ in burst:
        evidence[id_].append("burst")
    for id_ in _crowded(clicks, within=QUICK, least=2) - burst:
        evidence[id_].append("two_links")


def _rushes(pages: Sequence[_Seen], evidence: dict[int, list[str]]) -> None:
    looks = [(each.at, each.id, _page(each)) for each in pages]
    rush = _crowded(looks, within=RUSH, least=RUSH_PAGES, instants=RUSH_PAGES)
    for id_ in rush:
        evidence[id_].append("rush")
    for id_ in _crowded(looks, within=RUSH, least=HURRY_PAGES, instants=HURRY_PAGES) - rush:
        evidence[id_].append("hurry")


def _crowded(
    looks: Sequence[tuple[datetime, int, str | None]], *, within: timedelta, least: int, instants: int = 1
) -> set[int]:
    """Ids in a window with at least so many different targets, at so many different instants: a file with nothing but
    dates is no rush."""
    found: set[int] = set()
    start = 0
    for end, look in enumerate(looks):
        while look[0] - looks[start][0] > within:
            start += 1
        if end - start + 1 < least:
            continue
        window = looks[start : end + 1]
        if len({each[2] for each in window if each[2]}) >= least and len({each[0] for each in window}) >= instants:
            found.update(each[1] for each in window)
    return found


def _neighbours(session: Session, of_contact: Mapping[str, list[_Seen]]) -> Iterable[tuple[str, _Seen]]:
    """Events of these contacts that were processed before, close enough in time to matter."""
    wanted = {contact_id for contact_id, seen in of_contact.items() if any(each.event_type in _MAIL for each in seen)}
    times = [each.at for seen in of_contact.values() for each in seen]
    first, last = min(times), max(times)
    chosen = [
        Event.contact_id.in_(sorted(of_contact if last - first <= _LIVE else wanted)),
        Event.occurred_at >= first - _REACH,
        Event.occurred_at <= last + _REACH,
        Event.processed_at.is_not(None),
    ]
    if last - first > _LIVE:
        if not wanted:
            return
        chosen.append(Event.event_type.in_(sorted(_MAIL)))
    for row in session.connection().execute(select(*_COLUMNS).where(*chosen)):
        before = 2.0 if row.p_human is None else row.p_human
        yield row.contact_id, _Seen(row[1], row[2], row[3], row[4], row[5], row[6], before)


def _campaign(mail: _Seen) -> str | None:
    campaign = mail.properties.get("campaignId", mail.properties.get("campaign"))
    return None if campaign is None else str(campaign)


def _link(mail: _Seen) -> str | None:
    properties = mail.properties
    link = properties.get("url") or properties.get("link") or properties.get("linkId") or mail.page_url
    return None if link is None else str(link)


def _page(seen: _Seen) -> str | None:
    """What was looked at, where the event says so."""
    properties = seen.properties
    page = seen.page_url or (properties and (properties.get("propertyId") or properties.get("documentId")))
    return str(page) if page else None


@lru_cache(maxsize=4096)
def _is_robot(user_agent: str | None) -> bool:
    return user_agent is not None and _ROBOT.search(user_agent) is not None


def _is_data_centre(properties: Mapping[str, Any]) -> bool:
    for key in _NETWORK_KEYS:
        value = properties.get(key)
        if isinstance(value, str) and value.strip().lower().replace(" ", "").replace("-", "") in _DATA_CENTRE:
            return True
    return _is_true(properties.get("isDatacenter")) or _is_true(properties.get("isHosting"))


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1", "yes")) or value == 1
