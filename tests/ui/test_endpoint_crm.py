"""The CRMs' part of the form: set up without writing JSON, wrong lines said in words, shown with the newest alert, and tried."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import streamlit as st
from sqlalchemy import select
from streamlit.testing.v1 import AppTest

from app import runtime
from app.runtime import Runtime
from app.ui import identity
from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Endpoint
from core.settings import Settings
from core.viewer import SYSTEM
from jobs import work
from tests import factories as make
from tests.providers import salesforce
from tests.providers.salesforce import Org

PAGE = Path(__file__).parent / "endpoints_page.py"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what it reads is tested on both
Change = Callable[[AppTest], object]


@pytest.fixture
def org() -> Iterator[Org]:
    with salesforce.serving() as server:
        yield server


@pytest.fixture
def settings(database: Database, tmp_path: Path) -> Settings:
    return Settings(database_url=database.url, data_dir=tmp_path, allow_private_urls=True)


@pytest.fixture
def form(
    database: Database, clock: FakeClock, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], AppTest]:
    """The open form of one CRM."""
    monkeypatch.setattr(runtime, "_installed", Runtime(settings=settings, database=database, clock=clock))
    monkeypatch.setattr(identity, "me", lambda: SYSTEM)
    st.cache_data.clear()

    def open_(kind: str) -> AppTest:
        shown = AppTest.from_file(PAGE, default_timeout=60).run()
        shown.button(key="endpoint-new").click().run()
        shown.selectbox(key="endpoint-1-kind").set_value(kind).run()
        shown.text_input(key="endpoint-1-name").set_value("Our CRM")
        return shown

    return open_


def stored(database: Database) -> list[Endpoint]:
    with database.read() as session:
        return list(session.scalars(select(Endpoint)))


def told(shown: AppTest) -> str:
    parts = (*shown.markdown, *shown.info, *shown.error, *shown.success)
    return "\n".join(each.value for each in parts).replace("\\", "")


def test_salesforce_is_set_up_edited_and_tried(
    form: Callable[[str], AppTest], database: Database, clock: FakeClock, settings: Settings, org: Org
) -> None:
    shown = form("salesforce")
    shown.text_input(key="endpoint-1-url").set_value(org.url)
    shown.text_input(key="endpoint-1-salesforce-client").set_value(salesforce.CLIENT_ID)
    shown.text_input(key="endpoint-1-secret").set_value(salesforce.SECRET)
    shown.text_area(key="endpoint-1-salesforce-lead").set_value("Company: =Private\n\nPhone: nothing")
    shown.text_area(key="endpoint-1-salesforce-owners").set_value("ana@doorbell.test: 005000000000001AAA")
    shown.button(key="endpoint-1-save").click().run()
    assert not shown.exception
    (one,) = stored(database)
    assert one.config == {
        "clientId": salesforce.CLIENT_ID,
        "mapping": {"lead": {"Company": "=Private", "Phone": None}},
        "owners": {"ana@doorbell.test": "005000000000001AAA"},
        "perSecond": 10.0,
    }
    assert not shown.code, "a secret that was entered is not shown"
    shown.button(key=f"endpoint-edit-{one.id}").click().run()
    assert shown.text_area(key="endpoint-2-salesforce-lead").value == "Company: =Private\nPhone: nothing"
    assert shown.text_input(key="endpoint-2-secret").value == ""
    shown.button(key="endpoint-2-save").click().run()
    assert stored(database)[0].config == one.config
    shown.button(key=f"endpoint-test-{one.id}").click().run()
    work.send_once(database, delivery.open_channels(settings), clock, "test", settings)
    shown.run()
    assert "signed in; 14989 of 15000 calls are left today" in told(shown)


def test_hubspot_needs_no_address(form: Callable[[str], AppTest], database: Database) -> None:
    shown = form("hubspot")
    assert [one.label for one in shown.text_input] == ["Name", "Service key"]
    shown.text_input(key="endpoint-1-secret").set_value("pat-na1-x")
    shown.checkbox(key="endpoint-1-hubspot-notes").uncheck()
    shown.button(key="endpoint-1-save").click().run()
    (one,) = stored(database)
    assert (one.url, one.config) == (None, {"notes": False, "perSecond": 10.0})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Company", "Lead, line 1: write a name, a colon, and what it takes"),
        ("Company: boat", "Lead, field Company: use one of contact.id"),
        ("Id: contact.id", "Lead, field Id: Doorbell sets this field itself"),
    ],
)
def test_what_is_wrong_is_said_as_the_form_calls_it(
    form: Callable[[str], AppTest], database: Database, org: Org, text: str, said: str
) -> None:
    shown = form("salesforce")
    shown.text_input(key="endpoint-1-url").set_value(org.url)
    shown.text_input(key="endpoint-1-salesforce-client").set_value(salesforce.CLIENT_ID)
    shown.text_input(key="endpoint-1-secret").set_value(salesforce.SECRET)
    shown.text_area(key="endpoint-1-salesforce-lead").set_value(text).run()
    saves = [one for one in shown.button if one.key == "endpoint-1-save"]
    if saves:
        saves[0].click().run()
    assert said in told(shown)
    assert shown.text_area(key="endpoint-1-salesforce-lead").value == text
    assert stored(database) == []


def test_the_newest_alert_is_shown_as_it_would_be_written(
    form: Callable[[str], AppTest], database: Database, now: datetime
) -> None:
    shown = form("salesforce")
    shown.button(key="endpoint-1-preview").click().run()
    assert "There is no alert yet" in told(shown)
    with database.write() as session:
        contact_id = make.contact(session, name="**Rosa** <b>Diaz", now=now)
        make.alert(session, contact_id=contact_id, now=now)
    st.cache_data.clear()
    shown.button(key="endpoint-1-preview").click().run()
    values = [value.replace("\\", "") for table in shown.table for value in table.value.get("Value", [])]
    assert "**Rosa** <b>Diaz is likely to sell" in values
