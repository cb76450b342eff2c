"""The CRMs as an admin sets them up over HTTP: added, previewed, tried, and told; a secret comes back nowhere."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import AuditRow
from jobs import work
from tests import factories
from tests.providers import hubspot, salesforce
from tests.providers.hubspot import Account
from tests.providers.salesforce import Org
from tests.webs import Running, people, request, serving_web


@pytest.fixture
def running(database: Database, clock: FakeClock) -> Iterator[Running]:
    people(database, clock.now())
    with serving_web(database, clock, allow_private_urls=True) as running:
        yield running


@pytest.fixture
def org() -> Iterator[Org]:
    with salesforce.serving() as server:
        yield server


@pytest.fixture
def account() -> Iterator[Account]:
    with hubspot.serving() as server:
        yield server


def ask(running: Running, method: str, path: str = "", body: object = None, *, who: str = "ada") -> httpx2.Response:
    headers = {"authorization": f"Bearer {running.token(f'{who}@doorbell.test')}"}
    return request(method, f"{running.url}/api/v1/webhook-endpoints{path}", json=body, headers=headers)


def add(running: Running, url: str, **values: Any) -> dict[str, Any]:
    config = {"clientId": salesforce.CLIENT_ID}
    salesforces = {"channel": "salesforce", "name": "Sales", "secret": salesforce.SECRET, "config": config}
    made = ask(running, "POST", "", {**salesforces, "url": url, **values})
    assert made.status_code == 201, made.text
    return dict(made.json())


def send(running: Running) -> None:
    runtime = running.runtime
    channels = delivery.open_channels(runtime.settings)
    while work.announce_once(runtime.database, runtime.clock):
        pass
    while work.send_once(runtime.database, channels, runtime.clock, "test", runtime.settings):
        pass


def tried(running: Running, endpoint_id: str) -> dict[str, Any]:
    test_id = ask(running, "POST", f"/{endpoint_id}/test").json()["id"]
    send(running)
    return dict(ask(running, "GET", f"/{endpoint_id}/tests/{test_id}").json())


def test_a_test_says_what_salesforce_answered(running: Running, org: Org) -> None:
    made = add(running, org.url)
    answer = tried(running, made["id"])
    assert (answer["done"], answer["ok"]) == (True, True)
    assert answer["said"] == "It was taken: signed in; 14989 of 15000 calls are left today."
    del org.external["Lead"]
    answer = tried(running, made["id"])
    assert (answer["done"], answer["ok"]) == (True, False)
    assert "Lead has no field Doorbell_Contact_Id__c" in answer["said"]
    assert org.leads == org.tasks == []


def test_a_test_says_what_hubspot_answered(running: Running, account: Account) -> None:
    made = add(running, account.url, channel="hubspot", secret=hubspot.TOKEN, config={})
    assert tried(running, made["id"])["said"] == "It was taken: signed in to account 123456 (STANDARD)."
    ask(running, "PATCH", f"/{made['id']}", {"secret": "pat-na1-not-this-one"})
    answer = tried(running, made["id"])
    assert "HubSpot refused our key" in answer["said"]
    assert not answer["done"], "it waits for the right one"


def test_the_secret_is_in_no_answer_and_in_no_audit_row(running: Running, org: Org, database: Database) -> None:
    made = add(running, org.url)
    assert made["secret"] is None
    answers = [ask(running, "GET", path).text for path in ("", f"/{made['id']}")]
    with database.read() as session:
        answers += [f"{row.before} {row.after}" for row in session.scalars(select(AuditRow))]
    assert all(salesforce.SECRET not in text for text in answers)
    assert ask(running, "POST", f"/{made['id']}/rotate").status_code == 409


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"secret": None}, {"secret"}),
        ({"config": {}}, {"config.clientId"}),
        (
            {"config": {"clientId": salesforce.CLIENT_ID, "mapping": {"lead": {"Phone": "x"}}}},
            {"config.mapping.lead.Phone"},
        ),
        ({"channel": "hubspot", "config": {"notes": 1}}, {"config.notes"}),
        ({"url": "ftp://x"}, {"url"}),
    ],
)
def test_what_is_wrong_is_named(running: Running, values: dict[str, Any], fields: set[str]) -> None:
    whole = {
        "channel": "salesforce",
        "name": "Sales",
        "url": "http://127.0.0.1:1",
        "secret": salesforce.SECRET,
        "config": {"clientId": salesforce.CLIENT_ID},
    }
    answer = ask(running, "POST", "", {**whole, **values})
    assert (answer.status_code, set(answer.json().get("fields", {}))) == (422, fields), answer.text


def test_a_preview_shows_what_would_be_written_and_writes_nothing(
    running: Running, database: Database, clock: FakeClock, org: Org
) -> None:
    with database.write() as session:
        contact_id = factories.contact(session, "rosa", name="Rosa Diaz", now=clock.now())
        alert_id = factories.alert(session, contact_id=contact_id, agent_id="ann", now=clock.now())
    body = {"channel": "salesforce", "alertId": alert_id, "config": {"mapping": {"lead": {"Company": "=Private"}}}}
    shown = ask(running, "POST", "/preview", body)
    assert shown.status_code == 200, shown.text
    assert shown.json()["Lead"]["Company"] == "Private"
    assert shown.json()["Task"]["Subject"] == "Rosa Diaz is likely to sell"
    assert not org.server.requests
    wrong = ask(running, "POST", "/preview", {**body, "config": {"mapping": {"lead": {"Company": "boat"}}}})
    assert list(wrong.json()["fields"]) == ["config.mapping.lead.Company"]
    assert ask(running, "POST", "/preview", {**body, "channel": "webhook"}).status_code == 422
    assert ask(running, "POST", "/preview", {**body, "alertId": "gone"}).status_code == 404
    assert ask(running, "POST", "/preview", body, who="ann").status_code == 403


def test_a_manager_previews_the_alerts_they_may_see(running: Running, database: Database, clock: FakeClock) -> None:
    with database.write() as session:
        alert_id = factories.alert(session, agent_id="cal", now=clock.now())
    body = {"channel": "hubspot", "alertId": alert_id, "config": {}}
    assert ask(running, "POST", "/preview", body, who="mia").status_code == 404
    assert ask(running, "POST", "/preview", body).status_code == 200
