"""Phones and their codes: parsed, sent once a minute, hashed and sealed, and five tries."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.clock import FakeClock
from core.db import Database
from core.db.tables.acting import Delivery
from core.db.tables.reaching import Address, Consent
from core.db.tables.running import AuditRow
from core.delivery import confirming, consent, open_channels
from core.delivery.confirming import Answer
from core.errors import Conflict, Invalid, TooMany
from core.settings import Settings
from jobs import work
from tests import factories
from tests.providers import twilio

NUMBER = "+13125550142"


def later(clock: FakeClock, wait: timedelta) -> None:
    clock.set(clock.now() + wait)


@pytest.fixture
def server() -> Iterator[twilio.TwilioServer]:
    with twilio.serving() as running:
        yield running


class Phone:
    """One person with a phone, and what it gets."""

    def __init__(self, database: Database, clock: FakeClock, server: twilio.TwilioServer) -> None:
        self.database, self.clock, self.server = database, clock, server
        self.settings = Settings(secret_key="k" * 40, **server.settings())
        with database.write() as session:
            self.user_id = factories.user(session, now=clock.now())

    def add(self, text: str = "(312) 555-0142") -> str:
        with self.database.write() as session:
            return confirming.add(
                session, self.user_id, text, actor_id=self.user_id, settings=self.settings, now=self.clock.now()
            ).id

    def resend(self, address_id: str) -> None:
        with self.database.write() as session:
            confirming.resend(session, self.user_id, address_id, settings=self.settings, now=self.clock.now())

    def confirm(self, address_id: str, code: str) -> Answer:
        with self.database.write() as session:
            return confirming.confirm(
                session, self.user_id, address_id, code, settings=self.settings, now=self.clock.now()
            )

    def work(self) -> None:
        channels = open_channels(self.settings)
        while work.send_once(self.database, channels, self.clock, "w1", self.settings):
            pass
        channels["sms"].close()

    def code(self) -> str:
        self.work()
        found = re.search(r"\b\d{6}\b", self.server.sent[-1]["Body"])
        assert found
        return found[0]

    def stored(self) -> str:
        with self.database.read() as session:
            return json.dumps(
                [
                    *session.scalars(select(Delivery.payload)),
                    *session.scalars(select(Address.detail)),
                    *session.scalars(select(AuditRow.after)),
                ]
            )


@pytest.fixture
def phone(database: Database, clock: FakeClock, server: twilio.TwilioServer) -> Phone:
    return Phone(database, clock, server)


def test_the_code_of_the_text_confirms_the_phone(phone: Phone) -> None:
    address_id = phone.add()
    code = phone.code()
    assert phone.server.sent[-1]["To"] == NUMBER
    assert code not in phone.stored(), "neither the outbox nor the address nor the audit holds it"
    assert phone.confirm(address_id, f" {code} ") is Answer.CONFIRMED
    with phone.database.read() as session:
        address = session.get_one(Address, address_id)
        assert (address.verified_at, address.label, address.value) == (phone.clock.now(), "+1 312 ... 42", NUMBER)
        assert "code" not in address.detail
        yes = session.scalars(select(Consent)).one()
        assert (yes.given, yes.channel, yes.address, yes.source) == (True, "sms", NUMBER, "person")
    assert NUMBER not in phone.stored()


def test_five_wrong_codes_and_the_right_one_counts_no_more(phone: Phone) -> None:
    address_id = phone.add()
    code = phone.code()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert [phone.confirm(address_id, wrong) for _ in range(5)] == [Answer.WRONG] * 5
    assert phone.confirm(address_id, code) is Answer.SPENT
    later(phone.clock, timedelta(minutes=1))
    phone.resend(address_id)
    assert phone.confirm(address_id, phone.code()) is Answer.CONFIRMED


def test_a_code_works_for_ten_minutes_and_is_not_sent_after_them(phone: Phone) -> None:
    address_id = phone.add()
    code = phone.code()
    later(phone.clock, timedelta(minutes=10, seconds=1))
    assert phone.confirm(address_id, code) is Answer.EXPIRED
    phone.resend(address_id)
    later(phone.clock, timedelta(minutes=11))
    phone.work()
    assert len(phone.server.sent) == 1
    with phone.database.read() as session:
        newest = session.scalars(select(Delivery).order_by(Delivery.created_at.desc())).first()
        assert newest is not None
        assert newest.reason == "it was of no use any more when it could be sent"


def test_codes_are_counted_by_person_and_by_number(phone: Phone) -> None:
    address_id = phone.add()
    with pytest.raises(TooMany) as caught:
        phone.resend(address_id)
    assert caught.value.retry_after == 60
    for _ in range(4):
        later(phone.clock, timedelta(minutes=2))
        phone.resend(address_id)
    later(phone.clock, timedelta(minutes=2))
    other = Phone(phone.database, phone.clock, phone.server)
    with pytest.raises(TooMany):
        other.add()
    with phone.database.read() as session:
        assert session.scalars(select(Address.user_id)).all() == [phone.user_id], "nothing is left of the other's try"
    later(phone.clock, timedelta(hours=1))
    other.add()


@pytest.mark.parametrize(
    ("text", "number"),
    [("512-867-5309", "+15128675309"), ("+34 612 345 678", "+34612345678"), ("1 (512) 867.5309", "+15128675309")],
)
def test_numbers_are_read_as_people_write_them(text: str, number: str) -> None:
    assert confirming.parse(text, region="US") == number


@pytest.mark.parametrize("text", ["", "hello", "12", "+1 900 555 0199", "1-800-555-0199", "+999 1234567", "5" * 40])
def test_what_cannot_be_texted_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        confirming.parse(text, region="US")
    assert "phone" in caught.value.fields


def test_a_number_that_said_stop_gets_no_code(phone: Phone, now: datetime) -> None:
    with phone.database.write() as session:
        consent.record(session, channel="sms", address=NUMBER, given=False, source=consent.Source.REPLY, now=now)
    with pytest.raises(Conflict, match="START"):
        phone.add()


def test_the_address_of_another_cannot_be_confirmed(phone: Phone) -> None:
    other: Any = Phone(phone.database, phone.clock, phone.server)
    address_id = phone.add()
    code = phone.code()
    with pytest.raises(Exception, match="no such address"):
        other.confirm(address_id, code)
