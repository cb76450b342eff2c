"""Every message by every channel in every language: it can be seen, it is short enough, and hostile names stay text."""

import html
import re
from dataclasses import replace
from datetime import datetime
from xml.etree import ElementTree

import pytest

from core.delivery import CHANNELS, content, previewing
from core.delivery.channels import email, voice
from core.delivery.content import Message
from core.delivery.preferences import LANGUAGES
from core.delivery.previewing import TEMPLATES, parts, preview
from core.errors import Invalid, NotFound

HOSTILE = (
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "Rosa\r\nBcc: everyone@example.com",
    "{{ 7 * 7 }} {% raw %} {0.__class__}",
    "“Rosa” <img src=x onerror=alert(1)> & 'Co'",
    "\u202eDiaz\u0000 Rosa\u200b",
    "*bold* _it_ `code` [link](https://evil.example) <!channel> @everyone",
    "R" * 5000,
)
people_channels = pytest.mark.parametrize("channel", previewing.channels())


@people_channels
@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_has_a_preview(channel: str, name: str, language: str, now: datetime) -> None:
    shown = preview(name, channel=channel, language=language, now=now)
    assert set(shown) <= {"subject", "title", "text", "html"}
    assert any(shown.values())
    assert CHANNELS[channel].preview is not None
    for said in shown.values():
        assert "{" not in re.sub(r"<style>.*?</style>", "", said, flags=re.DOTALL), "every place has its value"


def test_what_there_is_no_preview_of_is_said(now: datetime) -> None:
    with pytest.raises(NotFound):
        preview("nothing", now=now)
    with pytest.raises(Invalid) as caught:
        preview("alert", channel="pigeon", language="tlh", now=now)
    assert set(caught.value.fields) == {"channel", "language"}


@people_channels
@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", ["alert", "digest", "notice"])
def test_hostile_names_stay_text(channel: str, hostile: str, name: str, now: datetime) -> None:
    shown = parts(channel, named(TEMPLATES[name].make("en", now), hostile))
    for part in ("subject", "title"):
        if part in shown:
            assert len(shown[part].splitlines()) <= 1
            assert len(shown[part]) <= 220
    if "html" in shown:
        tags = set(re.findall(r"<\s*([a-zA-Z!]+)", re.sub(r"<!--.*?-->", "", shown["html"], flags=re.DOTALL)))
        plain = parts(channel, TEMPLATES[name].make("en", now))["html"]
        usual = set(re.findall(r"<\s*([a-zA-Z!]+)", re.sub(r"<!--.*?-->", "", plain, flags=re.DOTALL)))
        assert tags == usual
        assert "onerror" not in re.sub(r">[^<]*<", "><", shown["html"])
        assert content.one_line(hostile, 60)[:40] in html.unescape(shown["html"])
    for said in shown.values():
        assert "\r" not in said
        assert "\x00" not in said
        assert "\u202e" not in said
        assert "49" not in re.sub(r"act/\S+", "", said) or "49" in str(TEMPLATES[name].make("en", now))


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_is_read_aloud_is_well_formed_whatever_the_name(hostile: str, now: datetime) -> None:
    said = voice.twiml(named(TEMPLATES["alert"].make("en", now), hostile), answer_url="https://x.example/a?b&c")
    assert {element.tag for element in ElementTree.fromstring(said).iter()} == {"Response", "Gather", "Say"}


@pytest.mark.parametrize("channel", ["push", "sms", "voice"])
@pytest.mark.parametrize("name", ["alert", "escalated", "digest"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_on_a_locked_screen_tells_little_of_a_contact(
    channel: str, name: str, language: str, now: datetime
) -> None:
    said = " ".join(preview(name, channel=channel, language=language, now=now).values())
    for private in ("Diaz", "312", "rosa.diaz", "Elm", "452", "Lopez"):
        assert private not in said


@pytest.mark.parametrize(
    ("contact", "first"), [("Rosa Diaz", "Rosa"), ("anna@mail.example", "Somebody"), ("4711", "Somebody")]
)
def test_the_short_line_has_a_first_name_and_nothing_else_of_the_contact(
    contact: str, first: str, now: datetime
) -> None:
    message = named(TEMPLATES["escalated"].make("en", now), contact)
    assert content.brief_line(message, "en") == f"Critical: {first} is likely to sell (nobody has answered yet)"


def test_a_digest_of_two_hundred_stays_below_what_gmail_cuts_off(now: datetime) -> None:
    long = "Maria Antonia de los Angeles Fernandez-Villanueva y Montoya " * 3
    message = previewing.digest("es", now, count=200)
    message = replace(message, items=tuple(replace(item, title=long, why=long) for item in message.items))
    shown = email.parts(message)
    assert len(shown["html"].encode()) < 102_000
    assert "Y 175 más en el panel de alertas." in shown["html"]
    assert "Y 175 más en el panel de alertas." in shown["text"]
    assert shown["html"].count("/act/Y") == 24, "each item its button, but one that is somebody else's"


def test_a_subject_puts_the_name_where_a_locked_screen_shows_it(now: datetime) -> None:
    said = {name: preview(name, now=now)["subject"] for name in TEMPLATES}
    assert said["escalated"] == "Critical: Rosa Diaz is likely to sell (nobody has answered yet)"
    assert said["digest"] == "High: Rosa Diaz is likely to sell, and 5 more"


def named(message: Message, contact: str) -> Message:
    """The same message about somebody else, as `content.compose` would have written it."""
    said = content.one_line(contact)
    story = replace(message.story, contact=said, factors=(said,)) if message.story else None
    items = tuple(
        replace(item, title=content.one_line(f"{said} is likely to sell"), why=said) for item in message.items
    )
    text = content.one_line(contact, 500) if message.text else ""
    return replace(message, title=said, story=story, items=items, text=text, recipient_name=said)
