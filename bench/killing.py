"""kill -9 of either process at random moments under load: afterwards nothing is lost and nothing is doubled."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.engine import make_url

from app.security import sessions, tokens
from core.clock import SystemClock
from core.db import Database
from core.db.migrate import upgrade
from core.db.tables import Agent, Alert, Assignment, Attempt, Change, Delivery, Event, Rollup
from core.words import DeliveryState
from tests import factories
from tests.mail import MailServer, serving
from tests.processes import KEY, Processes, running

CONTACTS = 160
EVENTS = 2000
_KINDS = ("value_check", "comparable")
"""Each event here counts as one of these kinds and no other."""
_BATCH = 10
_SETTLED_WITHIN = 90.0


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What was found when everything had come to rest."""

    kills: int
    events: int
    alerts: int
    mails: int
    mails_twice: int
    """Mails that came again after a crash between the server's yes and our record of it."""
    seconds: float
    broken: tuple[str, ...]
    """Every promise that was not kept, in words. Empty is the goal."""


def run(folder: Path, postgres_url: str, *, kills: int = 30) -> dict[str, Any]:
    """Both databases."""
    found: dict[str, Any] = {}
    for name, url in (("sqlite", f"sqlite:///{folder / 'killing.db'}"), ("postgresql", _fresh(postgres_url))):
        (folder / name).mkdir()
        after = drill(folder / name, url, kills=kills)
        found[name] = {
            "kills": after.kills,
            "events": after.events,
            "alerts": after.alerts,
            "mails": after.mails,
            "mails_twice_after_a_crash": after.mails_twice,
            "broken_promises": len(after.broken),
            "seconds": after.seconds,
        }
        if after.broken:
            raise AssertionError("; ".join(after.broken))
    return found


def drill(folder: Path, database_url: str, *, kills: int, seed: int = 7) -> Aftermath:
    """Post EVENTS events while killing, let everything settle, and look."""
    dice = random.Random(seed)
    started = time.monotonic()
    database = Database(database_url)
    upgrade(database)
    token = _seed(database)
    slices = _slices(_events(dice), kills + 1)
    with serving() as mail, running(folder, database_url, smtp_url=mail.url) as processes:
        for number, some in enumerate(slices):
            posting = threading.Thread(target=_post, args=(processes, token, some))
            posting.start()
            if number < kills:
                threading.Event().wait(dice.uniform(0.2, 1.6))
                _kill(processes, dice.choice((("jobs",), ("jobs",), ("web",), ("web", "jobs"))))
            posting.join(60)
        settled = _settle(database)
        broken = _broken(database, mail) if settled else (f"it did not settle; {processes.log('jobs')}",)
        for name in ("jobs", "web"):
            if processes.terminate(name, timeout=30):
                broken += (f"{name} did not end cleanly",)
    with database.read() as session:
        alerts = session.scalar(select(func.count()).select_from(Alert)) or 0
    database.dispose()
    return Aftermath(
        kills=kills,
        events=EVENTS,
        alerts=alerts,
        mails=len(mail.mails),
        mails_twice=len(mail.mails) - len(set(mail.keys())),
        seconds=time.monotonic() - started,
        broken=broken,
    )


def _kill(processes: Processes, names: Sequence[str]) -> None:
    for name in names:
        processes.kill(name)
    for name in names:
        processes.start(name)


def _seed(database: Database) -> str:
    """Agents with room, contacts with homes, and an admin's token."""
    now = SystemClock().now()
    with database.write() as session:
        factories.admin(session, now=now)
        for number in range(12):
            agent_id = factories.agent(session, f"agent-{number}", capacity=40, now=now)
            factories.told_at_once(session, agent_id, now=now)
        for number in range(CONTACTS):
            contact_id = factories.contact(session, f"c{number}", now=now)
            factories.home(session, contact_id, value=520_000, mortgage_balance=110_000, now=now)
            for kind in ("job_change", "address_change"):  # so that every alert is urgent enough for a mail
                factories.signal(
                    session,
                    contact_id,
                    type="LIFE_EVENT",
                    subtype=kind,
                    category="LIFE_EVENTS",
                    source="api",
                    strength=1.0,
                    confidence=0.95,
                    window_end=now + timedelta(days=60),
                    now=now,
                )
        session_id, _refresh = sessions.open_token(session, "admin", user_agent=None, now=now)
    return tokens.issue("admin", session_id, role="admin", key=KEY, minutes=60, now=now)


def _events(dice: random.Random) -> list[dict[str, Any]]:
    """Six value checks and six comparable views for each contact, a few more up to EVENTS, in no order."""
    now = datetime.now(UTC)
    names = ["value_check", "comparable_view"] * 6
    found = [
        {
            "eventId": f"c{contact}-{number}",
            "userId": f"c{contact}",
            "eventType": "PAGE_VIEW",
            "eventName": name,
            "occurredAt": (now - timedelta(hours=7 * number + 1)).isoformat(),
        }
        for contact in range(CONTACTS)
        for number, name in enumerate(names)
    ]
    for number in range(EVENTS - len(found)):
        found.append({**found[number], "eventId": f"more-{number}", "eventName": "value_check"})
    dice.shuffle(found)
    return found


def _slices(events: list[dict[str, Any]], number: int) -> list[list[dict[str, Any]]]:
    size = -(-len(events) // number)
    return [events[start : start + size] for start in range(0, len(events), size)]


def _post(processes: Processes, token: str, events: Sequence[dict[str, Any]]) -> None:
    """Post until accepted, as a client that means it: after any doubt the same events again."""
    with httpx2.Client(headers={"authorization": f"Bearer {token}"}, timeout=30) as client:
        for some in _batched(events, _BATCH):
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    answer = client.post(f"{processes.origin}/api/v1/events", json=some)
                except httpx2.HTTPError:
                    threading.Event().wait(0.05)
                    continue
                if answer.status_code == 202:
                    break
                if answer.status_code < 500 and answer.status_code != 429:
                    raise AssertionError(answer.text)
                threading.Event().wait(0.05)


def _settle(database: Database) -> bool:
    """Wait until no event and no delivery waits."""
    until = time.monotonic() + _SETTLED_WITHIN
    live = (DeliveryState.QUEUED, DeliveryState.LEASED)
    while time.monotonic() < until:
        with database.read() as session:
            events = session.scalar(select(func.count()).select_from(Event).where(Event.processed_at.is_(None)))
            mails = session.scalar(select(func.count()).select_from(Delivery).where(Delivery.state.in_(live)))
        if not events and not mails:
            return True
        threading.Event().wait(0.1)
    return False


def _broken(database: Database, mail: MailServer) -> tuple[str, ...]:
    """Every promise that does not hold now."""
    found = []
    with database.read() as session:
        stored = session.scalar(select(func.count()).select_from(Event)) or 0
        if stored != EVENTS:
            found.append(f"{stored} events are stored of {EVENTS} accepted")
        rolled = session.scalar(select(func.sum(Rollup.human + Rollup.machine)).where(Rollup.kind.in_(_KINDS))) or 0
        if rolled != EVENTS:
            found.append(f"{rolled} events are counted of {EVENTS}: some not at all, or twice")
        alerts = {row.id: row for row in session.execute(select(Alert.id, Alert.assigned_agent_id, Alert.closed_at))}
        owners = Counter(session.scalars(select(Assignment.alert_id).where(Assignment.ended_at.is_(None))))
        found += [
            f"alert {alert.id} has {owners[alert.id]} owners"
            for alert in alerts.values()
            if owners[alert.id] != (1 if alert.assigned_agent_id else 0)
        ]
        if not alerts:
            found.append("no alert was opened")
        open_now = select(Assignment.agent_id, func.count()).where(Assignment.ended_at.is_(None))
        counts = {row[0]: row[1] for row in session.execute(open_now.group_by(Assignment.agent_id))}
        for agent_id, open_alerts in session.execute(select(Agent.id, Agent.open_alerts)):
            if counts.get(agent_id, 0) != open_alerts:
                found.append(f"agent {agent_id} is counted with {open_alerts} and has {counts.get(agent_id, 0)}")
        told = Counter(session.scalars(select(Change.subject_id).where(Change.kind == "alert:new")))
        if set(told.values()) != {1} or set(told) != set(alerts):
            found.append("the feed did not tell every new alert once")
        found += _mails_broken(
            Counter(mail.keys()),
            {
                row.idempotency_key: row
                for row in session.execute(
                    select(Delivery.idempotency_key, Delivery.id, Delivery.state).where(Delivery.channel == "email")
                )
            },
            Counter(session.scalars(select(Attempt.delivery_id).where(Attempt.outcome == "lost"))),
        )
    return tuple(found)


def _mails_broken(came: Counter[str], deliveries: dict[str, Any], lost: Counter[str]) -> list[str]:
    found = []
    if not deliveries:
        found.append("no mail was due")
    if strange := set(came) - set(deliveries):
        found.append(f"{len(strange)} mails came that nobody wanted")
    for key, row in deliveries.items():
        if row.state == DeliveryState.SENT and came[key] == 0:
            found.append(f"{key} is called sent and never came")
        if row.state not in (DeliveryState.SENT, DeliveryState.SUPPRESSED):
            found.append(f"{key} ended {row.state}")
        if came[key] > 1 + lost[row.id]:
            found.append(f"{key} came {came[key]} times with {lost[row.id]} crashes between")
    return found


def _batched(events: Sequence[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    return [list(events[start : start + size]) for start in range(0, len(events), size)]


def _fresh(server_url: str) -> str:
    server = make_url(server_url)
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS bench_killing WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE bench_killing"))
    engine.dispose()
    return server.set(database="bench_killing").render_as_string(hide_password=False)
