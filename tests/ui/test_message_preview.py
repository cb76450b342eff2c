"""The preview of messages, as a page shows it."""

import pytest
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from core.clock import FakeClock
from core.db import Database
from core.settings import Settings


def _script() -> None:
    from app.ui import message_preview  # noqa: PLC0415  the script is run by itself
    from core.viewer import SYSTEM  # noqa: PLC0415

    message_preview.section(SYSTEM, language="es")


def test_message_channel_and_language_are_chosen_and_shown(
    database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    page = AppTest.from_function(_script, default_timeout=60).run()
    assert not page.exception
    assert "probablemente venda" in page.markdown[0].value
    assert page.code[0].value.startswith("ALTA: Rosa Diaz")
    page.selectbox(key="preview-channel").set_value("sms").run()
    page.selectbox(key="preview-language").set_value("en").run()
    assert not page.exception
    assert page.code[0].value.startswith("HIGH: Rosa D. is likely to sell.")
