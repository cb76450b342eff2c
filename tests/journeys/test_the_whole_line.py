"""The story of one lead: behaviour over HTTP, one alert, the right agent rung everywhere, escalated, won."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import requests
import socketio
from pydantic import SecretStr
from websockets import Origin
from websockets.sync.client import ClientConnection, connect

from core import delivery, scoring
from core.clock import FakeClock
from core.db import Database
from core.pipeline import World
from core.settings import Settings
from jobs import work
from tests import factories, mail, webs
from tests.mail import MailServer
from tests.webs import Running


@dataclass
class Office:
    """The whole product for one story: a web process, the jobs' turns driven by hand, a mail server, a fake clock."""

    running: Running
    database: Database
    clock: FakeClock
    mail: MailServer
    settings: Settings
    world: World
    open_clients: ExitStack

    def api(self, who: str) -> httpx2.Client:
        token = self.running.tokens(f"{who}@doorbell.test")["access_token"]
        client = webs.client(base_url=f"{self.running.url}/api/v1", headers={"authorization": f"Bearer {token}"})
        return self.open_clients.enter_context(client)

    def work(self) -> None:
        """What the jobs process does until nothing waits."""
        while work.decide_once(self.database, self.world, self.clock):
            pass
        work.escalate_once(self.database, self.world.routing, self.clock)
        channels = delivery.open_channels(self.settings)
        try:
            while work.send_once(self.database, channels, self.clock, "journey", self.settings):
                pass
        finally:
            for channel in channels.values():
                channel.close()

    def fast_forward(self, **delta: float) -> None:
        self.clock.set(self.clock.now() + timedelta(**delta))


@pytest.fixture
def office(database: Database, clock: FakeClock) -> Iterator[Office]:
    now = clock.now()
    with database.write() as session:
        scoring.install(session, now=now)
        north, south = (factories.team(session, name, now=now) for name in ("north", "south"))
        people = {
            "ana": {"team_id": north, "territories": ["oak-park"], "skills": {"selling": 5}},
            "ben": {"team_id": north, "territories": ["oak-park"], "skills": {"buying": 3}},
            "cleo": {"team_id": south, "territories": ["lakeside"], "skills": {"selling": 5}},
        }
        for name, profile in people.items():
            factories.agent(session, name, password_hash=webs.HASH, now=now, **profile)  # type: ignore[arg-type]
        factories.manager(session, "mia", of=[north], password_hash=webs.HASH, now=now)
        factories.admin(session, password_hash=webs.HASH, now=now)
    with database.read() as session:
        world = World.load(session)
    with mail.serving() as server, webs.serving_web(database, clock) as running, ExitStack() as open_clients:
        settings = Settings(
            database_url=database.url,
            smtp_url=SecretStr(server.url),
            public_url=running.url,
            secret_key=SecretStr(webs.KEY),
        )
        yield Office(
            running=running,
            database=database,
            clock=clock,
            mail=server,
            settings=settings,
            world=world,
            open_clients=open_clients,
        )


def behaviour(office: Office) -> list[dict[str, Any]]:
    """Ten value checks and two looks at comparable homes, over the last days."""
    now = office.clock.now()

    def seen(number: int, name: str, hours: int) -> dict[str, Any]:
        return {
            "eventId": f"{name}-{number}",
            "userId": "rosa",
            "eventType": "PAGE_VIEW",
            "eventName": name,
            "occurredAt": (now - timedelta(hours=hours)).isoformat(),
        }

    checks = [seen(number, "value_check", 7 * number + 1) for number in range(10)]
    return checks + [seen(number, "comparable_view", 9 * number + 2) for number in range(2)]


def test_a_homeowner_checks_the_value_of_the_home_and_the_right_agent_is_rung(office: Office) -> None:
    admin, ana, ben, cleo = (office.api(name) for name in ("admin", "ana", "ben", "cleo"))

    # A contact we know a little about: where the home is, and what is owed on it.
    home = {"id": "home-1", "address": "12 Elm Street", "estimatedValue": 520_000, "mortgageBalance": 110_000}
    known = {"name": "Rosa Diaz", "email": "rosa@example.com", "phone": "+1 312 555 0142", "territory": "oak-park"}
    answer = admin.put(
        "/contacts/rosa", json={**known, "properties": [{**home, "territory": "oak-park", "purchasedOn": "2014-05-01"}]}
    )
    assert answer.status_code in (200, 201), answer.text

    with listening(office, "ana") as socket, dashboard(office, "ana") as page, listening(office, "cleo") as stranger:
        # Behaviour comes in, twice over: 202 means committed, and the same event twice is one event.
        for _ in range(2):
            assert admin.post("/events", json=behaviour(office)).status_code == 202
        office.work()

        # Exactly one alert, of the right kind, with the right agent, who is told why.
        items = ana.get("/alerts").json()["items"]
        assert [item["alertType"] for item in items] == ["LIKELY_TO_SELL"]
        alert = items[0]
        assert alert["assignedAgentId"] == "ana"
        assert "value" in alert["topFactors"][0]["text"]
        assert admin.get("/alerts").json()["items"][0]["id"] == alert["id"]
        assert cleo.get("/alerts").json()["items"] == []
        decision = ana.get(f"/alerts/{alert['id']}/decision").json()
        assert decision["agentId"] == "ana"
        assert decision["reason"]

        # In the inbox, in a mail, on the socket and on the open page; nobody else hears of it.
        inbox = ana.get("/notifications").json()["items"]
        assert [item["alertId"] for item in inbox] == [alert["id"]]
        assert office.mail.recipients == ["ana@doorbell.test"]
        assert alert["id"] in office.mail.mails[0].as_string()
        event, told = next_alert(socket)
        assert (event, told["id"], told["priority"]) == ("alert:new", alert["id"], alert["priority"])
        assert next_change(page)["alertId"] == alert["id"]
        assert silent(stranger)

    # Nobody acts: after the priority's time the next person has it, and is told the same ways.
    wait = {"CRITICAL": 5, "HIGH": 30, "MEDIUM": 4 * 60}[alert["priority"]]
    office.fast_forward(minutes=wait, seconds=-1)
    office.work()
    ana, ben = office.api("ana"), office.api("ben")  # tokens live for an hour
    assert ana.get(f"/alerts/{alert['id']}").status_code == 200
    office.fast_forward(seconds=2)
    office.work()
    assert ana.get(f"/alerts/{alert['id']}").status_code == 404
    mine = ben.get("/alerts").json()["items"]
    assert [item["id"] for item in mine] == [alert["id"]]
    assert office.mail.recipients == ["ana@doorbell.test", "ben@doorbell.test"]
    assert len(set(office.mail.keys())) == 2

    # The second agent acknowledges, reaches the homeowner and wins the listing; the clock stands still.
    path = f"/alerts/{alert['id']}/status"
    assert ben.patch(path, json={"status": "ACKNOWLEDGED"}).status_code == 200
    office.fast_forward(hours=2)
    office.work()
    ben, admin = office.api("ben"), office.api("admin")
    assert ben.get(f"/alerts/{alert['id']}").json()["assignedAgentId"] == "ben"
    assert ben.patch(path, json={"status": "CONTACTED"}).status_code == 200
    won = {"outcome": "TRUE_POSITIVE", "converted": True, "value": 15_600, "transactionType": "sale"}
    assert ben.post(f"/alerts/{alert['id']}/outcome", json=won).status_code in (200, 201)

    # What came of it is stored, and the whole history can be read.
    final = ben.get(f"/alerts/{alert['id']}").json()
    assert final["status"] == "CONVERTED"
    history = admin.get(f"/alerts/{alert['id']}/assignments").json()["items"]
    assert sorted(item["agentId"] for item in history) == ["ana", "ben"]
    assert admin.get("/alerts/routing/agent-workload/ben").json()["openAlerts"] == 0
    assert len(office.mail.mails) == 2


@contextmanager
def listening(office: Office, who: str) -> Iterator[socketio.SimpleClient]:
    token = office.running.tokens(f"{who}@doorbell.test")["access_token"]
    with requests.Session() as http:
        client = socketio.SimpleClient(http_session=http)
        client.connect(office.running.url, auth={"token": token}, transports=["polling"])
        try:
            yield client
        finally:
            assert client.client is not None
            client.client.eio.disconnect(abort=True)  # the ordinary way waits for the poll that is under way: 30 s


def next_alert(client: socketio.SimpleClient) -> tuple[str, dict[str, Any]]:
    """The next event about an alert."""
    while True:
        event, *body = client.receive(timeout=60)
        if event.startswith("alert:"):
            return event, body[0]


def silent(client: socketio.SimpleClient) -> bool:
    """Whether no alert event came before the answer to a ping asked now."""
    client.emit("ping")
    while True:
        event, *_ = client.receive(timeout=60)
        if event.startswith("alert:"):
            return False
        if event == "pong":
            return True


@contextmanager
def dashboard(office: Office, who: str) -> Iterator[ClientConnection]:
    """The socket an open dashboard holds."""
    url = office.running.url
    cookie = {"cookie": f"doorbell={office.running.cookie(f'{who}@doorbell.test')}"}
    with connect(f"{url.replace('http', 'ws', 1)}/live", additional_headers=cookie, origin=Origin(url)) as page:
        assert json.loads(page.recv(timeout=60))["type"] == "hello"
        yield page


def next_change(page: ClientConnection) -> dict[str, Any]:
    while True:
        message = json.loads(page.recv(timeout=60))
        if message["type"] == "changes":
            items: list[dict[str, Any]] = message["items"]
            return items[0]
