"""What is set by half is said in one line that names the variable; what is set in full, or not at all, is not."""

from typing import Any

import pytest

from core.delivery import CHANNELS
from core.settings import Settings

TWILIO = {"twilio_account_sid": f"AC{'0' * 32}", "twilio_auth_token": "secret", "twilio_from": "+15125550100"}


def lines(**values: Any) -> list[str]:
    return [doubt.line for doubt in Settings(**values).doubts]


def test_what_is_left_alone_or_set_in_full_is_no_doubt() -> None:
    assert lines() == []
    assert lines(**TWILIO) == []
    assert lines(public_url="https://doorbell.example", mail_from="Doorbell <bell@doorbell.example>") == []
    assert lines(smtp_url="smtp://localhost:2525") == []


def test_half_a_twilio_names_what_is_missing() -> None:
    account = {"twilio_account_sid": TWILIO["twilio_account_sid"]}
    assert lines(**account) == [
        "DOORBELL_TWILIO_AUTH_TOKEN and DOORBELL_TWILIO_FROM: missing beside DOORBELL_TWILIO_ACCOUNT_SID: "
        "no text and no call goes out"
    ]
    assert lines(**{**TWILIO, "twilio_from": ""})[0].startswith("DOORBELL_TWILIO_FROM: missing beside")


@pytest.mark.parametrize(
    ("values", "who"),
    [
        ({"public_url": "https://doorbell.example"}, "Apple's devices get no push"),
        ({"vapid_private_key": "A" * 42 + "E"}, "Apple's devices get no push"),
        ({"smtp_url": "smtp://mail.example:25"}, "mail servers may refuse its mails"),
    ],
)
def test_a_sender_at_localhost_is_said_where_somebody_refuses_it(values: dict[str, Any], who: str) -> None:
    assert lines(**values) == [f"DOORBELL_MAIL_FROM: it is at localhost: {who}"]


def test_a_doubt_names_the_channels_that_suffer() -> None:
    settings = Settings(**{**TWILIO, "twilio_from": ""}, public_url="https://doorbell.example")
    assert [doubt.channels for doubt in settings.doubts] == [("sms", "voice"), ("push",)]
    assert {name for doubt in settings.doubts for name in doubt.channels} <= set(CHANNELS)
