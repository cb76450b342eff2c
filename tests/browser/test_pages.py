"""Every page, in both schemes and on a phone: nothing runs over the edge, and axe finds nothing serious."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from playwright.sync_api import Page, expect

from core.words import Priority
from tests.browser.house import ROOT, House, Open

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
AXE = ROOT / "tests/node/node_modules/axe-core/axe.min.js"
STEERING: dict[str, tuple[str, ...]] = {
    "Agents": ("Coverage", "Holidays", "Territories", "Teams"),
    "Rules": ("Strategies", "When nobody answers", "Try before use"),
    "Assignments": (),
    "Models": ("Thresholds", "Drift", "Fair housing"),
    "Experiments": (),
    "Alert types": (),
    "Deliveries": ("Dead letters", "Channels", "Endpoints", "Service level"),
    "Preferences": ("Another person’s", "The house’s"),
}
"""Pages of those who answer for others, with their further views. Visited by the menu: loading each anew takes three times as long."""
PAGES = {
    "/": "Hello",
    "/feed": "Feed",
    "/inbox": "Inbox",
    "/assignments": "Assignments",
    "/analytics": "Analytics",
    "/preferences": "Preferences",
}
"""Pages of everybody."""
WITHIN = 10.0
"""Seconds in which a page comes to rest after its colours or its width changed."""

STILL = """() => document.querySelectorAll('[data-stale=true]').length === 0
    && document.getAnimations().every((one) => one.playState !== 'running'
        || one.effect.getTiming().iterations === Infinity)"""
PALE = """() => {
    const light = (colour) => {
        const [r, g, b] = colour.match(/[\\d.]+/g).map((part) => part / 255)
            .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const apart = (one, other) => Math.max(light(one), light(other)) / Math.min(light(one), light(other));
    const back = getComputedStyle(document.querySelector('.stApp')).backgroundColor;
    const charts = [...document.querySelectorAll('.js-plotly-plot text')].filter((node) => !node.closest('.bars'))
        .filter((node) => apart(getComputedStyle(node).fill, back) < 4.5);
    const buttons = [...document.querySelectorAll('button[kind^=primary]:enabled')].filter((node) => {
        const style = getComputedStyle(node);
        return apart(style.color, style.backgroundColor) < 4.5;
    });
    return [...charts, ...buttons].map((node) => node.textContent);
}"""
"""Words of charts and of primary buttons below 4.5:1: axe does not look into drawings, nor through a dialog's veil."""


def settled(page: Page, title: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")
    expect(page.locator(".doorbell-who")).to_be_attached()
    if title == "Analytics":
        expect(page.locator(".js-plotly-plot").last).to_be_visible()
    page.wait_for_function(STILL)


def axe() -> Path:
    if not AXE.exists():
        message = "AXE-CORE IS MISSING: accessibility was not tested (npm install --prefix tests/node)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return AXE


def grave(page: Page, *, scheme: str = "light") -> list[str]:
    """What axe calls serious or critical on this page; of the dark one its colours, for nothing else is another there."""
    page.evaluate(f"window.axe || (() => {{ {axe().read_text()} }})()")
    return _at_rest(page, lambda: _grave(page, scheme))


def _grave(page: Page, scheme: str) -> list[str]:
    rules = ", runOnly: ['color-contrast']" if scheme == "dark" else ""
    found = page.evaluate(f"axe.run(document, {{resultTypes: ['violations']{rules}}})")
    pale = page.evaluate(PALE)
    return [f"pale words: {words}" for words in pale] + [
        f"{one['impact']} {one['id']}: {[node['html'][:160] + str(node['target']) for node in one['nodes']][:4]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]


def _at_rest(page: Page, look: Callable[[], list[str]]) -> list[str]:
    """What is still found when the page has had time to come to rest: a chart is drawn anew in other colours a moment later."""
    until = time.monotonic() + WITHIN
    while (found := look()) and time.monotonic() < until:
        page.wait_for_timeout(100)
    return found


def as_a_dark_phone(page: Page, title: str) -> list[str]:
    """What is wrong on this page in the dark and 390 px wide; afterwards it is as it was."""
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 900})
    settled(page, title)
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    found = grave(page, scheme="dark") + over_the_edge(page)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 900})
    return found


@pytest.fixture(scope="module", autouse=True)
def alerts(house: House) -> None:
    for priority in Priority:
        house.ring(f"{priority.title()} Person", priority=priority, to="ann")
    house.ring("Free Person", to=None)


@pytest.mark.timeout(600)
def test_axe_finds_nothing_serious_and_no_page_asks_another_server(house: House, visit: Open) -> None:
    page = visit("/", who="mia")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    found: dict[str, list[str]] = {}
    for path, title in PAGES.items():
        page.goto(house.url + path)
        settled(page, title)
        found[path] = grave(page) + as_a_dark_phone(page, title)
    assert not any(found.values()), found
    assert {url for url in asked if not url.startswith((house.url, "data:", "blob:"))} == set()


def test_axe_finds_nothing_serious_at_the_sign_in(visit: Open) -> None:
    page = visit("/", who=None)
    expect(page.locator("#doorbell-email")).to_be_visible()
    assert grave(page) == []


def test_axe_finds_nothing_serious_in_the_details(house: House, visit: Open) -> None:
    page = visit(f"/feed?alert={house.ring('Detail Person')}")
    expect(page.get_by_role("dialog").get_by_text("Reach them:")).to_be_visible()
    expect(page.get_by_role("dialog").locator(".js-plotly-plot")).to_be_visible()
    assert grave(page) == []


def test_what_is_filled_with_colour_reads_well_in_the_dark(house: House, visit: Open) -> None:
    alert_id = house.ring("Dark Person")
    page = visit(f"/feed?alert={alert_id}&priority=High&type=Likely+to+sell", who="mia", scheme="dark")
    page.get_by_role("dialog").get_by_role("button", name="Reassign").click()
    handover = page.get_by_role("dialog", name="Give to an agent")
    expect(handover.get_by_role("button", name="Give")).to_be_enabled()
    page.wait_for_function(STILL)
    found = grave(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile(r"^Filters \(")).click()
    expect(page.locator("[data-tag]", has_text="Likely to sell")).to_be_visible()
    assert found + grave(page) == []


def test_nothing_runs_over_the_edge_of_a_phone(house: House, visit: Open) -> None:
    page = visit("/", who="ann", width=390)
    found: dict[str, list[str]] = {}
    for path, title in PAGES.items():
        page.goto(house.url + path)
        settled(page, title)
        found[path] = over_the_edge(page)
    assert not any(found.values()), found


@pytest.mark.timeout(600)
def test_the_pages_of_managers_and_admins_read_well(visit: Open) -> None:
    page = visit("/", who="ada")
    settled(page, "Hello")
    found: dict[str, list[str]] = {}
    for title, views in STEERING.items():
        page.get_by_test_id("stSidebarNavItems").get_by_role("link", name=title, exact=True).click()
        settled(page, title)
        found[title] = grave(page) + as_a_dark_phone(page, title)
        for view in views:
            page.get_by_role("radio", name=view, exact=True).click()
            expect(page).to_have_url(re.compile(re.escape(address(title, view)), re.IGNORECASE))
            settled(page, title)
            found[f"{title}: {view}"] = grave(page) + as_a_dark_phone(page, title)
    assert not any(found.values()), found


def address(title: str, view: str) -> str:
    """Of a view of a page for those who answer for others."""
    return f"/{title.lower()}?{'whose' if title == 'Preferences' else 'view'}={quote_plus(view)}"


def test_an_address_leads_to_its_view(house: House, visit: Open) -> None:
    page = visit("/models", who="ada")
    for title, views in STEERING.items():
        for view in views[-1:]:
            page.goto(house.url + address(title, view))
            settled(page, title)
            expect(page.get_by_role("radio", name=view, exact=True)).to_be_checked()


def test_an_agent_has_no_page_of_models(house: House, visit: Open) -> None:
    page = visit("/models", who="ann")
    expect(page.get_by_text("Page not found")).to_be_visible()
    expect(page.get_by_role("link", name="Models")).to_have_count(0)


CUT = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap((plot) => {
    const frame = plot.getBoundingClientRect();
    return [...plot.querySelectorAll('text')].filter((node) => node.textContent.trim() && node.checkVisibility())
        .filter((node) => {
            const at = node.getBoundingClientRect();
            return at.width && (at.left < frame.left - 1 || at.right > frame.right + 1);
        }).map((node) => node.textContent);
})"""
"""Words of charts that their frame cuts off."""


def test_no_word_of_a_chart_is_cut_on_a_phone(house: House, visit: Open) -> None:
    page = visit(f"/feed?alert={house.ring('Phone Person')}", who="ada", width=390)
    expect(page.get_by_role("dialog").locator(".js-plotly-plot .xtitle")).to_be_visible()
    page.wait_for_function(STILL)
    assert page.evaluate(CUT) == []
    for path in ("/analytics", "/agents?view=Coverage", "/models", "/models?view=Thresholds"):
        page.goto(house.url + path)
        settled(page, path[1:].partition("?")[0].capitalize())
        assert page.evaluate(CUT) == [], path


def over_the_edge(page: Page) -> list[str]:
    """What cannot be seen whole on a phone 390 px wide."""
    return _at_rest(page, lambda: _over_the_edge(page))


def _over_the_edge(page: Page) -> list[str]:
    if page.evaluate("document.documentElement.scrollWidth") > 390:
        return ["the page itself"]
    return page.evaluate(  # type: ignore[no-any-return]
        """() => [...document.querySelector('.stMain').querySelectorAll('*')]
            .filter((node) => node.getBoundingClientRect().right > 391 && node.checkVisibility())
            .filter((node) => !node.closest('[data-testid=stDataFrame], .js-plotly-plot'))
            .map((node) => node.outerHTML.slice(0, 120))"""
    )
