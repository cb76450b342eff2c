"""A receiver of webhooks for tests: verifies what comes with the library that receivers use, by the test's clock."""

import datetime as real
from typing import Any

import pytest
import standardwebhooks.webhooks as library
from standardwebhooks import Webhook

from core.clock import Clock
from tests.hostile import Request


@pytest.fixture
def receiving(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's tolerance of five minutes counts by the test's clock."""

    class Datetime(real.datetime):
        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> Any:
            return clock.now().astimezone(tz)

    monkeypatch.setattr(library, "datetime", Datetime)


def verified(request: Request, secret: str) -> Any:
    """The body; raises what the library raises where the signature is not good."""
    return Webhook(secret).verify(request.body, dict(request.headers.items()))
