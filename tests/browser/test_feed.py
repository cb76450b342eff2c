"""The Feed as an agent lives it: a push, an action, an undo, a lost line."""

import re

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from core import routing, viewer
from core.clock import SystemClock
from core.db.tables import Alert
from core.words import Priority, Status
from tests import factories
from tests.browser.house import PASSWORD, House, Open

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


def card(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator(".card", has_text=name)


def test_signs_in_sees_a_pushed_alert_and_acknowledges_it(house: House, visit: Open) -> None:
    page = visit("/feed", who=None)
    page.fill("#doorbell-email", "ann@doorbell.test")
    page.fill("#doorbell-password", PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.evaluate("window.neverReloaded = true")

    alert_id = house.ring("Paloma Harkwell")

    pushed = card(page, "Paloma Harkwell")
    expect(pushed).to_be_visible()
    expect(pushed).to_contain_text("High")
    expect(pushed).to_contain_text("Likely to sell")
    expect(pushed).to_contain_text("Checked the value of the home 10 times in 30 days")
    expect(pushed).to_contain_text("75% sure")
    expect(pushed).to_contain_text("8× the usual")
    assert page.evaluate("window.neverReloaded")

    pushed.get_by_role("button", name="Acknowledge").click()
    expect(pushed.locator(".status")).to_have_text("Acknowledged")
    with house.database.read() as session:
        assert session.get_one(Alert, alert_id).status == Status.ACKNOWLEDGED

    pushed.get_by_role("button", name="Undo").click()
    expect(pushed.locator(".status")).to_have_text("New")


def test_a_wrong_password_is_told_in_words(visit: Open) -> None:
    page = visit("/", who=None)
    page.fill("#doorbell-email", "ann@doorbell.test")
    page.fill("#doorbell-password", "not this one")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="wrong")).to_have_text(
        "The e-mail address or the password is wrong."
    )


def test_a_lost_line_says_so_and_catches_up(house: House, visit: Open) -> None:
    page = visit("/feed", who="bob", alone=True)
    lines: list[WebSocketRoute] = []
    is_up = True

    def line(socket: WebSocketRoute) -> None:
        if not is_up:
            socket.close(code=1013)
            return
        lines.append(socket)
        socket.connect_to_server()

    page.route_web_socket(re.compile("/live$"), line)
    page.reload()
    expect(page.get_by_text("Live", exact=True)).to_be_visible()

    is_up = False
    lines[-1].close(code=1013)
    expect(page.get_by_text("Connection lost – checking every 30 s")).to_be_visible()
    expect(page.locator("iframe[title*=autorefresh]")).to_be_attached()
    house.ring("Casper Unheard", to="bob")
    expect(card(page, "Casper Unheard")).to_have_count(0)

    is_up = True
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    expect(card(page, "Casper Unheard")).to_be_visible()
    expect(page.locator("iframe[title*=autorefresh]")).to_have_count(0)


def test_a_burst_becomes_one_toast(house: House, visit: Open) -> None:
    page = visit("/feed", who="mia")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    house.ring("Burst", number=6, priority=Priority.CRITICAL)
    expect(page.get_by_text("6 new alerts", exact=True).first).to_be_visible()
    expect(page.get_by_test_id("stToast")).to_have_count(1)


def test_a_name_is_text_and_never_a_script(house: House, visit: Open) -> None:
    alert_id = house.ring("<script>alert(1)</script>", priority=Priority.CRITICAL)
    page = visit(f"/feed?alert={alert_id}", alone=True)
    rang: list[str] = []
    page.on("dialog", lambda dialog: rang.append(dialog.message))
    expect(page.get_by_role("dialog").get_by_text("<script>alert(1)</script>").first).to_be_visible()
    expect(card(page, "<script>alert(1)</script>").first).to_be_visible()
    assert rang == []


def test_dismissed_with_a_reason_leaves_the_list_and_comes_back(house: House, visit: Open) -> None:
    alert_id = house.ring("Dana Leaves", to="bob")
    page = visit("/feed", who="bob")
    card(page, "Dana Leaves").get_by_role("button", name="Dismiss").click()
    asked = page.get_by_role("dialog", name="Dismiss the alert for Dana Leaves")
    asked.get_by_label("Could not be reached").check()
    asked.get_by_role("button", name="Dismiss").click()
    expect(card(page, "Dana Leaves")).to_have_count(0)
    with house.database.read() as session:
        assert session.get_one(Alert, alert_id).close_reason == "unreachable"

    page.get_by_role("button", name="Undo", exact=True).click()
    expect(card(page, "Dana Leaves")).to_be_visible()


def test_converted_with_its_value(house: House, visit: Open) -> None:
    alert_id = house.ring("Vera Wins", to="bob")
    page = visit("/feed", who="bob")
    card(page, "Vera Wins").get_by_role("button", name="Convert").click()
    asked = page.get_by_role("dialog", name="Vera Wins converted")
    asked.get_by_label("Value in US dollars").fill("512000")
    asked.get_by_role("button", name="Save as converted").click()
    expect(card(page, "Vera Wins")).to_have_count(0)
    with house.database.read() as session:
        assert session.get_one(Alert, alert_id).status == Status.CONVERTED


def test_the_keyboard_is_enough(house: House, visit: Open) -> None:
    alert_id = house.ring("Kim Keyboard", to="cal", priority=Priority.CRITICAL)
    page = visit("/feed?text=Kim", who="cal")
    expect(card(page, "Kim Keyboard")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("a")
    expect(card(page, "Kim Keyboard").locator(".status")).to_have_text("Acknowledged")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"alert={alert_id}"))
    expect(page.get_by_role("dialog")).to_contain_text("Reach them:")


def test_filters_are_in_the_address_and_saved_by_name(house: House, visit: Open) -> None:
    house.ring("Fay Filtered", priority=Priority.LOW)
    house.ring("Gil Other", priority=Priority.MEDIUM)
    page = visit("/feed?priority=Low")
    expect(card(page, "Fay Filtered")).to_be_visible()
    expect(card(page, "Gil Other")).to_have_count(0)

    page.get_by_role("button", name="Saved").click()
    page.get_by_label("Save the present filters as").fill("Quiet ones")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Quiet ones")).to_be_visible()

    fresh = visit("/feed")
    expect(card(fresh, "Gil Other")).to_be_visible()
    fresh.get_by_role("button", name="Saved").click()
    fresh.get_by_role("button", name="Quiet ones").click()
    expect(card(fresh, "Gil Other")).to_have_count(0)
    expect(card(fresh, "Fay Filtered")).to_be_visible()
    expect(fresh).to_have_url(re.compile("priority=Low"))


def test_another_teams_alert_is_not_here(house: House, visit: Open) -> None:
    alert_id = house.ring("Sol Secret", to="cal")
    page = visit(f"/feed?alert={alert_id}", who="bob")
    expect(page.get_by_role("dialog")).to_contain_text("This alert is not here")
    expect(page.get_by_text("Sol Secret")).to_have_count(0)


def test_a_manager_gives_an_alert_to_somebody_else(house: House, visit: Open) -> None:
    alert_id = house.ring("Hanna Handover", to="ann")
    page = visit("/feed?text=Hanna", who="mia")
    card(page, "Hanna Handover").get_by_role("button", name="Reassign").click()
    asked = page.get_by_role("dialog", name="Give to an agent")
    asked.get_by_role("combobox").click()
    page.get_by_role("option", name=re.compile("Bob Lee")).click()
    asked.get_by_role("button", name="Give").click()
    expect(card(page, "Hanna Handover").locator(".owner")).to_have_text("Bob Lee")
    with house.database.read() as session:
        assert session.get_one(Alert, alert_id).assigned_agent_id == "bob"


def test_signing_out_elsewhere_ends_this_page(house: House, visit: Open) -> None:
    page = visit("/feed", who="cal")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    page.context.request.post(
        f"{house.url}/session/logout", headers={"accept": "application/json", "origin": house.url}
    )
    expect(page.locator("#doorbell-password")).to_be_visible()


def test_who_lost_the_alert_sees_it_go(house: House, visit: Open) -> None:
    alert_id = house.ring("Lea Lost", to="ann")
    page = visit("/feed?text=Lea", who="ann")
    expect(card(page, "Lea Lost")).to_be_visible()
    with house.database.write() as session:
        mia = viewer.load(session, "mia")
        assert mia is not None
        routing.reassign(session, alert_id, "bob", viewer=mia, now=SystemClock().now())
    expect(card(page, "Lea Lost")).to_have_count(0)


def test_an_agent_declines_and_the_card_goes(house: House, visit: Open) -> None:
    house.ring("Dora Dunn", to="ann")
    page = visit("/feed?text=Dora", who="ann", width=390)
    card(page, "Dora Dunn").get_by_role("button", name="Decline").click()
    page.get_by_label("Something else").check()
    page.get_by_role("button", name="Decline", exact=True).click()  # a note is asked for first
    page.get_by_label("Note for your manager").fill("We are cousins.")
    page.get_by_role("button", name="Decline", exact=True).click()
    expect(card(page, "Dora Dunn")).to_have_count(0)


def test_the_inbox_tells_of_an_alert_and_leads_to_it(house: House, visit: Open) -> None:
    alert_id = house.ring("Ines Inbox", to="cal")
    with house.database.write() as session:
        factories.notification(
            session, "cal", title="Likely to sell: Ines Inbox", alert_id=alert_id, at=SystemClock().now()
        )
    page = visit("/assignments", who="cal")
    page.get_by_role("button", name=re.compile(r"^\d+$")).click()
    page.get_by_role("link", name=re.compile("Ines Inbox")).click()
    expect(page.get_by_role("dialog")).to_contain_text("Ines Inbox")
    expect(page).to_have_url(re.compile(f"/feed.*alert={alert_id}"))


def test_the_first_page_leads_to_what_it_counts(house: House, visit: Open) -> None:
    house.ring("Otto Overview", to="cal", priority=Priority.CRITICAL)
    page = visit("/", who="cal")
    expect(card(page, "Otto Overview")).to_be_visible()
    page.get_by_role("link", name=re.compile("Not acknowledged")).click()
    expect(page).to_have_url(re.compile("/feed.*status=New"))
    expect(page.get_by_role("button", name="Filters (1)", exact=True)).to_be_visible()
    expect(card(page, "Otto Overview")).to_be_visible()

    page.get_by_test_id("stSidebarNavItems").get_by_role("link", name="Overview").click()
    expect(page.get_by_role("heading", name="First in line")).to_be_visible()  # the Feed's own card is gone
    expect(page.get_by_role("button", name=re.compile("Filters"))).to_have_count(0)
    card(page, "Otto Overview").get_by_role("button", name="Details").click()
    expect(page.get_by_role("dialog")).to_contain_text("Reach them:")
