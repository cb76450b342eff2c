"""Web Push against a push service that verifies the signature and reads what it took as a browser does."""

import base64
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from core import delivery
from core.db import Database
from core.db.tables.reaching import Address
from core.delivery import DeliveryFailed, Message, Refused, Suppressed, open_channels, subscriptions, vapid
from core.delivery.content import Item
from core.errors import Conflict, Invalid
from core.settings import Settings
from tests import factories
from tests.delivery import making
from tests.hostile import HostileServer, answer, hang
from tests.push_service import Browser, PushService, base64url


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, mail_from="Doorbell <bell@doorbell.test>", allow_private_urls=True)


@pytest.fixture
def service(hostile_server: HostileServer) -> PushService:
    hostile_server.will(answer(201, {"Location": f"{hostile_server.url}/message/m1"}))
    return PushService(hostile_server)


@pytest.fixture
def browser(service: PushService, settings: Settings) -> Browser:
    return service.subscribe(vapid.public_key(settings.vapid_key))


def message(browser: Browser, **values: object) -> Message:
    return making.message(to=browser.endpoint, to_detail=browser.keys, **values)


def refused(settings: Settings, told: Message) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        open_channels(settings)["push"].send(told)
    return caught.value


def test_a_browser_reads_what_was_pushed(settings: Settings, service: PushService, browser: Browser) -> None:
    accepted = open_channels(settings)["push"].send(message(browser, priority="CRITICAL"))
    assert accepted.provider_id == "m1"
    (shown,) = service.shown(browser)
    assert shown["title"] == "Critical: Rosa is likely to sell"
    assert shown["url"] == "/feed?alert=a1"
    (request,) = service.server.requests
    assert (request.headers["urgency"], request.headers["ttl"]) == ("high", "3600")


def test_what_stands_on_a_locked_screen_is_a_first_name_and_no_more(
    settings: Settings, service: PushService, browser: Browser
) -> None:
    item = Item(priority="HIGH", title="Rosa Diaz is likely to sell", text="", link="", since="", why="")
    for told in (
        message(browser),
        message(browser, key="k2", story=making.story(contact="x" * 150), title="x" * 140 + " is likely"),
        message(browser, key="k3", story=making.story(contact="rosa@example.com"), title="rosa@example.com is likely"),
        message(browser, key="k4", story=making.story(contact="+1 312 555 0142"), title="+1 312 555 0142 is likely"),
        message(browser, key="k5", story=None, items=(item, item), title="2 news, the most urgent: Rosa Diaz"),
    ):
        open_channels(settings)["push"].send(told)
        said = str(service.shown(browser)[-1])
        for secret in ("Diaz", "x" * 130, "example.com", "555", "Elm", "450,000"):
            assert secret not in said


def test_a_newer_push_of_the_same_alert_replaces_the_older(
    settings: Settings, service: PushService, browser: Browser
) -> None:
    sender = open_channels(settings)["push"]
    sender.send(message(browser))
    sender.send(message(browser, key="a1:alert_raised:s2:agent-1:push", priority="CRITICAL"))
    sender.send(message(browser, key="other", story=making.story(alert_id="a2")))
    assert [shown["priority"] for shown in service.shown(browser)] == ["CRITICAL", "HIGH"]


@pytest.mark.parametrize("status", [404, 410])
def test_a_browser_that_is_gone_is_final_and_switched_off(
    status: int, settings: Settings, service: PushService, browser: Browser
) -> None:
    service.server.will(answer(status))
    failure = refused(settings, message(browser))
    assert (failure.retryable, failure.address) == (False, Refused.GONE)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_push_service_that_is_busy_is_asked_again_when_it_said(
    status: int, settings: Settings, service: PushService, browser: Browser
) -> None:
    service.server.will(answer(status, {"Retry-After": "120"}))
    failure = refused(settings, message(browser))
    assert (failure.retryable, failure.retry_after, failure.address) == (True, 120.0, None)
    assert not failure.provider_at_fault, "each browser has its own push service"


@pytest.mark.parametrize("status", [302, 400, 413])
def test_what_a_push_service_refuses_is_final_and_the_browser_stays(
    status: int, settings: Settings, service: PushService, browser: Browser
) -> None:
    service.server.will(answer(status))
    failure = refused(settings, message(browser))
    assert (failure.retryable, failure.address) == (False, None)


def test_a_subscription_under_another_key_says_so(settings: Settings, service: PushService, browser: Browser) -> None:
    browser.server_key = "another"
    failure = refused(settings, message(browser))
    assert not failure.retryable
    assert "our key" in failure.reason


def test_a_long_title_stays_within_what_a_push_may_hold(
    settings: Settings, service: PushService, browser: Browser
) -> None:
    open_channels(settings)["push"].send(message(browser, story=None, title="å𝔸" * 5000))
    assert len(service.server.requests[0].body) < 4096


def test_a_push_service_inside_a_private_network_is_not_called(
    settings: Settings, service: PushService, browser: Browser
) -> None:
    strict = Settings(data_dir=settings.data_dir, mail_from=settings.mail_from)
    assert refused(strict, message(browser)).address is Refused.GONE
    https = replace(message(browser), to=browser.endpoint.replace("http://", "https://"))
    assert "private network" in refused(strict, https).reason
    assert service.server.requests == []


def test_a_push_service_that_hangs_costs_little_time(
    settings: Settings, service: PushService, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = open_channels(settings)["push"]
    monkeypatch.setattr(sender, "_limits", replace(sender._limits, total=0.3))  # type: ignore[attr-defined]
    service.server.will(hang)
    with pytest.raises(DeliveryFailed) as caught:
        sender.send(message(browser))
    assert caught.value.retryable


def test_push_is_for_pages_that_browsers_trust() -> None:
    for url, there in (
        ("http://doorbell.example", False),
        ("https://doorbell.example", True),
        ("http://localhost:8501", True),
    ):
        assert ("push" in open_channels(Settings(public_url=url))) is there


def test_the_key_is_made_once_and_kept_for_the_owner_alone(tmp_path: Path) -> None:
    first = vapid.public_key(Settings(data_dir=tmp_path).vapid_key)
    assert first == vapid.public_key(Settings(data_dir=tmp_path).vapid_key)
    assert (tmp_path / "vapid_key").stat().st_mode & 0o777 == 0o600
    given = base64.urlsafe_b64encode(b"\x07" * 32).decode()
    assert vapid.public_key(Settings(vapid_private_key=SecretStr(given)).vapid_key) != first
    for wrong in ("short", base64.urlsafe_b64encode(b"\xff" * 32).decode(), base64url(b"\x00" * 32), "ä" * 43):
        with pytest.raises(ValidationError, match="P-256"):
            Settings(vapid_private_key=SecretStr(wrong))


def subscribe(session: object, user_id: str, browser: Browser, settings: Settings, now: datetime) -> Address:
    return subscriptions.subscribe(
        session,  # type: ignore[arg-type]
        user_id,
        endpoint=browser.endpoint,
        **browser.keys,
        user_agent="Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/131.0.0.0 Safari/537.36",
        settings=settings,
        now=now,
    )


def test_a_browser_belongs_to_whoever_subscribed_last(
    database: Database, settings: Settings, browser: Browser, now: datetime
) -> None:
    with database.write() as session:
        ann, bob = factories.user(session, "ann", now=now), factories.user(session, "bob", now=now)
        first = subscribe(session, ann, browser, settings, now)
        assert first.label == "Chrome on Linux"
        assert browser.endpoint not in f"{first.value}{first.detail}"
        assert subscribe(session, ann, browser, settings, now).id == first.id
        subscribe(session, bob, browser, settings, now)
        assert subscriptions.find(session, ann, browser.endpoint) is None
        assert subscriptions.find(session, bob, browser.endpoint) is not None
        assert subscriptions.unsubscribe(session, bob, endpoint=browser.endpoint, now=now)
        assert not subscriptions.unsubscribe(session, bob, endpoint=browser.endpoint, now=now)


def test_a_subscription_that_follows_another_takes_its_place(
    database: Database, settings: Settings, service: PushService, browser: Browser, now: datetime
) -> None:
    with database.write() as session:
        ann = factories.user(session, "ann", now=now)
        subscribe(session, ann, browser, settings, now)
        fresh = service.subscribe(browser.server_key)
        subscriptions.subscribe(
            session,
            ann,
            endpoint=fresh.endpoint,
            **fresh.keys,
            replaces=browser.endpoint,
            settings=settings,
            now=now,
        )
        assert subscriptions.find(session, ann, browser.endpoint) is None
        assert subscriptions.find(session, ann, fresh.endpoint) is not None


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"endpoint": "http://push.example/x"}, "endpoint"),
        ({"endpoint": "https://user@push.example/x"}, "endpoint"),
        ({"endpoint": "https://"}, "endpoint"),
        ({"endpoint": "https://push.example/" + "x" * 2000}, "endpoint"),
        ({"p256dh": "AAAA"}, "keys.p256dh"),
        ({"p256dh": base64url(b"\x04" + b"\x01" * 64)}, "keys.p256dh"),
        ({"auth": "?"}, "keys.auth"),
    ],
)
def test_what_is_no_subscription_is_refused_with_the_field(
    wrong: dict[str, str], field: str, browser: Browser, database: Database, tmp_path: Path, now: datetime
) -> None:
    given = {"endpoint": "https://push.example/x", **browser.keys, **wrong}
    with database.write() as session:
        ann = factories.user(session, "ann", now=now)
        with pytest.raises(Invalid) as caught:
            subscriptions.subscribe(session, ann, **given, settings=Settings(data_dir=tmp_path), now=now)
    assert list(caught.value.fields) == [field]


def test_six_browsers_are_one_too_many(
    database: Database, settings: Settings, service: PushService, now: datetime
) -> None:
    with database.write() as session:
        ann = factories.user(session, "ann", now=now)
        for _ in range(5):
            subscribe(session, ann, service.subscribe("key"), settings, now)
        with pytest.raises(Conflict, match="browsers"):
            subscribe(session, ann, service.subscribe("key"), settings, now)


def test_an_alert_reaches_the_closed_browser_and_one_that_is_gone_is_told_no_more(
    database: Database, settings: Settings, service: PushService, browser: Browser, now: datetime
) -> None:
    channels = {"push": open_channels(settings)["push"]}
    with database.write() as session:
        alert_id, agent_id = making.owned_alert(session, priority="CRITICAL", now=now)
        address_id = subscribe(session, agent_id, browser, settings, now).id

    def tell(occasion: str) -> object:
        with database.write() as session:
            notice = delivery.Notice(
                alert_id=alert_id,
                user_id=agent_id,
                kind="alert_new",
                priority="CRITICAL",
                occasion=occasion,
                channels=("push",),
            )
            delivery.enqueue(session, [notice], now=now)
            claimed = making.claim_one(session, now=now)
            told = delivery.prepare(session, claimed, settings=settings, now=now)
        result = told if isinstance(told, Suppressed) else delivery.send(claimed, told, channels)  # type: ignore[arg-type]
        with database.write() as session:
            delivery.record(session, [(claimed, result)], now=now)  # type: ignore[arg-type]
            return making.row(session, claimed.id).state

    assert tell("first") == "sent"
    assert len(service.shown(browser)) == 1
    browser.gone = True
    assert tell("second") == "dead"
    with database.read() as session:
        address = session.get_one(Address, address_id)
        assert "410" in str(address.disabled_reason)
    with database.write() as session:
        notice = delivery.Notice(
            alert_id=alert_id, user_id=agent_id, kind="alert_new", priority="CRITICAL", occasion="third"
        )
        delivery.enqueue(session, [notice], now=now)
        inbox = making.by_channel(session, alert_id)["in_app"]
        assert inbox.payload["skipped"]["push"] == "address_disabled"
