"""Deliveries in a browser: what becomes of messages shows by itself, and what is read stays open meanwhile."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from core import delivery
from core.clock import SystemClock
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Endpoint
from core.delivery.notices import Notice
from core.delivery.outbox import Sent
from tests import factories
from tests.browser.house import House, Open
from tests.browser.test_pages import over_the_edge, settled

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module", autouse=True)
def at_once(house: House) -> None:
    """Nothing is gathered, however much the tests before these told the same people."""
    with house.database.write() as session:
        factories.told_at_once(session, "ann", "bob", now=SystemClock().now())


def tell(house: House, who: str) -> str:
    """Somebody is told of an alert, and it is not sent yet; the mail's id."""
    now = SystemClock().now()
    alert_id = house.ring("Mila Message", to=who)
    with house.database.write() as session:
        notice = Notice(alert_id=alert_id, user_id=who, kind="alert_new", priority="HIGH")
        delivery.enqueue(session, [notice], now=now)
        mail = select(Delivery.id).where(Delivery.alert_id == alert_id, Delivery.channel == "email")
        return session.scalars(mail).one()


def send(house: House) -> None:
    now = SystemClock().now()
    with house.database.write() as session:
        claimed = delivery.claim(session, worker="w", limit=50, lease=timedelta(minutes=2), now=now)
        delivery.record(session, [(one, Sent(provider_id=one.id)) for one in claimed], now=now)


def test_a_message_appears_and_moves_on_without_loading_the_page_again(house: House, visit: Open) -> None:
    send(house)
    page = visit("/deliveries", who="mia")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(page.get_by_text("0 messages to send now")).to_be_visible()
    page.evaluate("window.neverReloaded = true")
    tell(house, "ann")
    expect(page.get_by_text("1 message to send now")).to_be_visible()
    send(house)
    expect(page.get_by_text("0 messages to send now")).to_be_visible()
    assert page.evaluate("window.neverReloaded")


def test_an_open_message_shows_what_becomes_of_it_and_stays_open(house: House, visit: Open) -> None:
    mail = tell(house, "ann")
    page = visit(f"/deliveries?message={mail}", who="ann", width=390)
    dialog = page.get_by_role("dialog", name="Message")
    expect(dialog).to_contain_text("Waiting")
    tell(house, "ann")
    expect(dialog).to_contain_text("Waiting")
    send(house)
    expect(dialog).to_contain_text("Try 1 was accepted")
    assert over_the_edge(page) == []
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page).not_to_have_url(re.compile("message="))


def test_the_choices_are_in_the_address(house: House, visit: Open) -> None:
    tell(house, "bob")
    page = visit("/deliveries?to=Bob+Lee&channel=E-mail&since=Everything", who="mia")
    settled(page, "Deliveries")
    expect(page.get_by_role("combobox", name="To")).to_have_value("Bob Lee")
    expect(page.locator("[data-tag]", has_text="E-mail")).to_be_visible()
    expect(page).to_have_url(re.compile("to=Bob"))


def test_a_chosen_row_opens_and_leads_to_all_about_its_alert(house: House, visit: Open) -> None:
    tell(house, "bob")
    page = visit("/deliveries?to=Bob+Lee", who="mia")
    settled(page, "Deliveries")
    grid = page.get_by_test_id("stDataFrame").last.bounding_box()
    assert grid
    page.mouse.click(grid["x"] + 18, grid["y"] + 55)
    dialog = page.get_by_role("dialog", name="Message")
    expect(dialog).to_contain_text("Bob Lee")
    expect(page).to_have_url(re.compile("message="))
    dialog.get_by_role("button", name="All messages about it").click()
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(re.compile("about="))
    page.get_by_role("button", name="About one alert: show all again").click()
    expect(page).not_to_have_url(re.compile("about="))


def test_a_system_leads_to_its_messages(house: House, visit: Open) -> None:
    now = SystemClock().now()
    with house.database.write() as session:
        if session.get(Endpoint, "crm") is None:
            session.add(
                Endpoint(id="crm", channel="webhook", name="Our CRM", enabled=False, created_at=now, updated_at=now)
            )
    page = visit("/deliveries?view=Endpoints", who="ada")
    page.get_by_role("button", name="Its messages").click()
    expect(page.get_by_role("radio", name="Messages")).to_be_checked()
    expect(page.get_by_role("combobox", name="To")).to_have_value("System: Our CRM")
    expect(page).to_have_url(re.compile("to=System"))
