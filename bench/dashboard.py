"""From an event posted over HTTP to its card on an open page, against a page that refreshes each second; and page times.

Both pages watch the same product at work: web and jobs processes, 10,000 older alerts, one Chromium.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import insert, update

from bench import lists
from core import passwords
from core.clock import SystemClock
from core.db import Database
from core.db.migrate import upgrade
from core.db.tables import Agent, Alert, Team, User
from core.ids import new_id
from core.words import Role, Status
from tests.mail import free_port

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 15
LOADS = 4
OLDER = 10_000
_PASSWORD = "correct horse battery"
_EMAIL = "bench@doorbell.test"
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_WATCH = """() => {
  window.seen = {};
  const roots = () => [document, ...[...document.querySelectorAll('*')].map((node) => node.shadowRoot).filter(Boolean)];
  const look = () => {
    for (const root of roots()) {
      for (const node of root.querySelectorAll('.who, h3')) {
        const name = node.textContent.trim();
        if (!(name in window.seen) && node.checkVisibility()) window.seen[name] = Date.now();
      }
    }
    requestAnimationFrame(look);
  };
  look();
}"""


def run(scratch: Path, postgres_url: str) -> dict[str, Any]:
    """Milliseconds; `event_to_visible` by push and by refreshing each second, the page's loads, and an action."""
    del postgres_url  # the pages are the same on both; bench/lists.py measures their queries on both
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        return {"skipped": "Chromium is missing"}
    database = Database(f"sqlite:///{scratch / 'doorbell.db'}")
    upgrade(database)
    lists.fill(database, alerts=OLDER)
    _people(database, SystemClock().now())
    with ExitStack() as stack:
        url = stack.enter_context(_product(scratch, database))
        plain = stack.enter_context(_autorefresh(scratch, database))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_ARGUMENTS))
        stack.callback(browser.close)
        pushed, action = _pushed(browser, url)
        loads = _loads(browser, url)
        refreshed = _refreshed(browser, url, plain)
    database.dispose()
    return {
        "older_alerts": OLDER,
        "event_to_visible_ms": pushed,
        "event_to_visible_by_autorefresh_1s_ms": refreshed,
        "ratio_to_autorefresh_p50": refreshed["p50"] / pushed["p50"],
        "action_ms": action,
        **loads,
    }


def _people(database: Database, now: datetime) -> None:
    common = {"password_hash": passwords.hash_password(_PASSWORD), "active": True, "created_at": now, "timezone": "UTC"}
    with database.write() as session:
        # The older alerts are history: no job works on them, and last year's budget of alerts is unspent.
        long_ago = now - timedelta(days=800)
        session.execute(update(Alert).values(status=Status.EXPIRED, opened_at=long_ago, closed_at=long_ago))
        session.execute(update(Alert).values(valid_until=long_ago, escalate_at=None, snoozed_until=None))
        session.execute(update(Agent).values(open_alerts=0, available=False))
        session.execute(insert(User).values(id="bench", email=_EMAIL, name="Bench", role=Role.ADMIN, **common))
        session.execute(
            insert(User).values(id="ringer", email="ringer@doorbell.test", name="Ringer", role=Role.AGENT, **common)
        )
        session.execute(insert(Team).values(id="ringers", name="Ringers", default_strategy="workload", created_at=now))
        session.execute(
            insert(Agent).values(
                id="ringer",
                team_id="ringers",
                available=True,
                auto_assign=True,
                max_concurrent_alerts=1000,
                open_alerts=0,
                territories=[],
                skills={},
                schedule={},
                updated_at=now,
            )
        )


@contextmanager
def _product(scratch: Path, database: Database) -> Iterator[str]:
    port = free_port()
    environment = {
        **os.environ,
        "DOORBELL_DATA_DIR": str(scratch),
        "DOORBELL_DATABASE_URL": database.url,
        "DOORBELL_PORT": str(port),
        "DOORBELL_DEMO": "off",
        "DOORBELL_LOG_LEVEL": "error",
    }
    with _process([sys.executable, "-m", "app"], environment, scratch / "app.log"):
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/health")
        yield url


@contextmanager
def _autorefresh(scratch: Path, database: Database) -> Iterator[str]:
    port = free_port()
    script = str(ROOT / "bench" / "autorefresh_page.py")
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        script,
        "--server.port",
        str(port),
        "--server.headless",
        "true",
    ]
    environment = {**os.environ, "BENCH_DATABASE_URL": database.url, "PYTHONPATH": str(ROOT)}
    with _process(command, environment, scratch / "autorefresh.log"):
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/_stcore/health")
        yield url


@contextmanager
def _process(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    with log.open("wb") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=file)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def _wait(url: str, *, timeout: float = 40.0) -> None:
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        try:
            if httpx2.get(url, timeout=1).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} did not answer")


def _loads(browser: Browser, url: str) -> dict[str, Any]:
    cold, warm = [], []
    for _ in range(LOADS):
        page = _signed_in(browser, url)
        cold.append(_load(page, f"{url}/feed"))
        warm.append(_load(page, f"{url}/feed"))
        page.context.close()
    return {"feed_cold_ms": _times(cold), "feed_warm_ms": _times(warm)}


def _load(page: Page, url: str) -> float:
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator(".card").first.wait_for()
    return (time.perf_counter() - started) * 1000


def _pushed(browser: Browser, url: str) -> tuple[dict[str, float], dict[str, float]]:
    page = _signed_in(browser, url)
    page.goto(f"{url}/feed?sort=Newest")
    page.get_by_text("Live", exact=True).wait_for()
    page.evaluate(_WATCH)
    client = _client(url)
    _ring(client, page)  # the first one warms both processes up
    seen = [_ring(client, page) for _ in range(ROUNDS)]
    acted = [_acknowledge(page, place) for place in range(ROUNDS)]
    page.context.close()
    client.close()
    return _times(seen), _times(acted)


def _refreshed(browser: Browser, url: str, plain: str) -> dict[str, float]:
    page = browser.new_page()
    page.goto(plain)
    page.locator("h3").first.wait_for()
    page.evaluate(_WATCH)
    client = _client(url)
    _ring(client, page)
    seen = [_ring(client, page) for _ in range(ROUNDS)]
    page.close()
    client.close()
    return _times(seen)


def _ring(client: httpx2.Client, page: Page) -> float:
    """Post the behaviour of somebody new that opens an alert; milliseconds from the post to the card."""
    user = f"bench-{new_id()[-12:]}"
    now = SystemClock().now()
    events = [_event(user, "PROPERTY_VIEW", "value_check", now - timedelta(minutes=place)) for place in range(1, 11)]
    events += [_event(user, "PROPERTY_VIEW", "comparable_view", now - timedelta(minutes=place)) for place in (11, 12)]
    started = time.time()
    client.post("/api/v1/events", json=events).raise_for_status()
    page.wait_for_function("(name) => name in window.seen", arg=user, timeout=20_000)
    return float(page.evaluate("(name) => window.seen[name]", user)) - started * 1000


def _event(user: str, kind: str, name: str, at: datetime) -> dict[str, str]:
    return {"eventId": new_id(), "userId": user, "eventType": kind, "eventName": name, "occurredAt": at.isoformat()}


def _acknowledge(page: Page, place: int) -> float:
    card = page.locator(".card").nth(place)
    card.scroll_into_view_if_needed()
    return float(
        card.evaluate(
            """(card) => new Promise((done) => {
                const id = card.dataset.id;
                const root = card.getRootNode();
                const started = performance.now();
                const look = () => {
                    const now = root.querySelector(`[data-id="${id}"] .status`);
                    if (now && now.textContent === 'Acknowledged') done(performance.now() - started);
                    else requestAnimationFrame(look);
                };
                card.querySelector('[data-action=acknowledge]').click();
                look();
            })"""
        )
    )


def _signed_in(browser: Browser, url: str) -> Page:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    answer = context.request.post(
        f"{url}/session/login",
        form={"email": _EMAIL, "password": _PASSWORD},
        headers={"accept": "application/json", "origin": url},
    )
    if not answer.ok:
        raise RuntimeError(answer.text())
    return context.new_page()


def _client(url: str) -> httpx2.Client:
    answer = httpx2.post(f"{url}/api/v1/auth/token", data={"username": _EMAIL, "password": _PASSWORD})
    answer.raise_for_status()
    return httpx2.Client(base_url=url, headers={"authorization": f"Bearer {answer.json()['access_token']}"})


def _times(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {"p50": ordered[len(ordered) // 2], "p95": ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]}
