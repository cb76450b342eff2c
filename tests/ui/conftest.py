"""The page of rules as it is run, for the tests of its tabs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core.clock import FakeClock
from core.db import Database
from core.settings import Settings
from core.viewer import SYSTEM

_RULES = Path(__file__).parents[2] / "pages" / "rules.py"


@pytest.fixture(autouse=True)
def no_menu(monkeypatch: pytest.MonkeyPatch) -> None:
    """One page run alone has no menu to link to."""
    monkeypatch.setattr(st, "page_link", lambda *_args, **_values: None)


@pytest.fixture
def rules_page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Callable[[], AppTest]:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    monkeypatch.setattr(identity, "me", lambda: SYSTEM)
    st.cache_data.clear()
    return lambda: AppTest.from_file(_RULES, default_timeout=60).run()
