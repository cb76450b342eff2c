"""How long a page of the feed takes at 100,000 alerts, for each role, sort and filter, on both databases."""

import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from core.db import Database
from core.db.base import table_of
from core.db.migrate import upgrade
from core.db.tables import Agent, Alert, Contact, Team, User
from core.viewer import Viewer, load
from core.views import alert_stats, analytics, feed, overview
from core.views.feed import Filters
from core.words import Intent, Priority, Status

ALERTS = 100_000
CONTACTS = 40_000
AGENTS = 240
TEAMS = 12
ROUNDS = 25
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
_BATCH = 5_000
_FEATURES = 40


def run(scratch: Path, postgres_url: str) -> dict[str, Any]:
    """Milliseconds (p50, p95) for each kind of page, by database; `worst_page_p95` is what the goal of 15 ms is about."""
    results: dict[str, Any] = {"alerts": ALERTS}
    for name, database in _databases(scratch, postgres_url):
        results[name] = measure(database)
        database.dispose()
    return results


def _databases(scratch: Path, postgres_url: str) -> Iterator[tuple[str, Database]]:
    yield "sqlite", Database(f"sqlite:///{scratch / 'lists.db'}")
    server = make_url(postgres_url)
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE IF EXISTS bench_lists WITH (FORCE)"))
        connection.execute(text("CREATE DATABASE bench_lists"))
    yield "postgresql", Database(server.set(database="bench_lists").render_as_string(hide_password=False))
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE bench_lists WITH (FORCE)"))
    admin.dispose()


def measure(database: Database, *, alerts: int = ALERTS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Fill an empty database and time every kind of page."""
    upgrade(database)
    fill(database, alerts=alerts)
    with database.read() as session:
        people = {role: load(session, user_id) for role, user_id in _PEOPLE.items()}
    found: dict[str, Any] = {"pages": {}, "counts": {}, "screens": {}}
    for role, viewer in people.items():
        assert viewer is not None
        for name, page in _pages(viewer).items():
            found["pages"][f"{role}: {name}"] = _time(database, page, rounds)
        for name, filters in _COUNTS.items():
            found["counts"][f"{role}: {name}"] = _time(database, _count(viewer, filters), rounds)
        for name, screen in _screens(viewer).items():
            found["screens"][f"{role}: {name}"] = _time(database, screen, max(rounds // 5, 1))
    found["worst_page_p95"] = max(times["p95"] for times in found["pages"].values())
    return found


_PEOPLE = {"admin": "admin", "manager": "manager-0", "agent": "agent-7"}
_COUNTS = {"open": Filters(open_only=True), "all": Filters(snoozed=None)}


def _pages(viewer: Viewer) -> dict[str, Callable[[Session], Any]]:
    month = NOW - timedelta(days=30)
    wanted: dict[str, tuple[str, Filters, int]] = {
        "open, urgent, 25": ("urgent", Filters(open_only=True), 25),
        "open, urgent, 100": ("urgent", Filters(open_only=True), 100),
        "open, newest, 100": ("newest", Filters(open_only=True), 100),
        "open, confidence, 100": ("confidence", Filters(open_only=True), 100),
        "all, urgent, 100": ("urgent", Filters(snoozed=None), 100),
        "all, newest, 100": ("newest", Filters(snoozed=None), 100),
        "all, confidence, 100": ("confidence", Filters(snoozed=None), 100),
        "one agent, open, urgent": ("urgent", Filters(open_only=True, agent_ids=("agent-7",)), 100),
        "pool, open, urgent": ("urgent", Filters(open_only=True, agent_ids=(feed.UNASSIGNED,)), 100),
        "dismissed, newest": ("newest", Filters(statuses=(Status.DISMISSED,)), 100),
        "type and confidence, open": (
            "urgent",
            Filters(open_only=True, types=("LIKELY_TO_BUY",), min_confidence=0.8),
            25,
        ),
        "territory, open": ("urgent", Filters(open_only=True, territory="606-3"), 25),
        "a month, all": ("newest", Filters(opened_from=month - timedelta(days=200), opened_to=month), 100),
        "snoozed": ("urgent", Filters(open_only=True, snoozed=True), 25),
        "text: common": ("urgent", Filters(open_only=True, text="rosa"), 25),
        "text: one contact": ("urgent", Filters(text="contact-39112"), 25),
        "text: nothing": ("urgent", Filters(text="zzz-nobody"), 25),
    }
    pages = {name: _page(viewer, *rest) for name, rest in wanted.items()}
    pages["open, urgent, the 20th page"] = _deep_page(viewer)
    return pages


def _page(viewer: Viewer, sort: Any, filters: Filters, limit: int) -> Callable[[Session], Any]:
    return lambda session: feed.list_alerts(session, viewer, filters, sort=sort, limit=limit, now=NOW)


def _deep_page(viewer: Viewer) -> Callable[[Session], Any]:
    cursors: list[str | None] = []
    filters = Filters(open_only=True)

    def page(session: Session) -> Any:
        if not cursors:
            cursor = None
            for _ in range(19):
                cursor = feed.list_alerts(session, viewer, filters, cursor=cursor, now=NOW).next_cursor or cursor
            cursors.append(cursor)
        return feed.list_alerts(session, viewer, filters, cursor=cursors[0], now=NOW)

    return page


def _count(viewer: Viewer, filters: Filters) -> Callable[[Session], Any]:
    return lambda session: feed.count_alerts(session, viewer, filters, now=NOW)


def _screens(viewer: Viewer) -> dict[str, Callable[[Session], Any]]:
    since = NOW - timedelta(days=90)
    return {
        "overview": lambda session: overview.overview(session, viewer, now=NOW),
        "stats": lambda session: alert_stats.alert_stats(session, viewer, now=NOW),
        "volume": lambda session: analytics.volume(session, viewer, since=since, until=NOW),
        "conversion": lambda session: analytics.conversion(session, viewer, since=since, until=NOW),
        "funnel": lambda session: analytics.funnel(session, viewer, since=since, until=NOW),
        "response times": lambda session: analytics.response_times(session, viewer, since=since, until=NOW),
        "agents compared": lambda session: analytics.agents_compared(session, viewer, since=since, until=NOW),
    }


def _time(database: Database, work: Callable[[Session], Any], rounds: int) -> dict[str, float]:
    spent = []
    with database.read() as session:
        work(session)
    for _ in range(rounds):
        started = time.perf_counter()
        with database.read() as session:
            work(session)
        spent.append((time.perf_counter() - started) * 1000)
    ordered = sorted(spent)
    return {"p50": round(statistics.median(ordered), 2), "p95": round(ordered[int((len(ordered) - 1) * 0.95)], 2)}


def fill(database: Database, *, alerts: int = ALERTS) -> None:
    """A brokerage with a history: most alerts closed, each open one unique per contact and type."""
    dice = random.Random(7)
    with database.write() as session:
        _people(session)
        session.execute(insert(table_of(Contact)), _contacts(dice))
    rows = _alerts(dice, alerts)
    while batch := [row for _, row in zip(range(_BATCH), rows, strict=False)]:
        with database.write() as session:
            session.execute(insert(table_of(Alert)), batch)
    with database.write() as session:
        load_of = (
            select(func.count())
            .where(Alert.assigned_agent_id == Agent.id, Alert.closed_at.is_(None))
            .correlate(Agent)
            .scalar_subquery()
        )
        session.execute(update(Agent).values(open_alerts=load_of))
        session.execute(text("ANALYZE"))


def _people(session: Session) -> None:
    stamp = {"active": True, "created_at": NOW, "timezone": "America/Chicago"}
    users = [{"id": "admin", "email": "admin@doorbell.test", "name": "Ada", "role": "admin", **stamp}]
    users += [
        {
            "id": f"manager-{n}",
            "email": f"manager-{n}@doorbell.test",
            "name": f"Manager {n}",
            "role": "manager",
            **stamp,
        }
        for n in range(TEAMS)
    ]
    users += [
        {"id": f"agent-{n}", "email": f"agent-{n}@doorbell.test", "name": f"Agent {n}", "role": "agent", **stamp}
        for n in range(AGENTS)
    ]
    session.execute(insert(User), users)
    session.execute(
        insert(Team),
        [
            {"id": f"team-{n}", "name": f"Team {n}", "manager_id": f"manager-{n}", "created_at": NOW}
            for n in range(TEAMS)
        ],
    )
    session.execute(
        insert(Agent),
        [
            {"id": f"agent-{n}", "team_id": f"team-{n % TEAMS}", "max_concurrent_alerts": 500, "updated_at": NOW}
            for n in range(AGENTS)
        ],
    )


def _contacts(dice: random.Random) -> list[dict[str, Any]]:
    firsts = ["Rosa", "Jon", "Amy", "Luis", "Mei", "Omar", "Nina", "Paul"]
    lasts = ["Diaz", "Smith", "Chen", "Okafor", "Novak", "Haddad", "Larsen", "Roy"]
    return [
        {
            "id": f"contact-{n}",
            "name": f"{dice.choice(firsts)} {dice.choice(lasts)}",
            "email": f"person{n}@example.com",
            "phone": "+1 312 555 0142",
            "territory": f"606-{n % 60}",
            "attributes": {},
            "first_seen_at": NOW - timedelta(days=400),
            "last_human_event_at": NOW - timedelta(hours=n % 2000),
            "updated_at": NOW,
        }
        for n in range(CONTACTS)
    ]


def _alerts(dice: random.Random, count: int) -> Iterator[dict[str, Any]]:
    """One in eight is open, none of them twice for a contact and type; a tenth of all were never assigned."""
    contributions = [
        {"feature": f"feature_{n}", "label": f"Some feature number {n}", "value": n * 1.5, "contribution": n / 40}
        for n in range(_FEATURES)
    ]
    explanation = {"base": -3.5, "contributions": contributions, "logOdds": -1.0, "text": "Checked the value 10 times."}
    top_factors = [{**one, "text": "Checked the value of the home 10 times in 30 days"} for one in contributions[:4]]
    types = list(Intent)
    for n in range(count):
        is_open = n % 8 == 0
        opened_at = NOW - timedelta(seconds=dice.randrange(30 * 86400 if is_open else 400 * 86400))
        place = n // 8
        contact = place % CONTACTS if is_open else dice.randrange(CONTACTS)
        alert_type = types[(place // CONTACTS) % 4] if is_open else dice.choice(types)
        agent = None if dice.random() < 0.1 else f"agent-{dice.randrange(AGENTS)}"
        status = dice.choice(_OPEN if is_open else _CLOSED)
        acted_at = opened_at + timedelta(seconds=dice.expovariate(1 / 1800))
        confidence = 0.5 + 0.5 * dice.random() ** 2
        yield {
            "id": f"{n:032x}",
            "contact_id": f"contact-{contact}",
            "alert_type": alert_type,
            "status": status,
            "priority": dice.choices(list(Priority), weights=(2, 8, 60, 30))[0],
            "confidence": confidence,
            "confidence_low": confidence - 0.1,
            "confidence_high": min(confidence + 0.1, 1),
            "probability": confidence / 4,
            "probability_low": confidence / 5,
            "probability_high": confidence / 3,
            "lift": confidence * 10,
            "signal_strength": 0.7,
            "signal_count": 3,
            "model_version": "bench",
            "explanation": explanation,
            "top_factors": top_factors,
            "territory": f"606-{contact % 60}",
            "property_value": 450_000.0,
            "assigned_agent_id": agent,
            "unassigned_reason": None if agent else "nobody_on_duty",
            "opened_at": opened_at,
            "scored_at": opened_at,
            "valid_until": opened_at + timedelta(days=30),
            "snoozed_until": NOW + timedelta(days=1) if is_open and n % 400 == 0 else None,
            "acknowledged_at": None if status == Status.NEW else acted_at,
            "contacted_at": acted_at + timedelta(hours=1) if status in (Status.CONTACTED, Status.CONVERTED) else None,
            "closed_at": None if is_open else acted_at + timedelta(days=3),
            "escalation_step": 0,
            "metadata": {},
            "updated_at": NOW,
        }


_OPEN = (Status.NEW, Status.NEW, Status.ACKNOWLEDGED, Status.IN_PROGRESS, Status.CONTACTED)
_CLOSED = (Status.CONVERTED, Status.DISMISSED, Status.DISMISSED, Status.EXPIRED)
