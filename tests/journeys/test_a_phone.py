"""The story of a phone: confirmed, texted when nobody read it in two minutes, answered with ACK, and stopped."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Alert, Delivery
from core.delivery import Notice
from core.words import Priority
from tests import factories
from tests.providers.phones import ANN, Phones, phones
from tests.webs import request


@pytest.fixture
def office(database: Database, clock: FakeClock) -> Iterator[Phones]:
    with phones(database, clock) as running:
        yield running


def call(office: Phones, method: str, path: str, body: Any = None) -> httpx2.Response:
    headers = {"authorization": f"Bearer {office.web.token('ann@doorbell.test')}"}
    return request(method, f"{office.web.url}/api/v1{path}", json=body, headers=headers)


def ring(office: Phones, name: str) -> str:
    """A critical alert of Ann's, as the line tells it."""
    now = office.clock.now()
    with office.database.write() as session:
        contact_id = factories.contact(session, name=name, now=now)
        alert_id = factories.alert(session, contact_id=contact_id, agent_id="ann", priority=Priority.CRITICAL, now=now)
        notice = Notice(alert_id=alert_id, user_id="ann", kind="alert_new", priority=Priority.CRITICAL)
        delivery.enqueue(session, [notice], now=now)
    office.work()
    return alert_id


def text_of(office: Phones, alert_id: str) -> Delivery | None:
    with office.database.read() as session:
        return session.scalars(
            select(Delivery).where(Delivery.alert_id == alert_id, Delivery.channel == "sms")
        ).one_or_none()


def test_a_phone_from_its_first_code_to_stop(office: Phones) -> None:
    # Ann adds her phone and types the code; texts are to come when she has not read the app in two minutes.
    made = call(office, "POST", "/me/addresses", {"phone": "(312) 555-0142"}).json()
    ring(office, "Too Early")
    assert "Too" not in " ".join(office.texts()), "an unconfirmed phone gets its code and nothing else"
    code = office.code()
    assert call(office, "POST", f"/me/addresses/{made['id']}/confirm", {"code": code}).json()["confirmed"]
    office.prefer("ann", matrix={"CRITICAL": {"sms": 120}})
    office.server.sent.clear()

    # The first alert she reads in the app: no text.
    read = ring(office, "Rosa Diaz")
    inbox = call(office, "GET", "/notifications").json()["items"]
    assert call(office, "POST", "/notifications/read", {"ids": [inbox[0]["id"]]}).status_code == 200
    office.later(minutes=2)
    office.work()
    assert office.texts() == []
    suppressed = text_of(office, read)
    assert suppressed is not None
    assert (suppressed.state, suppressed.reason) == ("suppressed", "it was read in the app before")

    # The second she does not: two minutes later it is on her phone, and Twilio says that it arrived.
    unread = ring(office, "Ana Lopez")
    office.later(seconds=119)
    office.work()
    assert office.texts() == []
    office.later(seconds=1)
    office.work()
    (text,) = office.texts()
    assert text.startswith("CRITICAL: Ana L. is likely to sell. https://bell.example.com/feed?alert=")
    sid = office.server.sent[-1]["sid"]
    assert office.post("message", {"MessageSid": sid, "MessageStatus": "delivered"}).status_code == 200
    sent = text_of(office, unread)
    assert sent is not None
    assert (sent.state, sent.provider) == ("delivered", "127.0.0.1")

    # She texts ACK from the car: the alert is hers, as if she had clicked.
    assert office.text("Ack") == "You have it: Ana L. is likely to sell."
    with office.database.read() as session:
        assert session.get_one(Alert, unread).status == "ACKNOWLEDGED"
    detail = call(office, "GET", f"/alerts/{unread}").json()
    assert detail["status"] == "ACKNOWLEDGED"

    # Later she has enough of texts. The next alert is in the app, and why there is no text is kept with it.
    office.later(hours=3)
    assert "no more texts or calls" in office.text("STOP")
    silent = ring(office, "Kim Park")
    office.later(minutes=5)
    office.work()
    assert len(office.texts(ANN)) == 1
    with office.database.read() as session:
        inside = session.scalars(
            select(Delivery).where(Delivery.alert_id == silent, Delivery.channel == "in_app")
        ).one()
        assert inside.payload["skipped"]["sms"] == "opted_out"
    history = call(office, "GET", "/me/consents").json()["items"]
    assert [(one["channel"], one["given"], one["source"]) for one in history] == [
        ("voice", False, "reply"),
        ("sms", False, "reply"),
        ("sms", True, "person"),
    ]
