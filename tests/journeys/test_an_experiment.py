"""The story of a holdout: a fifth of the contacts gets no alerts, months pass, and what alerts cause is told once, at the end."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx2
import pytest
from sqlalchemy import update

from core import scoring
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Experiment
from core.experiments.assigning import position
from core.pipeline import World
from jobs import work
from tests import factories, webs
from tests.webs import Running

SALT = "0123456789abcdef"
PEOPLE = [f"homeowner-{number:02d}" for number in range(70)]
BODY = {
    "name": "Do alerts cause sales?",
    "kind": "holdout",
    "alertTypes": ["LIKELY_TO_SELL"],
    "variants": [
        {"name": "Alerted", "share": 0.8},
        {"name": "Withheld", "share": 0.2, "config": {"withhold": True}},
    ],
    "metric": "transacted",
    "plan": {"baseline": 0.1, "effect": 0.5},
}


@dataclass
class Office:
    running: Running
    database: Database
    clock: FakeClock
    world: World
    open_clients: ExitStack

    def api(self) -> httpx2.Client:
        """As the admin; a token lives for an hour."""
        token = self.running.tokens("admin@doorbell.test")["access_token"]
        client = webs.client(base_url=f"{self.running.url}/api/v1", headers={"authorization": f"Bearer {token}"})
        return self.open_clients.enter_context(client)

    def work(self) -> None:
        while work.decide_once(self.database, self.world, self.clock):
            pass

    def fast_forward(self, **delta: float) -> None:
        self.clock.set(self.clock.now() + timedelta(**delta))


@pytest.fixture
def office(database: Database, clock: FakeClock) -> Iterator[Office]:
    with database.write() as session:
        scoring.install(session, now=clock.now())
        factories.team(session, "north", now=clock.now())
        factories.agent(session, "ana", team_id="north", capacity=200, now=clock.now())
        factories.admin(session, password_hash=webs.HASH, now=clock.now())
    with database.read() as session:
        world = World.load(session)
    with webs.serving_web(database, clock) as running, ExitStack() as open_clients:
        yield Office(running, database, clock, world, open_clients)


def behaviour(contact: str, now: datetime) -> list[dict[str, str]]:
    def seen(number: int, name: str, hours: int) -> dict[str, str]:
        return {
            "eventId": f"{contact}-{name}-{number}",
            "userId": contact,
            "eventType": "PAGE_VIEW",
            "eventName": name,
            "occurredAt": (now - timedelta(hours=hours)).isoformat(),
        }

    checks = [seen(number, "value_check", 7 * number + 1) for number in range(10)]
    return checks + [seen(number, "comparable_view", 9 * number + 2) for number in range(2)]


def test_a_holdout_measures_what_alerts_cause(office: Office) -> None:
    admin = office.api()
    made = admin.post("/experiments", json=BODY)
    assert made.status_code == 201, made.text
    path = f"/experiments/{made.json()['id']}"
    planned = made.json()["plan"]["total"]
    assert planned <= 50
    with office.database.write() as session:  # the same split every time
        session.execute(update(Experiment).values(salt=SALT))
    assert admin.post(f"{path}/start").status_code == 200

    # Everybody behaves like a seller; the alerts of four fifths ring, the others are withheld.
    admin.post("/events", json=[one for who in PEOPLE for one in behaviour(who, office.clock.now())])
    office.work()
    alerted = {one["userId"] for one in admin.get("/alerts", params={"limit": 100}).json()["items"]}
    withheld = set(PEOPLE) - alerted
    assert 8 <= len(withheld) <= 20
    variants = {one["key"]: one for one in admin.get(path).json()["standing"]["variants"]}
    assert (variants["alerted"]["entered"], variants["withheld"]["entered"]) == (len(alerted), len(withheld))
    assert (variants["alerted"]["alerted"], variants["withheld"]["alerted"]) == (len(alerted), 0)

    # Transactions come in over the months: of those alerted six in ten, of the others one in ten.
    office.fast_forward(days=60)
    admin = office.api()
    for group, one_in_ten in ((sorted(alerted), 6), (sorted(withheld), 1)):
        for number, who in enumerate(group):
            if number % 10 < one_in_ten:
                sale = {"kind": "sale", "occurredAt": office.clock.now().isoformat(), "source": "mls"}
                assert admin.post(f"/contacts/{who}/transactions", json={"id": f"mls-{who}", **sale}).status_code == 201

    # Whoever looks before the horizon has closed sees counts and nothing else.
    for days in (0, 60, 70):
        office.fast_forward(days=days)
        standing = office.api().get(path).json()["standing"]
        assert (standing["state"], standing["results"], standing["tiers"]) == ("not_yet", [], [])
        assert standing["variants"][0]["waiting"] == len(alerted)

    # Two weeks after the horizon it is told: the interval covers what alerts really caused.
    office.fast_forward(days=5)
    admin = office.api()
    standing = admin.get(path).json()["standing"]
    assert standing["state"] == "final"
    (result,) = standing["results"]
    assert (result["variant"], result["against"]) == ("alerted", "withheld")
    assert result["low"] <= 0.5 <= result["high"]
    assert result["low"] > 0
    assert standing["split"]["warning"] is None

    # Changing what runs is refused; stopping keeps the conclusion, and who would have been withheld is rung again.
    assert admin.patch(path, json={"name": "Another question"}).status_code == 409
    stopped = admin.post(f"{path}/stop", json={"reason": "Alerts are worth it."}).json()
    assert stopped["status"] == "stopped"
    assert stopped["conclusion"]["results"] == standing["results"]
    one = next(name for name in (f"newcomer-{number}" for number in range(99)) if position(SALT, name) >= 0.8)
    admin.post("/events", json=behaviour(one, office.clock.now()))
    office.work()
    assert one in {each["userId"] for each in admin.get("/alerts", params={"limit": 100}).json()["items"]}
