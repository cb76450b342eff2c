"""/health, /ready, /metrics and the API's own pages."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import update

from core import delivery, versions
from core.changes import Audience
from core.clock import FakeClock
from core.db import Database
from core.db.tables import JobRun
from tests import webs
from tests.delivery.making import claim_one, told
from tests.webs import Running


@pytest.fixture
def web(database: Database, clock: FakeClock) -> Iterator[Running]:
    with webs.serving_web(database, clock) as running:
        yield running


def test_alive_and_ready_once_the_jobs_process_was_seen(
    web: Running, database: Database, clock: FakeClock, now: datetime
) -> None:
    assert webs.request("GET", f"{web.url}/health").json()["status"] == "ok"
    ready = webs.request("GET", f"{web.url}/ready")
    assert ready.status_code == 200
    assert ready.json()["checks"]["jobs"] == "the jobs process has not been seen"
    with database.write() as session:
        session.add(JobRun(name="heartbeat", finished_at=now))
    assert webs.request("GET", f"{web.url}/ready").json()["status"] == "ok"
    clock.set(now + timedelta(minutes=2))
    assert webs.request("GET", f"{web.url}/ready").json()["checks"]["jobs"] == "silent for 120 s"


def test_a_model_that_would_not_load_is_told_with_the_versions_that_are_served(
    web: Running, database: Database, now: datetime
) -> None:
    with database.write() as session:
        versions.bump(session, "models")
        session.add(JobRun(name="heartbeat", finished_at=now))
        session.add(JobRun(name="models served", finished_at=now, message="1"))
    ready = webs.request("GET", f"{web.url}/ready").json()
    assert (ready["status"], ready["models"]) == ("ok", {"current": 1, "jobs": 1, "web": None})
    with database.write() as session:
        session.execute(update(JobRun).where(JobRun.name == "models served").values(error="LIKELY_TO_SELL: its digest"))
    ready = webs.request("GET", f"{web.url}/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded"), "the last good one serves"
    assert "LIKELY_TO_SELL" in ready.json()["checks"]["models"]


def test_metrics_are_prometheus_text(web: Running, database: Database, now: datetime) -> None:
    webs.ring(database, "a1", Audience(pool=True), now=now)
    answer = webs.request("GET", f"{web.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    numbers = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(numbers["doorbell_changes_total"]) == 1
    assert float(numbers["doorbell_events_waiting"]) == 0
    assert "# TYPE doorbell_changes_total counter" in answer.text
    assert "# HELP doorbell_delivery_queue Messages due or in hand" in answer.text
    assert "doorbell_socketio_clients" in numbers


def test_the_api_describes_itself_without_loading_anything_from_elsewhere(web: Running) -> None:
    document = webs.request("GET", f"{web.url}/api/v1/openapi.json").json()
    assert "/auth/token" in document["paths"]
    page = webs.request("GET", f"{web.url}/api/v1/docs").text
    assert "/api/v1/auth/token" in page
    assert "http://" not in page
    assert "https://" not in page


def test_metrics_count_every_try_once_and_ready_says_when_nothing_goes_out(
    web: Running, database: Database, clock: FakeClock, now: datetime
) -> None:
    def number(name: str) -> float:
        text = webs.request("GET", f"{web.url}/metrics").text
        return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)), 0.0)

    accepted = 'doorbell_delivery_attempts_total{channel="email",outcome="sent",provider="email"}'
    in_time = 'doorbell_delivery_accepted_seconds_bucket{channel="email",le="2.5"}'
    with database.write() as session:
        told(session, now=now)
        first = claim_one(session, now=now)
    clock.set(now + timedelta(seconds=10))
    assert number(accepted) == 0, "it is under way"
    with database.write() as session:
        delivery.record(session, [(first, delivery.Sent(provider_id="m"))], now=now + timedelta(seconds=2))
    assert (number(accepted), number(in_time)) == (1, 1)
    assert number(accepted) == 1, "once, however often it is asked"
    with database.write() as session:
        told(session, now=now)
    clock.set(now + timedelta(minutes=6))
    assert number('doorbell_delivery_queue_oldest_seconds{channel="email"}') == 360
    assert "the oldest message is due since" in webs.request("GET", f"{web.url}/ready").json()["checks"]["delivery"]
