"""The board in a browser: tick, read what happens, move, take back; and claim from the pool on a phone."""

import re

from playwright.sync_api import expect
from sqlalchemy import select

from core.db.tables import Alert
from tests.browser.house import House, Open
from tests.browser.test_pages import grave, over_the_edge, settled


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


def test_an_agent_claims_on_a_phone_and_acknowledges(house: House, visit: Open) -> None:
    alert_id = house.ring("Petra Pool", to=None)
    page = visit("/assignments", who="cal", width=390)
    expect(page.get_by_text("Petra Pool")).to_be_visible()
    page.get_by_role("button", name="Claim", exact=True).first.click()
    expect(page.get_by_text(re.compile(r"claimed, (29|30) min left"))).to_be_visible()
    assert over_the_edge(page) == []
    page.get_by_role("button", name="Acknowledge", exact=True).click()
    expect(page.get_by_text(re.compile("claimed, "))).to_have_count(0)
    assert owners(house, alert_id) == ["cal"]
