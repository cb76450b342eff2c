"""Model versions over HTTP: managers read, admins change, and every refusal says why."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from app.api import application, models
from app.runtime import Runtime
from app.security import sessions, tokens
from app.security.limits import Limits
from core import scoring
from core.clock import FakeClock
from core.db import Database
from core.db.tables import AuditRow
from core.learning import memory, registry
from core.scoring import prior
from core.settings import Settings
from core.words import Intent
from tests import factories
from tests.learning import worlds

SELL, REFINANCE = Intent.LIKELY_TO_SELL, Intent.REFINANCE_OPPORTUNITY
Client = Callable[[str], TestClient]


@pytest.fixture
def client(database: Database, clock: FakeClock, tmp_path: Path, now: datetime) -> Client:
    with database.write() as session:
        scoring.install(session, now=now - timedelta(days=2))
        factories.admin(session, now=now)
        factories.manager(session, "manager", now=now)
        factories.agent(session, "agent", now=now)
    runtime = Runtime(settings=Settings(data_dir=tmp_path), database=database, clock=clock)
    api = application.build(runtime, Limits(), [models.router])

    def of(user_id: str) -> TestClient:
        with database.write() as session:
            sid, _ = sessions.open_token(session, user_id, user_agent=None, now=now)
        token = tokens.issue(user_id, sid, role="", key=runtime.settings.signing_key, minutes=60, now=now)
        return TestClient(api, headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)

    return of


def challenger(database: Database, now: datetime) -> str:
    with database.write() as session:
        made = registry.begin(session, SELL, note="Being trained.", now=now)
        registry.finish(
            session,
            made,
            kind="logistic",
            parameters=prior.parameters(SELL),
            metrics={
                "transacts": {"auc": 0.81, "logLoss": 0.09},
                "intervals": {"transacts": {"auc": [0.78, 0.84]}},
                "reliability": [
                    {"rows": 90, "predicted": 0.02, "observed": 0.03, "observedLow": 0.01, "observedHigh": 0.06}
                ],
            },
            trained_on={"source": "this team's own scores and what came of them", "rows": 4000, "positives": 120},
            note="A better challenger.",
            now=now,
        )
    return made


def test_versions_are_listed_newest_first_a_page_at_a_time(client: Client, database: Database, now: datetime) -> None:
    made = challenger(database, now)
    manager = client("manager")
    first = manager.get("/models", params={"limit": 2}).json()
    rest = manager.get("/models", params={"limit": 50, "cursor": first["nextCursor"]}).json()
    ids = [item["id"] for item in [*first["items"], *rest["items"]]]
    assert ids[0] == made
    assert len(ids) == len(set(ids)) == 5
    assert [item["id"] for item in manager.get("/models", params={"status": "validating"}).json()["items"]] == [made]
    assert len(manager.get("/models", params={"intent": SELL}).json()["items"]) == 2
    assert client("agent").get("/models").status_code == 403


def test_a_version_goes_into_shadow_is_promoted_and_rolled_back(
    client: Client, database: Database, now: datetime
) -> None:
    made = challenger(database, now)
    admin = client("admin")
    before = admin.get("/models", params={"intent": SELL, "status": "deployed"}).json()["items"][0]["id"]
    refused = admin.post(f"/models/{made}/promote", json={})
    assert (refused.status_code, "only a version that is shadow" in refused.json()["detail"]) == (409, True)
    assert admin.post(f"/models/{made}/shadow", json={"note": "Worth a try."}).json()["note"] == "Worth a try."
    assert admin.post(f"/models/{made}/promote", json={"replaces": "another"}).status_code == 409
    promoted = admin.post(f"/models/{made}/promote", json={"replaces": before}).json()
    assert (promoted["status"], promoted["previousId"]) == ("deployed", before)
    assert admin.post(f"/models/{made}/retire", json={}).status_code == 409
    assert admin.post("/models/rollback", json={"intent": SELL}).json()["id"] == before
    assert admin.post("/models/rollback", json={"intent": SELL}).status_code == 409
    with database.read() as session:
        actors = session.scalars(select(AuditRow.actor_id).where(AuditRow.action == "model.promoted")).all()
    assert actors == ["admin"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("train", None),
        ("rollback", {"intent": "LIKELY_TO_SELL"}),
        ("recalibrate", {"intent": "LIKELY_TO_SELL"}),
        ("x/shadow", {}),
        ("x/promote", {}),
        ("x/retire", {}),
    ],
)
def test_only_an_admin_changes_what_scores(client: Client, path: str, body: dict[str, str] | None) -> None:
    assert client("manager").post(f"/models/{path}", json=body).status_code == 403


def test_one_version_shows_its_figures_and_its_card(client: Client, database: Database, now: datetime) -> None:
    made = challenger(database, now)
    manager = client("manager")
    one = manager.get(f"/models/{made}").json()
    assert (one["id"], one["horizonDays"], one["metrics"]["intervals"]["transacts"]["auc"]) == (made, 180, [0.78, 0.84])
    card = manager.get(f"/models/{made}/card")
    assert card.headers["content-type"].startswith("text/markdown")
    assert "| AUC | 0.81 | 0.78 to 0.84 |" in card.text
    assert "| 90 | 2.0% | 3.0% | 1.0% to 6.0% |" in card.text
    assert "Of those, came true: 120" in card.text
    assert manager.get("/models/nothing").status_code == manager.get("/models/nothing/card").status_code == 404


def test_every_shipped_version_has_a_card_and_can_be_compared(
    client: Client, database: Database, now: datetime
) -> None:
    made, manager = challenger(database, now), client("manager")
    shipped = [item["id"] for item in manager.get("/models", params={"status": "deployed"}).json()["items"]]
    assert len(shipped) == 4
    for version_id in shipped:
        assert "not made of this team's outcomes" in manager.get(f"/models/{version_id}/card").text
    compared = manager.get(f"/models/{shipped[0]}/compare/{made}").json()
    auc = next(figure for figure in compared["figures"] if figure["name"] == "transacts.auc")
    assert auc["challengerInterval"] == [0.78, 0.84]


def test_training_is_asked_for_and_its_progress_told(client: Client, database: Database, now: datetime) -> None:
    answer = client("admin").post("/models/train")
    assert answer.status_code == 202
    assert answer.json()["askedAt"] == "2026-03-02T15:00:00Z"
    assert answer.json()["running"] is False
    with database.write() as session:
        assert memory.claim(session, zone="America/Chicago", now=now) == (True, True)
        memory.take_lease(session, "here/1/x", is_dead=lambda _by: False, now=now)
    assert client("manager").get("/models/training").json()["running"] is True


def test_recalibrating_says_why_not_and_does_it_when_warranted(client: Client, database: Database) -> None:
    admin = client("admin")
    refused = admin.post("/models/recalibrate", json={"intent": REFINANCE})
    assert refused.status_code == 409
    assert "too few to check it" in refused.json()["detail"]
    with database.write() as session:
        worlds.store(session, worlds.market(contacts=3000, rows=1))
    made = admin.post("/models/recalibrate", json={"intent": REFINANCE}).json()
    assert made["status"] == "deployed"
    assert "the intercept moves by" in made["note"]
    assert admin.post("/models/recalibrate", json={"intent": "NOTHING"}).status_code == 404


def test_drift_is_told_with_the_tiers_in_doubt(client: Client) -> None:
    assert client("manager").get("/models/drift").json() == {"items": [], "unverified": [], "nextCursor": None}
