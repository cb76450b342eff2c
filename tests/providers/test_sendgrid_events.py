"""SendGrid's signed events: by our Message-ID or our argument, in any order and twice, and what they say of consent."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import ValidationError
from sqlalchemy import select

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Delivery
from core.db.tables.acting import DeliveryEvent
from core.db.tables.reaching import Consent
from core.delivery import Notice, open_channels
from core.settings import Settings
from jobs import work
from tests import factories, mail
from tests.webs import Running, people, request, serving_web

KEY = ec.generate_private_key(ec.SECP256R1())
SHOWN = base64.b64encode(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


@dataclass
class Office:
    web: Running
    mail: mail.MailServer
    clock: FakeClock

    def send(self) -> str:
        """A mail to Ann about an alert of hers; its Message-ID."""
        now, database, settings = self.clock.now(), self.web.runtime.database, self.web.runtime.settings
        with database.write() as session:
            alert_id = factories.alert(session, agent_id="ann", now=now)
            notice = Notice(alert_id=alert_id, user_id="ann", kind="alert_new", priority="HIGH")
            delivery.enqueue(session, [notice], now=now)
        channels = open_channels(settings)
        work.send_once(database, channels, self.clock, "w1", settings)
        channels["email"].close()
        return str(self.mail.mails[-1]["Message-ID"])

    def event(self, name: str, message_id: str, *, after: int = 1, **values: Any) -> dict[str, Any]:
        return {
            "email": "ann@doorbell.test",
            "timestamp": int(self.clock.now().timestamp()) + after,
            "smtp-id": message_id,
            "event": name,
            "sg_event_id": f"{name}-{after}",
            "sg_message_id": "filter0001.123",
            **values,
        }

    def post(
        self, events: Any, *, key: ec.EllipticCurvePrivateKey = KEY, age: timedelta = timedelta(), tamper: bytes = b""
    ) -> httpx2.Response:
        body = json.dumps(events).encode()
        timestamp = str(int((self.clock.now() - age).timestamp()))
        signature = base64.b64encode(key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
        return request(
            "POST",
            f"{self.web.url}/providers/sendgrid/events",
            content=body + tamper,
            headers={
                "content-type": "application/json",
                "x-twilio-email-event-webhook-signature": signature,
                "x-twilio-email-event-webhook-timestamp": timestamp,
            },
        )

    def take(self, *events: dict[str, Any]) -> None:
        answer = self.post(list(events))
        assert answer.status_code == 204, answer.text

    def mail_row(self) -> Delivery:
        with self.web.runtime.database.read() as session:
            return session.scalars(
                select(Delivery).where(Delivery.channel == "email").order_by(Delivery.created_at.desc())
            ).first()  # type: ignore[return-value]

    def consents(self) -> list[tuple[str, str, bool]]:
        with self.web.runtime.database.read() as session:
            rows = session.scalars(select(Consent).order_by(Consent.id)).all()
            return [(one.source, one.scope, one.given) for one in rows]


@pytest.fixture
def office(database: Database, clock: FakeClock) -> Iterator[Office]:
    people(database, clock.now())
    with (
        mail.serving() as server,
        serving_web(
            database, clock, smtp_url=server.url, mail_from="D <bell@doorbell.test>", sendgrid_webhook_key=SHOWN
        ) as web,
    ):
        yield Office(web=web, mail=server, clock=clock)


def test_events_tell_what_became_of_the_mail(office: Office) -> None:
    named = office.send()
    office.take(
        office.event("open", named, after=9),
        office.event("click", named, after=12, url="https://bell.example.com"),
        office.event("delivered", named, after=3, response="250 OK"),
        office.event("processed", named, after=1),
    )
    row = office.mail_row()
    start = office.clock.now()
    assert row.state == "delivered"
    assert [row.delivered_at, row.opened_at, row.clicked_at] == [start + timedelta(seconds=s) for s in (3, 9, 12)]


def test_events_sent_again_change_nothing_and_are_kept_as_ignored(office: Office) -> None:
    named = office.send()
    events = [office.event("delivered", named, after=3), office.event("spamreport", named, after=5)]
    office.take(*events)
    office.take(*events)
    assert office.mail_row().delivered_at == office.clock.now() + timedelta(seconds=3)
    assert office.consents() == [("complaint", "all", False)]
    with office.web.runtime.database.read() as session:
        what = session.scalars(select(DeliveryEvent.what).order_by(DeliveryEvent.id)).all()
    assert what.count("ignored") >= 1, "the second delivered"


def test_our_argument_finds_the_mail_where_its_id_is_missing(office: Office) -> None:
    named = office.send()
    assert json.loads(str(office.mail.mails[-1]["X-SMTPAPI"]))["unique_args"]["doorbell_id"] == named
    event = office.event("delivered", "", doorbell_id=named)
    del event["smtp-id"]
    office.take(event)
    assert office.mail_row().state == "delivered"


@pytest.mark.parametrize(
    ("name", "values", "state", "consents"),
    [
        ("bounce", {"type": "bounce", "reason": "550 No such user"}, "bounced", [("bounce", "all", False)]),
        ("bounce", {"type": "blocked", "reason": "421 too many"}, "bounced", []),
        ("dropped", {"reason": "Bounced Address"}, "bounced", []),
        ("deferred", {"response": "450 later"}, "sent", []),
        ("spamreport", {}, "sent", [("complaint", "all", False)]),
        ("unsubscribe", {}, "sent", [("person", "all", False)]),
        ("group_unsubscribe", {"asm_group_id": 7}, "sent", [("person", "digests", False)]),
    ],
)
def test_what_is_a_no_to_further_mails_is_taken_as_one(
    office: Office, name: str, values: dict[str, Any], state: str, consents: list[tuple[str, str, bool]]
) -> None:
    office.take(office.event(name, office.send(), **values))
    assert office.mail_row().state == state
    assert office.consents() == consents


def test_a_no_is_the_addresss_that_the_mail_went_to(office: Office) -> None:
    office.take(office.event("spamreport", office.send(), email="Ann.Before@doorbell.test"))
    with office.web.runtime.database.read() as session:
        assert session.scalars(select(Consent.address)).all() == ["ann.before@doorbell.test"]
    office.send()
    assert len(office.mail.mails) == 2


def test_only_sendgrids_own_signature_counts_and_not_for_ever(office: Office) -> None:
    events = [office.event("delivered", office.send())]
    for refused in (
        office.post(events, key=ec.generate_private_key(ec.SECP256R1())),
        office.post(events, tamper=b" "),
        office.post(events, age=timedelta(hours=26)),
        office.post(events, age=timedelta(minutes=-11)),
        request("POST", f"{office.web.url}/providers/sendgrid/events", json=events),
    ):
        assert refused.status_code == 403
    assert office.mail_row().state == "sent"
    assert office.post(events, age=timedelta(hours=24)).status_code == 204, "SendGrid tries again for a day"
    assert office.mail_row().state == "delivered"


def test_what_is_strange_is_refused_or_passed_over(office: Office) -> None:
    assert office.post({"event": "delivered"}).status_code == 422
    office.take({"event": "delivered"}, {"event": "teleported", "smtp-id": "<x@y>"}, {"event": ["open"], "smtp-id": 7})
    odd = office.event("delivered", office.send(), timestamp="soon")
    assert office.post(["x", 1, None, odd, {**odd, "timestamp": -1}]).status_code == 204
    assert office.mail_row().state == "delivered"


def test_without_a_key_there_is_no_such_place(database: Database, clock: FakeClock) -> None:
    with serving_web(database, clock) as web:
        answer = request("POST", f"{web.url}/providers/sendgrid/events", json=[])
        assert answer.status_code == 404


def test_a_wrong_key_stops_the_start() -> None:
    for wrong in ("x", SHOWN[:-8], base64.b64encode(b"no key").decode()):
        with pytest.raises(ValidationError, match="verification key"):
            Settings(sendgrid_webhook_key=wrong)
