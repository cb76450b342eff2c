"""Fixtures of delivery: a real mail server, and the settings that point at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from tests.hostile import hostile_server, resolver
from tests.mail import MailServer, serving

__all__ = ["hostile_server", "resolver"]


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with serving() as server:
        yield server


@pytest.fixture
def settings(mail_server: MailServer, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, smtp_url=mail_server.url, mail_from="Doorbell <bell@doorbell.test>")
