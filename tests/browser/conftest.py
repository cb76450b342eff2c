"""A real Chromium against the real web process; the jobs process is played by the tests' own transactions."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.security import sessions
from app.security.browser import COOKIE
from core import passwords
from core.clock import SystemClock
from core.db import Database
from core.db.migrate import upgrade
from tests import factories
from tests.browser.house import PASSWORD, ROOT, House, Open
from tests.mail import free_port

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    database = Database(f"sqlite:///{folder / 'doorbell.db'}")
    upgrade(database)
    _people(database)
    port = free_port()
    log = (folder / "web.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "--no-jobs"],
        cwd=ROOT,
        env={
            **os.environ,
            "DOORBELL_DATA_DIR": str(folder),
            "DOORBELL_DATABASE_URL": database.url,
            "DOORBELL_PORT": str(port),
            "DOORBELL_DEMO": "off",
        },
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    assert "Doorbell is at" in first, (folder / "web.log").read_text()[-4000:]
    yield House(url=f"http://127.0.0.1:{port}", database=database)
    process.terminate()
    process.wait(60)
    process.stdout.close()
    log.close()
    database.dispose()


def _people(database: Database) -> None:
    now = SystemClock().now() - timedelta(minutes=1)
    hashed = passwords.hash_password(PASSWORD)
    with database.write() as session:
        factories.admin(session, "ada", name="Ada Fair", password_hash=hashed, now=now)
        factories.team(session, "north", name="North", now=now)
        factories.team(session, "south", name="South", now=now)
        factories.manager(session, "mia", of=["north"], name="Mia Stone", password_hash=hashed, now=now)
        for agent_id, team in (("ann", "north"), ("bob", "north"), ("cal", "south")):
            name = f"{agent_id.title()} Lee"
            factories.agent(session, agent_id, team_id=team, name=name, password_hash=hashed, capacity=60, now=now)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Playwright's event loop runs in this thread until the end of the module: no longer, or asyncio.run() fails elsewhere."""
    if not Path(CHROMIUM).exists():
        message = "CHROMIUM IS MISSING: no browser test ran (apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(chromium: Browser) -> Iterator[Page]:
    """A tab that has Streamlit's scripts loaded and compiled: in a new browser each visit costs two seconds of CPU more."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture
def visit(chromium: Browser, tab: Page, house: House) -> Iterator[Open]:
    """Open a page, signed in as `who` (None: nobody).

    A test's first visit is in the tab that the tests of a module use one after the other, with nothing of theirs left in
    it; further ones, and whoever wants to be `alone`, get a browser of their own.
    """
    new: list[BrowserContext] = []
    is_free = True

    def visiting(
        path: str = "/", *, who: str | None = "ann", width: int = 1280, scheme: str = "light", alone: bool = False
    ) -> Page:
        nonlocal is_free
        if is_free and not alone:
            is_free, page = False, tab
        else:
            new.append(chromium.new_context())
            page = new[-1].new_page()
        if who is not None:
            with house.database.write() as session:  # as a sign-in does, without the time that a password takes
                secret = sessions.open_browser(session, who, user_agent=None, hours=1, now=SystemClock().now())
            page.context.add_cookies(
                [{"name": COOKIE, "value": secret, "url": house.url, "httpOnly": True, "sameSite": "Lax"}]
            )
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(house.url + path)
        return page

    yield visiting
    for context in new:
        context.close()
    if not is_free:
        _forget(tab, house.url)


def _forget(tab: Page, url: str) -> None:
    """Everything that this site left in the browser, except its cache."""
    tab.goto("about:blank")
    kinds = "cookies,local_storage,indexeddb,service_workers,cache_storage"
    line = tab.context.new_cdp_session(tab)
    line.send("Storage.clearDataForOrigin", {"origin": url, "storageTypes": kinds})
    line.detach()
    tab.context.clear_permissions()
