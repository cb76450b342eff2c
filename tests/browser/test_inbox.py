"""The Inbox in a browser: what was snoozed comes back by itself, when it was to."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from core.clock import SystemClock
from core.db.tables import Notification
from tests import factories
from tests.browser.house import House, Open
from tests.browser.test_pages import grave, over_the_edge, settled

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def test_a_snoozed_notice_comes_back_on_top_without_loading_the_page_again(house: House, visit: Open) -> None:
    now = SystemClock().now()
    with house.database.write() as session:
        later = factories.notification(session, "ada", title="Call Ida back", at=now - timedelta(hours=2))
        factories.notification(session, "ada", title="Newer than that", at=now - timedelta(hours=1))
        session.execute(
            update(Notification).where(Notification.id == later).values(snoozed_until=now + timedelta(seconds=6))
        )
    page = visit("/inbox", who="ada")
    expect(page.get_by_text("Newer than that")).to_be_visible()
    expect(page.get_by_text("Call Ida back")).to_have_count(0)
    page.evaluate("window.neverReloaded = true")
    expect(page.get_by_test_id("stCheckbox").first).to_contain_text("Call Ida back")
    assert page.evaluate("window.neverReloaded")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_notices_read_well(scheme: str, width: int, house: House, visit: Open) -> None:
    now = SystemClock().now()
    with house.database.write() as session:
        for number, title in enumerate(
            ("Tom Becker-Featherstonehaugh is likely to invest in another property", "Rosa")
        ):
            factories.notification(session, "bob", title=title, body="High. " * 30, at=now - timedelta(days=number))
    page = visit("/inbox", who="bob", scheme=scheme, width=width)
    settled(page, "Inbox")
    expect(page.get_by_test_id("stCheckbox").first).to_contain_text("New")
    assert grave(page) + (over_the_edge(page) if width == 390 else []) == []
