"""Links in messages: what is signed cannot be altered, lent to another action, or made without the key."""

import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import ids
from core.delivery import links
from core.delivery.links import Action

KEY = "k" * 40
NOW = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)
ID = "01a20a42945a76b0941cc28ee24db8a2"


@pytest.mark.parametrize("action", list(Action))
def test_a_link_says_what_it_is_for_and_until_when(action: Action) -> None:
    link = links.read(links.make(action, ID, key=KEY, now=NOW), key=KEY)
    assert link is not None
    assert (link.action, link.delivery_id, link.expires_at) == (action, ID, NOW + links.LASTS[action])


def test_a_link_fits_into_a_text_message() -> None:
    url = links.url("https://bell.example.com", Action.ACKNOWLEDGE, ids.new_id(), key=KEY, now=NOW)
    assert len(url) <= 75


def test_no_character_of_a_link_can_be_changed() -> None:
    token = links.make(Action.ACKNOWLEDGE, ID, key=KEY, now=NOW)
    alphabet = string.ascii_letters + string.digits + "-_"
    for at in range(len(token)):
        for other in alphabet:
            if other != token[at]:
                assert links.read(token[:at] + other + token[at + 1 :], key=KEY) is None


def test_another_key_reads_nothing() -> None:
    assert links.read(links.make(Action.SNOOZE, ID, key=KEY, now=NOW), key="x" * 40) is None


@given(st.text(max_size=80))
def test_whatever_is_not_ours_is_nothing(token: str) -> None:
    assert links.read(token, key=KEY) is None


@pytest.mark.parametrize("delivery_id", ["", "d1", "z" * 32, "ab" * 15])
def test_what_has_no_id_of_ours_gets_no_link(delivery_id: str) -> None:
    assert links.url("https://x", Action.SNOOZE, delivery_id, key=KEY, now=NOW) == ""


def test_copies_of_a_message_share_what_was_used() -> None:
    first, later = (
        links.read(links.make(Action.SNOOZE, ID, key=KEY, now=NOW + timedelta(minutes=minutes)), key=KEY)
        for minutes in (0, 9)
    )
    assert first is not None
    assert later is not None
    assert first.id == later.id
