"""An office with Twilio around it: people with confirmed phones, what is texted to them, and what they answer."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import httpx2

from core import delivery
from core.clock import FakeClock
from core.db import Database
from core.delivery import Notice, addresses, confirming, open_channels, preferences
from core.settings import Settings
from core.words import Priority
from jobs import work
from tests import factories
from tests.providers import twilio
from tests.webs import Running, people, request, serving_web

PUBLIC = "https://bell.example.com"
ANN, BOB = "+13125550142", "+13125550143"


@dataclass
class Phones:
    web: Running
    server: twilio.TwilioServer
    clock: FakeClock
    _sids: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    @property
    def database(self) -> Database:
        return self.web.runtime.database

    @property
    def settings(self) -> Settings:
        return self.web.runtime.settings

    def later(self, **delta: float) -> None:
        self.clock.set(self.clock.now() + timedelta(**delta))

    def confirmed(self, user_id: str, number: str) -> str:
        """A phone that its owner has proved, without the texts."""
        now = self.clock.now()
        with self.database.write() as session:
            return addresses.add(
                session,
                user_id,
                kind="phone",
                value=number,
                label=confirming.masked(number),
                verified=True,
                actor_id=user_id,
                settings=self.settings,
                now=now,
            ).id

    def prefer(self, user_id: str, **value: Any) -> None:
        with self.database.write() as session:
            preferences.save(session, user_id, value, actor_id=user_id, now=self.clock.now())

    def alert(self, user_id: str, name: str = "Rosa Diaz") -> str:
        """A critical alert of this agent, told as the line tells it and sent."""
        now = self.clock.now()
        with self.database.write() as session:
            contact_id = factories.contact(session, name=name, now=now)
            alert_id = factories.alert(
                session, contact_id=contact_id, agent_id=user_id, priority=Priority.CRITICAL, now=now
            )
            notice = Notice(alert_id=alert_id, user_id=user_id, kind="alert_new", priority=Priority.CRITICAL)
            delivery.enqueue(session, [notice], now=now)
        self.work()
        self.later(seconds=1)
        return alert_id

    def work(self) -> None:
        channels = open_channels(self.settings)
        while work.send_once(self.database, channels, self.clock, "w1", self.settings):
            pass
        for channel in channels.values():
            channel.close()

    def text(self, body: str, sender: str = ANN, **values: str) -> str:
        """What comes back of a text to our number, as its sender reads it; empty: nothing."""
        form = {"MessageSid": self._sid(), "From": sender, "To": twilio.NUMBER, "Body": body, "NumMedia": "0"}
        answer = self.post("inbound", {**form, **values})
        assert answer.status_code == 200, answer.text
        return self.said(answer, "Message")

    def post(
        self, what: str, form: dict[str, str], *, headers: dict[str, str] | None = None, query: str = ""
    ) -> httpx2.Response:
        path = f"/providers/twilio/{what}{query}"
        headers = twilio.signed(PUBLIC + path, form) if headers is None else headers
        return request("POST", self.web.url + path, data=form, headers=headers)

    @staticmethod
    def said(answer: httpx2.Response, verb: str) -> str:
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        return ElementTree.fromstring(answer.text).findtext(verb) or ""

    def texts(self, number: str = ANN) -> list[str]:
        return [sent["Body"] for sent in self.server.sent if sent["To"] == number]

    def code(self) -> str:
        self.work()
        found = re.search(r"\b\d{6}\b", self.server.sent[-1]["Body"])
        assert found
        return found[0]

    def _sid(self) -> str:
        return f"SM{next(self._sids) + 0xF000:032x}"


@contextmanager
def phones(database: Database, clock: FakeClock) -> Iterator[Phones]:
    people(database, clock.now())
    with (
        twilio.serving() as server,
        serving_web(database, clock, public_url=PUBLIC, **server.settings()) as web,
    ):
        yield Phones(web=web, server=server, clock=clock)
