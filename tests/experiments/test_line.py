"""The whole line with a model in shadow under trial: its own scores, its own explanations, for its own contacts."""

from datetime import datetime, timedelta

from sqlalchemy import select

from core import pipeline, scoring, versions
from core.db import Database
from core.db.tables import Alert, ModelVersion
from core.experiments import lifecycle, trial_of
from core.pipeline import World
from tests import factories
from tests.experiments.making import CONFIGS, SELL, exposures, running


def test_a_model_on_trial_is_named_with_its_experiment(database: Database, now: datetime) -> None:
    with database.write() as session:
        session.add(
            ModelVersion(
                id="challenger",
                intent=SELL,
                status="shadow",
                kind="additive",
                parameters={},
                sha256="",
                metrics={},
                trained_on={},
                created_at=now,
            )
        )
        session.flush()
        assert trial_of(session, "challenger") is None
        experiment = running(session, "model", now=now, variants=CONFIGS["model"])
        assert trial_of(session, "challenger") == experiment.name
        assert trial_of(session, "another") is None
        lifecycle.stop(session, experiment.id, actor_id=None, now=now)
        assert trial_of(session, "challenger") is None


def test_a_model_in_shadow_serves_the_contacts_it_was_given(database: Database, now: datetime) -> None:
    with database.write() as session:
        scoring.install(session, now=now)
        champion = session.scalars(select(ModelVersion).where(ModelVersion.intent == SELL)).one()
        copied = {name: getattr(champion, name) for name in ("intent", "kind", "parameters", "sha256")}
        session.add(ModelVersion(id="challenger", status="shadow", metrics={}, trained_on={}, created_at=now, **copied))
        session.flush()
        versions.bump(session, "models")
        running(session, "model", now=now, variants=CONFIGS["model"])
        people = [factories.contact(session, f"person-{number:02d}", now=now) for number in range(16)]
        for who in people:
            for number in range(10):
                seen = now - timedelta(hours=7 * number + 1)
                factories.event(session, who, event_name="value_check", at=seen, processed=False)
            for number in range(2):
                seen = now - timedelta(hours=9 * number + 2)
                factories.event(session, who, event_name="comparable_view", at=seen, processed=False)
    with database.write() as session:
        decided = pipeline.decide(session, world=World.load(session), now=now)
        logged = exposures(session)
        alerts = {row.contact_id: row for row in session.scalars(select(Alert).where(Alert.alert_type == SELL))}
    assert decided.contacts == 16
    assert set(alerts) == set(people) == set(logged)
    served = {who: alert.model_version for who, alert in alerts.items()}
    assert served == {who: "challenger" if row.variant == "b" else champion.id for who, row in logged.items()}
    assert set(served.values()) == {"challenger", champion.id}
    assert all(alert.explanation["text"] and alert.explanation["contributions"] for alert in alerts.values())
