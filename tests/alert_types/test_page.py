"""The page of alert types, as it is run: a type that learns is written on it, and told with what it is worth."""

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
from core.alert_types import book
from core.clock import FakeClock
from core.db import Database
from core.db.tables import ModelVersion
from core.settings import Settings
from core.viewer import SYSTEM

PAGE = Path(__file__).parents[2] / "pages" / "alert_types.py"
NAME = "**x** <script> [a](http://b)"
WORTH = {
    "transacts": {"rows": 1690, "positives": 132, "auc": 0.81, "logLoss": 0.22, "baseLogLoss": 0.27},
    "intervals": {"transacts": {"auc": [0.77, 0.85], "logLoss": [0.2, 0.25]}},
}
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both


@pytest.fixture
def page(database: Database, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Callable[[], AppTest]:
    made = Runtime(settings=Settings(database_url=database.url), database=database, clock=clock)
    monkeypatch.setattr(runtime, "_installed", made)
    monkeypatch.setattr(identity, "me", lambda: SYSTEM)
    monkeypatch.setattr(st, "page_link", lambda *_args, **_more: None)  # there is no menu around it here
    st.cache_data.clear()
    with database.write() as session:
        scoring.install(session, now=now)
    return lambda: AppTest.from_file(PAGE, default_timeout=60).run()


def told(shown: AppTest) -> str:
    return "\n".join(each.value for each in (*shown.markdown, *shown.caption, *shown.info, *shown.success))


def test_an_admin_writes_a_type_that_learns(page: Callable[[], AppTest], database: Database) -> None:
    shown = page()
    shown.selectbox(key="new-from").select("One that learns from what happened").run()
    shown.button(key="new-type").click().run()
    assert not shown.exception
    next(each for each in shown.text_input if each.label.startswith("Name")).input(NAME)
    next(each for each in shown.selectbox if each.label == "It comes true when").select("transaction").run()
    assert "It cannot begin yet" in told(shown)
    assert "it stays a draft" in told(shown)
    shown.button(key="save-type").click().run()  # a browser goes back to the list by itself
    shown = page()
    assert "Learns who makes any transaction within 90 days" in told(shown)
    assert "**\\*\\*x\\*\\* \\<script\\> \\[a\\](http\\://b)**".replace("](http", "]\\(http").replace(
        "b)**", "b\\)**"
    ) in told(shown)
    with database.read() as session:
        (stored,) = book.list_types(session)
    assert (stored.kind, stored.status, stored.name) == ("trained", "draft", NAME)
    assert book.as_written(stored)["definition"] == {"label": {"kind": "transaction", "type": "any"}, "features": "all"}


def test_a_type_that_learns_is_told_with_what_it_is_worth(
    page: Callable[[], AppTest], database: Database, now: datetime
) -> None:
    raw = {"name": "About to list", "kind": "trained", "horizonDays": 60}
    label = {"kind": "event", "name": "listing_signed"}
    challenger = {"kind": "additive", "parameters": {}, "sha256": "", "trained_on": {}, "shadowed_at": now}
    with database.write() as session:
        stored, _ = book.add(session, raw | {"definition": {"label": label}}, actor_id=None, now=now)
        session.add(
            ModelVersion(id="v1", intent=stored.id, status="shadow", metrics=WORTH, created_at=now, **challenger)
        )
    shown = page()
    assert not shown.exception
    assert "Learns who does “listing signed” within 60 days" in told(shown)
    assert "**v1** is in shadow" in told(shown)
    assert "AUC **0.81** (0.77–0.85)" in told(shown)
    assert "log-loss **0.22** (0.20–0.25)" in told(shown)
    shown.button(key=f"change-{stored.id}").click().run()
    assert not shown.exception
    assert next(each for each in shown.selectbox if each.label == "It comes true when").disabled
