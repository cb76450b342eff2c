"""The board in a browser: tick, read what happens, move, take back; and claim from the pool on a phone."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from core import alerts
from core.clock import SystemClock
from core.db.tables import Alert, Contact
from core.viewer import SYSTEM
from core.words import Priority, Status
from tests.browser.house import House, Open
from tests.browser.test_pages import STILL, grave, over_the_edge, settled

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def owners(house: House, *alert_ids: str) -> list[str | None]:
    with house.database.read() as session:
        return [session.scalar(select(Alert.assigned_agent_id).where(Alert.id == one)) for one in alert_ids]


def test_a_manager_moves_two_alerts_and_takes_it_back(house: House, visit: Open) -> None:
    first, second = house.ring("Mona Moved", to="ann"), house.ring("Nils Moved", to="ann")
    page = visit("/assignments", who="mia")
    page.get_by_text("Mona Moved").click()
    page.get_by_text("Nils Moved").click()
    page.get_by_role("button", name="Move 2 alerts …").click()
    dialog = page.get_by_role("dialog", name="Move alerts")
    expect(dialog).to_contain_text("2 alerts leave Ann Lee (2).")
    dialog.get_by_text("The pool").click()
    expect(dialog).to_contain_text("whoever claims them")
    dialog.get_by_text("An agent").click()
    dialog.get_by_role("combobox", name=re.compile("Agent")).click()
    page.get_by_role("option", name=re.compile("Bob Lee")).click()
    expect(dialog).to_contain_text("Bob Lee then has up to")
    dialog.get_by_role("button", name="Move 2 alerts").click()
    expect(page.get_by_text("2 alerts moved")).to_be_visible()
    assert owners(house, first, second) == ["bob", "bob"]
    settled(page, "Assignments")
    assert grave(page) == []
    page.get_by_role("button", name="Undo the last move").click()
    expect(page.get_by_text("2 alerts given back")).to_be_visible()
    assert owners(house, first, second) == ["ann", "ann"]


def test_a_manager_reads_whole_lines_on_a_phone_and_an_address_keeps_the_choices(house: House, visit: Open) -> None:
    house.ring("Lena Longname-Featherstonehaugh", to="bob")
    page = visit("/assignments?who=Bob+Lee&who=Nobody+Known", who="mia", width=390)
    line = page.get_by_test_id("stCheckbox").filter(has_text="Lena Longname")
    expect(line).to_be_visible()
    settled(page, "Assignments")
    assert over_the_edge(page) == []
    assert line.get_by_test_id("stMarkdownContainer").evaluate("(node) => node.scrollWidth <= node.clientWidth")
    expect(page.get_by_test_id("stCheckbox").filter(has_text="with Ann Lee")).to_have_count(0)
    page.get_by_role("radio", name="Overdue").click()
    expect(page.get_by_text("Nothing is overdue.")).to_be_visible()
    expect(page).to_have_url(re.compile("show=Overdue"))
    assert "who=Bob" in page.url


def test_back_leads_to_the_board_as_it_was_left(house: House, visit: Open) -> None:
    house.ring("Bea Back", to="bob")
    page = visit("/feed", who="mia")
    page.get_by_role("link", name="Assignments").click()
    expect(page.get_by_test_id("stCheckbox").filter(has_text="Bea Back")).to_be_visible()
    page.get_by_role("radio", name="Overdue").click()
    expect(page).to_have_url(re.compile("show=Overdue"))
    settled(page, "Assignments")
    page.get_by_role("link", name="Inbox").click()
    settled(page, "Inbox")
    expect(page).to_have_url(re.compile("/inbox$"))
    page.go_back()
    settled(page, "Assignments")
    expect(page).to_have_url(re.compile("show=Overdue"))
    expect(page.get_by_role("radio", name="Overdue")).to_be_checked()
    expect(page.get_by_test_id("stCheckbox").filter(has_text="Bea Back")).to_have_count(0)
    page.go_back()
    settled(page, "Feed")


@pytest.fixture
def many(house: House) -> Iterator[None]:
    """More than Ann can take, and gone afterwards: they would fill the board of the other tests."""
    house.ring("Many", to="ann", number=63)  # of 60
    yield
    now = SystemClock().now()
    with house.database.write() as session:
        wanted = select(Alert.id).join(Contact, Contact.id == Alert.contact_id).where(Contact.name.startswith("Many "))
        ids = session.scalars(wanted.where(Alert.closed_at.is_(None))).all()
        alerts.bulk(session, ids, Status.DISMISSED, viewer=SYSTEM, now=now)


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_evening_out_the_work_reads_well(scheme: str, width: int, house: House, visit: Open) -> None:
    page = visit("/assignments", who="mia", scheme=scheme, width=width)
    settled(page, "Assignments")
    if not page.get_by_role("button", name=re.compile("Make a plan|Plan again")).is_visible():
        page.get_by_text("Even out the work").click()
    page.get_by_role("button", name=re.compile("Make a plan|Plan again")).click()
    expect(page.get_by_text(re.compile(r"\d+ moves?"))).to_be_visible()
    expect(page.locator(".js-plotly-plot").last).to_be_visible()
    settled(page, "Assignments")
    found = grave(page) + (over_the_edge(page) if width == 390 else [])
    page.get_by_role("button", name=re.compile(r"^Move \d+ alert")).last.click()
    expect(page.get_by_role("button", name="Move them", exact=True)).to_be_visible()
    page.wait_for_function(STILL)
    assert found + grave(page) == []


def test_an_agent_claims_on_a_phone_and_acknowledges(house: House, visit: Open) -> None:
    alert_id = house.ring("Petra Pool", to=None, priority=Priority.CRITICAL)  # first in the pool
    page = visit("/assignments", who="cal", width=390)
    expect(page.get_by_text("Petra Pool")).to_be_visible()
    page.get_by_role("button", name="Claim", exact=True).first.click()
    expect(page.get_by_text(re.compile(r"claimed, (29|30) min left"))).to_be_visible()
    assert over_the_edge(page) == []
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.get_by_text(re.compile("claimed, "))).to_have_count(0)
    assert owners(house, alert_id) == ["cal"]
