"""The decide stage: events a second through rollups, signals, features, scores, alerts and routing, on both databases."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, select, text
from sqlalchemy.engine import make_url

from core import events, pipeline, scoring
from core.db import Database
from core.db.migrate import upgrade
from core.db.tables import Agent, Alert, User

CONTACTS = 1_000
EVENTS_EACH = 12
NOW = datetime(2026, 3, 2, 15, tzinfo=UTC)


def run(scratch: Path, postgres_url: str) -> dict[str, Any]:
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE bench_pipeline"))
    admin.dispose()
    url = make_url(postgres_url).set(database="bench_pipeline").render_as_string(hide_password=False)
    return {"sqlite": _measure(f"sqlite:///{scratch / 'line.db'}"), "postgresql": _measure(url)}


def _measure(url: str) -> dict[str, float]:
    database = Database(url)
    upgrade(database)
    with database.write() as session:
        scoring.install(session, now=NOW)
        for number in range(24):
            agent_id = f"agent-{number}"
            session.add(
                User(id=agent_id, email=f"{agent_id}@doorbell.test", name=agent_id, role="agent", created_at=NOW)
            )
            session.flush()
            session.add(Agent(id=agent_id, max_concurrent_alerts=100_000, updated_at=NOW))
    _record(database)
    with database.read() as session:
        world = pipeline.World.load(session)
    started, decided = time.perf_counter(), 0
    while True:
        with database.write() as session:
            batch = pipeline.decide(session, world=world, limit=6_000, now=NOW)
        if not batch.contacts:
            break
        decided += batch.events
    seconds = time.perf_counter() - started
    with database.read() as session:
        alerts = session.scalar(select(func.count()).select_from(Alert)) or 0
    database.dispose()
    return {
        "events_decided_per_second": decided / seconds,
        "contacts_decided_per_second": CONTACTS / seconds,
        "alerts_opened": float(alerts),
    }


def _record(database: Database) -> None:
    """Every contact checks the value of the home ten times and looks at two comparables: every one alerts."""
    raw = [
        {
            "eventId": f"{contact}-{number}",
            "userId": f"contact-{contact}",
            "eventType": "PAGE_VIEW",
            "eventName": "value_check" if number < 10 else "comparable_view",
            "occurredAt": (NOW - timedelta(hours=5 * number + contact % 5)).isoformat(),
        }
        for contact in range(CONTACTS)
        for number in range(EVENTS_EACH)
    ]
    for first in range(0, len(raw), 5_000):
        good, bad = events.parse_many(raw[first : first + 5_000], now=NOW)
        assert not bad
        with database.write() as session:
            events.record(session, good, now=NOW)
