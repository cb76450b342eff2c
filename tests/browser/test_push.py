"""Push in a real browser: the service worker shows what is pushed and leads to it. The push service alone is played here."""

import json
import time
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page

from core.clock import SystemClock
from core.delivery import subscriptions
from core.delivery.channels import push
from core.settings import Settings
from tests.browser.house import House, Open
from tests.delivery.making import message, story
from tests.push_service import Browser

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

REGISTER = """async () => {
  await navigator.serviceWorker.register("/doorbell-sw.js", { scope: "/" });
  await navigator.serviceWorker.ready;
}"""
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map(({ title, body, tag, data, requireInteraction }) => ({ title, body, tag, url: data.url, requireInteraction }))"""

CHANGE = """async ({ old, fresh, handed }) => {
  const real = self.fetch;
  const wanted = [];
  PushManager.prototype.subscribe = async (options) => (wanted.push(options), { toJSON: () => fresh });
  const told = new Promise((resolve) => {
    self.fetch = async (...given) => {
      const answer = await real(...given);
      if (given[1]?.method === "POST") resolve(answer.status);
      return answer;
    };
  });
  const event = Object.assign(new Event("pushsubscriptionchange"), {
    oldSubscription: old ? { endpoint: old } : null,
    newSubscription: handed ? { toJSON: () => fresh } : null,
    waitUntil: () => {},
  });
  self.dispatchEvent(event);
  const status = await told;
  self.fetch = real;
  return { status, wanted };
}"""
"""What a push service does to a worker when it changes a subscription; the browser hands the new one over, or does not."""


class Pushed:
    """A page whose worker is registered, and the push service's end of it."""

    def __init__(self, page: Page, url: str) -> None:
        page.context.grant_permissions(["notifications"], origin=url)
        page.evaluate(REGISTER)
        self.page, self._url = page, url
        self._cdp: CDPSession = page.context.new_cdp_session(page)
        self._registrations: list[str] = []
        self._cdp.on("ServiceWorker.workerRegistrationUpdated", self._found)
        self._cdp.send("ServiceWorker.enable")

    def _found(self, told: Any) -> None:
        self._registrations += [one["registrationId"] for one in told["registrations"] if not one["isDeleted"]]

    def push(self, data: str) -> None:
        while not self._registrations:
            self.page.wait_for_timeout(50)
        self._cdp.send(
            "ServiceWorker.deliverPushMessage",
            {"origin": self._url, "registrationId": self._registrations[-1], "data": data},
        )

    def shown(self, number: int, *, title: str = "") -> list[dict[str, Any]]:
        """As soon as there are so many, and one of them begins so."""
        until = time.monotonic() + 60
        while True:
            found: list[dict[str, Any]] = self.page.evaluate(SHOWN)
            if len(found) >= number and any(one["title"].startswith(title) for one in found):
                return found
            assert time.monotonic() < until, found
            self.page.wait_for_timeout(50)


@pytest.fixture
def pushed(visit: Open, house: House) -> Pushed:
    return Pushed(visit("/", alone=True), house.url)


def test_what_is_pushed_is_shown_and_a_newer_one_replaces_it(pushed: Pushed) -> None:
    pushed.push(push.content(message()).decode())
    (first,) = pushed.shown(1)
    assert first["title"] == "High: Rosa is likely to sell"
    assert first["url"] == "/feed?alert=a1"
    pushed.push(push.content(message(priority="CRITICAL")).decode())
    (second,) = pushed.shown(1, title="Critical")
    assert second["requireInteraction"]


def test_a_push_that_is_spoiled_shows_something_and_leads_nowhere_else(pushed: Pushed) -> None:
    for data in ("not JSON", "", '{"title": "<script>", "url": "https://evil.example/x", "tag": 7}'):
        pushed.push(data)
    titles = {one["title"] for one in pushed.shown(3)}
    assert titles == {"News in Doorbell", "<script>"}


def test_two_alerts_are_two_notifications(pushed: Pushed) -> None:
    for alert_id in ("a1", "a2"):
        told = message(story=story(alert_id=alert_id), link=f"http://elsewhere.example/feed?alert={alert_id}")
        pushed.push(push.content(told).decode())
    assert {one["url"] for one in pushed.shown(2)} == {"/feed?alert=a1", "/feed?alert=a2"}


@pytest.mark.parametrize(
    ("url", "opened"),
    [("/feed?alert=a1", "/feed?alert=a1"), ("https://evil.example/x", "/feed"), ("//evil.example", "/feed")],
)
def test_a_click_opens_the_alert_on_our_own_site_alone(pushed: Pushed, house: House, url: str, opened: str) -> None:
    pushed.push(json.dumps({"title": "Rosa", "url": url}))
    pushed.shown(1)
    (worker,) = pushed.page.context.service_workers
    went = worker.evaluate(
        """async () => {
          const went = new Promise((resolve) => { self.clients.openWindow = async (url) => resolve(url); });
          const [notification] = await self.registration.getNotifications();
          self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
          return went;
        }"""
    )
    assert went == house.url + opened
    assert pushed.page.evaluate(SHOWN) == []


@pytest.mark.parametrize("handed", [True, False], ids=["handed over", "asked for"])
def test_a_subscription_that_the_push_service_changes_is_taken_in_and_the_old_one_out(
    pushed: Pushed, house: House, handed: bool
) -> None:
    old, fresh = (
        Browser(endpoint=f"https://push.example/{name}-{handed}", server_key="-") for name in ("old", "fresh")
    )
    settings = Settings(secret_key="k" * 40)  # type: ignore[arg-type]
    with house.database.write() as session:
        subscriptions.subscribe(
            session, "ann", endpoint=old.endpoint, **old.keys, settings=settings, now=SystemClock().now()
        )
    (worker,) = pushed.page.context.service_workers
    toward = {"endpoint": fresh.endpoint, "expirationTime": None, "keys": fresh.keys}
    done = worker.evaluate(CHANGE, {"old": old.endpoint, "fresh": toward, "handed": handed})
    assert done["status"] == 201
    key = pushed.page.evaluate("async () => (await (await fetch('/session/push')).json()).key")
    assert done["wanted"] == ([] if handed else [{"userVisibleOnly": True, "applicationServerKey": key}])
    with house.database.read() as session:
        assert subscriptions.find(session, "ann", old.endpoint) is None
        assert subscriptions.find(session, "ann", fresh.endpoint) is not None
