"""Chats: what each service is sent, that a name stays a name, and what a refusal means."""

import itertools
import json
import re
import time
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.clock import FakeClock
from core.db import Database
from core.db.tables.reaching import Address
from core.delivery import DeliveryFailed, Message, Refused, chatting, confirming, endpoint_book, open_channels, trying
from core.delivery.content import Item
from core.delivery.endpoints import Secret
from core.errors import Conflict, Invalid
from core.settings import Settings
from jobs import work
from tests import factories
from tests.delivery import making
from tests.hostile import HostileServer, Resolver, answer, hang
from tests.providers import chats
from tests.providers.chats import Chats

EVERY = frozenset(chatting.SERVICES)
NASTY = "<script>alert(1)</script> <!channel> <@U1> @everyone @here *bold* _it_ `x` [a](https://evil.example) =cmd|' &amp; R&D"


@pytest.fixture
def rooms(hostile_server: HostileServer, resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> Chats:
    return chats.lead_here(hostile_server, resolver, monkeypatch)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


_keys = itertools.count()


def send(settings: Settings, url: str, **values: object) -> None:
    """A message of its own, unless a key says which."""
    open_channels(settings)["chat"].send(making.message(**{"to": url, "key": f"k{next(_keys)}", **values}))


def refused(settings: Settings, url: str, **values: object) -> DeliveryFailed:
    with pytest.raises(DeliveryFailed) as caught:
        send(settings, url, **values)
    return caught.value


every_service = pytest.mark.parametrize("url", chats.ALL.values(), ids=chats.ALL)


@every_service
def test_an_alert_is_said_with_its_link_whole(url: str, rooms: Chats, settings: Settings) -> None:
    send(settings, url)
    (said,) = rooms.said
    assert said.startswith("High: Rosa Diaz is likely to sell (82% sure)")
    assert "\nhttp://127.0.0.1:8501/feed?alert=a1" in said
    assert "555" not in said, "no phone, no mail, no address"


@every_service
def test_what_can_be_done_is_said_with_its_links_whole(url: str, rooms: Chats, settings: Settings) -> None:
    token = "YQ_aa-__Bb--" + "A_-" * 10 + "zz"
    doable = {name: f"https://bell.example.com/act/{name[0]}{token}" for name in ("acknowledge", "snooze", "decline")}
    send(settings, url, links=doable)
    item = Item(priority="HIGH", title="Rosa", text="", link="https://x/feed", since="", why="", links=doable)
    send(settings, url, story=None, items=(item,) * 10)
    single, digest = rooms.said
    for label, name in (("I’m on it", "acknowledge"), ("Later", "snooze"), ("Not for me", "decline")):
        assert f"{label}: {doable[name]}" in single
    assert digest.count(f"I’m on it: {doable['acknowledge']}") == 10
    assert doable["snooze"] not in digest


@every_service
def test_a_name_stays_a_name_and_mentions_nobody(url: str, rooms: Chats, settings: Settings) -> None:
    item = Item(priority="HIGH", title=NASTY, text="", link="http://x/feed", since="", why="")
    for told in (
        {"title": NASTY, "text": NASTY, "story": making.story(contact=NASTY, factors=(NASTY,))},
        {"title": NASTY, "story": None},
        {"title": NASTY, "story": None, "items": (item, item)},
    ):
        send(settings, url, **told)
    for said in rooms.said:
        # What a service would read: the user's own words must not be a tag, a mention, formatting or a link.
        for mark in ("<", ">", "@everyone", "@here", "*bold*", "_it_", "`x`", "](", "https://evil"):
            assert mark not in said, (mark, said)
        assert "bold" in said
        assert "=cmd" in said


@pytest.mark.parametrize("room", ["#leads", "%23leads"])
def test_a_bot_of_slack_writes_into_the_room_that_is_named(rooms: Chats, settings: Settings, room: str) -> None:
    send(settings, f"{chats.BOT.rpartition('/')[0]}/{room}")
    (request,) = rooms.server.requests
    assert json.loads(request.body)["channel"] == "#leads"


@pytest.mark.parametrize(
    ("error", "gone"),
    [("token_revoked", True), ("is_archived", True), ("not_in_channel", False), ("fatal_error", False)],
)
def test_what_slack_refuses_with_a_200_is_a_refusal(rooms: Chats, settings: Settings, error: str, gone: bool) -> None:
    rooms.will(answer(200, body={"ok": False, "error": error}))
    failed = refused(settings, chats.BOT)
    assert (failed.retryable, failed.reason) == (False, f"Slack refused it: {error}")
    assert (failed.address is Refused.GONE) == gone


def test_matrix_drops_a_second_copy_of_a_message(rooms: Chats, settings: Settings) -> None:
    for key in ("one", "one", "two"):
        send(settings, chats.MATRIX, key=key)
    assert len(rooms.said) == 2


def test_matrix_says_in_the_body_how_long_to_wait_and_nobody_sleeps(rooms: Chats, settings: Settings) -> None:
    rooms.will(answer(429, body={"errcode": "M_LIMIT_EXCEEDED", "error": "Too many", "retry_after_ms": 61_500}))
    before = time.monotonic()
    failed = refused(settings, chats.MATRIX)
    assert (failed.retryable, failed.retry_after) == (True, 62)
    assert time.monotonic() - before < 5


def test_a_room_matrix_does_not_let_us_into_is_gone(rooms: Chats, settings: Settings) -> None:
    rooms.will(answer(403, body={"errcode": "M_FORBIDDEN", "error": "You are not invited to this room"}))
    failed = refused(settings, chats.MATRIX)
    assert failed.address is Refused.GONE
    assert failed.reason == "Matrix answered 403 Forbidden: You are not invited to this room"


def test_nothing_that_reads_files_runs_programs_or_leads_elsewhere_is_an_address() -> None:
    for url in (
        "file:///etc/passwd",
        "exec://ls",
        "syslog://",
        "dbus://",
        "mailto://user:pass@example.com",
        "json://example.com",
        "form://example.com",
        "https://evil.example/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "https://hooks.slack.com.evil.example/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "https://evil.example#.logic.azure.com/workflows/3XXX5/triggers/manual/paths/invoke?sig=iXXXUsecret",
        "http://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "matrixs://user:pass@example.com",
        "matrixs://user:pass@example.com/!room:example.com",
        "matrixs://token@example.com",
        "matrixs://token@example.com/#room",
        "slack://xoxb-1234567890-1234567890-abcdefghijklmnopqrstuvwx",
        "slack://",
        "discord://1",
        "tgram://nope",
        "",
        "x" * 3000,
        "https://[::1",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ\n",
    ):
        assert chatting.problem(url, EVERY), url
    for url in chats.ALL.values():
        assert chatting.problem(url, EVERY) == ""


def test_what_an_address_asks_for_beside_its_own_is_dropped(rooms: Chats, settings: Settings, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"text": "the secret"}')
    asks = f"template={secret}&blocks=yes&verify=no&redirect=yes&ping=@everyone&tts=yes&retry=9&cto=900&rto=900"
    for url in ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/", f"discord://{chats.DISCORD[33:]}"):
        send(settings, f"{url}?{asks}")
    send(settings, f"{chats.TEAMS}&{asks}")
    sent = b"".join(request.body for request in rooms.server.requests)
    assert len(rooms.said) == 3
    assert b"the secret" not in sent
    assert b"everyone" not in sent


def test_a_chat_inside_a_private_network_is_not_called(rooms: Chats, resolver: Resolver, settings: Settings) -> None:
    resolver.says("chat.example.com", "10.0.0.7")
    assert "private network" in refused(settings, chats.MATTERMOST).reason
    assert "https" in refused(settings, chats.MATTERMOST.replace("mmosts", "mmost")).reason
    assert rooms.server.requests == []


@pytest.mark.parametrize(
    ("url", "behaviour", "said", "retryable", "gone"),
    [
        (chats.SLACK, answer(404, body="no_service"), "no_service", False, True),
        (chats.SLACK, answer(403, body="action_prohibited"), "action_prohibited", False, False),
        (chats.SLACK, answer(400, body="invalid_payload"), "invalid_payload", False, False),
        (chats.SLACK, answer(500, body="rollup_error"), "500", True, False),
        (chats.DISCORD, answer(404, body={"message": "Unknown Webhook", "code": 10015}), "Unknown Webhook", False, True),
        (chats.TELEGRAM, answer(403, body={"ok": False, "description": "Forbidden: bot was blocked by the user"}),
         "blocked by the user", False, True),
        (chats.TELEGRAM, answer(400, body={"ok": False, "description": "Bad Request: chat not found"}),
         "chat not found", False, False),
        (chats.TEAMS, answer(401, body={"error": {"code": "x", "message": "not authorized"}}), "authorized", False, False),
        (chats.GOOGLE, answer(302, {"Location": "http://127.0.0.1/"}), "redirects are not followed", False, False),
        (chats.NTFY, answer(502, body="<html>Bad gateway</html>"), "502 Bad Gateway", True, False),
    ],
)  # fmt: skip
def test_a_refusal_has_the_services_own_words(
    url: str, behaviour: object, said: str, retryable: bool, gone: bool, rooms: Chats, settings: Settings
) -> None:
    rooms.will(behaviour)  # type: ignore[arg-type]
    failure = refused(settings, url)
    assert said in failure.reason
    assert (failure.retryable, failure.address is Refused.GONE) == (retryable, gone)
    assert not failure.provider_at_fault, "each person has a chat of their own"
    assert "<" not in failure.reason


@pytest.mark.parametrize(
    ("url", "behaviour", "seconds"),
    [
        (chats.SLACK, answer(429, {"Retry-After": "30"}), 30.0),
        (chats.DISCORD, answer(429, {"Retry-After": "1"}, body={"message": "limited", "retry_after": 64.57}), 65.0),
        (chats.TELEGRAM, answer(429, body={"ok": False, "parameters": {"retry_after": 14}}), 14.0),
        (chats.DISCORD, answer(429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9999999999"}), None),
    ],
)
def test_too_many_waits_as_long_as_the_service_says_and_sleeps_nowhere(
    url: str, behaviour: object, seconds: float | None, rooms: Chats, settings: Settings
) -> None:
    rooms.will(behaviour)  # type: ignore[arg-type]
    failure = refused(settings, url)
    assert (failure.retryable, failure.retry_after) == (True, seconds)
    assert len(rooms.server.requests) == 1


@every_service
def test_no_reason_and_no_label_holds_a_secret(url: str, rooms: Chats, settings: Settings) -> None:
    rooms.will(answer(400, body=url))
    reason = refused(settings, url).reason
    for secret in ("TIiajkdnlazkcOXrIdevi7FQ", "JHMHI8qBe7bk2ZwO5U711o3dV_js", "ABCdefghij", "iXXXU", "TOKENTOKEN",
                   "3ccdd1134747", "YbP6G5Xo6bLsSX", "doorbell-ann"):  # fmt: skip
        assert secret not in reason
        assert secret not in chatting.label(url, EVERY)


def test_a_service_that_hangs_costs_little_time(
    rooms: Chats, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chatting, "_WHOLE", 0.3)
    rooms.will(hang)
    assert refused(settings, chats.SLACK).retryable


def test_the_house_says_which_chats_there_are(rooms: Chats, tmp_path: Path) -> None:
    assert "chat" not in open_channels(Settings(chat_services=""))
    only = Settings(data_dir=tmp_path, chat_services="teams ntfy")
    send(only, chats.TEAMS)
    assert "Microsoft Teams, ntfy" in refused(only, chats.SLACK).reason
    with pytest.raises(ValidationError, match="use some of"):
        Settings(chat_services="slack carrier-pigeon")


def test_a_long_digest_is_cut_and_not_refused(rooms: Chats, settings: Settings) -> None:
    item = Item(priority="HIGH", title="Rosa " * 40, text="", link="http://x/feed", since="", why="")
    send(settings, chats.DISCORD, title="50 news", story=None, items=(item,) * 50)
    assert rooms.said


def test_a_chat_counts_once_its_owner_typed_the_code_said_there(
    rooms: Chats, settings: Settings, database: Database, clock: FakeClock
) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=clock.now())
        added = confirming.add_chat(
            session, user_id, f" {chats.SLACK} ", actor_id=user_id, settings=settings, now=clock.now()
        )
        address_id = added.id
        assert (added.label, added.verified_at) == ("Slack ...i7FQ", None)
        assert "hooks.slack.com" not in f"{added.value}{added.detail}"
        with pytest.raises(Conflict, match="Confirm"):
            trying.send_test(session, user_id, channel="chat", address_id=address_id, actor_id=user_id, now=clock.now())
    work.send_once(database, open_channels(settings), clock, "w1", settings)
    (said,) = rooms.said
    found = re.search(r"\b\d{6}\b", said)
    assert found
    with database.write() as session:
        became = confirming.confirm(session, user_id, address_id, found[0], settings=settings, now=clock.now())
        assert became is confirming.Answer.CONFIRMED
        made = trying.send_test(session, user_id, channel="chat", actor_id=user_id, now=clock.now())
    rooms.will(answer(404, body="no_service"))
    work.send_once(database, open_channels(settings), clock, "w1", settings)
    with database.read() as session:
        assert "no_service" in trying.standing(session, user_id, made).said
        assert "no_service" in str(session.get_one(Address, address_id).disabled_reason)


def test_what_is_no_chat_is_refused_with_the_reason(database: Database, settings: Settings, now: datetime) -> None:
    with database.write() as session:
        user_id = factories.user(session, now=now)
        with pytest.raises(Invalid) as caught:
            confirming.add_chat(session, user_id, "file:///etc/passwd", actor_id=user_id, settings=settings, now=now)
    assert "Slack" in caught.value.fields["chat"]


def team_message(kind: str, **data: object) -> Message:
    room = making.endpoint("", Secret(value=chats.TEAMS, until=None))
    told = {"id": "a1", "alertType": "LIKELY_TO_SELL", "priority": "CRITICAL", "user": {"name": NASTY}, **data}
    return making.message(endpoint=room, to="", story=None, link="http://x", event={"type": kind, "data": told})


def test_a_team_is_told_in_its_room_by_first_names(rooms: Chats, settings: Settings) -> None:
    sender = open_channels(settings)["team_chat"]
    for kind, name in (("alert:new", "Rosa Diaz"), ("alert:escalated", NASTY), ("endpoint:test", "")):
        assert sender.send(team_message(kind, user={"name": name})).provider == "Microsoft Teams"
    first, second, test = rooms.said
    assert first == "New: Critical: Rosa is likely to sell\nhttp://x/feed?alert=a1"
    assert second.startswith("Nobody has answered yet: Critical: Somebody is likely to sell")
    assert "test" in test


def test_a_team_hears_nothing_of_an_alert_it_lost(rooms: Chats, settings: Settings) -> None:
    lost = making.message(
        **{**vars(team_message("alert:assigned")), "event": {"type": "alert:assigned", "data": {"id": "a1"}}}
    )
    open_channels(settings)["team_chat"].send(lost)
    assert rooms.said == ["An alert of this team went to another one."]


def test_a_team_chats_address_is_its_secret(settings: Settings) -> None:
    raw = {"channel": "team_chat", "name": "North's room", "secret": chats.SLACK}
    assert endpoint_book.read(raw, settings).secret == chats.SLACK
    for wrong, field in (({"url": chats.SLACK}, "url"), ({"secret": "file:///etc/passwd"}, "secret")):
        with pytest.raises(Invalid) as caught:
            endpoint_book.read({**raw, **wrong}, settings)
        assert list(caught.value.fields) == [field]
