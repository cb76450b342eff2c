"""The story of a year: scores, alerts worked, county records by CSV, a challenger trained at night, its shadow, and rollback."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.api import alerts, application, contacts, group_commit, ingest, models
from app.runtime import Runtime
from app.security import sessions, tokens
from app.security.limits import Limits
from core import scoring
from core.clock import FakeClock
from core.db import Database
from core.db.tables import Score
from core.pipeline import World
from core.settings import Settings
from core.words import Intent
from jobs import learning, work
from tests import factories
from tests.learning import making, worlds
from tests.learning.worlds import Market

pytestmark = pytest.mark.long

REFINANCE = Intent.REFINANCE_OPPORTUNITY


@dataclass
class Team:
    database: Database
    clock: FakeClock
    world: World
    runtime: Runtime
    market: Market
    closed: list[tuple[str, datetime]]
    """Refinancings of the county's records, also those to come."""

    def client(self, user_id: str) -> TestClient:
        now = self.clock.now()
        with self.database.write() as session:
            sid, _ = sessions.open_token(session, user_id, user_agent=None, now=now)
        token = tokens.issue(user_id, sid, role="", key=self.runtime.settings.signing_key, minutes=60, now=now)
        api = application.build(self.runtime, Limits(), [ingest.router, contacts.router, models.router, alerts.router])
        return TestClient(api, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)

    def county_records_arrive(self) -> int:
        """The whole file each time, as counties send it."""
        known = [(name, at) for name, at in self.closed if at <= self.clock.now() - timedelta(days=3)]
        text = "\n".join(["contactId,kind,occurredAt", *(f"{name},refinance,{at.isoformat()}" for name, at in known)])
        answer = self.client("admin").post(
            "/contacts/transactions/import", content=text.encode(), headers={"Content-Type": "text/csv"}
        )
        assert answer.json()["refused"] == 0, answer.text
        return int(answer.json()["accepted"])

    def night(self) -> str:
        return learning.learn(self.database, self.runtime.settings, self.clock, asked=False, stop=lambda: False)

    def rosa_comes_by(self, number: int) -> None:
        now = self.clock.now()

        def seen(what: str, hours: int, **more: object) -> dict[str, object]:
            at = (now - timedelta(hours=hours)).isoformat()
            return {"eventId": f"{what}-{number}-{hours}", "userId": "rosa", "occurredAt": at, **more}

        clicks = [
            seen("click", 5 * each + 1, eventType="EMAIL_CLICK", properties={"campaignId": "refinance-spring"})
            for each in range(6)
        ]
        sums = [
            seen("sum", 7 * each + 2, eventType="CALCULATOR_USE", properties={"calculatorType": "refinance"})
            for each in range(4)
        ]
        body = [*clicks, *sums]
        assert self.client("admin").post("/events", json=body).status_code == 202
        while work.decide_once(self.database, self.world, self.clock):
            pass

    def scored_by(self) -> dict[str, list[object]]:
        """What Rosa's newest score says, by intent and by version in shadow."""
        with self.database.read() as session:
            newest = select(Score.results).where(Score.contact_id == "rosa").order_by(Score.id.desc()).limit(1)
            return dict(session.scalars(newest).one())

    def deployed(self) -> str:
        items = self.client("admin").get("/models", params={"intent": REFINANCE, "status": "deployed"}).json()["items"]
        return str(items[0]["id"])


@pytest.fixture
def team(database: Database, clock: FakeClock, tmp_path: Path, now: datetime) -> Iterator[Team]:
    market = worlds.market(contacts=6000, rows=1)
    when = worlds.dates(market)
    after = np.random.default_rng(3).uniform(1, 89, len(when))
    closed = [
        (market.names[market.contact[row]], when[row] + timedelta(days=float(after[row])))
        for row in np.flatnonzero(market.happens)
    ]
    with database.write() as session:
        scoring.install(session, now=now - timedelta(days=430))
        factories.admin(session, now=now)
        factories.agent(session, "ana", now=now)
        factories.contact(session, "rosa", now=now)
        making.contacts(session, market.names, now=now - timedelta(days=500))
        making.scores(session, [market.names[who] for who in market.contact], when, market.matrix)
    with database.read() as session:
        world = World.load(session)
    runtime = Runtime(settings=Settings(data_dir=tmp_path), database=database, clock=clock)
    yield Team(database, clock, world, runtime, market, closed)
    group_commit.close(runtime)


def test_a_year_of_outcomes_makes_a_better_model_and_one_click_takes_it_back(team: Team) -> None:
    # Rosa clicks on refinancing; the shipped model scores her, and her agent works what it opened.
    shipped = team.deployed()
    team.rosa_comes_by(1)
    assert team.scored_by()[REFINANCE][2] == shipped
    answer = team.client("ana").get("/alerts", params={"userId": "rosa"})
    worked = [alert["id"] for alert in answer.json()["items"]]
    assert worked, answer.text
    for alert_id in worked:
        step = {"status": "DISMISSED", "reason": "no_interest"}
        assert team.client("ana").patch(f"/alerts/{alert_id}/status", json=step).status_code == 200

    # Without county records nothing is known, and nothing changes.
    assert team.night() == ""
    assert team.deployed() == shipped

    # They arrive: the intercept is put right at once, a challenger is trained and scores in shadow.
    assert team.county_records_arrive() > 300
    team.clock.set(team.clock.now() + timedelta(days=1))
    assert "scores in shadow" in team.night()
    moved = team.deployed()
    challenger = team.client("admin").get("/models", params={"status": "shadow"}).json()["items"][0]["id"]
    team.rosa_comes_by(2)
    told = team.scored_by()
    assert told[REFINANCE][2] == moved
    assert f"shadow:{challenger}" in told

    # Months pass. The records of those months confirm it, and the next score is its own, without a restart.
    for _ in range(5):
        team.clock.set(team.clock.now() + timedelta(days=31))
        assert team.county_records_arrive() > 0
        if "Confirmed in shadow" in team.night():
            break
    assert team.deployed() == challenger
    team.rosa_comes_by(3)
    assert team.scored_by()[REFINANCE][2] == challenger
    card = team.client("admin").get(f"/models/{challenger}/card").text
    assert "this team's own scores" in card
    assert "Confirmed in shadow" in card

    # Somebody does not like what they see: one call, and the version before scores again.
    back = team.client("admin").post("/models/rollback", json={"intent": REFINANCE})
    assert back.json()["id"] == moved
    team.rosa_comes_by(4)
    assert team.scored_by()[REFINANCE][2] == moved
