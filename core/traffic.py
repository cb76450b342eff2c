"""Which events a machine made: mail scanners that open at once or click every link, known robots, and honeypots.

They are kept and marked, and never count as a human's. An event that arrives late can unmask earlier ones (a mail's
EMAIL_SENT, or the third click of a burst), so the answer may hold ids that were processed before.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from core.db.tables.behaviour import Event
from core.words import EventType

if TYPE_CHECKING:
    from core.events import RecordedEvent

AT_ONCE = timedelta(seconds=3)
"""An open or click this soon after the send is a gateway checking the mail: a person needs longer to see it."""
BURST = timedelta(seconds=5)
BURST_LINKS = 3
"""So many different links within BURST is a scanner following every link."""
HONEYPOT = "honeypot"
"""The property a client sets when a link or field was used that people cannot see."""

_ROBOT = re.compile(
    r"(?<!cu)bot\b|crawl|spider|slurp|headless|phantomjs|selenium|puppeteer|playwright|python-requests|python-httpx|aiohttp|"
    r"curl/|wget/|go-http-client|okhttp|libwww|scanner|barracuda|proofpoint|mimecast|safelinks|urldefense|ironport|"
    r"fireeye|messagelabs|cloudmark|bingpreview|facebookexternalhit",
    re.IGNORECASE,
)
_MAIL = frozenset({EventType.EMAIL_SENT, EventType.EMAIL_OPEN, EventType.EMAIL_CLICK})


class _Mail(NamedTuple):
    id: int
    event_type: str
    at: datetime
    campaign: str | None
    link: str | None


def machines(events: Sequence["RecordedEvent"], session: Session) -> set[int]:
    """The ids of machine-made events, judged together with what the same contacts did just before and after."""
    found: set[int] = set()
    mails: dict[str, list[_Mail]] = defaultdict(list)
    for event in events:
        if _is_robot(event.user_agent) or _is_true(event.properties.get(HONEYPOT)):
            found.add(event.id)
        if event.event_type in _MAIL:
            mails[event.contact_id].append(
                _mail(event.id, event.event_type, event.occurred_at, event.page_url, event.properties)
            )
    if mails:
        for contact_id, neighbour in _neighbours(session, mails):
            mails[contact_id].append(neighbour)
        for of_contact in mails.values():
            found |= scanned(of_contact)
    return found


def scanned(mails: Iterable[_Mail]) -> set[int]:
    """Of one contact's mail events, those a scanner made."""
    ordered = sorted(mails, key=lambda mail: mail.at)
    found: set[int] = set()
    sent: dict[str | None, datetime] = {}
    for mail in ordered:
        if mail.event_type == EventType.EMAIL_SENT:
            sent[mail.campaign] = mail.at
        elif (at := sent.get(mail.campaign)) is not None and mail.at - at <= AT_ONCE:
            found.add(mail.id)
    # The same second may list the send after its open: look once more from the other side.
    for mail in ordered:
        if mail.event_type != EventType.EMAIL_SENT and sent.get(mail.campaign) == mail.at:
            found.add(mail.id)
    return found | _bursts([mail for mail in ordered if mail.event_type == EventType.EMAIL_CLICK])


def _bursts(clicks: list[_Mail]) -> set[int]:
    found: set[int] = set()
    start = 0
    for end, click in enumerate(clicks):
        while click.at - clicks[start].at > BURST:
            start += 1
        window = clicks[start : end + 1]
        if len(window) >= BURST_LINKS and len({each.link for each in window if each.link}) >= BURST_LINKS:
            found.update(each.id for each in window)
    return found


def _neighbours(session: Session, mails: Mapping[str, list[_Mail]]) -> Iterable[tuple[str, _Mail]]:
    """Mail events of these contacts that were processed before, close enough in time to matter."""
    times = [mail.at for of_contact in mails.values() for mail in of_contact]
    rows = session.connection().execute(
        select(Event.contact_id, Event.id, Event.event_type, Event.occurred_at, Event.page_url, Event.properties).where(
            Event.contact_id.in_(list(mails)),
            Event.occurred_at >= min(times) - BURST,
            Event.occurred_at <= max(times) + BURST,
            Event.event_type.in_(sorted(_MAIL)),
            Event.processed_at.is_not(None),
        )
    )
    for contact_id, *row in rows:
        yield contact_id, _mail(*row)


def _mail(id_: int, event_type: str, at: datetime, page_url: str | None, properties: Mapping[str, Any]) -> _Mail:
    campaign = properties.get("campaignId", properties.get("campaign"))
    link = properties.get("url") or properties.get("link") or properties.get("linkId") or page_url
    return _Mail(id_, event_type, at, None if campaign is None else str(campaign), None if link is None else str(link))


@lru_cache(maxsize=4096)
def _is_robot(user_agent: str | None) -> bool:
    return user_agent is not None and _ROBOT.search(user_agent) is not None


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1", "yes")) or value == 1
