"""Texts by Twilio: what they say, and what each of its answers means."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest

from core.delivery import DeliveryFailed, Refused, links, open_channels, outgoing, phoning
from core.delivery.channels import sms, voice
from core.delivery.content import Item
from core.delivery.links import Action
from core.settings import Settings
from tests import hostile
from tests.delivery.making import message, story
from tests.providers import twilio

TO = "+13125550142"
STORY = story(alert_type="LIKELY_TO_SELL")
LINK = "https://bell.example.com/feed?alert=0123456789abcdef0123456789abcdef"


@pytest.fixture
def server() -> Iterator[twilio.TwilioServer]:
    with twilio.serving() as running:
        yield running


def send(server: twilio.TwilioServer, channel: str = "sms", **values: Any) -> Any:
    settings = Settings(**server.settings(public_url="https://bell.example.com"))
    sender = open_channels(settings)[channel]
    try:
        return sender.send(message(**{"to": TO, "link": LINK, "priority": "CRITICAL", "story": STORY, **values}))
    finally:
        sender.close()


def test_a_text_says_who_what_where_and_how_to_answer(server: twilio.TwilioServer) -> None:
    accepted = send(server)
    (sent,) = server.sent
    assert accepted.provider_id == sent["sid"]
    assert sent["Body"] == (f"CRITICAL: Rosa D. is likely to sell. {LINK} Reply ACK to take it, STOP to end texts.")
    assert (sent["To"], sent["From"]) == (TO, twilio.NUMBER)
    assert sent["StatusCallback"] == "https://bell.example.com/providers/twilio/message"


def test_a_text_speaks_its_readers_language(server: twilio.TwilioServer) -> None:
    send(server, language="es", kind="alert_assigned")
    assert server.sent[0]["Body"] == (
        f"CRITICA: Ahora es suya: Rosa D. probablemente venda. {LINK} Responda ACK para tomarla, STOP para no recibir mas."
    )


def acting(origin: str) -> dict[str, str]:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    doable = (Action.ACKNOWLEDGE, Action.SNOOZE, Action.DECLINE)
    return {str(one): links.url(origin, one, "0" * 32, key="k", now=at) for one in doable}


def test_a_text_carries_the_links_that_act_while_two_parts_have_room() -> None:
    known = acting("https://bell.example.com")
    said = sms.text(message(priority="CRITICAL", story=STORY, link=LINK, links=known))
    assert said == (
        f"CRITICAL: Rosa D. is likely to sell. {LINK} I'm on it: {known['acknowledge']} "
        "Reply ACK to take it, STOP to end texts."
    )
    assert sms.septets(said) <= sms.LONGEST
    short = acting("https://b.us")
    both = sms.text(
        message(priority="CRITICAL", story=STORY, link="https://b.us/feed?alert=1", links=short, language="es")
    )
    assert [name for name, url in short.items() if url in both] == ["acknowledge", "snooze"]
    assert sms.septets(both) <= sms.LONGEST
    assert both.endswith("STOP para no recibir mas.")


def test_a_text_to_somebody_who_cannot_act_carries_none() -> None:
    assert "/act/" not in sms.text(message(priority="CRITICAL", story=STORY, link=LINK))


def test_a_messaging_service_sends_instead_of_a_number(server: twilio.TwilioServer) -> None:
    settings = Settings(**server.settings(twilio_from="MG" + "a" * 32))
    opened = open_channels(settings)
    assert "voice" not in opened, "a service cannot call"
    opened["sms"].send(message(to=TO))
    assert server.sent[0]["MessagingServiceSid"] == "MG" + "a" * 32
    assert "StatusCallback" not in server.sent[0], "without a public address there is none Twilio would take"
    assert "From" not in server.sent[0]


@pytest.mark.parametrize(
    "name",
    [
        "Rosa Diaz",
        "Łukasz Żółć",
        "<script>alert(1)</script> X",
        "李小龙",
        "Zoë 🏡 Ünal",
        "x" * 400,
        "a[b]{c}~" * 40,
        " ",
    ],
)
@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_a_text_fits_two_parts_and_keeps_its_link(name: str, language: str) -> None:
    said = sms.text(
        message(
            story=story(contact=name, alert_type="OWN", type_name="€uro " * 60),
            link=LINK,
            links=acting("https://bell.example.com"),
            language=language,
        )
    )
    assert sms.septets(said) <= 306
    assert LINK in said
    assert all(url in acting("https://bell.example.com").values() for url in re.findall(r"\S+/act/\S+", said))
    assert all(one in sms._BASIC | sms._DOUBLE for one in said)


def test_a_digest_by_text_names_nobody() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    items = tuple(
        Item(priority="CRITICAL", title="Rosa Diaz is likely to sell", text="", link=LINK, since="", why="")
        for _ in range(3)
    )
    said = sms.text(message(items=items, story=None, priority="CRITICAL", link=LINK, at=at))
    assert said.startswith("3 alerts wait for you, the most urgent is CRITICAL.")
    assert "Rosa" not in said


@pytest.mark.parametrize(
    ("status", "code", "retryable", "at_fault", "address"),
    [
        (400, 21610, False, False, Refused.OPTED_OUT),
        (400, 21211, False, False, Refused.GONE),
        (400, 21614, False, False, Refused.GONE),
        (400, 21408, False, False, None),
        (400, 21617, False, False, None),
        (429, 20429, True, True, None),
        (503, 20503, True, True, None),
        (401, 20003, True, True, None),
    ],
)
def test_each_error_means_what_twilio_says_of_it(
    server: twilio.TwilioServer, status: int, code: int, retryable: bool, at_fault: bool, address: Refused | None
) -> None:
    server.error, server.retry_after = (status, code, f"Not to {TO} from here"), "7"
    with pytest.raises(DeliveryFailed) as caught:
        send(server)
    failed = caught.value
    assert (failed.retryable, failed.provider_at_fault, failed.address) == (retryable, at_fault, address)
    assert failed.answered == (address is not None), "a number that cannot be texted says nothing of the others"
    assert failed.retry_after == (7 if status in (429, 503) else None)
    assert TO not in failed.reason
    assert twilio.TOKEN not in failed.reason
    assert str(code if status < 429 else status) in failed.reason


@pytest.mark.parametrize("how", ["garbage", "nameless", "reset"])
def test_a_strange_answer_is_tried_again(server: twilio.TwilioServer, how: str) -> None:
    server.misbehave = how
    with pytest.raises(DeliveryFailed) as caught:
        send(server)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "does", [hostile.hang, hostile.reset, hostile.close, hostile.garbage, hostile.slow_headers, hostile.redirect("/x")]
)
def test_whatever_the_other_side_does_ends_in_time_as_a_failure(
    hostile_server: hostile.HostileServer, monkeypatch: pytest.MonkeyPatch, does: hostile.Behaviour
) -> None:
    monkeypatch.setattr(phoning, "_LIMITS", outgoing.Limits(private=True, connect=0.5, total=0.5))
    hostile_server.will(does)
    with pytest.raises(DeliveryFailed):
        send(twilio.TwilioServer(port=hostile_server.port))


@pytest.mark.parametrize("does", [hostile.half_body, hostile.slow_body, hostile.huge_body])
def test_a_yes_that_breaks_off_counts(
    hostile_server: hostile.HostileServer, monkeypatch: pytest.MonkeyPatch, does: hostile.Behaviour
) -> None:
    monkeypatch.setattr(phoning, "_LIMITS", outgoing.Limits(private=True, connect=0.5, total=0.5))
    hostile_server.will(does)
    assert send(twilio.TwilioServer(port=hostile_server.port)).provider_id == "", "sent again it would arrive twice"


def test_a_wrong_token_is_the_providers_matter(server: twilio.TwilioServer) -> None:
    sender = open_channels(Settings(**server.settings(twilio_auth_token="0" * 32)))["sms"]
    with pytest.raises(DeliveryFailed, match="sign-in") as caught:
        sender.send(message(to=TO))
    assert caught.value.provider_at_fault
    assert not server.sent


def test_a_call_reads_the_alert_and_asks_for_a_one(server: twilio.TwilioServer) -> None:
    send(server, "voice", story=story(contact="Ro<sa Diaz", alert_type="OWN", type_name='"Likely" & sells'))
    (call,) = server.calls
    tree = ElementTree.fromstring(call["Twiml"])
    gather = tree.find("Gather")
    assert gather is not None
    assert gather.attrib["action"] == "https://bell.example.com/providers/twilio/gather"
    assert gather.attrib["numDigits"] == "1"
    said = gather.findtext("Say")
    assert said == ('This is Doorbell. Critical: Somebody – "Likely" & sells. Press 1 to say that you have it.')
    assert call["StatusCallbackEvent"] == ["answered", "completed"]


def test_a_call_is_never_made_unless_asked_for() -> None:
    assert voice.CHANNEL.priorities == frozenset()
