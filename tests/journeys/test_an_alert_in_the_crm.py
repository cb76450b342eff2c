"""The story of an alert in the office's CRM: a lead and a task, once, whatever dies in between; worked, won, and done there too."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from core import scoring
from core.clock import SystemClock
from core.db import Database
from core.db.tables import Attempt, Delivery
from tests import factories, webs
from tests.processes import Processes
from tests.providers import hubspot, salesforce
from tests.providers.hubspot import Account
from tests.providers.salesforce import Org

pytestmark = pytest.mark.long

PATIENCE = 60.0
"""Seconds for what takes one: the machine may be busy."""


@pytest.fixture
def org() -> Iterator[Org]:
    with salesforce.serving() as server:
        yield server


@pytest.fixture
def account() -> Iterator[Account]:
    with hubspot.serving() as server:
        yield server


@pytest.fixture
def office(database: Database) -> Iterator[httpx2.Client]:
    """An office of one agent, its web process, and its admin's client."""
    now = SystemClock().now()
    with database.write() as session:
        scoring.install(session, now=now)
        factories.agent(session, "ana", territories=["oak-park"], now=now)
        factories.admin(session, password_hash=webs.HASH, now=now)
    with webs.serving_web(database, SystemClock(), allow_private_urls=True) as running:
        token = running.token("admin@doorbell.test")
        with httpx2.Client(
            base_url=f"{running.url}/api/v1", headers={"authorization": f"Bearer {token}"}, timeout=30
        ) as client:
            yield client


@pytest.fixture
def jobs(database: Database, tmp_path: Path) -> Iterator[Processes]:
    folder = tmp_path / "jobs"
    folder.mkdir()
    processes = Processes(
        folder=folder,
        database_url=database.url,
        more={"DOORBELL_ALLOW_PRIVATE_URLS": "true", "DOORBELL_LOG_FORMAT": "json"},
    )
    try:
        yield processes
    finally:
        processes.stop()


@pytest.mark.timeout(400)
def test_a_new_alert_becomes_a_lead_and_a_task_once_also_when_the_process_dies_in_between(
    office: httpx2.Client, jobs: Processes, database: Database, org: Org
) -> None:
    crm = {"channel": "salesforce", "name": "Sales", "url": org.url, "secret": salesforce.SECRET}
    made = office.post("/webhook-endpoints", json={**crm, "config": {"clientId": salesforce.CLIENT_ID}})
    assert made.status_code == 201, made.text
    assert salesforce.SECRET not in made.text

    # A homeowner gets serious. The process that tells Salesforce is killed three times, each time after Salesforce did as
    # asked and before we heard of it: signing in, with the lead, and with the task.
    rosa(office)
    for step in ("oauth2", "sobjects/Lead", "sobjects/Task"):
        org.fell_silent.clear()
        org.silent_once = step
        jobs.start("jobs")
        assert org.fell_silent.wait(PATIENCE), jobs.log("jobs")
        jobs.kill("jobs")

    # The fourth brings it to its end: one lead, one task, and every try is in the books.
    jobs.start("jobs")
    delivery = delivered(database, jobs, kind="alert:new")
    assert [(lead["LastName"], lead["Email"]) for lead in org.leads] == [("Diaz", "rosa@example.com")]
    (task,) = org.tasks
    assert (task["Subject"], task["Status"], task["WhoId"]) == (
        "Rosa Diaz is likely to sell",
        "Not Started",
        org.leads[0]["Id"],
    )
    assert delivery.provider_id == task["Id"]
    with database.read() as session:
        outcomes = session.scalars(
            select(Attempt.outcome).where(Attempt.delivery_id == delivery.id).order_by(Attempt.number)
        ).all()
    assert outcomes == ["lost", "lost", "lost", "sent"]

    # Ana's office wins the listing; the task is done in Salesforce, and the lead is still the one.
    won = office.patch(f"/alerts/{delivery.alert_id}/status", json={"status": "CONVERTED"})
    assert won.status_code == 200, won.text
    delivered(database, jobs, kind="alert:converted")
    assert ([task["Status"] for task in org.tasks], len(org.leads)) == (["Completed"], 1)


@pytest.mark.timeout(400)
def test_a_new_alert_becomes_a_contact_a_task_and_a_note_once_also_when_the_process_dies_in_between(
    office: httpx2.Client, jobs: Processes, database: Database, account: Account
) -> None:
    crm = {"channel": "hubspot", "name": "Marketing", "url": account.url, "secret": hubspot.TOKEN}
    made = office.post("/webhook-endpoints", json={**crm, "eventTypes": ["alert:new"]})
    assert made.status_code == 201, made.text
    rosa(office)
    for step in ("contacts/batch", "associations"):
        account.fell_silent.clear()
        account.silent_once = step
        jobs.start("jobs")
        assert account.fell_silent.wait(PATIENCE), jobs.log("jobs")
        jobs.kill("jobs")
    jobs.start("jobs")
    delivered(database, jobs, kind="alert:new")
    assert [len(rows) for rows in account.rows.values()] == [1, 1, 1]
    assert len(account.associations) == 2


def rosa(office: httpx2.Client) -> None:
    """A contact, her home, and ten looks at its value."""
    home = {"id": "home-1", "address": "12 Elm Street", "estimatedValue": 520_000, "mortgageBalance": 110_000}
    known: dict[str, Any] = {"name": "Rosa Diaz", "email": "rosa@example.com", "territory": "oak-park"}
    answer = office.put("/contacts/rosa", json={**known, "properties": [{**home, "purchasedOn": "2014-05-01"}]})
    assert answer.status_code in (200, 201), answer.text
    now = SystemClock().now()
    seen = [
        {
            "eventId": f"{name}-{number}",
            "userId": "rosa",
            "eventType": "PAGE_VIEW",
            "eventName": name,
            "occurredAt": (now - timedelta(hours=7 * number + 1)).isoformat(),
        }
        for name, times in (("value_check", 10), ("comparable_view", 2))
        for number in range(times)
    ]
    assert office.post("/events", json=seen).status_code == 202


def delivered(database: Database, jobs: Processes, *, kind: str) -> Delivery:
    """The endpoint's delivery of that kind, once it is delivered."""
    wait = threading.Event()
    for _ in range(int(PATIENCE / 0.1)):
        with database.read() as session:
            found = session.scalars(select(Delivery).where(Delivery.kind == kind)).first()
            if found is not None and found.state == "delivered":
                return found
        wait.wait(0.1)
    raise AssertionError(f"{found and (found.state, found.reason)}\n{jobs.log('jobs')}")
