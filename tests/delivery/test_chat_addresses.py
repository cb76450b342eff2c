"""Chats entered by their services' own words: each part named, and put together to an address that is taken."""

import pytest

from core.delivery import chat_addresses, chatting
from core.errors import Invalid
from tests.providers import chats

ALL = frozenset(chatting.SERVICES)


def test_every_service_says_what_it_needs() -> None:
    assert set(chat_addresses.PARTS) == ALL
    assert [part.label for part in chat_addresses.PARTS["slack"]] == ["Incoming webhook URL"]
    assert [part.label for part in chat_addresses.PARTS["telegram"]] == ["Bot token", "Chat ID"]


@pytest.mark.parametrize(
    ("service", "entered", "address"),
    [
        ("slack", {"url": f" {chats.SLACK} "}, chats.SLACK),
        ("telegram", {"token": "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0", "chat": "-100123"}, "tgram://123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0/-100123"),
        ("mattermost", {"url": "https://chat.example.com:8065/office/hooks/3ccdd113474722377935511fc85d3dd4"}, "mmosts://chat.example.com:8065/office/3ccdd113474722377935511fc85d3dd4"),
        ("mattermost", {"url": "mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4"}, "mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4"),
        ("rocketchat", {"url": f"https://chat.example.com/hooks/{'a' * 17}/{'b' * 24}"}, f"rockets://{'a' * 17}/{'b' * 24}@chat.example.com"),
        ("matrix", {"server": "https://m.example.com", "room": "!abc:example.com", "token": "syt_a/b"}, "matrixs://syt_a%2Fb@m.example.com/!abc:example.com"),
        ("ntfy", {"server": "https://ntfy.sh", "topic": "/north-room/"}, "ntfys://ntfy.sh/north-room"),
    ],
)  # fmt: skip
def test_what_the_service_shows_becomes_an_address(service: str, entered: dict[str, str], address: str) -> None:
    assert chat_addresses.compose(service, entered) == address
    assert chatting.problem(address, ALL) == ""
    assert chatting.label(address, ALL).startswith(chatting.SERVICES[service].label)


@pytest.mark.parametrize(
    ("service", "entered", "named"),
    [
        ("telegram", {"token": "123:abc", "chat": " "}, {"chat"}),
        ("telegram", {}, {"token", "chat"}),
        ("mattermost", {"url": "chat.example.com/hooks/x"}, {"url"}),
        ("mattermost", {"url": "https://[/hooks/x"}, {"url"}),
        ("ntfy", {"server": "ntfy.sh", "topic": "x"}, {"server"}),
        ("matrix", {"server": "m.example.com", "room": "!a:b", "token": "t"}, {"server"}),
    ],
)
def test_what_is_missing_is_named_by_its_part(service: str, entered: dict[str, str], named: set[str]) -> None:
    with pytest.raises(Invalid) as refused:
        chat_addresses.compose(service, entered)
    assert set(refused.value.fields) == named


def test_a_hook_without_a_token_is_refused_where_it_is_checked() -> None:
    for service in ("mattermost", "rocketchat"):
        assert chatting.problem(chat_addresses.compose(service, {"url": "https://chat.example.com/"}), ALL)
