"""The Models page, as it is run."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core import scoring
from core.clock import FakeClock
from core.db import Database
from core.settings import Settings
from core.viewer import SYSTEM
from core.views import progress
from jobs import runs

PAGE = Path(__file__).parents[2] / "pages" / "models.py"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Callable[[], AppTest]:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    monkeypatch.setattr(identity, "me", lambda: SYSTEM)
    st.cache_data.clear()
    with database.write() as session:
        scoring.install(session, now=now)
    return lambda: AppTest.from_file(PAGE, default_timeout=60).run()


def test_a_damaged_model_is_told_until_a_good_one_serves(
    page: Callable[[], AppTest], database: Database, now: datetime
) -> None:
    assert not page().error
    with database.write() as session:
        runs.finished(session, progress.MODELS_SERVED, error="The parameters of x are not what was deployed", now=now)
    (told,) = page().error
    assert told.value.startswith("The parameters of x are not what was deployed. The last good one goes on scoring.")
    with database.write() as session:
        runs.finished(session, progress.MODELS_SERVED, error=None, message="2", now=now)
    assert not page().error
