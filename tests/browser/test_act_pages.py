"""The pages behind links in messages, as a phone shows them: nothing over the edge, nothing axe minds, one button that acts."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from core import delivery
from core.clock import SystemClock
from core.db.tables import Alert
from core.delivery import Notice, links
from core.delivery.links import Action
from core.settings import Settings
from tests.browser.house import House, Open
from tests.browser.test_pages import axe
from tests.delivery.making import by_channel

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
AXE = "axe.run(document, {resultTypes: ['violations']}).then((found) => found.violations.map((one) => one.id))"


def link(house: House, action: Action) -> tuple[str, str]:
    """An alert of Ann's she was told of, and where a link in that message leads."""
    now = SystemClock().now()
    alert_id = house.ring("Rosa <b>Diaz</b>", to="ann")
    key = Settings(data_dir=Path(house.database.url.removeprefix("sqlite:///")).parent).signing_key
    with house.database.write() as session:
        notice = Notice(alert_id=alert_id, user_id="ann", kind="alert_new", priority="HIGH")
        delivery.enqueue(session, [notice], now=now)
        token = links.make(action, by_channel(session, alert_id)["in_app"].id, key=key, now=now)
    path = "act/unsubscribe" if action is Action.UNSUBSCRIBE else "act"
    return alert_id, f"/{path}/{token}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_axe_finds_nothing_and_nothing_runs_over_the_edge(scheme: str, house: House, visit: Open) -> None:
    for action in Action:
        page = visit(link(house, action)[1], who=None, width=390, scheme=scheme)
        page.evaluate(axe().read_text())
        assert page.evaluate(AXE) == [], action
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_button_acts_without_sign_in_and_without_script(house: House, chromium: Browser) -> None:
    alert_id, path = link(house, Action.ACKNOWLEDGE)
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(house.url + path)
    expect(page.get_by_text("Rosa <b>Diaz</b> is likely to sell")).to_be_visible()
    page.get_by_role("button", name="I’m on it").click()
    expect(page.get_by_role("heading", name="It’s yours")).to_be_visible()
    context.close()
    with house.database.read() as session:
        assert session.get_one(Alert, alert_id).status == "ACKNOWLEDGED"
